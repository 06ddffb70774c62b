"""What the ledger's entries say of sealed objects, gathered entry by entry.

Cost, memory: some 300 bytes an epoch whose key is not shredded, and its envelopes' hashes while it is open; some 400
bytes a rendition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from custodes.base.canon import unb64u
from custodes.base.errors import CustodesError, NotFoundError
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import (
    ACCOUNT_TYPE,
    RESTART_TYPE,
    Account,
    Closed,
    Cut,
    Manifest,
    parse_account,
    parse_manifest,
)
from custodes.custody.paths import manifest_path
from custodes.custody.renditions import Rendition
from custodes.ledger.entries.bodies import entry_type
from custodes.ledger.entries.wrapper import Entry
from custodes.services.checking.findings import Finding, FindingKind


@dataclass
class Known:
    """See the module. `whole` False where a manifest could not be read: then counts prove nothing."""

    sets: dict[bytes, bytes] = field(default_factory=dict)
    closed: dict[bytes, Closed] = field(default_factory=dict)
    cuts: dict[tuple[bytes, int], Cut] = field(default_factory=dict)
    # Of epochs that are still open, by sequence.
    hashes: dict[bytes, dict[int, bytes]] = field(default_factory=dict)
    pools: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    releases: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    packages: dict[bytes, bytes] = field(default_factory=dict)
    renditions: dict[tuple[bytes, int], Rendition] = field(default_factory=dict)
    accounts: int = 0

    def take(self, entry: Entry) -> Account | None:
        """Note what an entry says; the account whose manifest should be there, if it is one."""
        signed = entry.statement.signed
        body: Any = signed.body
        if signed.type in (ACCOUNT_TYPE, RESTART_TYPE):
            return self._take_account(parse_account(signed.type, body))
        take = _TAKERS.get(signed.type)
        if take is not None:
            take(self, body)
        return None

    def take_manifest(self, manifest: Manifest) -> None:
        """Note the renditions, and the envelopes of epochs that are still open."""
        for rendition in manifest.renditions:
            self.renditions[rendition[:2]] = rendition
        for leaf in manifest.leaves:
            if leaf.epoch in self.sets and leaf.epoch not in self.closed:
                self.hashes.setdefault(leaf.epoch, {})[leaf.sequence] = leaf.hash

    def _take_account(self, account: Account) -> Account:
        self.accounts += 1
        for closed in account.closed:
            self.closed[closed.epoch] = closed
            self.hashes.pop(closed.epoch, None)
        for cut in account.cuts:
            self.cuts[(cut.epoch, cut.sequence)] = cut
        return account

    def _take_epoch(self, body: Any) -> None:
        self.sets[unb64u(body["header"]["epoch"])] = unb64u(body["set"])

    def _take_shred(self, body: Any) -> None:
        for item in body["items"]:
            epoch = unb64u(item["epoch"])
            for known in (self.sets, self.closed, self.hashes):
                known.pop(epoch, None)

    def _take_pool(self, body: Any) -> None:
        self.pools[unb64u(body["pool"])] = (unb64u(body["root"]), body["count"])

    def _take_release(self, body: Any) -> None:
        self.releases[(unb64u(body["request"]), body["custodian"])] = unb64u(body["set"])

    def _take_disclosure(self, body: Any) -> None:
        self.packages[unb64u(body["request"])] = unb64u(body["package"])


def check_manifest(store: ObjectStore, account: Account, known: Known, quick: bool) -> Iterator[Finding]:
    """The manifest of an account: there, whole, and the one that the account speaks of."""
    path = manifest_path(account.recorder, account.number)
    try:
        if quick:
            store.size(path)
            return
        manifest = parse_manifest(store.get(path))
        account.check_manifest(manifest)
    except NotFoundError:
        yield Finding(FindingKind.MISSING, path, "the manifest of an account in the ledger")
    except CustodesError as error:
        if error.policy.retry:
            raise
        yield Finding(FindingKind.FLIPPED, path, str(error))
    else:
        known.take_manifest(manifest)


_TAKERS = {
    entry_type("epoch"): Known._take_epoch,
    entry_type("shred"): Known._take_shred,
    entry_type("pool"): Known._take_pool,
    entry_type("release"): Known._take_release,
    entry_type("disclosure"): Known._take_disclosure,
}
