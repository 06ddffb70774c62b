"""The demo's backgrounds: learnt while all is masked, proposed by one of staff, approved by another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from custodes.base.errors import UnavailableError
from custodes.cli.demo.network import DemoNetwork, custodes, try_custodes

Say = Callable[[str], None]
# The clips have people and cars in them all along, so their places are withheld: few pictures, soon learnt.
PICTURES, OVER = 40, "20s"
LEARNT_WITHIN_S = 60.0
ASK_AGAIN_S = 10.0
PROPOSER, APPROVER = "supervisor", "admin"


@dataclass
class DemoBackgrounds:
    """By place, what became of its background: committed, or why not."""

    hashes: dict[str, str] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    not_committed: dict[str, str] = field(default_factory=dict)

    def to_report(self) -> dict[str, Any]:
        """For the report."""
        return {"committed": len(self.committed), "not_committed": dict(self.not_committed)}


def begin_learning(network: DemoNetwork, say: Say) -> None:
    """Ask for a background of each camera; it goes on beside the recording."""
    for place in network.places:
        deadline = time.monotonic() + ASK_AGAIN_S
        while True:
            code, words = try_custodes(
                "background", "learn", network.folder.root, "--camera", place, "--withhold",
                "--pictures", PICTURES, "--over", OVER, "--staff", network.folder.staff_key(PROPOSER),
            )  # fmt: skip
            if code == 0:
                break
            if time.monotonic() > deadline:
                raise UnavailableError(f"{place} does not begin to learn: {words.strip()}")
            time.sleep(0.5)
    say(
        f"      learning a background of each view from {PICTURES} pictures, where somebody may be is withheld"
    )


def commit(network: DemoNetwork, say: Say) -> DemoBackgrounds:
    """Propose and approve what was learnt, by two people of staff."""
    found = DemoBackgrounds()
    deadline = time.monotonic() + LEARNT_WITHIN_S
    while len(found.hashes) < len(network.places) and time.monotonic() < deadline:
        found.hashes = learnt(network)
        time.sleep(0.5)
    folder = network.folder
    for place in network.places:
        background = found.hashes.get(place)
        if background is None:
            found.not_committed[place] = f"no candidate within {LEARNT_WITHIN_S:g} s"
            continue
        code, words = try_custodes(
            "background", "propose", folder.root, background, "--staff", folder.staff_key(PROPOSER)
        )
        if code:
            found.not_committed[place] = words.strip()
            continue
        custodes("background", "approve", folder.root, background, "--staff", folder.staff_key(APPROVER))
        found.committed.append(place)
    say(
        f"      {PROPOSER} proposes, {APPROVER} approves: {len(found.committed)} backgrounds are in the ledger"
    )
    for place, why in found.not_committed.items():
        say(f"      {place} stays masked: {why}")
    return found


def learnt(network: DemoNetwork) -> dict[str, str]:
    """By camera, the hash of its newest candidate."""
    rows = [
        line.split("\t") for line in custodes("background", "list", network.folder.root).splitlines() if line
    ]
    return {row[1]: row[0] for row in rows if row[4].startswith("candidate")}
