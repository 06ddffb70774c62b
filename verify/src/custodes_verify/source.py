"""Where a network's files are read from: a folder or a web server, neither of them trusted."""

from __future__ import annotations

import http.client
import os
import stat
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from custodes_verify.errors import MalformedError, UnreadableError
from custodes_verify.note import NOTE_LIMIT

_TIMEOUT_S = 30.0
_WHOLE_TIMEOUT_S = 120.0
_PIECE = 65_536
_AHEAD = 16
_LISTING_LIMIT = 1_000_000


class Source(Protocol):
    """Files by name; names are made by the verifier, never taken from what it reads."""

    def read(self, name: str, limit: int) -> bytes | None:
        """The file's bytes, or None where there is none.

        Errors: MalformedError where it is longer than `limit`; UnreadableError where it cannot be read.
        """

    def read_each(self, names: Iterable[str], limit: int) -> Iterator[bytes | None]:
        """`read` for many names, in order."""

    def listing(self, folder: str) -> list[str] | None:
        """Names in a folder, ascending; None where that cannot be known.

        Errors: UnreadableError.
        """


class FolderSource:
    """Files under a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str, limit: int) -> bytes | None:
        """See `Source.read`; only regular files are opened, so that a pipe cannot make the reader wait."""
        path = self._root / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnreadableError(f"{name}: {error.strerror}") from error
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
            os.close(descriptor)
            raise MalformedError(f"{name} is no file of at most {limit} bytes")
        try:
            with os.fdopen(descriptor, "rb") as file:
                return file.read(limit)
        except OSError as error:
            raise UnreadableError(f"{name}: {error.strerror}") from error

    def read_each(self, names: Iterable[str], limit: int) -> Iterator[bytes | None]:
        """See `Source.read_each`."""
        return (self.read(name, limit) for name in names)

    def listing(self, folder: str) -> list[str] | None:
        """See `Source.listing`; a folder that does not exist is empty."""
        try:
            names = os.listdir(self._root / folder)  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreadableError(f"{folder}: {error.strerror}") from error
        if len(names) > _LISTING_LIMIT:
            raise UnreadableError(f"{folder} holds more than {_LISTING_LIMIT} names")
        return sorted(names)


class HttpSource:
    """Files under a URL."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise UnreadableError("a URL has to begin with http:// or https://")
        self._base = url.rstrip("/") + "/"
        # No file or FTP handler: a redirect must not reach into the reader's own machine.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def read(self, name: str, limit: int) -> bytes | None:
        """See `Source.read`."""
        request = urllib.request.Request(self._base + name, headers={"User-Agent": "custodes-verify"})
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                data = _read_in_time(response, limit + 1)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                return None
            raise UnreadableError(f"{name}: the server answers {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnreadableError(f"{name}: {type(error).__name__}") from error
        if len(data) > limit:
            raise MalformedError(f"{name} is longer than {limit} bytes")
        return data

    def read_each(self, names: Iterable[str], limit: int) -> Iterator[bytes | None]:
        """See `Source.read_each`; a bounded number is fetched ahead."""
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting: deque[Future[bytes | None]] = deque()
            for name in names:
                waiting.append(pool.submit(self.read, name, limit))
                if len(waiting) >= _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def listing(self, folder: str) -> list[str] | None:
        """See `Source.listing`: a web server does not list."""
        return None


def _read_in_time(response: http.client.HTTPResponse, most: int) -> bytes:
    """At most `most` bytes; a server that drips is given up on."""
    ends_s = time.monotonic() + _WHOLE_TIMEOUT_S
    parts, length = [], 0
    while length < most and (part := response.read1(min(_PIECE, most - length))):
        parts.append(part)
        length += len(part)
        if time.monotonic() > ends_s:
            raise TimeoutError
    expected = response.getheader("Content-Length")
    if expected and expected.isdecimal() and length < min(most, int(expected)):
        raise http.client.IncompleteRead(b"", int(expected) - length)
    return b"".join(parts)


class Place:
    """A source and where in it the log lies; `has_store` says that sealed objects lie beside the log."""

    def __init__(self, source: Source, log: str, has_store: bool) -> None:
        self.source = source
        self.log = log
        self.has_store = has_store


def find_place(where: str) -> Place:
    """Find the log in a network folder, a store, a log folder or under a URL.

    Errors: UnreadableError.
    """
    if "://" in where:
        sources: list[tuple[Source, bool]] = [(HttpSource(where), False)]
    else:
        root = Path(where)
        if not root.is_dir():
            raise UnreadableError(f"{where} is no folder")
        sources = [(FolderSource(root), True), (FolderSource(root / "store"), True)]
    for source, local in sources:
        for log in ("log/", ""):
            try:
                found = source.read(f"{log}checkpoint", NOTE_LIMIT)
            except MalformedError as error:
                raise UnreadableError(str(error)) from error
            if found is not None:
                return Place(source, log, local and log != "")
    raise UnreadableError(f"there is no log at {where}")


def tile_path(level: int | None, number: int, width: int = 256) -> str:
    """The path of a hash tile, or of an entry bundle where level is None.

    Source: C2SP tlog-tiles.
    """
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    partial = "" if width == 256 else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{'/'.join(groups)}{partial}"
