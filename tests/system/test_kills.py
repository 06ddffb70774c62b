"""Processes of a running network end without warning: what was recorded stays, what is lost is told."""

from __future__ import annotations

import time

import pytest
from running.comparing import LOSS_US, Away, compare, loss_us
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
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    with served(network):
        kept = Kept(network)
        for what in ("web", "keeper", "discloser"):
            network.kill(what)
            network.wait_recording()
        network.wait_within_envelope()
        killed_us = network.kill("recorder")
        network.wait_recording()
        back_us = time.time_ns() // 1000
    assert compare(network, cameras, [Away(killed_us - LOSS_US, back_us)]) > 100
    assert loss_us(network, killed_us) <= LOSS_US
    kept.check()
    assert "1 envelopes end early, as after a crash: stream" in network.verify()
    network.check()


def test_all_processes_killed_at_once_cost_two_seconds_at_most(
    network: RunningNetwork, cameras: DemoCameras
) -> None:
    network.start()
    network.wait_recording()
    kept = Kept(network)
    network.wait_within_envelope()
    killed_us = network.kill_all()
    with served(network):
        back_us = time.time_ns() // 1000
        time.sleep(3)
    assert compare(network, cameras, [Away(killed_us - LOSS_US, back_us)]) > 30
    assert loss_us(network, killed_us) <= LOSS_US
    kept.check()
    assert "1 envelopes end early, as after a crash: stream" in network.verify()
    network.check()
