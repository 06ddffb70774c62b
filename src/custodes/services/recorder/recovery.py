"""After a restart: what a crash left in the spool is ended, taken into the store and stated.

Blocking; runs before anything is recorded. Every step can be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder
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


@dataclass(frozen=True)
class Recovered:
    """What the Restart speaks of, and the reels to announce (again)."""

    leaves: tuple[AccountLeaf, ...]
    cuts: tuple[Cut, ...]
    reels: tuple[str, ...]


def recover(state: RecorderState, spool: Path, store: ObjectStore) -> Recovered:
    """End every epoch that the last run left open.

    Errors: CorruptError when an epoch's share set is gone; UnavailableError, ExhaustedError.
    """
    leaves: list[AccountLeaf] = []
    cuts: list[Cut] = []
    reels: list[str] = []
    for epoch, opened in sorted(state.epochs.items()):
        header = _header(store, opened)
        for number, file in _open_reels(spool / opened.stream.hex() / epoch.hex()):
            _end_reel(store, header, number, file)
        reels += [path for path in store.list(opened.folder) if path.endswith(".reel")]
        for found in _envelopes(store, opened):
            leaves.append(AccountLeaf(opened.stream, epoch, found.header.sequence, found.hash))
            if found.is_cut:
                cuts.append(Cut(opened.stream, epoch, found.header.sequence, found.chunks, found.hash))
    return Recovered(tuple(leaves), tuple(cuts), tuple(reels))


def _header(store: ObjectStore, opened: EpochState) -> Header:
    try:
        return parse_share_set(store.get(f"{opened.folder}/shares")).header
    except NotFoundError as error:
        raise CorruptError(f"the share set of {opened.folder} is gone from the store") from error


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


def _envelopes(store: ObjectStore, opened: EpochState) -> Iterator[FoundEnvelope]:
    """The envelopes that no account has spoken of; of the others nothing but the footer is read."""
    for path in sorted(store.list(opened.folder)):
        if path.endswith(".reel"):
            yield from _unaccounted(store, path, opened.accounted)


def _unaccounted(store: ObjectStore, path: str, accounted: int) -> tuple[FoundEnvelope, ...]:
    size = store.size(path)
    try:
        footer = ReelReader(lambda at, length: store.get_range(path, at, length), size).footer
    except EnvelopeError as error:
        raise CorruptError(f"{path}: {error}") from error
    known = max(0, accounted - footer.first)
    if known >= len(footer.rows):
        return ()
    base = footer.rows[known].offset
    found = scan(lambda at, length: store.get_range(path, base + at, length), size - base)
    if len(found.envelopes) != len(footer.rows) - known:
        raise CorruptError(f"{path}: envelope {footer.first + known + len(found.envelopes)} is damaged")
    return found.envelopes
