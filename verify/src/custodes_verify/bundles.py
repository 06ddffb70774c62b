"""Reading the ledger's entries, bundle by bundle, on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from typing import NamedTuple

from custodes_verify.entries import LEAF_LIMIT, Entry, read_leaf
from custodes_verify.errors import MalformedError, RuleError
from custodes_verify.merkle import BUNDLE, leaf_hash, rows_of
from custodes_verify.source import Place, tile_path

BUNDLE_LIMIT = BUNDLE * (LEAF_LIMIT + 2)
POOL_ABOVE = 5_000
"""Entries above which processes are worth their start."""


class Refused(NamedTuple):
    """A leaf that cannot be read, and the rule that it breaks."""

    rule: str
    what: str


class Bundle(NamedTuple):
    """A bundle, read: rows of its subtree and its entries; `fault` where the bundle itself is not whole."""

    rows: list[bytes]
    entries: list[Entry | Refused]
    fault: str


def split(data: bytes, width: int) -> tuple[list[bytes], str]:
    """The leaves of a bundle of `width` entries, and what is wrong with it."""
    leaves: list[bytes] = []
    at = 0
    while len(leaves) < width:
        length = int.from_bytes(data[at : at + 2], "big")
        leaf = data[at + 2 : at + 2 + length]
        if at + 2 > len(data) or len(leaf) < length:
            return leaves, f"ends within entry {len(leaves)} of {width}"
        leaves.append(leaf)
        at += 2 + length
    return leaves, ""


def read_bundle(data: bytes, width: int, keys: Mapping[bytes, bytes]) -> Bundle:
    """Read the first `width` entries of a bundle, with all that needs no other bundle.

    Cost: signatures bound it, about 60 µs each.
    """
    leaves, fault = split(data, width)
    entries: list[Entry | Refused] = []
    for leaf in leaves:
        try:
            entries.append(read_leaf(leaf, keys))
        except RuleError as error:
            entries.append(Refused(error.rule, error.what))
        except MalformedError as error:
            entries.append(Refused("members", str(error)))
    return Bundle(rows_of([leaf_hash(leaf) for leaf in leaves]), entries, fault)


def read_bundles(
    place: Place, size: int, published: int, keys: Callable[[], Mapping[bytes, bytes]]
) -> Iterator[Bundle | None]:
    """Each bundle of the first `size` of `published` entries; None, and the end, where one is missing.

    `keys` gives the public keys known by now; signatures by others are left to the caller.
    Errors: UnreadableError, MalformedError.
    """
    tasks = _fetch(place, size, published)
    if size <= POOL_ABOVE:
        for data, width in tasks:
            yield None if data is None else read_bundle(data, width, keys())
        return
    context = multiprocessing.get_context("spawn")
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: deque[Future[Bundle]] = deque()
        for number, (data, width) in enumerate(tasks):
            if data is None:
                break
            if number == 0:
                # Genesis and the first keys come with it: the processes can then check nearly all signatures.
                yield read_bundle(data, width, keys())
                continue
            waiting.append(pool.submit(read_bundle, data, width, dict(keys())))
            if len(waiting) > 3 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if data is None:
            yield None


def _fetch(place: Place, size: int, published: int) -> Iterator[tuple[bytes | None, int]]:
    whole = size // BUNDLE
    paths = (place.log + tile_path(None, number) for number in range(whole))
    for data in place.source.read_each(paths, BUNDLE_LIMIT):
        yield data, BUNDLE
        if data is None:
            return
    if size % BUNDLE:
        widths = (size % BUNDLE, BUNDLE, published % BUNDLE)
        yield read_partial(place, None, whole, widths, BUNDLE_LIMIT), size % BUNDLE


def read_partial(
    place: Place, level: int | None, number: int, widths: tuple[int, ...], limit: int
) -> bytes | None:
    """A tile in the first of these widths that is there: a wider one may have taken a partial one's place."""
    for width in widths:
        data = place.source.read(place.log + tile_path(level, number, width), limit) if width else None
        if data is not None:
            return data
    return None
