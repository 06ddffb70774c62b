"""The desk `submit`: parcels in, entries made, what comes with them stored beside."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from custodes.base.canon import unb64u
from custodes.base.errors import BugError, CustodesError, InvalidError, RefusedError
from custodes.base.ids import HASH_BYTES
from custodes.base.keys import Signed
from custodes.base.ports import ObjectStore
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.parcels import Answer, Parcel, answers_bytes, parse_parcels

Taker = Callable[[Parcel], Awaitable[int]]
Effect = Callable[[Parcel, int], Awaitable[None]]
_CASE_PATH = re.compile(
    r"cases/[0-9a-f]{32}/(?P<request>[0-9a-f]{64})/(?P<kind>file|opening|release)\.[0-9a-f.]{1,64}"
)
_KINDS = {
    "custodes/entry/request/v1": "file",
    "custodes/entry/decision/v1": "opening",
    "custodes/entry/release/v1": "release",
}


class Submissions:
    """Takes statements from anyone who signs them rightly.

    `effects`: what follows an admitted entry, by type; repeated submissions repeat it.
    `takers`: who takes parcels of a type itself, and says which index its entry has.
    """

    def __init__(
        self,
        ledger: LedgerThread,
        store: ObjectStore,
        effects: Mapping[str, Effect],
        takers: Mapping[str, Taker],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._effects = effects
        self._takers = takers

    async def desk(self, question: bytes) -> bytes:
        """Parcels in order; for each its index or why not."""
        answers: list[Answer] = []
        parcels = parse_parcels(question)
        results = await asyncio.gather(*(self._take(parcel) for parcel in parcels), return_exceptions=True)
        for result in results:
            if isinstance(result, int | CustodesError):
                answers.append(result)
            else:
                raise BugError(f"a parcel failed: {type(result).__name__}") from result
        return answers_bytes(answers)

    async def _take(self, parcel: Parcel) -> int:
        taker = self._takers.get(parcel.statement.type)
        if taker is not None:
            return await taker(parcel)
        objects = case_objects(parcel)
        for path, data in objects.items():
            await asyncio.to_thread(self._store.put, path, data)
        index = await self._ledger.submit(parcel.statement)
        effect = self._effects.get(parcel.statement.type)
        if effect is not None:
            await effect(parcel, index)
        return index


def case_objects(parcel: Parcel) -> dict[str, bytes]:
    """What a parcel brings for its case's folder, by path.

    Errors: InvalidError, RefusedError for an attachment that is not this statement's.
    """
    kind = _KINDS.get(parcel.statement.type)
    if kind is None:
        return {}
    objects = {}
    for path, data in parcel.attachments.items():
        match = _CASE_PATH.fullmatch(path)
        if match is None or match["kind"] != kind:
            raise InvalidError(f"{path[:200]!r} is no place for what comes with {parcel.statement.type}")
        if bytes.fromhex(match["request"]) != unb64u(parcel.statement.body["request"], HASH_BYTES):
            raise RefusedError("an attachment belongs to another request")
        objects[path] = data
    if kind == "release":
        _check_release(parcel.statement, objects)
    return objects


def _check_release(statement: Signed, objects: Mapping[str, bytes]) -> None:
    body: Mapping[str, Any] = statement.body
    (data,) = objects.values() if len(objects) == 1 else (b"",)
    if hashlib.sha256(data).digest() != unb64u(body["set"], HASH_BYTES):
        raise RefusedError("a release comes with exactly the set that it names")
