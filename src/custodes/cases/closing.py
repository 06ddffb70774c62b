"""The discloser's word to a recorder: that somebody waits for reels. Source: docs/formats/open.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.cases.scope import MAX_SCOPE_EPOCHS, EpochSlots, Slot
from custodes.custody.members import Members, check_ascending
from custodes.custody.slots import MAX_SLOTS

CLOSE_REELS_TYPE = "custodes/close-reels/v1"
REELS_CLOSED_TYPE = "custodes/reels-closed/v1"
_MEMBERS = ("after", "format", "network", "recorder", "request")


@dataclass(frozen=True)
class CloseReels:
    """Which reels of a recorder a request waits for.

    `after`: of each epoch the last slot asked for, ascending by stream and epoch; no other is told.
    Errors: InvalidError from the constructor.
    """

    network: bytes
    recorder: bytes
    request: bytes
    after: tuple[Slot, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.after) <= MAX_SCOPE_EPOCHS:
            raise InvalidError(f"reels of 1 to {MAX_SCOPE_EPOCHS} epochs are closed at a time")
        check_ascending((slot[:2] for slot in self.after), "epochs whose reels are to be closed")
        if len(self.network) != HASH_BYTES or len(self.request) != HASH_BYTES:
            raise InvalidError("network and request are named by 32 bytes")
        if len(self.recorder) != ID_BYTES:
            raise InvalidError("a recorder's id has 16 bytes")

    def sign(self, discloser: SigningKey) -> bytes:
        """The signed object's bytes."""
        body = {
            "after": [
                {"epoch": b64u(slot.epoch), "slot": slot.slot, "stream": b64u(slot.stream)}
                for slot in self.after
            ],
            "format": CLOSE_REELS_TYPE,
            "network": b64u(self.network),
            "recorder": b64u(self.recorder),
            "request": b64u(self.request),
        }
        return canon(sign_body(CLOSE_REELS_TYPE, body, discloser).to_json())


def last_slots(epochs: Iterable[EpochSlots]) -> tuple[Slot, ...]:
    """Of each epoch of a scope the last slot."""
    return tuple(Slot(item.stream, item.epoch, item.slots[-1]) for item in epochs)


def check_close_reels(data: bytes, network: bytes, recorder: bytes, discloser: bytes) -> CloseReels:
    """What the discloser with that key asks of this recorder.

    Errors: InvalidError; UnverifiedError when it is another's word, or to another.
    """
    signed = Signed.from_json(parse_canon(data))
    if signed.type != CLOSE_REELS_TYPE:
        raise InvalidError(f"reels are closed by a {CLOSE_REELS_TYPE}")
    signed.check_signed_by([discloser])
    members = Members(signed.body, "word to close reels", _MEMBERS)
    members.literal("format", CLOSE_REELS_TYPE)
    found = CloseReels(
        network=members.hash("network"),
        recorder=members.id("recorder"),
        request=members.hash("request"),
        after=members.array("after", _slot, 1, MAX_SCOPE_EPOCHS),
    )
    if found.network != network or found.recorder != recorder:
        raise UnverifiedError("the word to close reels is to a recorder of another name or network")
    return found


def reels_closed(waiting: int) -> bytes:
    """The recorder's answer: of how many epochs named a reel is still open."""
    return canon({"format": REELS_CLOSED_TYPE, "waiting": waiting})


def parse_reels_closed(data: bytes) -> int:
    """How many are still open. Errors: InvalidError."""
    members = Members(parse_canon(data), "answer about reels", ("format", "waiting"))
    members.literal("format", REELS_CLOSED_TYPE)
    return members.count("waiting")


def _slot(value: Any) -> Slot:
    members = Members(value, "epoch whose reel is to be closed", ("epoch", "slot", "stream"))
    slot = members.count("slot")
    if slot >= MAX_SLOTS:
        raise InvalidError(f"a slot is below {MAX_SLOTS}")
    return Slot(members.id("stream"), members.id("epoch"), slot)
