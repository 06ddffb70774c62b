"""What an operating system's error means, by one table."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from custodes.base.errors import (
    CustodesError,
    ExhaustedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

# Whatever is not named here is UnavailableError: the disk did not do what it was asked.
_KINDS: dict[int, type[CustodesError]] = {
    errno.ENOSPC: ExhaustedError,
    errno.EDQUOT: ExhaustedError,
    errno.EFBIG: ExhaustedError,
    errno.EMFILE: ExhaustedError,
    errno.ENFILE: ExhaustedError,
    errno.ENOMEM: ExhaustedError,
    errno.EMLINK: ExhaustedError,
    errno.ENOENT: NotFoundError,
    errno.ENAMETOOLONG: InvalidError,
}


def translate(error: OSError, what: str) -> CustodesError:
    """The error of Custodes for a failed operation on the thing named."""
    kind = _KINDS.get(error.errno or 0, UnavailableError)
    return kind(f"{what}: {error.strerror or error}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise the errors of Custodes in place of OSError."""
    try:
        yield
    except OSError as error:
        raise translate(error, what) from error
