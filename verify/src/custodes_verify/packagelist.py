"""A package's list and its request file: members and bounds.

Source: docs/formats/package.md, open.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from custodes_verify.bytes import from_base64url
from custodes_verify.entries import KINDS
from custodes_verify.errors import MalformedError
from custodes_verify.schema import (
    ANY_BYTES,
    COUNT,
    COUNT_OR_NONE,
    HASH,
    ID,
    INSTANT,
    SLOT,
    X_WING,
    Body,
    Reader,
    ascending,
    fixed,
    integer,
    listed,
    matching,
    members,
    one_of,
    rows,
    scope,
    text,
)

LIST_LIMIT = 256 * 1024 * 1024
ENVELOPES_MAX = 1_000_000
FIRST_CHECKPOINTS_MAX = 3
_PATH = listed(HASH, 64)
_LONG_TEXT = text(10_000, 0)
_INDEX = integer(1, 16)


def _mapping(key_length: int, reader: Reader, longest: int) -> Callable[[object], dict[bytes, Any]]:
    def read(value: object) -> dict[bytes, Any]:
        if type(value) is not dict or len(value) > longest:
            raise MalformedError(f"not an object of at most {longest} members")
        found = {from_base64url(name): reader(item) for name, item in value.items()}
        if any(len(name) != key_length for name in found):
            raise MalformedError(f"a member's name is not {key_length} bytes")
        return found

    return read


def _pair(value: object) -> tuple[bytes, int]:
    if type(value) is not list or len(value) != 2:
        raise MalformedError("not an epoch and a sequence")
    epoch: bytes = ID(value[0])
    sequence: int = COUNT_OR_NONE(value[1])
    return epoch, sequence


REQUEST_FILE = members(
    case=ID,
    created_us=INSTANT,
    decisions_needed=_INDEX,
    expiry_us=INSTANT,
    format=fixed("custodes/request/v1"),
    kind=one_of(*KINDS),
    legal_basis=_LONG_TEXT,
    necessity=_LONG_TEXT,
    network=HASH,
    opening_key=X_WING,
    recipient=members(key=X_WING, name=text()),
    roster=HASH,
    run_in=scope,
    salt=HASH,
    scope=scope,
    shown=listed(
        members(
            camera=text(),
            camera_from_us=INSTANT,
            camera_to_us=INSTANT,
            from_us=INSTANT,
            stream=ID,
            to_us=INSTANT,
        ),
        500,
    ),
)
_OPENING = members(custodian=_INDEX, reason=_LONG_TEXT, salt=HASH, scope=scope)
PACKAGE_LIST = members(
    camera_names=_mapping(16, text(), 500),
    entries=ascending(members(entry=ANY_BYTES, index=COUNT_OR_NONE, path=_PATH), 100_000, "index"),
    envelopes=ascending(
        members(
            account=COUNT_OR_NONE,
            epoch=ID,
            path=_PATH,
            leaf=COUNT_OR_NONE,
            leaves=COUNT,
            sequence=integer(0, 99_999_999),
            stream=ID,
        ),
        ENVELOPES_MAX,
        "stream",
        "epoch",
        "sequence",
    ),
    first_checkpoints=listed(members(consistency=_PATH, note=ANY_BYTES), FIRST_CHECKPOINTS_MAX),
    format=fixed("custodes/package-list/v1"),
    keys=ascending(
        members(
            commitments=rows(32, 65_535),
            epoch=ID,
            slots=ascending(members(key=HASH, slot=SLOT), 65_535, "slot"),
        ),
        500,
        "epoch",
    ),
    network=HASH,
    openings=ascending(_OPENING, 16, "custodian"),
    request=REQUEST_FILE,
    videos=listed(
        members(
            name=matching(r"video/[A-Za-z0-9-]{1,100}\.mp4"),
            sequences=listed(_pair, ENVELOPES_MAX, 1),
            sha256=HASH,
            stream=ID,
        ),
        10_000,
    ),
)


def slots_of(rows: list[Body]) -> set[tuple[bytes, int]]:
    """The (epoch, slot) pairs of a scope."""
    return {(row["epoch"], slot) for row in rows for slot in row["slots"]}
