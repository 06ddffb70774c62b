"""What the demo looks at afterwards: how much was recorded, gaps, files, what the checker says."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from custodes.cli.demo.cameras import DemoCameras
from custodes.cli.demo.network import DemoNetwork, try_custodes
from custodes.cli.demo.report import DemoReport
from custodes.cli.demo.search import plaintext_hits
from custodes.custody.accounts import parse_manifest
from custodes.custody.frames import reader_of
from custodes.custody.reel_reader import ReelReader
from custodes.services.ledger_view import LedgerView

# Pictures further apart than this are a hole; the demo's footage has ten a second or more.
HOLE_MS = 1000


def verify_all(network: DemoNetwork, report: DemoReport) -> None:
    """Run the independent checker on the network and on the package."""
    store, export = network.folder.store, network.root / "export"
    report.verify = _verify(store, "--network", network.id.hex())
    report.verify_package = _verify(store, "--network", network.id.hex(), "--package", export)
    report.ledger_entries = int(network.status()["ledger"]["size"])


def search_network(network: DemoNetwork, cameras: DemoCameras, report: DemoReport) -> None:
    """Search every file of the network for what the cameras sent."""
    probes = cameras.probes()
    hits = plaintext_hits(network.folder.root, probes)
    report.plaintext_hits = len(hits)
    report.plaintext_probes = len(probes)
    report.searched_bytes = sum(
        path.stat().st_size for path in network.folder.root.rglob("*") if path.is_file()
    )
    report.failures += [f"payload bytes in {hit}" for hit in hits[:5]]


def recorded_ratios(network: DemoNetwork) -> dict[str, float]:
    """By camera, the share of the time from its first recorded picture to its last that is in envelopes."""
    view = LedgerView(network.id, lambda path: (network.folder.store / path).read_bytes())
    view.refresh()
    ratios = {}
    for camera in view.state.facts.cameras.values():
        for stream in camera.described.streams:
            ratios[camera.described.name] = _ratio(network, stream.id.hex())
    return ratios


def all_gaps(network: DemoNetwork) -> list[dict[str, Any]]:
    """Every gap that an account speaks of, with its reason."""
    view = LedgerView(network.id, lambda path: (network.folder.store / path).read_bytes())
    view.refresh()
    names = {
        stream.id: camera.described.name
        for camera in view.state.facts.cameras.values()
        for stream in camera.described.streams
    }
    gaps = []
    for path in sorted((network.folder.store / "accounts").rglob("*")):
        if path.is_file():
            gaps += [
                {
                    "camera": names.get(gap.stream, gap.stream.hex()),
                    "reason": gap.reason.value,
                    "seconds": round((gap.to_us - gap.from_us) / 1e6, 2),
                }
                for gap in parse_manifest(path.read_bytes()).gaps
            ]
    return gaps


def _ratio(network: DemoNetwork, stream: str) -> float:
    spans: list[tuple[int, int]] = []
    for reel in (network.folder.store / "streams" / stream).rglob("*.reel"):
        data = reel.read_bytes()
        footer = ReelReader(reader_of(data), len(data)).footer
        start_ms = footer.header.utc0_us // 1000
        spans += [
            (start_ms + row.elapsed_ms, start_ms + row.elapsed_ms + row.duration_ms) for row in footer.rows
        ]
    spans.sort()
    if not spans:
        return 0.0
    whole_ms = spans[-1][1] - spans[0][0]
    holes_ms = sum(
        max(0, after[0] - before[1]) for before, after in pairwise(spans) if after[0] - before[1] > HOLE_MS
    )
    return round(1 - holes_ms / whole_ms, 4) if whole_ms else 0.0


def _verify(*arguments: object) -> str:
    code, out = try_custodes("verify", *arguments, "--json")
    if code == 0:
        return "ok"
    try:
        findings = json.loads(out).get("findings", [])
    except ValueError:
        findings = [out.strip()]
    return f"exit {code}: {json.dumps(findings)[:2000]}"
