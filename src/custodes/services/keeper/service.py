"""The keeper: ledger, catalogue, shred keys, settings, time limits. One is active."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from custodes.adapters.keystore.health import KeyStoreLevel
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.sql.assignments import SqlAssignments
from custodes.base.canon import canon
from custodes.base.clock import Clock
from custodes.base.errors import CustodesError, InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.ledger.rules.state import LedgerState
from custodes.services.case_index import CaseIndex
from custodes.services.keeper.access import AccessDesk
from custodes.services.keeper.catalogue import ReelDesk
from custodes.services.keeper.fetching import Fetching
from custodes.services.keeper.health import keeper_document
from custodes.services.keeper.holding import Holding
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.keeper.pools import PoolMaker
from custodes.services.keeper.retention import Retention
from custodes.services.keeper.settings_maker import SettingsMaker
from custodes.services.keeper.submissions import Submissions
from custodes.services.office import Desk
from custodes.services.sequencer.sequencer import Sequencer

HEALTH_S = 1.0
TEND_S = 5.0
POOLS_S = 10.0
RETENTION_S = 60.0
_LOG = structlog.get_logger("keeper")


@dataclass
class Keeper:
    """Joins the parts; all that must be asked of it is in `desks`."""

    clock: Clock
    sequencer: Sequencer
    ledger: LedgerThread
    keystore: KeyStore
    cases: CaseIndex
    assignments: SqlAssignments
    submissions: Submissions
    fetching: Fetching
    reels: ReelDesk
    holding: Holding
    access: AccessDesk
    settings: SettingsMaker
    pools: PoolMaker
    retention: Retention
    publish_health: Callable[[bytes], Awaitable[None]]
    settings_changed: Callable[[bytes], Awaitable[None]]
    alarms: dict[str, str] = field(default_factory=dict)

    def desks(self) -> Mapping[str, Desk]:
        """What can be asked, by subject."""
        return {
            "submit": self.submissions.desk,
            "fetch": self.fetching.desk,
            "hold": self.holding.desk,
            "access": self.access.desk,
            "reel": self.reels.desk,
            "settings": self.settings_desk,
            "case": self.case_desk,
            "cosign": self.cosign_desk,
        }

    async def settings_desk(self, question: bytes) -> bytes:
        """The newest settings of the recorder of that id."""
        if len(question) != ID_BYTES:
            raise InvalidError("a recorder is named by its id, 16 bytes")
        return await self.settings.make(question)

    async def case_desk(self, question: bytes) -> bytes:
        """Which case a request belongs to."""
        if len(question) != HASH_BYTES:
            raise InvalidError("a request is named by its hash, 32 bytes")
        return await asyncio.to_thread(self.cases.case_of, question)

    async def cosign_desk(self, question: bytes) -> bytes:
        """A checkpoint with a cosignature of a custodian or witness."""
        await self.ledger.run(lambda: self.sequencer.add_cosignature(question))
        return canon({})

    async def run(self) -> None:
        """Tend the ledger, make pools, keep time limits, tell how it is, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(TEND_S, "ledger", self._tend))
            group.create_task(self._every(POOLS_S, "pools", self._top_up))
            group.create_task(self._every(RETENTION_S, "retention", self._retain))
            group.create_task(self._every(HEALTH_S, "health", self._tell))

    async def _every(self, seconds: float, name: str, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
                if self.alarms.pop(name, ""):
                    _LOG.info("alarm over", alarm=name)
            except CustodesError as error:
                if name not in self.alarms:
                    _LOG.error("alarm", alarm=name, reason=str(error))
                self.alarms[name] = f"{name}: {error}"
            await asyncio.sleep(seconds)

    async def _tend(self) -> None:
        await self.ledger.run(self.sequencer.tend)

    async def _top_up(self) -> None:
        recorders = await self.ledger.ask(lambda state: list(state.facts.recorders))
        for recorder in recorders:
            streams = len(await asyncio.to_thread(self.assignments.of_recorder, recorder))
            if streams and await self.pools.top_up(recorder, streams):
                await self.settings_changed(recorder)

    async def _retain(self) -> None:
        report = await self.retention.run_once()
        for name in [name for name in self.alarms if name.startswith("retention ")]:
            del self.alarms[name]
        self.alarms.update({f"retention {number}": text for number, text in enumerate(report.alarms)})

    async def _tell(self) -> None:
        health = self.keystore.health()
        for name in [name for name in self.alarms if name.startswith("keys ")]:
            del self.alarms[name]
        if health.level is KeyStoreLevel.RED:
            self.alarms["keys red"] = "; ".join(health.reasons)
        document = await self.ledger.ask(self._document)
        await self.publish_health(document)

    def _document(self, state: LedgerState) -> bytes:
        return keeper_document(
            state, self.sequencer.checkpoint, list(self.alarms.values()), self.clock.utc_us()
        )
