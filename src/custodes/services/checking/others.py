"""Objects of neither the ledger nor an epoch: pools of public keys, manifests, cases, backgrounds, what holds keep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from custodes.base.canon import parse_canon, unb64u
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.cases.hold import HeldPlace, check_wrapped
from custodes.ledger import merkle
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.backgrounds import BackgroundsCheck
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.checking.known import Known
from custodes.services.settings import pool_path

_MANIFEST = re.compile(r"accounts/(?P<recorder>[0-9a-f]{32})/(?P<number>[0-9]{12})")
_POOL = re.compile(r"pools/(?P<pool>[0-9a-f]{32})")
_CASE = re.compile(r"cases/[0-9a-f]{32}/(?P<request>[0-9a-f]{64})/(?P<name>[0-9a-z.-]+)")
_HELD = re.compile(r"holds/(?P<hold>[0-9a-f]{32})/(?P<custodian>[1-9][0-9]?)\.(?P<epoch>[0-9a-f]{32})")
_PIECE_BYTES = 1 << 20


class OthersCheck:
    """Takes each such object's path in turn; `end` tells what did not come."""

    def __init__(self, store: ObjectStore, known: Known, state: LedgerState, quick: bool) -> None:
        self._store = store
        self._known = known
        self._state = state
        self._quick = quick
        self._pools: set[bytes] = set()
        self._held: set[str] = set()
        self._backgrounds = BackgroundsCheck(store, state, quick)

    def take(self, path: str) -> Iterator[Finding]:
        """What is wrong with one object."""
        if match := _MANIFEST.fullmatch(path):
            yield from self._check_manifest(path, bytes.fromhex(match["recorder"]), int(match["number"]))
        elif match := _POOL.fullmatch(path):
            yield from self._check_pool(path, bytes.fromhex(match["pool"]))
        elif match := _CASE.fullmatch(path):
            yield from self._check_case(path, bytes.fromhex(match["request"]), match["name"])
        elif match := _HELD.fullmatch(path):
            self._held.add(path)
            yield from self._check_held(path, bytes.fromhex(match["hold"]), bytes.fromhex(match["epoch"]))
        elif self._backgrounds.fits(path):
            yield from self._backgrounds.take(path)
        else:
            yield Finding(FindingKind.ORPHAN, path, "nothing in a network's store has this name")

    def end(self) -> Iterator[Finding]:
        """Pools that recorders still need, backgrounds in force, and messages that holds stand on."""
        yield from self._backgrounds.end()
        for pool in self._state.facts.pools.values():
            if pool.unused and pool.id not in self._pools:
                yield Finding(FindingKind.MISSING, pool_path(pool.id), "the public keys of a pool in use")

        for hold in self._state.facts.holds.values():
            for epoch, shares in hold.shares.items() if not hold.ended else ():
                for share in shares.values():
                    path = HeldPlace(hold.id, share.custodian, epoch, b"").path
                    if path not in self._held:
                        yield Finding(FindingKind.MISSING, path, "shares that were taken out for a hold")

    def _check_held(self, path: str, id_: bytes, epoch: bytes) -> Iterator[Finding]:
        hold = self._state.facts.holds.get(id_)
        if hold is None or epoch not in hold.epochs:
            yield Finding(FindingKind.ORPHAN, path, "the ledger has no such hold of that epoch")
        elif hold.ended:
            yield Finding(FindingKind.PENDING, path, "its hold is over, its objects are being deleted")
        elif path not in {
            HeldPlace(id_, share.custodian, epoch, b"").path for share in hold.shares_of(epoch).values()
        }:
            # A message is durable before its entry is made.
            yield Finding(FindingKind.PENDING, path, "its entry is not in the ledger")
        elif not self._quick:
            try:
                check_wrapped(self._store.get(path))
            except UnverifiedError as error:
                yield Finding(FindingKind.FLIPPED, path, str(error))

    def _check_manifest(self, path: str, recorder: bytes, number: int) -> Iterator[Finding]:
        known = self._state.facts.recorders.get(recorder)
        if known is None or number < 1:
            yield Finding(FindingKind.ORPHAN, path, "no recorder of that id has stated it")
        elif number > known.number:
            # A manifest is durable before its account is sent.
            yield Finding(FindingKind.PENDING, path, "its account is not in the ledger yet")

    def _check_pool(self, path: str, pool: bytes) -> Iterator[Finding]:
        self._pools.add(pool)
        entry = self._known.pools.get(pool)
        if entry is None:
            yield Finding(FindingKind.PENDING, path, "its pool is not in the ledger")
            return
        try:
            value = parse_canon(self._store.get(path))
            keys = [unb64u(text) for text in value["keys"]]
            is_right = (merkle.root(keys), len(keys)) == entry
        except (InvalidError, KeyError, TypeError):
            is_right = False
        if not is_right:
            yield Finding(FindingKind.FLIPPED, path, "it does not lead to the root in the pool's entry")

    def _check_case(self, path: str, request: bytes, name: str) -> Iterator[Finding]:
        kind, _, rest = name.partition(".")
        wanted = None
        if kind == "release" and rest.isdigit():
            wanted = self._known.releases.get((request, int(rest)))
        elif name == "package":
            wanted = self._known.packages.get(request)
        if wanted is None or self._quick:
            return  # sealed, and only its reader can tell
        if self._digest(path) != wanted:
            yield Finding(FindingKind.FLIPPED, path, "it is not the one whose hash the ledger has")

    def _digest(self, path: str) -> bytes:
        digest = hashlib.sha256()
        try:
            size = self._store.size(path)
            for at in range(0, size, _PIECE_BYTES):
                digest.update(self._store.get_range(path, at, min(_PIECE_BYTES, size - at)))
        except NotFoundError:
            return b""
        return digest.digest()
