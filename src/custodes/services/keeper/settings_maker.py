"""Making a recorder's settings: what it must record, and the entries that prove each part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custodes.adapters.durable_file import replace_file
from custodes.adapters.sql.assignments import SqlAssignments
from custodes.base.canon import b64u
from custodes.base.clock import Clock
from custodes.base.errors import CorruptError, UnavailableError
from custodes.base.keys import SigningKey
from custodes.estate.model import Assignment
from custodes.ledger.checkpoint import SignedCheckpoint
from custodes.ledger.rules.backgrounds import in_force
from custodes.ledger.rules.state import LedgerState
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.settings import ProvenEntry, sign_settings

_PEOPLE = (b'"type":"custodes/entry/roster/v1"}', b'"type":"custodes/entry/staff/v1"}')


@dataclass(frozen=True)
class _Proofs:
    """What the ledger gives for a document, all of one size."""

    network: bytes
    note: SignedCheckpoint
    entries: tuple[ProvenEntry, ...]
    pools: tuple[bytes, ...]


class SettingsMaker:
    """Documents with rising numbers; the number is durable before a document leaves."""

    def __init__(
        self,
        ledger: LedgerThread,
        entry: Callable[[int], bytes],
        assignments: SqlAssignments,
        signing: SigningKey,
        clock: Clock,
        number_file: Path,
    ) -> None:
        self._ledger = ledger
        self._entry = entry
        self._assignments = assignments
        self._signing = signing
        self._clock = clock
        self._number_file = number_file
        self._lock = asyncio.Lock()
        self._people: list[int] = []
        self._scanned = 0

    async def make(self, recorder: bytes) -> bytes:
        """The newest settings of a recorder.

        Errors: NotFoundError when the ledger does not know it; UnavailableError when the database was lost.
        """
        async with self._lock:
            assignments = await asyncio.to_thread(self._assignments.of_recorder, recorder)
            if not assignments and await self._ledger.ask(lambda state: bool(state.facts.cameras)):
                # A database that was deleted knows no assignment. The recorder goes on from its last settings.
                raise UnavailableError(
                    "there are cameras in the register and no assignment in the database; it was lost: rebuild it"
                )
            proofs = await self._ledger.run(lambda: self._proofs(recorder, assignments))
            number = await asyncio.to_thread(self._next_number)
            return sign_settings(
                self._signing,
                proofs.network,
                recorder,
                number,
                self._clock.utc_us(),
                [_assignment_json(assignment) for assignment in assignments],
                proofs.note,
                proofs.entries,
                proofs.pools,
            )

    def _proofs(self, recorder: bytes, assignments: Sequence[Assignment]) -> _Proofs:
        sequencer = self._ledger.sequencer
        state = sequencer.state
        note = sequencer.checkpoint
        size = note.checkpoint.size
        pools = [pool for pool in state.pools_of(recorder) if pool.unused > 0]
        wanted = {0, *(one.index for one in state.facts.recorders.values())}
        assigned = {assignment.stream for assignment in assignments}
        wanted |= {one.index for one in in_force(state.facts) if one.stream in assigned}
        wanted |= {pool.index for pool in pools}
        wanted |= {state.camera(assignment.camera).index for assignment in assignments}
        wanted |= set(_keys(state)) | set(self._rosters_and_staff(state.size))
        entries = tuple(
            ProvenEntry(self._entry(index), index, tuple(state.tree.inclusion_path(index, size)))
            for index in sorted(wanted)
            if index < size
        )
        return _Proofs(state.genesis.network, note, entries, tuple(pool.id for pool in pools))

    def _rosters_and_staff(self, size: int) -> list[int]:
        for index in range(self._scanned, size):
            if self._entry(index).endswith(_PEOPLE):
                self._people.append(index)
        self._scanned = size
        return self._people

    def _next_number(self) -> int:
        try:
            number = int(self._number_file.read_text("ascii"))
        except FileNotFoundError:
            number = 0
        except ValueError as error:
            raise CorruptError("the number of the last settings is damaged") from error
        # After a database or this file was restored, time keeps numbers from going back.
        number = max(number + 1, self._clock.utc_us() // 1_000)
        replace_file(self._number_file, str(number).encode("ascii"))
        return number


def _keys(state: LedgerState) -> list[int]:
    """Entries of the custodians' keys that are not destroyed."""
    return [cert.index for certs in state.facts.certs.values() for cert in certs if not cert.destroyed]


def _assignment_json(assignment: Assignment) -> dict[str, Any]:
    return {
        "camera": b64u(assignment.camera),
        "password": {b64u(key): b64u(sealed) for key, sealed in sorted(assignment.password.items())},
        "priority": assignment.priority,
        "stream": b64u(assignment.stream),
        "transport": assignment.transport,
        "url": assignment.url,
        "username": assignment.username,
    }
