"""The demo's two cases: one granted in part and opened, one refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from custodes.base.canon import unb64u
from custodes.base.errors import CorruptError, UnverifiedError
from custodes.cli.demo.cameras import PLACES, DemoCameras
from custodes.cli.demo.network import DemoNetwork, custodes, try_custodes
from custodes.cli.demo.report import DemoReport
from custodes.custody.envelope_reader import read_envelope
from custodes.custody.frames import reader_of
from custodes.custody.reel_reader import ReelReader
from custodes.media.mp4.read import read_movie, read_samples

Say = Callable[[str], None]
WITHIN_S = 120.0
ASKED_SLOTS = 3
_REQUEST = re.compile(r"Request ([0-9a-f]{64})")


def granted_case(
    network: DemoNetwork, cameras: DemoCameras, began_us: int, report: DemoReport, say: Say
) -> None:
    """Ask for three slots; one custodian grants two of them, another all; two open."""
    place = PLACES[0]
    recipient = network.root / "recipient.key"
    custodes("case", "recipient-key", recipient)
    request = _ask(network, place, began_us, recipient)
    say(f"      request {request[:12]}…: {place}, {ASKED_SLOTS} slots")
    one, two = network.custodian(1), network.custodian(2)
    custodes("custodian", "decide", one, request, "--part", f"1-{ASKED_SLOTS - 1}",
             "--reason", "The incident lies in these two.", *network.passphrase)  # fmt: skip
    say("      Ombudsman grants two slots of three; no share has left")
    custodes("custodian", "decide", two, request, "--grant", "--reason", "Necessary and proportionate.",
             *network.passphrase)  # fmt: skip
    say("      Court clerk grants all and, being the last needed, releases shares of the two")
    custodes("custodian", "release", one, request, *network.passphrase)
    say("      Ombudsman releases hers of the two")
    network.wait_for("the case opened", lambda: "disclosed" in _status(network, request), WITHIN_S)
    out = network.root / "export"
    custodes("case", "export", network.folder.root, request, "--recipient-key", recipient, "--out", out)
    _compare(out, cameras, place, report)
    report.outside_grant_opened = outside_opens(network, out)


def refused_case(network: DemoNetwork, report: DemoReport, say: Say) -> None:
    """Ask again; two custodians refuse, one grants and cannot release."""
    recipient = network.root / "recipient.key"
    request = _ask(network, PLACES[1], None, recipient)
    for number, verdict in ((1, "--refuse"), (3, "--refuse"), (2, "--grant")):
        custodes("custodian", "decide", network.custodian(number), request, verdict,
                 "--reason", "Curiosity is no necessity.", *network.passphrase)  # fmt: skip
    code, words = try_custodes("custodian", "release", network.custodian(2), request, *network.passphrase)
    say(f"      two refuse; the third alone cannot release: {words.strip().splitlines()[-1]}")
    exported, _ = try_custodes(
        "case",
        "export",
        network.folder.root,
        request,
        "--recipient-key",
        recipient,
        "--out",
        network.root / "refused",
    )
    state = _status(network, request)
    report.refused_case_opened = code == 0 or exported == 0 or "refused" not in state


def outside_opens(network: DemoNetwork, package: Path) -> bool:
    """Whether any disclosed key opens any envelope of the same stream outside the slots disclosed."""
    listing = json.loads((package / "package.json").read_bytes())
    keys = {
        (unb64u(epoch["epoch"]), slot["slot"]): unb64u(slot["key"])
        for epoch in listing["keys"]
        for slot in epoch["slots"]
    }
    tried = 0
    for stream in {unb64u(envelope["stream"]).hex() for envelope in listing["envelopes"]}:
        for reel in sorted((network.folder.store / "streams" / stream).rglob("*.reel")):
            data = reel.read_bytes()
            reader = ReelReader(reader_of(data), len(data))
            for row in reader.footer.rows:
                if (reader.footer.header.epoch, row.slot) in keys:
                    continue
                envelope = read_envelope(data[row.offset : row.offset + row.length])
                for key in keys.values():
                    tried += 1
                    try:
                        next(envelope.plaintexts(key))
                    except UnverifiedError:
                        continue
                    return True
    if not tried:
        raise CorruptError("there was no envelope outside the grant to try")
    return False


def _ask(network: DemoNetwork, place: str, began_us: int | None, recipient: Path) -> str:
    slot_us = 10_000_000
    now_us = began_us + 2 * slot_us if began_us else int(datetime.now(UTC).timestamp() * 1e6) - 6 * slot_us
    # From the middle of one slot to the middle of the third after it begins.
    first = _iso(now_us)
    last = _iso(now_us + (ASKED_SLOTS - 1) * slot_us)
    out = custodes(
        "case", "open", network.folder.root, "--camera", place, "--from", first, "--to", last,
        "--kind", "incident", "--legal-basis", "Code of criminal procedure, section 94",
        "--necessity", "A collision between a van and a cyclist; no witness came forward.",
        "--recipient", "Harbour Town police, traffic unit", "--recipient-key", f"{recipient}.pub",
        "--staff", network.folder.staff_key("investigator"),
    )  # fmt: skip
    found = _REQUEST.search(out)
    if found is None:
        raise CorruptError(f"case open printed no request: {out}")
    request = found.group(1)
    custodes(
        "case", "approve", network.folder.root, request, "--staff", network.folder.staff_key("supervisor")
    )
    return request


def _status(network: DemoNetwork, request: str) -> str:
    return custodes("case", "status", network.folder.root, request).splitlines()[0]


def _compare(out: Path, cameras: DemoCameras, place: str, report: DemoReport) -> None:
    """Compare the export, access unit by access unit, with what the camera says that it sent."""
    sent = [sha for _, sha, delivered in cameras.truth(place) if delivered]
    exported: list[str] = []
    for video in sorted((out / "video").glob("*.mp4")):
        with video.open("rb") as file:
            exported += [
                hashlib.sha256(sample).hexdigest() for sample in read_samples(file, read_movie(file))
            ]
    report.export_access_units = len(exported)
    report.export_identical = bool(exported) and any(
        sent[start : start + len(exported)] == exported
        for start, sha in enumerate(sent)
        if sha == exported[0]
    )


def _iso(utc_us: int) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, UTC).isoformat().replace("+00:00", "Z")
