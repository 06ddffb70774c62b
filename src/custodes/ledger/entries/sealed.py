"""Members of what a recorder states: Epoch with its header, Account, Restart.

Source: docs/formats/seal.md (header), docs/formats/accounts.md.
"""

from __future__ import annotations

from custodes.ledger.entries.kinds import (
    COUNT,
    COUNTER,
    CUSTODIAN,
    HASH,
    ID,
    INSTANT,
    Kind,
    integer,
    list_of,
    object_of,
    one_of,
)

HEADER_TYPE = "custodes/header/v1"
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
POOL_KEYS = 256
ASSURANCES = ("full", "lower")

HEADER = object_of(
    {
        "assurance": one_of(*ASSURANCES),
        "camera": ID,
        "custodians": list_of(object_of({"index": CUSTODIAN, "key": ID, "root": HASH}), 1, 16),
        "deadline_us": INSTANT,
        "epoch": ID,
        "format": one_of(HEADER_TYPE),
        "network": HASH,
        "quorum": COUNT,
        "recorder": ID,
        "roster": HASH,
        "run": COUNTER,
        "shred": object_of({"index": integer(0, POOL_KEYS - 1), "key": ID, "pool": ID}),
        "slot_root": HASH,
        "slot_us": COUNT,
        "slots": COUNT,
        "stream": ID,
        "utc0_us": INSTANT,
    }
)
EPOCH = object_of({"header": HEADER, "network": HASH, "set": HASH})

_ACCOUNT: dict[str, Kind] = {
    "closed": list_of(object_of({"count": COUNTER, "epoch": ID, "last": HASH})),
    "cuts": list_of(
        object_of({"chunks": COUNT, "epoch": ID, "hash": HASH, "sequence": COUNTER, "stream": ID})
    ),
    "envelopes": COUNTER,
    "gaps": list_of(object_of({"reason": one_of(*GAP_REASONS), "stream": ID})),
    "manifest": HASH,
    "minute_us": INSTANT,
    "network": HASH,
    "number": COUNT,
    "previous": HASH,
    "recorder": ID,
    "root": HASH,
    "run": COUNTER,
}
ACCOUNT = object_of(_ACCOUNT)
RESTART = object_of({**_ACCOUNT, "previous_run": COUNTER})
