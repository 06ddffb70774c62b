"""What the keeper tells of the network, for the page and for metrics. Source: docs/design/0005-health.md."""

from __future__ import annotations

from itertools import islice
from typing import Any

from custodes.base.canon import canon
from custodes.base.clock import SECOND_US
from custodes.base.errors import UnverifiedError
from custodes.ledger.checkpoint import SignedCheckpoint, custodian_name, keeper_name
from custodes.ledger.rules.state import LedgerState

MAX_ALARMS = 50
MAX_ALARM_CHARACTERS = 500
# What fits a message and is read; a larger register needs pages.
MAX_CAMERAS = 2000


def keeper_document(state: LedgerState, note: SignedCheckpoint, alarms: list[str], now_us: int) -> bytes:
    """Canonical JSON; ids in hex."""
    genesis, roster = state.genesis, state.roster
    return canon(
        {
            "alarms": [plain(text) for text in alarms[:MAX_ALARMS]],
            "cameras": [
                _camera(camera.described) for camera in islice(state.facts.cameras.values(), MAX_CAMERAS)
            ],
            "ledger": {
                "cosigned_us": _cosigned_us(state, note),
                "origin": genesis.origin,
                "root": note.checkpoint.root.hex(),
                "size": note.checkpoint.size,
                "witnesses": _witnesses(state, note),
            },
            "network": {
                "custodians": len(roster.custodians),
                "id": genesis.network.hex(),
                "name": genesis.name,
                "quorum": roster.quorum,
                "rehearsal": genesis.periods.rehearsal,
                "slot_us": genesis.periods.slot_us,
            },
            "openings": _openings(state),
            "process": "keeper",
            "time_us": now_us,
        }
    )


def plain(text: str) -> str:
    """An alarm as a health document may hold it: one line of bounded length."""
    return " ".join(text.split())[:MAX_ALARM_CHARACTERS] or "?"


def _camera(camera: Any) -> dict[str, Any]:
    return {
        "camera": camera.id.hex(),
        "legal_basis": camera.legal_basis,
        "name": camera.name,
        "purpose": camera.purpose,
        "responsible_body": camera.responsible_body,
        "retention_us": camera.retention_us,
        "review_date": camera.review_date.isoformat(),
        "site": camera.site,
        "streams": [
            {"assurance": stream.assurance, "kind": stream.kind, "stream": stream.id.hex()}
            for stream in camera.streams
        ],
    }


def _openings(state: LedgerState) -> dict[str, int]:
    requests = list(state.requests())
    custodians = len(state.roster.custodians)
    refused = sum(
        custodians - (len(one.decisions) - len(one.granting)) < one.decisions_needed for one in requests
    )
    opened = [one for one in requests if one.disclosed]
    return {
        "disclosed": len(opened),
        "refused": refused,
        "requests": len(requests),
        "slots": sum(max(release.count for release in one.releases.values()) for one in opened),
    }


def _cosigned_us(state: LedgerState, note: SignedCheckpoint) -> int:
    seconds = note.cosigned_s(keeper_name(state.genesis.origin), state.roster.keeper.signing)
    return (seconds or 0) * SECOND_US


def _witnesses(state: LedgerState, note: SignedCheckpoint) -> str:
    origin, roster = state.genesis.origin, state.roster
    outside = sum(_has(note, name, key) for name, key in roster.witnesses.items())
    custodians = sum(
        _has(note, custodian_name(origin, index), key) for index, key in roster.identities.items()
    )
    if not roster.witnesses_needed:
        return f"witnessed by custodians only; {custodians} on this checkpoint"
    return f"{outside} of {roster.witnesses_needed} needed outside witnesses on this checkpoint"


def _has(note: SignedCheckpoint, name: str, key: bytes) -> bool:
    try:
        return note.cosigned_s(name, key) is not None
    except UnverifiedError:
        return False
