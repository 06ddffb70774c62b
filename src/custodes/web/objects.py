"""Parts of the object store that are read for somebody: by anybody, the ledger and the sealed objects of cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from custodes.adapters.objects.paths import check_path
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, UnavailableError
from custodes.base.ports import ObjectStore
from custodes.web.bounds import Gate
from custodes.web.problems import store_error

READERS = 8
WAITING = 256
READ_TIMEOUT_S = 15.0
_PUBLIC = frozenset({"cases", "log"})
_LOG = structlog.get_logger("web")

ResultT = TypeVar("ResultT")


class StoredObjects:
    """Reads what lies in some folders, in threads of its own; whatever else the store has does not exist here.

    Errors: NotFoundError for every other path; PushbackError; UnavailableError, also when the store stalls.
    """

    def __init__(self, store: ObjectStore, folders: frozenset[str]) -> None:
        self._store = store
        self._folders = folders
        # Apart from the loop's default threads, so that a stalled volume stops nothing but these reads.
        self._threads = ThreadPoolExecutor(READERS, "web-store")
        self._gate = Gate("reading objects", READERS, WAITING)

    async def whole(self, path: str) -> bytes:
        """A small object."""
        checked = self._checked(path)
        return await self._read(lambda: self._store.get(checked))

    async def size(self, path: str) -> int:
        """Bytes of an object."""
        checked = self._checked(path)
        return await self._read(lambda: self._store.size(checked))

    async def part(self, path: str, start: int, length: int) -> bytes:
        """A range of an object."""
        checked = self._checked(path)
        return await self._read(lambda: self._store.get_range(checked, start, length))

    async def listed(self, folders: Sequence[str]) -> set[str]:
        """Paths of all objects in these folders."""
        checked = [self._checked(folder) for folder in folders]
        return await self._read(lambda: {path for folder in checked for path in self._store.list(folder)})

    def _checked(self, path: str) -> str:
        try:
            check_path(path)
        except InvalidError as error:
            raise NotFoundError("there is no such object") from error
        if path.partition("/")[0] not in self._folders:
            raise NotFoundError("there is no such object")
        return path

    async def _read(self, read: Callable[[], ResultT]) -> ResultT:
        async with self._gate.entered():
            try:
                future = asyncio.get_running_loop().run_in_executor(self._threads, read)
                return await asyncio.wait_for(future, READ_TIMEOUT_S)
            except TimeoutError as error:
                raise UnavailableError("the store does not answer now") from error
            except CustodesError as error:
                told = store_error(error)
                if told is not error:
                    _LOG.warning("store cannot be read", kind=error.kind.value, error=str(error))
                raise told from error


class PublicObjects(StoredObjects):
    """Reads `log/**` and `cases/**`."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store, _PUBLIC)
