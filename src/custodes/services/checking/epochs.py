"""An epoch's objects against the ledger: share set, reels, every envelope in its chain.

Envelopes are read by their frames, without keys. The chain runs from the epoch's header to the last hash that an
account closed it with, so that one altered, left out, put in twice or exchanged is found and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import Cut
from custodes.custody.envelope_reader import Envelope, EnvelopeChain
from custodes.custody.frames import Damage, EnvelopeError, Read, reader_of
from custodes.custody.header import Header
from custodes.custody.reel import Footer
from custodes.custody.reel_reader import ReelReader, read_footer, scan
from custodes.custody.share_set import parse_share_set, share_set_hash
from custodes.ledger.rules.epochs import Epoch
from custodes.services.checking.findings import Finding, FindingKind, of_envelope
from custodes.services.checking.known import Known

_REEL = re.compile(r"[0-9]{4}\.reel")


class EpochCheck:
    """One epoch that can be opened. After `run`, `footers` holds (footer, size) of the reels by path.

    `is_due`: its deadline has passed, so that nothing is missing that retention may have taken.
    Where its key is shredded, and a hold keeps it, what lies outside the held slots is gone: the chain may have gaps.
    """

    def __init__(
        self, store: ObjectStore, known: Known, epoch: Epoch, paths: Sequence[str], is_due: bool, quick: bool
    ) -> None:
        self._store = store
        self._known = known
        self._epoch = epoch
        self._paths = paths
        self._is_due = is_due
        self._is_kept = epoch.shredded
        self._quick = quick
        self._header: Header | None = None
        self._chain: EnvelopeChain | None = None
        # Set where something is damaged: the next envelope's word is taken for what came before it.
        self._is_torn = False
        self._salvaged = 0
        self.footers: dict[str, tuple[Footer, int]] = {}

    def run(self, folder: str) -> Iterator[Finding]:
        """All that is wrong with it."""
        shares = f"{folder}/shares"
        if shares in self._paths:
            yield from self._check_shares(shares)
        elif not self._is_due:
            yield Finding(FindingKind.MISSING, shares, "without its share set nobody can open the epoch")
        for path in self._paths:
            if _REEL.fullmatch(path.removeprefix(f"{folder}/")):
                try:
                    yield from self._check_reel(path)
                except NotFoundError:
                    yield Finding(FindingKind.PENDING, path, "it went away while the check ran")
            elif path != shares:
                yield Finding(FindingKind.ORPHAN, path, "nothing of an epoch has this name")
        yield from self._check_end(folder)

    def _check_shares(self, path: str) -> Iterator[Finding]:
        try:
            data = self._store.get(path)
            wanted = self._known.sets.get(self._epoch.id)
            if wanted is not None and share_set_hash(data) != wanted:
                raise UnverifiedError("it is not the share set whose hash the ledger has")
            header = parse_share_set(data).header
            if header.hash != self._epoch.header_hash:
                raise UnverifiedError("its header is not the one in the ledger")
        except (UnverifiedError, InvalidError) as error:
            yield Finding(FindingKind.FLIPPED, path, str(error))
            return
        self._begin(header)

    def _begin(self, header: Header) -> EnvelopeChain:
        self._header = self._header or header
        self._chain = self._chain or EnvelopeChain(header)
        return self._chain

    def _check_reel(self, path: str) -> Iterator[Finding]:
        size = self._store.size(path)
        data = b"" if self._quick else self._store.get(path)
        read: Read = partial(self._store.get_range, path) if self._quick else reader_of(data)
        try:
            footer = read_footer(read, size)
        except EnvelopeError as error:
            yield of_envelope(error, path)
            self._is_torn = True
            if not self._quick:
                yield from self._salvage(path, data)
            return
        if footer.header.hash != self._epoch.header_hash:
            yield Finding(FindingKind.REPLAYED, path, "it is a reel of another epoch")
            return
        if footer.number != int(path[-9:-5]):
            yield Finding(FindingKind.SWAPPED, path, f"it is reel {footer.number}")
            return
        chain = self._begin(footer.header)
        self.footers[path] = (footer, size)
        yield from self._check_first(path, footer, chain)
        if self._quick:
            chain.next_sequence, chain.last = footer.first + len(footer.rows), footer.last
            return
        reader = ReelReader(read, size)
        for position in range(len(footer.rows)):
            yield from self._check_envelope(path, reader, position, chain)
        if not self._is_torn and chain.last != footer.last:
            yield Finding(FindingKind.MALFORMED, path, "its footer names another last envelope")

    def _check_first(self, path: str, footer: Footer, chain: EnvelopeChain) -> Iterator[Finding]:
        expected, first = chain.next_sequence, footer.first
        if first != expected and not self._is_torn:
            if first > expected and self._is_kept:
                pass  # deleted on time: outside the held slots
            elif first > expected:
                what = f"{_span(expected, first - 1)} should come before this reel"
                yield Finding(FindingKind.MISSING, path, what)
            else:
                yield Finding(FindingKind.REPLAYED, path, f"it begins with envelope {first} again")
            self._is_torn = True
        if self._is_torn:
            chain.next_sequence = first

    def _check_envelope(
        self, path: str, reader: ReelReader, position: int, chain: EnvelopeChain
    ) -> Iterator[Finding]:
        row, sequence = reader.footer.rows[position], reader.footer.first + position
        cut = self._known.cuts.get((self._epoch.id, sequence))
        if row.is_cut and cut is None and not self._epoch.closed:
            yield Finding(FindingKind.PENDING, path, f"no statement yet of the cut of envelope {sequence}")
            self._skip(chain, sequence)
            return
        try:
            envelope = reader.envelope(position, cut.chunks if cut else None)
            _check_row(envelope, reader.footer, position)
            self._follow(chain, envelope, row.offset)
            self._check_stated(envelope, cut)
        except EnvelopeError as error:
            yield of_envelope(error, path)
            self._skip(chain, sequence)

    def _follow(self, chain: EnvelopeChain, envelope: Envelope, offset: int) -> None:
        if self._is_torn:
            chain.next_sequence, chain.last = envelope.header.sequence, envelope.header.previous
        chain.follow(envelope.header, envelope.hash, offset)
        self._is_torn = False

    def _check_stated(self, envelope: Envelope, cut: Cut | None) -> None:
        hashes = self._known.hashes.get(self._epoch.id, {})
        envelope.check_hash(hashes.get(envelope.header.sequence, envelope.hash))
        if cut is not None:
            envelope.check_hash(cut.hash)

    def _skip(self, chain: EnvelopeChain, sequence: int) -> None:
        chain.next_sequence = sequence + 1
        self._is_torn = True

    def _salvage(self, path: str, data: bytes) -> Iterator[Finding]:
        """Follow what of a reel without a footer can be read from its beginning."""
        for found in scan(reader_of(data), len(data)).envelopes:
            if found.header.epoch != self._epoch.id:
                yield Finding(FindingKind.REPLAYED, path, "it is a reel of another epoch")
                return
            self._salvaged = max(self._salvaged, found.header.sequence + 1)
        if self._chain is not None:
            self._chain.next_sequence = max(self._chain.next_sequence, self._salvaged)

    def _check_end(self, folder: str) -> Iterator[Finding]:
        chain = self._chain
        there = chain.next_sequence if chain else self._salvaged
        closed = self._known.closed.get(self._epoch.id)
        if closed is None:
            stated = [one for one in self._known.hashes.get(self._epoch.id, {}) if one >= there]
            if stated:
                # The last reel of a running epoch is still in the recorder's spool.
                what = f"{_span(min(stated), max(stated))} not in the store yet"
                yield Finding(FindingKind.PENDING, folder, what)
            return
        if there < closed.envelopes:
            if not self._is_due and not self._is_kept:
                yield Finding(FindingKind.MISSING, folder, _span(there, closed.envelopes - 1))
        elif there > closed.envelopes:
            what = f"{_span(closed.envelopes, there - 1)} more than the epoch was closed with"
            yield Finding(FindingKind.SURPLUS, folder, what)
        elif closed.envelopes and chain is not None and not self._is_torn and chain.last != closed.last:
            what = "its last envelope is not the one that the epoch was closed with"
            yield Finding(FindingKind.SWAPPED, folder, what)


def _check_row(envelope: Envelope, footer: Footer, position: int) -> None:
    row = footer.rows[position]
    if envelope.header.elapsed_us // 1000 != row.elapsed_ms or envelope.is_cut != row.is_cut:
        raise EnvelopeError(Damage.MALFORMED, row.offset, "the index tells of another envelope")


def _span(first: int, last: int) -> str:
    return f"envelope {first}" if first == last else f"envelopes {first} to {last}"
