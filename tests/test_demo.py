"""The whole product: `make demo-check` in small, and a network with a real network's periods."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from custodes.cli.demo.cameras import running_cameras
from custodes.cli.demo.cases import granted_case
from custodes.cli.demo.findings import recorded_ratios
from custodes.cli.demo.network import DemoNetwork, try_custodes
from custodes.cli.demo.report import DemoReport
from custodes.custody.accounts import RESTART_TYPE, parse_account
from custodes.ledger.entries.wrapper import parse_entry
from custodes.services.ledger_view import LedgerView

FOOTAGE = Path("../shared/data/video")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_demo_check(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "custodes.cli.main", "demo", "--check", "--seconds", "30"]
    command += [
        "--folder",
        str(tmp_path / "demo"),
        "--http-port",
        str(_free_port()),
        "--footage",
        str(FOOTAGE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=os.environ, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == [] and done.returncode == 0
    assert report["cameras"] == 6 and min(report["recorded_ratio"].values()) >= 0.97
    assert report["plaintext_hits"] == 0 and report["plaintext_probes"] > 100
    assert (
        report["export_identical"]
        and not report["outside_grant_opened"]
        and not report["refused_case_opened"]
    )
    view = report["rendition"]
    assert view["streams_live"] == 6 and view["masked_until_committed"] is True and view["pictures"] >= 6
    assert view["views_open"] == view["committed"] >= 1
    assert view["committed"] + len(view["not_committed"]) == 6 and all(view["not_committed"].values())
    assert report["verify"] == report["verify_package"] == "ok"


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_network_with_true_periods(tmp_path: Path) -> None:
    network = DemoNetwork(tmp_path / "town", _free_port(), periods="", places=("Market Square",))
    network.root.mkdir()
    with running_cameras(FOOTAGE, tmp_path / "clips", lambda _: None) as cameras:
        network.found()
        network.add_cameras(cameras)
        network.start()
        try:
            network.wait_for("recording", network.all_recording, 60)
            network.wait_for("an account of a minute", lambda: _accounts(network) >= 1, 120)
            assert network.status()["network"]["rehearsal"] is False
        finally:
            network.stop()
    assert recorded_ratios(network)["Market Square"] >= 0.97
    code, words = try_custodes("verify", network.folder.store, "--network", network.id.hex())
    assert code == 0 and "REHEARSAL" not in words, words


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_case_opens_long_before_its_reel_is_full(tmp_path: Path) -> None:
    """Reels as long as a real network's; short slots, so that the test need not wait for minutes to pass."""
    periods = "slot=10s,slots=60,reel=5m"
    network = DemoNetwork(tmp_path / "town", _free_port(), periods=periods, places=("Market Square",))
    network.root.mkdir()
    report = DemoReport(seconds=0)
    with running_cameras(FOOTAGE, tmp_path / "clips", lambda _: None) as cameras:
        network.found()
        network.add_cameras(cameras)
        network.start()
        try:
            network.wait_for("recording", network.all_recording, 60)
            began_us = time.time_ns() // 1000
            time.sleep(45)
            granted_case(network, cameras, began_us, report, lambda _: None)
            # Not the reel's five minutes, nor the epoch's ten: the request closed it.
            assert time.time_ns() // 1000 - began_us < 4 * 60_000_000
        finally:
            network.stop()
    assert report.export_identical and not report.outside_grant_opened
    code, words = try_custodes("verify", network.folder.store, "--network", network.id.hex())
    assert code == 0, words


def _accounts(network: DemoNetwork) -> int:
    view = LedgerView(network.id, lambda path: (network.folder.store / path).read_bytes())
    view.refresh()
    statements = [parse_entry(entry).statement.signed for entry in view.entries]
    accounts = [s for s in statements if s.type.endswith("/account/v1") or s.type == RESTART_TYPE]
    return sum(parse_account(s.type, s.body).envelopes > 0 for s in accounts)
