"""A case is decided and opened while the processes that serve it are killed."""

from __future__ import annotations

import hashlib
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from running.network import RunningNetwork, served

from custodes.cli.demo.cameras import DemoCameras
from custodes.cli.demo.network import custodes, try_custodes
from custodes.media.mp4.read import read_movie, read_samples

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_case_opens_though_keeper_and_discloser_are_killed_on_the_way(
    own_network: RunningNetwork, cameras: DemoCameras, tmp_path: Path
) -> None:
    network = own_network
    recipient, out = tmp_path / "recipient.key", tmp_path / "package"
    custodes("case", "recipient-key", recipient)
    with served(network):
        began_s = time.time()
        network.wait_for("a reel", lambda: any((network.folder.store / "streams").rglob("*.reel")), 40)
        request = _ask(network, recipient, began_s)
        one, two = network.custodian(1), network.custodian(2)
        network.kill("keeper")
        _insist("custodian", "decide", one, request, "--grant", "--reason", "Needed.", *network.passphrase)
        network.kill("discloser")
        _insist("custodian", "decide", two, request, "--grant", "--reason", "Needed.", *network.passphrase)
        network.kill("keeper")
        _insist("custodian", "release", one, request, *network.passphrase)
        network.kill("discloser")
        network.kill("keeper")
        network.wait_for("the case opened", lambda: "disclosed" in _status(network, request), 60)
        export = ("case", "export", network.folder.root, request, "--recipient-key", recipient, "--out", out)
        _insist(*export)
    code, words = try_custodes(
        "verify", network.folder.store, "--network", network.id.hex(), "--package", out
    )
    assert code == 0, words
    sent = {sha for _, sha, delivered in cameras.truth(network.places[0]) if delivered}
    opened = [sha for video in (out / "video").glob("*.mp4") for sha in _pictures(video)]
    assert len(opened) > 30 and set(opened) <= sent
    network.verify()
    network.check()
    assert network.gap_reasons() == {"restart"}


def _ask(network: RunningNetwork, recipient: Path, began_s: float) -> str:
    out = custodes(
        "case", "open", network.folder.root, "--camera", network.places[0],
        "--from", _iso(began_s), "--to", _iso(began_s + 3), "--kind", "incident",
        "--legal-basis", "Code of criminal procedure, section 94",
        "--necessity", "A collision between a van and a cyclist; no witness came forward.",
        "--recipient", "Harbour Town police, traffic unit", "--recipient-key", f"{recipient}.pub",
        "--staff", network.folder.staff_key("investigator"),
    )  # fmt: skip
    found = re.search(r"Request ([0-9a-f]{64})", out)
    assert found is not None, out
    supervisor = network.folder.staff_key("supervisor")
    custodes("case", "approve", network.folder.root, found.group(1), "--staff", supervisor)
    return found.group(1)


def _insist(*arguments: object, times: int = 5) -> None:
    """Run a command as a person does whom it tells that a service does not answer: again."""
    for _ in range(times):
        code, words = try_custodes(*arguments)
        if code == 0:
            return
        time.sleep(1)
    raise AssertionError(f"{arguments[:2]}: {code}: {words}")


def _status(network: RunningNetwork, request: str) -> str:
    return custodes("case", "status", network.folder.root, request).splitlines()[0]


def _pictures(video: Path) -> list[str]:
    with video.open("rb") as file:
        return [hashlib.sha256(sample).hexdigest() for sample in read_samples(file, read_movie(file))]


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat().replace("+00:00", "Z")
