"""Volumes that were away and are back: processes whose fences are tied to the folder that was must start anew.

A fence (Landlock) names a folder by its inode: what is mounted in the folder's place later, even the same disk
again, is outside. Only who has no such fence can tell whether the right volume is back, so `custodes serve` looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from custodes.adapters.spool.volume import MARK_NAME, check_mark
from custodes.base.errors import UnavailableError

WATCH_S = 1.0


async def watch_volumes(
    volumes: Iterable[tuple[Path, bytes]], back: Callable[[], None], every_s: float = WATCH_S
) -> None:
    """Look at each root for its mark, until cancelled; call `back` when one that was away is there again."""
    there = {root: True for root, _ in volumes}
    ids = dict(volumes)
    while True:
        for root, volume_id in ids.items():
            before, there[root] = there[root], await asyncio.to_thread(_is_there, root, volume_id)
            if there[root] and not before:
                back()
        await asyncio.sleep(every_s)


def is_shut_out(roots: Iterable[Path]) -> bool:
    """Whether this process may not look into one of these volumes, though it is there."""
    for root in roots:
        try:
            (root / MARK_NAME).read_bytes()
        except PermissionError:
            return True
        except OSError:
            continue
    return False


def _is_there(root: Path, volume_id: bytes) -> bool:
    try:
        check_mark(root, volume_id)
    except UnavailableError:
        return False
    return True
