"""Which case a request belongs to, from where its objects lie."""

from __future__ import annotations

from custodes.base.errors import NotFoundError
from custodes.base.ports import ObjectStore


class CaseIndex:
    """Requests by their hash; reads the store's list only when a request is new to it. Blocks."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._case_of: dict[bytes, bytes] = {}

    def case_of(self, request: bytes) -> bytes:
        """The case's id. Errors: NotFoundError."""
        if request not in self._case_of:
            self._read()
        try:
            return self._case_of[request]
        except KeyError as error:
            raise NotFoundError(f"no bundle of request {request.hex()} in the store") from error

    def _read(self) -> None:
        for path in self._store.list("cases"):
            _, case, request, _ = path.split("/", 3)
            self._case_of[bytes.fromhex(request)] = bytes.fromhex(case)
