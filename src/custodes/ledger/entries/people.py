"""Members of Genesis and Roster. Source: docs/formats/genesis.md."""

from __future__ import annotations

from custodes.estate.rights import ROLES
from custodes.ledger.entries.kinds import (
    COUNTER,
    CUSTODIAN,
    HASH,
    ID,
    INSTANT,
    SEALING_KEY,
    SIGNING_KEY,
    Kind,
    integer,
    list_of,
    object_of,
    one_of,
    text,
)

GENESIS_TYPE = "custodes/genesis/v1"
ROSTER_TYPE = "custodes/entry/roster/v1"
ROSTER_FORMAT = "custodes/roster/v1"
WEEKLY_KEYS = 5
MAX_CUSTODIANS = 16
MAX_WITNESSES = 32

ROLE = one_of(*ROLES)
_NAME = text(1, 100)
_ACTOR = object_of({"sealing": SEALING_KEY, "signing": SIGNING_KEY})
_CUSTODIAN = object_of(
    {
        "identity": SIGNING_KEY,
        "index": CUSTODIAN,
        "name": text(),
        "weekly": list_of(ID, WEEKLY_KEYS, WEEKLY_KEYS),
    }
)
_WITNESS = object_of({"key": SIGNING_KEY, "name": text(1, 100, r"[^\s+]+")})
_MEMBERS: dict[str, Kind] = {
    "custodians": list_of(_CUSTODIAN, 1, MAX_CUSTODIANS),
    "discloser": _ACTOR,
    "installed_clients": integer(1, MAX_CUSTODIANS),
    "keeper": _ACTOR,
    "operator": _ACTOR,
    "quorum": integer(1, MAX_CUSTODIANS),
    "witnesses": object_of(
        {"keys": list_of(_WITNESS, 0, MAX_WITNESSES), "needed": integer(0, MAX_WITNESSES)}
    ),
}
_PERIOD = integer(1)

GENESIS = object_of(
    {
        **_MEMBERS,
        "created_us": INSTANT,
        "format": one_of(GENESIS_TYPE),
        "log": object_of({"key": SIGNING_KEY, "origin": text(1, 100, r"[a-z0-9./-]+")}),
        "name": _NAME,
        "periods": object_of(
            {
                "custodian_key_us": _PERIOD,
                "freshness_us": _PERIOD,
                "reel_us": _PERIOD,
                "slot_us": _PERIOD,
                "slots_per_epoch": _PERIOD,
                "staff_wait_us": integer(),
            }
        ),
        "staff": list_of(object_of({"key": SIGNING_KEY, "pseudonym": text(), "role": ROLE}), 2),
    }
)

ROSTER = object_of(
    {
        **_MEMBERS,
        "format": one_of(ROSTER_FORMAT),
        "network": HASH,
        "number": COUNTER,
        "previous": HASH,
    }
)
