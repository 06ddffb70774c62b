"""Whether a network runs: its lock is held by `custodes serve`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from custodes.base.errors import ConflictError
from custodes.deploy.layout import NetworkFolder


@contextmanager
def serving(folder: NetworkFolder) -> Iterator[None]:
    """Hold the network's lock. Errors: ConflictError when it runs already."""
    descriptor = _open(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(f"the network in {folder.root} runs already") from error
        yield
    finally:
        os.close(descriptor)


def is_running(folder: NetworkFolder) -> bool:
    """Whether somebody holds the lock now."""
    descriptor = _open(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(folder: NetworkFolder) -> int:
    folder.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(folder.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
