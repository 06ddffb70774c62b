"""From a recorder's folder to a recorder at work: settings, recovery, recording, newer settings.

The folder holds `settings` (the last good document), `pools/` (pages of public shred keys), `state`, `outbox/`,
`backgrounds/` (files of committed backgrounds and their statements).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from custodes.adapters.spool.spool import SpoolVolume
from custodes.base.clock import DAY_US, Clock
from custodes.base.errors import CorruptError, CustodesError, UnavailableError
from custodes.base.fence.memory import KeyArena, swap_fence
from custodes.base.fence.report import FenceReport
from custodes.base.keys import SigningKey
from custodes.base.ports import ObjectStore
from custodes.base.sealing import SealingKey
from custodes.cases.closing import check_close_reels, reels_closed
from custodes.services.facts import join_facts
from custodes.services.office import Office
from custodes.services.parcels import join_signed_together, parse_answers
from custodes.services.recorder.accounting import Ledgerbook, Minute
from custodes.services.recorder.grounds import GroundFolder
from custodes.services.recorder.health import health_document, waiting_document
from custodes.services.recorder.learning import LearnDesk
from custodes.services.recorder.outbox import Outbox, Route
from custodes.services.recorder.recovery import Recovered, recover
from custodes.services.recorder.rendition_recovery import recover_renditions
from custodes.services.recorder.service import RecorderService
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.recorder.settings_folder import SettingsFolder
from custodes.services.recorder.shelf import STREAM_LIMIT_BYTES
from custodes.services.recorder.state import RecorderState, StateFile
from custodes.services.recorder.veils import Veils

ASK_S = 20.0
RETRY_S = 1.0
OLD_US = 7 * DAY_US
# Two epochs of 60 slots for each of 270 streams; a mebibyte.
ARENA_CELLS = 32_768
_LOG = structlog.get_logger("recorder")


@dataclass(frozen=True)
class RecorderIdentity:
    """Who a recorder is, and of which network."""

    network: bytes
    recorder: bytes
    signing: SigningKey
    sealing: SealingKey


@dataclass(frozen=True)
class RecorderPlace:
    """Where a recorder keeps what: its own folder, the spool's volume, the object store."""

    folder: Path
    spool: Path
    spool_volume: bytes
    store: ObjectStore


def keeper_routes(office: Office, signing: SigningKey) -> Mapping[str, Route]:
    """How an outbox reaches the keeper; statements that leave together are signed together."""
    return {
        "submit": Route(
            lambda data: office.ask("keeper", "submit", data),
            lambda items: join_signed_together(items, signing),
            parse_answers,
        ),
        "reel": Route(lambda data: office.ask("keeper", "reel", data), join_facts, parse_answers),
    }


class RecorderProcess:
    """A recorder's life from start to stop. Made and used on the loop.

    `ask_settings`: the keeper's newest settings document. `veils`: who makes the de-identified view.
    """

    def __init__(
        self,
        identity: RecorderIdentity,
        place: RecorderPlace,
        clock: Clock,
        ask_settings: Callable[[], Awaitable[bytes]],
        routes: Mapping[str, Route],
        fences: FenceReport | None = None,
        veils: Veils | None = None,
    ) -> None:
        self.service: RecorderService | None = None
        self._veils = veils
        self._identity = identity
        self._place = place
        self._clock = clock
        self._ask_settings = ask_settings
        self._routes = routes
        self._fences = (fences or FenceReport()) + swap_fence()
        self._settings = SettingsFolder(
            place.folder, place.store, identity.network, identity.recorder, identity.sealing
        )
        self._grounds = GroundFolder(place.folder / "backgrounds", place.store)
        self._alarms: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Record until cancelled; then end everything in order.

        Errors: CorruptError when the recorder's state is damaged.
        """
        settings = await self._first_settings()
        service = await self._start(settings)
        self.service = service
        await self._compare(service)
        follow = asyncio.ensure_future(self._follow(service))
        try:
            await service.run(self._routes)
        finally:
            follow.cancel()
            await asyncio.gather(follow, return_exceptions=True)

    def settings_changed(self) -> None:
        """There are newer settings: ask for them now."""
        self._changed.set()

    async def close_reels(self, question: bytes) -> bytes:
        """The desk for the discloser's word that a case waits for reels; of how many epochs one is still open.

        Errors: InvalidError, UnverifiedError when it is not the discloser's word to this recorder;
        UnavailableError before recording has begun.
        """
        if self.service is None:
            raise UnavailableError("the recorder has not begun yet")
        discloser = self.service.settings.discloser
        identity = self._identity
        wanted = check_close_reels(question, identity.network, identity.recorder, discloser)
        return reels_closed(self.service.close_reels(wanted))

    async def learn(self, question: bytes) -> bytes:
        """The desk for staff's wish to learn a background. Errors: as LearnDesk.take; UnavailableError."""
        service = self.service
        if service is None or self._veils is None:
            raise UnavailableError("the recorder has not begun yet, or makes no views")
        identity = self._identity
        desk = LearnDesk(
            identity.recorder,
            identity.signing,
            self._place.store,
            service.porter,
            self._veils,
            self._clock,
        )
        return desk.take(question, service.settings)

    def health(self) -> bytes:
        """The health document of now."""
        if self.service is None:
            return waiting_document(self._clock, self._alarms, self._fences)
        return health_document(self.service, self._fences)

    # --- settings --------------------------------------------------------------------------------------

    async def _first_settings(self) -> RecorderSettings:
        """The last good ones, else the keeper's first."""
        settings = await self._last_settings()
        while settings is None:
            self._alarms["settings"] = "no settings have come from the keeper yet: nothing is recorded"
            try:
                settings = await asyncio.to_thread(self._settings.take, await self._ask_settings())
            except CustodesError as error:
                if self._alarms.get("start") != str(error):
                    _LOG.warning("cannot start yet", reason=str(error))
                self._alarms["start"] = str(error)
                await asyncio.sleep(RETRY_S)
        self._alarms.clear()
        return settings

    async def _last_settings(self) -> RecorderSettings | None:
        try:
            return await asyncio.to_thread(self._settings.load)
        except CustodesError as error:
            _LOG.error("the last settings are of no use", reason=str(error))
            return None

    async def _follow(self, service: RecorderService) -> None:
        """Take newer settings as they come."""
        while True:
            try:
                settings = await asyncio.to_thread(self._settings.take, await self._ask_settings())
            except UnavailableError as error:
                _LOG.info("settings not to be had now", reason=str(error))
            except CustodesError as error:
                service.raise_alarm("settings", f"newer settings are not good: {error}")
            else:
                service.raise_alarm("settings", "")
                service.assign(settings)
            await self._compare(service)
            old_us = self._clock.utc_us() - service.settings.made_us
            service.raise_alarm(
                "old settings", f"the settings are {old_us // DAY_US} days old" if old_us > OLD_US else ""
            )
            self._changed.clear()
            try:
                async with asyncio.timeout(ASK_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _compare(self, service: RecorderService) -> None:
        """Compare the views with the committed backgrounds; asked again each time, for what was not to be had."""
        if self._veils is None:
            return
        grounds = await asyncio.to_thread(self._grounds.load, service.settings)
        service.raise_alarm("backgrounds", "; ".join(grounds.faults))
        self._veils.compare_with(grounds.files)

    # --- recovery --------------------------------------------------------------------------------------

    async def _start(self, settings: RecorderSettings) -> RecorderService:
        """Recover what the last run left, state the restart, and be ready to record."""
        place, identity = self._place, self._identity
        outbox = await asyncio.to_thread(Outbox, place.folder / "outbox")
        file = StateFile(place.folder / "state")
        state = await asyncio.to_thread(file.read)
        book = Ledgerbook(
            network=identity.network,
            recorder=identity.recorder,
            key=identity.signing,
            store=place.store,
            spool=place.spool,
            file=file,
            outbox=outbox,
            state=state or RecorderState(run=1, number=0, head=settings.entry),
        )
        recovered = await self._recover(book) if state is not None else Recovered()
        arena = KeyArena(ARENA_CELLS)
        self._fences += FenceReport(arena.fences)
        away_since = {
            one.stream: recovered.last_us.get(one.stream, state.minute_us)
            for one in settings.assignments
            if state is not None and state.minute_us
        }
        service = RecorderService(
            clock=self._clock,
            settings=settings,
            book=book,
            store=place.store,
            spool=self._open_spool(),
            arena=arena,
            away_since=away_since,
            unannounced=tuple(recovered.reels),
            veils=self._veils,
        )
        if recovered.troubles:
            service.raise_alarm("recovery", "; ".join(recovered.troubles))
        return service

    def _open_spool(self) -> SpoolVolume:
        return SpoolVolume(
            self._place.spool,
            self._place.spool_volume,
            asyncio.get_running_loop(),
            clock=self._clock,
            queue_limit_bytes_per_stream=STREAM_LIMIT_BYTES,
        )

    async def _recover(self, book: Ledgerbook) -> Recovered:
        while True:
            try:
                return await asyncio.to_thread(
                    restart, book, self._place.spool, self._place.store, self._clock.utc_us()
                )
            except CorruptError:
                raise
            except CustodesError as error:
                if self._alarms.get("start") != str(error):
                    _LOG.warning("cannot recover yet", reason=str(error))
                self._alarms["start"] = str(error)
                await asyncio.sleep(RETRY_S)


def restart(book: Ledgerbook, spool: Path, store: ObjectStore, now_us: int) -> Recovered:
    """End what the last run left and state the restart, durably. Blocks; can be repeated.

    Errors: UnavailableError, ExhaustedError.
    """
    for name in book.settle():
        book.outbox.admit(name)
    recovered = recover(book.state, spool, store)
    renditions, troubles = recover_renditions(spool)
    recovered.troubles += troubles
    ended = frozenset(book.state.epochs)
    minute = Minute(
        now_us, tuple(recovered.leaves), (), ended, tuple(recovered.cuts), tuple(sorted(renditions))
    )
    new_run: int | None = book.state.run + 1
    for part in minute.parts():
        book.account(part, new_run)
        new_run = None
    for name in book.settle():
        book.outbox.admit(name)
    return recovered
