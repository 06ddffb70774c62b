"""Disks of a running network fill, turn read-only, go away: an alarm or a gap, and nothing overwritten or deleted."""

from __future__ import annotations

import time

import pytest
from running.comparing import LOSS_US, Away, compare
from running.network import Kept, RunningNetwork, served
from running.volume import MEBIBYTE, full, on_small_disk, read_only, swapped_for_empty, why_no_mounts

from custodes.cli.demo.cameras import DemoCameras

_NO_MOUNTS = why_no_mounts()
needs_mounts = pytest.mark.skipif(bool(_NO_MOUNTS), reason=_NO_MOUNTS or "mounts are possible")
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]


@needs_mounts
def test_a_full_disk_leaves_a_storage_gap_and_harms_nothing_older(
    busy_network: RunningNetwork, cameras: DemoCameras
) -> None:
    network = busy_network
    with on_small_disk(network.folder.root, 80 * MEBIBYTE):
        with served(network):
            time.sleep(2)
            kept = Kept(network)
            from_us = time.time_ns() // 1000
            with full(network.folder.root):
                assert "No space left" in network.wait_alarm("spool full")
                network.wait_for(
                    "what is left out is told", lambda: "disk takes nothing" in _reason(network), 30
                )
                time.sleep(2)
            network.wait_quiet()
            network.wait_recording()
            away = Away(from_us - LOSS_US, time.time_ns() // 1000)
            network.wait_for("the gap", lambda: _has_gap(network, "storage"), 30)
        assert compare(network, cameras, [away]) > 100
        assert "storage" in network.gap_reasons()
        kept.check()
        network.verify()
        network.check()


@needs_mounts
def test_a_full_disk_of_the_store_alone_is_an_alarm_and_costs_no_picture(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with on_small_disk(network.folder.store, 40 * MEBIBYTE):
        with served(network):
            kept = Kept(network)
            with full(network.folder.store):
                network.wait_alarm("No space left")
                time.sleep(6)
                assert network.all_recording()
            network.wait_quiet()
            network.wait_recording()
            size = network.status()["ledger"]["size"]
            network.wait_for("statements again", lambda: network.status()["ledger"]["size"] > size, 30)
        assert compare(network, cameras) > 100
        assert network.gap_reasons() == {"restart"}
        kept.check()
        network.verify()
        network.check()


@needs_mounts
def test_a_disk_that_turns_read_only_is_an_alarm_and_costs_no_picture(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        kept = Kept(network)
        with read_only(network.folder.root):
            # Of the spool, or of what comes before it: without its share set no epoch begins.
            network.wait_alarm("Read-only file system")
        network.wait_quiet()
        network.wait_recording()
        time.sleep(2)
    assert compare(network, cameras) > 100
    kept.check()
    network.verify()
    network.check()


def test_a_store_swapped_for_an_empty_folder_is_an_alarm_and_costs_no_picture(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        kept = Kept(network)
        with swapped_for_empty(network.folder.store):
            network.wait_alarm("store", "is away")
            time.sleep(6)
        network.wait_quiet()
        network.wait_recording()
        time.sleep(2)
    assert compare(network, cameras) > 100
    kept.check()
    network.verify()
    network.check()


def test_nothing_starts_on_an_empty_folder_in_the_stores_place(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        time.sleep(2)
    kept = Kept(network)
    with swapped_for_empty(network.folder.store):
        network.start()
        network.wait_alarm("the store cannot be used", "is away: No such file")
        network.wait_alarm("recorder has not been heard of")
        network.wait_alarm("keeper has not been heard of")
    network.wait_recording()
    network.wait_quiet()
    time.sleep(2)
    network.stop()
    assert compare(network, cameras) > 100
    kept.check()
    network.verify()
    network.check()


def _reason(network: RunningNetwork) -> str:
    return str(network.status()["cameras"][0]["streams"][0]["reason"])


def _has_gap(network: RunningNetwork, reason: str) -> bool:
    return any(gap["reason"] == reason for gap in network.status()["gaps"] or ())
