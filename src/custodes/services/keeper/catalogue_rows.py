"""What the catalogue says of an epoch and of a reel, from the ledger and from a reel's footer."""

from __future__ import annotations

import re
from functools import partial

from custodes.adapters.sql.rows import CatalogueEpoch, CatalogueReel, EpochStatus
from custodes.base.canon import unb64u
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.custody.paths import reel_path
from custodes.custody.reel import Footer
from custodes.custody.reel_reader import read_footer
from custodes.ledger.rules.epochs import Epoch

_REEL = re.compile(
    r"streams/(?P<stream>[0-9a-f]{32})/[0-9]{4}-[0-9]{2}-[0-9]{2}/(?P<epoch>[0-9a-f]{32})/[0-9]{4}\.reel"
)


def epoch_of_reel(path: str) -> bytes:
    """The epoch that a reel's path names. Errors: InvalidError when no reel lies there."""
    match = _REEL.fullmatch(path)
    if match is None:
        raise InvalidError(f"{path[:120]!r} is no reel's path")
    return bytes.fromhex(match["epoch"])


def status_of(epoch: Epoch) -> EpochStatus:
    """How far the ledger says that an epoch is."""
    if epoch.shredded:
        return "shredded" if epoch.gone else "kept"
    return "closed" if epoch.closed else "open"


def epoch_row(epoch: Epoch) -> CatalogueEpoch:
    """An epoch as the ledger knows it."""
    return CatalogueEpoch(
        epoch=epoch.id,
        stream=epoch.stream,
        camera=epoch.camera,
        recorder=epoch.recorder,
        run=epoch.run,
        utc0_us=epoch.utc0_us,
        slots=epoch.slots,
        deadline_us=epoch.deadline_us,
        pool=epoch.pool,
        key_index=epoch.key_index,
        entry=epoch.index,
        status=status_of(epoch),
    )


def read_reel(store: ObjectStore, path: str) -> tuple[Footer, int]:
    """A reel's footer and size; reads its end alone.

    Errors: NotFoundError; UnverifiedError when the footer is damaged or of a reel that lies elsewhere.
    """
    size = store.size(path)
    footer = read_footer(partial(store.get_range, path), size)
    header = footer.header
    if reel_path(header.stream, header.utc0_us, header.epoch, footer.number) != path:
        raise UnverifiedError(f"reel {path} has the footer of another place")
    return footer, size


def reel_row(path: str, footer: Footer, size: int) -> CatalogueReel:
    """A reel as its footer describes it. Its end is where its last access unit began, as far as known."""
    utc0_us = footer.header.utc0_us
    begins_us = utc0_us + 1000 * footer.rows[0].elapsed_ms
    ends_us = utc0_us + 1000 * max(row.elapsed_ms + row.duration_ms for row in footer.rows)
    return CatalogueReel(
        epoch=footer.header.epoch,
        number=footer.number,
        stream=footer.header.stream,
        path=path,
        size_bytes=size,
        first_sequence=footer.first,
        count=len(footer.rows),
        begins_us=begins_us,
        ends_us=max(begins_us, ends_us),
        rows=unb64u(footer.to_json()["index"]),
        recovered=footer.is_recovered,
    )
