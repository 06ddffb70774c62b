"""FFmpeg's errors as ours, in one table.

FFmpeg's own messages hold the address, perhaps with a password, so they are not passed on.
"""

from __future__ import annotations

import errno

import av

from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)

_TABLE: tuple[tuple[type[Exception], type[CustodesError], str], ...] = (
    (av.error.HTTPUnauthorizedError, UnauthenticatedError, "the source does not accept the password"),
    (av.error.HTTPForbiddenError, RefusedError, "the source refuses access"),
    (av.error.HTTPNotFoundError, NotFoundError, "the source has no such address"),
    (av.error.FileNotFoundError, NotFoundError, "there is no such file"),
    (av.error.PermissionError, RefusedError, "the file may not be read"),
    (av.error.InvalidDataError, InvalidError, "the source sends no format that is read"),
    (av.error.ProtocolNotFoundError, InvalidError, "the source uses a protocol that is not allowed"),
    (av.error.TimeoutError, UnavailableError, "the source does not answer in time"),
    (av.error.ExitError, UnavailableError, "the source does not answer in time"),
)


_SILENCE = (av.error.TimeoutError, av.error.ExitError)


def is_silence(error: av.FFmpegError) -> bool:
    """Whether the source said nothing for as long as it may."""
    return isinstance(error, _SILENCE)


def translate(error: av.FFmpegError) -> CustodesError:
    """Our error for one of FFmpeg's; what is not in the table is the network's fault."""
    for theirs, ours, message in _TABLE:
        if isinstance(error, theirs):
            return ours(message)
    if error.errno == errno.EIO:
        # Also the end of an answer whose length was not announced.
        return UnavailableError("the source broke off")
    return UnavailableError(f"the source cannot be read ({type(error).__name__})")
