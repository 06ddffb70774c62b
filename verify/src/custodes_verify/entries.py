"""Every entry's members, and the reading of a ledger leaf.

Source: docs/formats/ledger.md, entries.md, accounts.md, open.md, seal.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from custodes_verify.bytes import Signature, canon, digest, message, parse_loosely
from custodes_verify.documents import GENESIS, ROLES, ROSTER
from custodes_verify.errors import MalformedError, RuleError
from custodes_verify.schema import (
    COUNT,
    COUNT_OR_NONE,
    ED25519,
    HASH,
    ID,
    INSTANT,
    TEXT,
    X_WING,
    Body,
    Reader,
    ascending,
    binary,
    boolean,
    date,
    fixed,
    integer,
    is_ascending,
    listed,
    matching,
    members,
    one_of,
    signature,
    text,
)

LEAF_LIMIT = 65_535
SIGNED_LIMIT = 65_000
GENESIS_TYPE = "custodes/genesis/v1"
GAP_REASONS = (
    "camera-unreachable",
    "camera-silent",
    "camera-refused",
    "camera-misbehaved",
    "loss",
    "waiting-for-key-frame",
    "overload",
    "storage",
    "restart",
    "clock",
    "not-assigned",
    "cannot-seal",
)
KINDS = ("incident", "data-subject", "court-order", "emergency-review")
ASSURANCES = ("full", "lower")
_INDEX = integer(1, 16)
_MOUNT = members(
    height_cm=integer(0, 100_000),
    latitude_e7=integer(-900_000_000, 900_000_000),
    longitude_e7=integer(-1_800_000_000, 1_800_000_000),
)
_VIEW = members(
    angle_cdeg=integer(1, 36_000),
    bearing_cdeg=integer(0, 35_999),
    name=text(100),
    range_m=integer(1, 10_000),
)
_ZONE = members(
    kind=one_of("view", "original"),
    name=text(100),
    x0_permille=integer(0, 1000),
    x1_permille=integer(0, 1000),
    y0_permille=integer(0, 1000),
    y1_permille=integer(0, 1000),
)
_MANY = 65_535
"""More list items than a leaf can hold: the leaf's own limit is the bound."""

HEADER = members(
    assurance=one_of(*ASSURANCES),
    format=fixed("custodes/header/v1"),
    network=HASH,
    camera=ID,
    stream=ID,
    recorder=ID,
    epoch=ID,
    run=COUNT_OR_NONE,
    utc0_us=INSTANT,
    slot_us=COUNT,
    slots=integer(1, 65_535),
    quorum=_INDEX,
    roster=HASH,
    custodians=listed(members(index=_INDEX, key=ID, root=HASH), 16, 1),
    shred=members(index=integer(0, 255), key=ID, pool=ID),
    deadline_us=INSTANT,
    slot_root=HASH,
)
_CUT = members(chunks=COUNT, epoch=ID, hash=HASH, sequence=COUNT_OR_NONE, stream=ID)
_STATEMENT = {
    "closed": ascending(members(count=COUNT_OR_NONE, epoch=ID, last=HASH), _MANY, "epoch"),
    "cuts": ascending(_CUT, _MANY, "stream", "epoch", "sequence"),
    "envelopes": COUNT_OR_NONE,
    "gaps": ascending(members(reason=one_of(*GAP_REASONS), stream=ID), _MANY, "stream", "reason"),
    "manifest": HASH,
    "minute_us": INSTANT,
    "number": COUNT,
    "previous": HASH,
    "recorder": ID,
    "root": HASH,
    "run": COUNT_OR_NONE,
}
_CASE = {
    "commitment": HASH,
    "count": COUNT,
    "decisions_needed": _INDEX,
    "epochs": integer(1, 500),
    "expiry_us": INSTANT,
    "kind": one_of(*KINDS),
    "request": HASH,
}


def _entry(**readers: Reader) -> Reader:
    return members(network=HASH, **readers)


SCHEMAS: dict[str, Reader] = {
    "genesis": GENESIS,
    "roster": ROSTER,
    "recorder": _entry(recorder=ID, sealing=X_WING, signing=ED25519),
    "staff": _entry(key=ED25519, pseudonym=text(100), role=one_of(*ROLES)),
    "camera": _entry(
        camera=ID,
        justification=text(500, 0),
        legal_basis=TEXT,
        mounts=listed(_MOUNT, 1),
        name=TEXT,
        purpose=TEXT,
        responsible_body=TEXT,
        retention_us=COUNT,
        review_date=date,
        revision=COUNT,
        site=TEXT,
        streams=listed(members(assurance=one_of(*ASSURANCES), kind=one_of("main", "sub"), stream=ID), 16, 1),
        views=listed(_VIEW, 16),
        zones=listed(_ZONE, 32),
    ),
    "background": _entry(
        background=binary(0, 32),
        camera=ID,
        condition=text(64),
        doubt_permille=integer(0, 1000),
        revision=COUNT,
        stream=ID,
        view=text(64),
        withheld_permille=integer(0, 1000),
    ),
    "key-cert": _entry(
        custodian=_INDEX,
        destroy_after_us=INSTANT,
        key=X_WING,
        number=COUNT,
        seals_from_us=INSTANT,
        seals_until_us=INSTANT,
    ),
    "destroyed": _entry(custodian=_INDEX, keys=listed(ID, 500, 1)),
    "pool": _entry(count=integer(1, 256), pool=ID, recorder=ID, root=HASH),
    "unwrap": _entry(
        count=COUNT, custodian=_INDEX, fetch=HASH, purpose=members(hash=HASH, kind=one_of("request", "hold"))
    ),
    "shred": _entry(
        items=listed(members(epoch=ID, index=integer(0, 255), pool=ID), 500, 1),
        reason=one_of("deadline", "erasure", "hold", "space", "unused"),
    ),
    "epoch": _entry(header=HEADER, set=HASH),
    "account": _entry(**_STATEMENT),
    "restart": _entry(**_STATEMENT, previous_run=COUNT_OR_NONE),
    "request": _entry(**_CASE),
    "withdrawn": _entry(request=HASH),
    "decision": _entry(
        checkpoint=members(root=HASH, size=COUNT),
        client=one_of("installed", "page"),
        commitment=HASH,
        count=COUNT_OR_NONE,
        custodian=_INDEX,
        decided_us=INSTANT,
        request=HASH,
        verdict=one_of("grant", "part", "refuse"),
    ),
    "release": _entry(count=COUNT, custodian=_INDEX, decisions=HASH, request=HASH, set=HASH),
    "disclosure": _entry(count=COUNT, envelopes=COUNT_OR_NONE, package=HASH, request=HASH),
    "failed": _entry(blamed=integer(0, 255), reason=TEXT, request=HASH),
    "hold": _entry(
        commitment=HASH,
        count=COUNT,
        epochs=listed(ID, 500, 1),
        hold=ID,
        kind=one_of("provisional", "full"),
        request=binary(0, 32),
        until_us=INSTANT,
    ),
    "hold-share": _entry(custodian=_INDEX, header=HASH, hold=ID, message=HASH),
    "incident": _entry(deadline_us=INSTANT, summary=TEXT, incident=ID),
    "lost": _entry(from_number=COUNT_OR_NONE, recorder=ID, run=COUNT_OR_NONE),
    "access": _entry(counts=listed(members(count=COUNT, role=one_of(*ROLES)), 1000), hour_us=INSTANT),
}
_NAMES = {GENESIS_TYPE: "genesis"} | {
    f"custodes/entry/{name}/v1": name for name in SCHEMAS if name != "genesis"
}
_SIGNATURES = listed(signature, 1000, 1)
_ADMITTED = INSTANT
_TYPE = matching(r"custodes/[a-z0-9/-]{1,60}")
_PLAIN = frozenset({"admitted_us", "body", "signatures", "type"})
_LATE = _PLAIN | {"late"}

# Where an epoch's header stands in its body: what follows it has one length.
_HEADER = slice(len(b'{"header":'), -len(b',"network":"","set":""}') - 2 * 43)


class Entry(NamedTuple):
    """A ledger leaf, read.

    `verified` are the key ids whose signature holds, `unverified` the signatures whose key was not
    known to the reader, over `signed`; `bad` says that a signature is false, repeated or out of order.
    `header_hash` is empty but for epochs.
    """

    name: str
    admitted_us: int
    late: bool
    body: Body
    statement: bytes
    verified: tuple[bytes, ...]
    unverified: tuple[Signature, ...]
    signed: bytes
    bad: bool
    header_hash: bytes


def read_leaf(leaf: bytes, keys: Mapping[bytes, bytes]) -> Entry:
    """Read one leaf and check those of its signatures whose public key is in `keys` (by key id).

    Errors: MalformedError; RuleError for an unknown type or too long an object.
    Cost: about 60 µs a signature, 40 µs for the rest.
    """
    if len(leaf) > LEAF_LIMIT:
        raise MalformedError("longer than 65,535 bytes")
    parsed = parse_loosely(leaf)
    if type(parsed) is not dict or parsed.keys() not in (_PLAIN, _LATE):
        raise MalformedError("not an entry's members")
    kind = _TYPE(parsed["type"])
    name = _NAMES.get(kind)
    if name is None:
        raise RuleError("type", f"{kind} is no type of entry")
    admitted_us = _ADMITTED(parsed["admitted_us"])
    late = boolean(parsed["late"]) if "late" in parsed else False
    if "late" in parsed and not late:
        raise MalformedError("late is false")
    if canon(parsed) != leaf:
        raise MalformedError("not canonical JSON")
    body = SCHEMAS[name](parsed["body"])
    signatures = _SIGNATURES(parsed["signatures"])
    body_bytes, size = _cut(leaf, admitted_us, late)
    if size > SIGNED_LIMIT:
        raise RuleError("size", "the signed object is longer than 65,000 bytes")
    signed = message(kind, body_bytes)
    statement = digest(kind, body_bytes)
    if name == "genesis":
        signed = message("custodes/genesis-id/v1", statement)
    verified, unverified, bad = _check_signatures(signatures, keys, signed)
    header_hash = digest("custodes/header/v1", body_bytes[_HEADER]) if name == "epoch" else b""
    return Entry(
        name,
        admitted_us,
        late,
        body,
        statement,
        verified,
        unverified,
        signed if unverified else b"",
        bad,
        header_hash,
    )


def _cut(leaf: bytes, admitted_us: int, late: bool) -> tuple[bytes, int]:
    """The body's bytes within a canonical leaf whose members were read, and the length of the signed object."""
    head = len(b'{"admitted_us":%d,"body":' % admitted_us)
    # Quotes within strings are escaped, and neither signatures nor type hold this: the last is the member's.
    tail = leaf.rindex(b',"signatures":[')
    added = len(b',"late":true') if late else 0
    return leaf[head : tail - added], len(leaf) - added - (head - len(b'{"body":'))


def _check_signatures(
    signatures: list[Signature], keys: Mapping[bytes, bytes], signed: bytes
) -> tuple[tuple[bytes, ...], tuple[Signature, ...], bool]:
    bad = not is_ascending(one.key for one in signatures)
    verified: list[bytes] = []
    unverified: list[Signature] = []
    for one in signatures:
        public = keys.get(one.key)
        if public is None:
            unverified.append(one)
        elif one.holds(public, signed):
            verified.append(one.key)
        else:
            bad = True
    return tuple(verified), tuple(unverified), bad
