"""Processes of a running network end without warning: what was recorded stays, what is lost is told."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from recording.pace import Pace
from running.comparing import LOSS_US, Away, compare, last_held_us
from running.network import Kept, RunningNetwork, served

from custodes.cli.demo.cameras import DemoCameras

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_bus_that_is_away_costs_no_picture_and_statements_catch_up(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        kept = Kept(network)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            network.kill("nats-server")
        size = network.status()["ledger"]["size"]
        network.wait_recording()
        network.wait_for("statements again", lambda: network.status()["ledger"]["size"] > size, 30)
        network.wait_quiet()
    assert compare(network, cameras) > 100
    assert network.gap_reasons() == {"restart"}
    kept.check()
    network.verify()
    network.check()


def test_a_killed_process_costs_two_seconds_at_most_and_the_checker_names_the_cut(
    network: RunningNetwork, cameras: DemoCameras, tmp_path: Path
) -> None:
    with Pace(tmp_path / "pace") as pace, served(network):
        kept = Kept(network)
        for what in ("web", "keeper", "discloser"):
            network.kill(what)
            network.wait_recording()
        veiling = [network.wait_veiling(generation) for generation in (1, 2, 3)]
        pace.watch(network.pid("recorder"))
        network.wait_within_envelope()
        pace.sample()
        killed_us = network.kill("recorder")
        assert not psutil.wait_procs(veiling, 10)[1]
        network.wait_recording()
        back_us = time.time_ns() // 1000
    _compare_but_for(network, cameras, pace, killed_us, back_us, 100)
    kept.check()
    assert "1 envelopes end early, as after a crash: stream" in network.verify()
    network.check()


def test_killed_veilers_and_their_nursery_cost_no_picture(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        kept = Kept(network)
        # The nursery's own process, the warm parent that it keeps, and the veiler that this one forked.
        first = [network.wait_veiling(generation) for generation in (1, 2, 3)]
        for generation in (3, 2):
            killed = network.wait_veiling(generation)
            killed.kill()
            other = network.wait_veiling(generation, other_than=killed)
            assert network.wait_veiling(1) == first[0] and other != killed
        orphans = [network.wait_veiling(generation) for generation in (2, 3)]
        first[0].kill()
        network.wait_alarm("nursery is gone")
        network.wait_recording()
        assert not psutil.wait_procs(orphans, 10)[1]
    assert compare(network, cameras) > 100
    assert network.gap_reasons() == {"restart"}
    kept.check()
    network.verify()
    network.check()


def test_all_processes_killed_at_once_cost_two_seconds_at_most(
    network: RunningNetwork, cameras: DemoCameras, tmp_path: Path
) -> None:
    network.start()
    network.wait_recording()
    kept = Kept(network)
    with Pace(tmp_path / "pace") as pace:
        pace.watch(network.pid("recorder"))
        network.wait_within_envelope()
        pace.sample()
        killed_us = network.kill_all()
    with served(network):
        back_us = time.time_ns() // 1000
        time.sleep(3)
    _compare_but_for(network, cameras, pace, killed_us, back_us, 30)
    kept.check()
    assert "1 envelopes end early, as after a crash: stream" in network.verify()
    network.check()


def _compare_but_for(
    network: RunningNetwork, cameras: DemoCameras, pace: Pace, killed_us: int, back_us: int, least: int
) -> None:
    """At most two seconds are lost that the recorder could use, and nothing before them."""
    held_us = last_held_us(network, killed_us)
    assert pace.usable_s(held_us, killed_us) <= LOSS_US / 1e6
    away = Away(min(held_us, killed_us - LOSS_US), back_us)
    assert compare(network, cameras, [away]) > least
