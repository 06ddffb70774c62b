"""From released shares to slot keys, each checked against its commitment. Source: docs/formats/open.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u
from custodes.base.errors import NotFoundError, RefusedError, UnverifiedError
from custodes.cases.release import BlamedError, ReleasedShare
from custodes.cases.scope import Slot
from custodes.custody.shamir import combine
from custodes.custody.share_set import ShareSet

DISCLOSURE_TYPE = "custodes/entry/disclosure/v1"
FAILED_TYPE = "custodes/entry/failed/v1"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The body of a Disclosure entry; `package`: SHA-256 of the sealed package."""

    network: bytes
    request: bytes
    count: int
    envelopes: int
    package: bytes

    def body(self) -> dict[str, Any]:
        """The entry's body."""
        return {
            "count": self.count,
            "envelopes": self.envelopes,
            "network": b64u(self.network),
            "package": b64u(self.package),
            "request": b64u(self.request),
        }


def failed_body(network: bytes, request: bytes, blamed: int, reason: str) -> dict[str, Any]:
    """The body of a Failed entry; `blamed` 0 where it is no custodian."""
    return {"blamed": blamed, "network": b64u(network), "reason": reason, "request": b64u(request)}


def combine_keys(
    released: Mapping[int, Sequence[ReleasedShare]], share_sets: Mapping[bytes, ShareSet]
) -> dict[Slot, bytes]:
    """The keys of all slots of which the checked sets release a quorum of shares, in order of scope.

    Where a quorum of right shares gives a wrong key, the recorder split it wrongly.
    Errors: RefusedError when there is no such slot; BlamedError of the recorder; NotFoundError for a share set
    that is not given.
    """
    by_slot: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for custodian in sorted(released):
        for share in released[custodian]:
            by_slot.setdefault((share.epoch, share.slot), {})[custodian] = share.share
    keys: dict[Slot, bytes] = {}
    for (epoch, slot), shares in by_slot.items():
        share_set = share_sets.get(epoch)
        if share_set is None:
            raise NotFoundError(f"no share set of epoch {epoch.hex()}")
        if len(shares) >= share_set.header.quorum:
            keys[Slot(share_set.header.stream, epoch, slot)] = _key(share_set, slot, shares)
    if not keys:
        raise RefusedError("no slot has as many shares as its quorum")
    return {slot: keys[slot] for slot in sorted(keys)}


def _key(share_set: ShareSet, slot: int, shares: Mapping[int, bytes]) -> bytes:
    key = combine(dict(list(shares.items())[: share_set.header.quorum]))
    try:
        share_set.check_key(slot, key)
    except UnverifiedError as error:
        epoch = share_set.header.epoch.hex()
        raise BlamedError(0, f"right shares of slot {slot} of epoch {epoch} give a wrong key") from error
    return key
