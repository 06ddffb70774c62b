"""Objects in an S3 bucket, through obstore.

The server must have conditional puts (If-None-Match, If-Match): they keep objects from being overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PreconditionError,
)
from obstore.store import S3Store

from custodes.adapters.objects.paths import check_path, check_prefix
from custodes.base.errors import (
    ConflictError,
    CustodesError,
    ExhaustedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from custodes.base.ids import new_id

MARK = ".volume"
PAGE = 1000  # what S3 lists in one answer
TIMEOUT = timedelta(seconds=60)
RETRIES = {"max_retries": 3, "retry_timeout": TIMEOUT}

_STATUS = re.compile(r"status code: (\d{3})")
_EXHAUSTED = frozenset({"413", "507"})

# Whatever is not named here is UnavailableError.
_KINDS: tuple[tuple[type[Exception], type[CustodesError]], ...] = (
    (AlreadyExistsError, ConflictError),
    (PreconditionError, ConflictError),
    (FileNotFoundError, NotFoundError),
    (InvalidPathError, InvalidError),
)


@dataclass(frozen=True, slots=True)
class S3Place:
    """Which bucket, and how to reach it. An `http` endpoint is accepted as written."""

    bucket: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str = ""


class S3ObjectStore:
    """Objects of a bucket, below a prefix.

    That an object's path is not also another's folder is not checked, unlike in a local store.
    Durability: the server's; what it answered for is taken as stored. A call that raises
    UnavailableError may have landed.
    """

    def __init__(self, place: S3Place) -> None:
        self._what = f"bucket {place.bucket}"
        self._mark = b""
        self._store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=place.endpoint,
            region=place.region,
            access_key_id=place.access_key,
            secret_access_key=place.secret_key,
            virtual_hosted_style_request=False,
            client_options={"allow_http": place.endpoint.startswith("http://"), "timeout": TIMEOUT},
            retry_config=RETRIES,  # type: ignore[arg-type]
        )

    @classmethod
    def create(cls, place: S3Place) -> S3ObjectStore:
        """Mark a bucket's prefix as a new store; remember its `volume_id`, apart from it.

        Errors: ConflictError when it is marked already; UnavailableError.
        """
        store = cls(place)
        store._mark = new_id().hex().encode("ascii")
        with store._translated(store._what):
            obstore.put(store._store, MARK, store._mark, mode="create", use_multipart=False)
        return store

    @classmethod
    def open(cls, place: S3Place, volume_id: bytes) -> S3ObjectStore:
        """Open the store that has this id. Errors: UnavailableError when it is missing or another."""
        store = cls(place)
        store._mark = volume_id.hex().encode("ascii")
        store._check()
        return store

    @property
    def volume_id(self) -> bytes:
        """The store's random id."""
        return bytes.fromhex(self._mark.decode("ascii"))

    def put(self, path: str, data: bytes) -> None:
        """Store a new object. The same bytes again are accepted; other bytes are ConflictError."""
        check_path(path)
        try:
            self._put_new(path, data)
        except ConflictError:
            if self.size(path) != len(data) or self.get(path) != data:
                raise

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        """Replace a small object by compare-and-swap; `expected` None means that it must be absent."""
        check_path(path)
        if expected is None:
            self._put_new(path, data)
            return
        try:
            found, tag = self._get(path)
        except NotFoundError as error:
            raise ConflictError(f"object {path} is absent") from error
        if found != expected:
            raise ConflictError(f"object {path} is not what it was")
        if tag is None:
            raise UnavailableError(f"object {path}: the server gives no entity tag to compare")
        with self._translated(path):
            obstore.put(self._store, path, data, mode={"e_tag": tag}, use_multipart=False)

    def adopt(self, file: Path, path: str) -> None:
        """Upload a finished local file as a new object, then remove the file. Cost: the file in memory."""
        check_path(path)
        if not file.is_file():
            raise NotFoundError(f"file {file.name} to adopt as {path}")
        self.put(path, file.read_bytes())
        file.unlink()

    def get(self, path: str) -> bytes:
        """The whole object. Errors: NotFoundError."""
        return self._get(check_path(path))[0]

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: NotFoundError; InvalidError past the end."""
        check_path(path)
        if start < 0 or length < 0:
            raise InvalidError(f"object {path}: a range of {length} bytes from {start}")
        problem: UnavailableError | None = None
        if length:
            try:
                with self._translated(path):
                    data = bytes(obstore.get_range(self._store, path, start=start, length=length))
                if len(data) == length:
                    return data
            except UnavailableError as error:
                problem = error
        # Nothing asked for, a short answer, or a refusal that does not say why: the size decides.
        size = self.size(path)
        if start + length > size:
            raise InvalidError(f"object {path}: {length} bytes from {start} of {size}")
        if length == 0:
            return b""
        raise problem or UnavailableError(f"object {path}: the server sent less than it holds")

    def size(self, path: str) -> int:
        """Bytes of the object. Errors: NotFoundError."""
        check_path(path)
        with self._translated(path):
            return int(obstore.head(self._store, path)["size"])

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of all objects under a folder prefix ("" for all), ascending.

        Cost: one request a thousand, and memory for every path: servers differ in how they order keys
        with a slash, so they are sorted here. List a stream or a day rather than all.
        """
        folder = check_prefix(prefix)
        self._check()
        with self._translated(folder or self._what):
            pages = obstore.list(self._store, prefix=folder or None, chunk_size=PAGE)
            paths = [item["path"] for page in pages for item in page]
        return iter(sorted(path for path in paths if path != MARK))

    def delete(self, path: str) -> None:
        """Remove an object; that it is absent already is no error."""
        check_path(path)
        try:
            with self._translated(path):
                obstore.delete(self._store, path)
        except NotFoundError:
            return

    def free_bytes(self) -> int | None:
        """None: S3 does not know."""
        return None

    def _put_new(self, path: str, data: bytes) -> None:
        with self._translated(path):
            obstore.put(self._store, path, data, mode="create", use_multipart=False)

    def _get(self, path: str) -> tuple[bytes, str | None]:
        with self._translated(path):
            result = obstore.get(self._store, path)
            return bytes(result.bytes()), result.meta["e_tag"]

    def _check(self) -> None:
        try:
            found = bytes(obstore.get(self._store, MARK).bytes())
        except (BaseError, OSError) as error:
            raise UnavailableError(f"{self._what} is away: {_first_line(error)}") from error
        if found != self._mark:
            raise UnavailableError(f"{self._what} is not the store that it was")

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            kind = next((kind for foreign, kind in _KINDS if isinstance(error, foreign)), UnavailableError)
            status = _STATUS.search(str(error))
            if kind is UnavailableError and status and status[1] in _EXHAUSTED:
                kind = ExhaustedError
            if kind is NotFoundError:
                # A bucket that is gone looks like an object that is.
                self._check()
            raise kind(f"object {path}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]
