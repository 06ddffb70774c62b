"""Objects that are neither the ledger's nor an epoch's: pools of public keys, manifests, what belongs to cases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from custodes.base.canon import parse_canon, unb64u
from custodes.base.errors import InvalidError, NotFoundError
from custodes.base.ports import ObjectStore
from custodes.ledger import merkle
from custodes.ledger.rules.state import LedgerState
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.checking.known import Known
from custodes.services.settings import pool_path

_MANIFEST = re.compile(r"accounts/(?P<recorder>[0-9a-f]{32})/(?P<number>[0-9]{12})")
_POOL = re.compile(r"pools/(?P<pool>[0-9a-f]{32})")
_CASE = re.compile(r"cases/[0-9a-f]{32}/(?P<request>[0-9a-f]{64})/(?P<name>[0-9a-z.-]+)")
_PIECE_BYTES = 1 << 20


class OthersCheck:
    """Takes each such object's path in turn; `end` tells what did not come."""

    def __init__(self, store: ObjectStore, known: Known, state: LedgerState, quick: bool) -> None:
        self._store = store
        self._known = known
        self._state = state
        self._quick = quick
        self._pools: set[bytes] = set()

    def take(self, path: str) -> Iterator[Finding]:
        """What is wrong with one object."""
        if match := _MANIFEST.fullmatch(path):
            yield from self._check_manifest(path, bytes.fromhex(match["recorder"]), int(match["number"]))
        elif match := _POOL.fullmatch(path):
            yield from self._check_pool(path, bytes.fromhex(match["pool"]))
        elif match := _CASE.fullmatch(path):
            yield from self._check_case(path, bytes.fromhex(match["request"]), match["name"])
        elif not path.startswith("holds/"):
            yield Finding(FindingKind.ORPHAN, path, "nothing in a network's store has this name")

    def end(self) -> Iterator[Finding]:
        """Pools that recorders still need."""
        for pool in self._state.facts.pools.values():
            if pool.unused and pool.id not in self._pools:
                yield Finding(FindingKind.MISSING, pool_path(pool.id), "the public keys of a pool in use")

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
