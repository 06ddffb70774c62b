"""After a restart: what a crash left in the spool is ended, taken into the store and stated.

Blocking; runs before anything is recorded. Every step can be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder
from custodes.base.clock import SECOND_US
from custodes.base.errors import CorruptError, NotFoundError
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import AccountLeaf, Cut
from custodes.custody.frames import EnvelopeError
from custodes.custody.header import Header
from custodes.custody.paths import reel_path
from custodes.custody.reel_reader import FoundEnvelope, ReelReader, scan
from custodes.custody.share_set import parse_share_set
from custodes.services.recorder.state import EpochState, RecorderState

_LOG = structlog.get_logger("recovery")


@dataclass
class Recovered:
    """What the Restart speaks of, and the reels to announce (again).

    `last_us`: by stream, until when at least something was recorded (UTC). `troubles`: what is not as it was
    left.
    """

    leaves: list[AccountLeaf] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    reels: list[str] = field(default_factory=list)
    last_us: dict[bytes, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def found(self, opened: EpochState, header: Header, envelope: FoundEnvelope) -> None:
        """An envelope that no account has spoken of."""
        stream, epoch, sequence = opened.stream, header.epoch, envelope.header.sequence
        self.leaves.append(AccountLeaf(stream, epoch, sequence, envelope.hash))
        if envelope.is_cut:
            self.cuts.append(Cut(stream, epoch, sequence, envelope.chunks, envelope.hash))
        # A chunk has at most a second; what the last one has is not known without the key.
        at_us = header.utc0_us + envelope.header.elapsed_us + (envelope.chunks - 1) * SECOND_US
        self.last_us[stream] = max(self.last_us.get(stream, 0), at_us)


def recover(state: RecorderState, spool: Path, store: ObjectStore) -> Recovered:
    """End every epoch that the last run left open.

    What is damaged or gone is told in `troubles` and keeps nobody from recording.
    Errors: UnavailableError, ExhaustedError.
    """
    recovered = Recovered()
    for epoch, opened in sorted(state.epochs.items()):
        folder = spool / opened.stream.hex() / epoch.hex()
        header = _header(store, opened, recovered)
        if header is not None:
            for number, file in _open_reels(folder):
                _end_reel(store, header, number, file)
            _take_stock(store, opened, header, recovered)
        _remove(folder, files_too=header is None)
    for trouble in recovered.troubles:
        _LOG.error("not as it was left", trouble=trouble)
    return recovered


def _header(store: ObjectStore, opened: EpochState, recovered: Recovered) -> Header | None:
    try:
        return parse_share_set(store.get(f"{opened.folder}/shares")).header
    except NotFoundError:
        # Deleted by retention while this recorder was off, or lost: either way nobody can open it any more.
        recovered.troubles.append(f"the share set of {opened.folder} is not in the store any more")
        return None


def _open_reels(folder: Path) -> Iterator[tuple[int, Path]]:
    if folder.is_dir():
        for file in sorted(folder.glob("*.open")):
            yield int(file.stem), file


def _end_reel(store: ObjectStore, header: Header, number: int, file: Path) -> None:
    """Cut what is not whole, append the footer, take the reel into the store."""
    path = reel_path(header.stream, header.utc0_us, header.epoch, number)
    size = file.stat().st_size
    with file.open("r+b") as opened:
        found = scan(lambda at, length: os.pread(opened.fileno(), length, at), size)
        if not found.is_finished:
            opened.truncate(found.valid_length)
            if found.envelopes:
                opened.seek(found.valid_length)
                opened.write(found.footer(header, number).encode())
            opened.flush()
            os.fdatasync(opened.fileno())
    _LOG.info("reel recovered", reel=path, envelopes=len(found.envelopes), dropped=size - found.valid_length)
    if found.envelopes:
        store.adopt(file, path)
    else:
        file.unlink()
        flush_folder(file.parent)


def _take_stock(store: ObjectStore, opened: EpochState, header: Header, recovered: Recovered) -> None:
    """The epoch's envelopes that no account has spoken of; of the others nothing but the footer is read."""
    expected, last = opened.accounted, opened.last
    count = 0
    for path in sorted(store.list(opened.folder)):
        if not path.endswith(".reel"):
            continue
        recovered.reels.append(path)
        try:
            first, rows, found = _unaccounted(store, path, opened.accounted)
        except CorruptError as error:
            recovered.troubles.append(str(error))
            continue
        count = max(count, first + rows)
        for envelope in found:
            if envelope.header.sequence != expected or envelope.header.previous != last:
                recovered.troubles.append(f"{path}: envelope {expected} is missing or damaged")
                return
            recovered.found(opened, header, envelope)
            expected, last = expected + 1, envelope.hash
        if found and len(found) < first + rows - max(first, opened.accounted):
            recovered.troubles.append(f"{path}: envelope {expected} is damaged")
            return
    if count < opened.accounted:
        recovered.troubles.append(f"{opened.folder}: {opened.accounted} envelopes stated, {count} are there")


def _unaccounted(store: ObjectStore, path: str, accounted: int) -> tuple[int, int, tuple[FoundEnvelope, ...]]:
    """The first sequence of a reel, how many envelopes it has, and those of which no account speaks."""
    size = store.size(path)
    try:
        footer = ReelReader(lambda at, length: store.get_range(path, at, length), size).footer
    except EnvelopeError as error:
        raise CorruptError(f"{path}: {error}") from error
    known = max(0, accounted - footer.first)
    if known >= len(footer.rows):
        return footer.first, len(footer.rows), ()
    base = footer.rows[known].offset
    found = scan(lambda at, length: store.get_range(path, base + at, length), size - base)
    if not found.envelopes:
        raise CorruptError(f"{path}: envelope {footer.first + known} is damaged")
    return footer.first, len(footer.rows), found.envelopes


def _remove(folder: Path, files_too: bool) -> None:
    """Remove an epoch's folder in the spool, and its stream's when it is the last."""
    if not folder.is_dir():
        return
    if files_too:
        for file in folder.glob("*.open"):
            file.unlink()
    for one in (folder, folder.parent):
        if any(one.iterdir()):
            return
        one.rmdir()
        flush_folder(one.parent)
