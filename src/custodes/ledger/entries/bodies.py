"""The table of every entry's members. Source: docs/formats/entries.md."""

from __future__ import annotations

from custodes.estate import model
from custodes.estate.rights import ROLES
from custodes.ledger.entries.kinds import (
    COUNT,
    COUNTER,
    CUSTODIAN,
    DATE,
    HASH,
    HASH_OR_NOTHING,
    ID,
    INSTANT,
    SEALING_KEY,
    SIGNING_KEY,
    TEXT,
    Kind,
    integer,
    list_of,
    object_of,
    one_of,
    text,
)
from custodes.ledger.entries.people import GENESIS, GENESIS_TYPE, ROLE, ROSTER
from custodes.ledger.entries.sealed import ACCOUNT, ASSURANCES, EPOCH, POOL_KEYS, RESTART

MAX_HELD_EPOCHS = 500
# What a background's own file takes; docs/formats/background.md.
MAX_BACKGROUND_NAME = 64
REQUEST_KINDS = ("incident", "data-subject", "court-order", "emergency-review")
VERDICTS = ("grant", "part", "refuse")


def entry_type(name: str) -> str:
    """The type under which an entry of that name is signed."""
    return GENESIS_TYPE if name == "genesis" else f"custodes/entry/{name}/v1"


def _members(members: dict[str, Kind]) -> Kind:
    return object_of({**members, "network": HASH})


_PERMILLE = integer(0, 1000)
_MOUNT = object_of(
    {
        "height_cm": integer(0, model.MAX_HEIGHT_CM),
        "latitude_e7": integer(-model.MAX_LATITUDE_E7, model.MAX_LATITUDE_E7),
        "longitude_e7": integer(-model.MAX_LONGITUDE_E7, model.MAX_LONGITUDE_E7),
    }
)
_VIEW = object_of(
    {
        "angle_cdeg": integer(1, model.FULL_CIRCLE_CDEG),
        "bearing_cdeg": integer(0, model.FULL_CIRCLE_CDEG - 1),
        "name": text(1, model.MAX_VIEW_NAME),
        "range_m": integer(1, model.MAX_RANGE_M),
    }
)
_ZONE = object_of(
    {
        "kind": one_of("view", "original"),
        "name": text(1, model.MAX_VIEW_NAME),
        **{f"{side}_permille": integer(0, model.WHOLE_PERMILLE) for side in ("x0", "x1", "y0", "y1")},
    }
)

_NAMES: dict[str, Kind] = {
    "genesis": GENESIS,
    "roster": ROSTER,
    "recorder": _members({"recorder": ID, "sealing": SEALING_KEY, "signing": SIGNING_KEY}),
    "staff": _members({"key": SIGNING_KEY, "pseudonym": TEXT, "role": ROLE}),
    "camera": _members(
        {
            "camera": ID,
            "justification": text(0),
            "legal_basis": TEXT,
            "mounts": list_of(_MOUNT, 0, 1),
            "name": TEXT,
            "purpose": TEXT,
            "responsible_body": TEXT,
            "retention_us": INSTANT,
            "review_date": DATE,
            "revision": COUNT,
            "site": TEXT,
            "streams": list_of(
                object_of({"assurance": one_of(*ASSURANCES), "kind": one_of("main", "sub"), "stream": ID}),
                1,
                model.MAX_STREAMS,
            ),
            "views": list_of(_VIEW, 0, model.MAX_VIEWS),
            "zones": list_of(_ZONE, 0, model.MAX_ZONES),
        }
    ),
    "background": _members(
        {
            "background": HASH_OR_NOTHING,
            "camera": ID,
            "condition": text(1, MAX_BACKGROUND_NAME),
            "doubt_permille": _PERMILLE,
            "revision": COUNT,
            "stream": ID,
            "view": text(1, MAX_BACKGROUND_NAME),
            "withheld_permille": _PERMILLE,
        }
    ),
    "key-cert": _members(
        {
            "custodian": CUSTODIAN,
            "destroy_after_us": INSTANT,
            "key": SEALING_KEY,
            "number": COUNT,
            "seals_from_us": INSTANT,
            "seals_until_us": INSTANT,
        }
    ),
    "destroyed": _members({"custodian": CUSTODIAN, "keys": list_of(ID, 1, 500)}),
    "pool": _members({"count": integer(1, POOL_KEYS), "pool": ID, "recorder": ID, "root": HASH}),
    "unwrap": _members(
        {
            "count": COUNT,
            "custodian": CUSTODIAN,
            "fetch": HASH,
            "purpose": object_of({"hash": HASH, "kind": one_of("request", "hold")}),
        }
    ),
    "shred": _members(
        {
            "items": list_of(
                object_of({"epoch": ID, "index": integer(0, POOL_KEYS - 1), "pool": ID}), 1, 500
            ),
            "reason": one_of("deadline", "erasure", "hold", "space", "unused"),
        }
    ),
    "epoch": EPOCH,
    "account": ACCOUNT,
    "restart": RESTART,
    "request": _members(
        {
            "commitment": HASH,
            "count": COUNT,
            "decisions_needed": COUNT,
            "epochs": integer(1, 500),
            "expiry_us": INSTANT,
            "kind": one_of(*REQUEST_KINDS),
            "request": HASH,
        }
    ),
    "withdrawn": _members({"request": HASH}),
    "decision": _members(
        {
            "checkpoint": object_of({"root": HASH, "size": COUNT}),
            "client": one_of("installed", "page"),
            "commitment": HASH,
            "count": COUNTER,
            "custodian": CUSTODIAN,
            "decided_us": INSTANT,
            "request": HASH,
            "verdict": one_of(*VERDICTS),
        }
    ),
    "release": _members(
        {"count": COUNT, "custodian": CUSTODIAN, "decisions": HASH, "request": HASH, "set": HASH}
    ),
    "disclosure": _members({"count": COUNT, "envelopes": COUNTER, "package": HASH, "request": HASH}),
    "failed": _members({"blamed": integer(0, 16), "reason": TEXT, "request": HASH}),
    "hold": _members(
        {
            "commitment": HASH,
            "count": COUNT,
            "epochs": list_of(ID, 1, MAX_HELD_EPOCHS),
            "hold": ID,
            "kind": one_of("provisional", "full"),
            "request": HASH_OR_NOTHING,
            "until_us": INSTANT,
        }
    ),
    "hold-share": _members({"custodian": CUSTODIAN, "header": HASH, "hold": ID, "message": HASH}),
    "incident": _members({"deadline_us": INSTANT, "incident": ID, "summary": TEXT}),
    "lost": _members({"from_number": COUNT, "recorder": ID, "run": COUNTER}),
    "access": _members(
        {"counts": list_of(object_of({"count": COUNT, "role": ROLE}), 0, len(ROLES)), "hour_us": INSTANT}
    ),
}

# By type string, so that an unknown type is one failed look-up.
BODIES: dict[str, tuple[str, Kind]] = {entry_type(name): (name, kind) for name, kind in _NAMES.items()}
