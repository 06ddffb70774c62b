"""From settings documents as the keeper makes them to statements as the ledger admits them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from town.ledger import START_US, Town
from watching.candidates import background_file, lay_out, learnt

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.spool.files import SystemFiles
from custodes.adapters.spool.volume import create_mark
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, SECOND_US, SystemClock
from custodes.base.errors import InvalidError, RefusedError, UnavailableError, UnverifiedError
from custodes.base.sealing import PublicSealingKey
from custodes.cases.closing import CloseReels, parse_reels_closed
from custodes.cases.scope import Slot
from custodes.ledger.checkpoint import Checkpoint, sign_checkpoint
from custodes.services.backgrounds import background_path
from custodes.services.facts import parse_facts
from custodes.services.parcels import Answer, answers_bytes, parse_parcels
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.recorder.start import RecorderIdentity, RecorderPlace, RecorderProcess, keeper_routes
from custodes.services.recorder.veils import Veils
from custodes.services.settings import ProvenEntry, pool_page, pool_path, seal_password, sign_settings
from custodes.web.health import RecorderHealth, parse_health
from custodes_simulator import CameraSpec, Scheme

pytestmark = pytest.mark.integration

PERIODS = {
    "custodian_key_us": 7 * DAY_US,
    "freshness_us": 600 * SECOND_US,
    "reel_us": 4 * SECOND_US,
    "slot_us": SECOND_US,
    "slots_per_epoch": 3,
    "staff_wait_us": SECOND_US,
}


class TownClock(SystemClock):
    """The machine's clock, set to the town's time."""

    def __init__(self) -> None:
        self.ahead_us = START_US - super().utc_us()

    def utc_us(self) -> int:
        return super().utc_us() + self.ahead_us


class Keeper:
    """Makes settings out of the town's ledger and enters what a recorder sends."""

    def __init__(self, town: Town, store: LocalObjectStore, clock: TownClock) -> None:
        self.town = town
        self.clock = clock
        self.is_away = False
        self.number = 0
        self.reels: list[str] = []
        self._entered: dict[bytes, int] = {}
        self.assignments: list[dict[str, Any]] = []
        self.leaves_out: frozenset[str] = frozenset()
        self.keeper = town.keeper.signing
        keys = [key.public for key in town.pool_keys]
        store.put(pool_path(town.pool), pool_page(town.network, town.recorder_id, town.pool, keys))

    def assign(self, stream: bytes, url: str) -> None:
        town = self.town
        public = PublicSealingKey(town.recorder.sealing.public)
        self.assignments.append(
            {
                "camera": b64u(town.camera),
                "password": seal_password("secret", town.network, town.camera, [public]),
                "priority": 5,
                "stream": b64u(stream),
                "transport": "tcp",
                "url": url,
                "username": "admin",
            }
        )

    async def settings(self) -> bytes:
        if self.is_away:
            raise UnavailableError("the keeper is away")
        state, entries = self.town.state, self.town.entries
        size = state.size
        checkpoint = Checkpoint(self.town.origin, size, state.tree.root(size))
        self.number += 1
        return sign_settings(
            self.keeper,
            self.town.network,
            self.town.recorder_id,
            self.number,
            self.clock.utc_us(),
            self.assignments,
            sign_checkpoint(checkpoint, self.town.log),
            [
                ProvenEntry(data, i, tuple(state.tree.inclusion_path(i, size)))
                for i, data in enumerate(entries)
                if not any(f"/entry/{name}/v1".encode() in data for name in self.leaves_out)
            ],
            [self.town.pool],
        )

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        if self.is_away:
            raise UnavailableError("the keeper is away")
        answers: list[Answer] = []
        if subject == "reel":
            self.reels += parse_facts(question)
            return answers_bytes([0] * len(parse_facts(question)))
        self.town.now_us = self.clock.utc_us()
        for parcel in parse_parcels(question):
            hash_ = parcel.statement.statement_hash()
            if hash_ not in self._entered:
                self._entered[hash_] = self.town.admit_signed(parcel.statement).index
            answers.append(self._entered[hash_])
        return answers_bytes(answers)


class Network:
    """A town's folder, its keeper, and one recorder process after the other."""

    def __init__(self, root: Path) -> None:
        self.clock = TownClock()
        self.town = Town(periods=PERIODS)
        self.town.found()
        (root / "store").mkdir()
        self.store = LocalObjectStore.create(root / "store")
        volume = create_mark(root / "spool", SystemFiles())
        self.keeper = Keeper(self.town, self.store, self.clock)
        self.place = RecorderPlace(root / "recorder", root / "spool", volume, self.store)
        actor = self.town.recorder
        self.identity = RecorderIdentity(
            self.town.network, self.town.recorder_id, actor.signing, actor.sealing
        )

    @asynccontextmanager
    async def recorder(self, veils: Veils | None = None) -> AsyncIterator[RecorderProcess]:
        process = RecorderProcess(
            self.identity,
            self.place,
            self.clock,
            self.keeper.settings,
            keeper_routes(self.keeper, self.identity.signing),
            veils=veils,
        )
        task = asyncio.create_task(process.run())
        try:
            yield process
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()

    def health(self, process: RecorderProcess) -> RecorderHealth:
        document = parse_health("recorder", process.health())
        assert isinstance(document, RecorderHealth)
        return document


CAMERAS = [
    CameraSpec("main", password="secret", schemes=(Scheme.DIGEST_SHA256,)),
    CameraSpec("sub", password="secret", schemes=(Scheme.DIGEST_SHA256,)),
]


def is_recording(process: RecorderProcess, count: int) -> bool:
    service = process.service
    return service is not None and len(service.recordings) == count and service.is_recording()


async def test_a_recorder_from_its_first_settings_to_a_restart_without_its_keeper(
    tmp_path: Path, fleet_of: Callable[..., Any], until: Any
) -> None:
    network = Network(tmp_path)
    keeper, town = network.keeper, network.town
    async with fleet_of(CAMERAS) as fleet:
        keeper.assign(town.stream, fleet.url("main"))
        keeper.is_away = True
        async with network.recorder() as process:
            await until(lambda: network.health(process).alarms, "the alarm")
            document = network.health(process)
            assert "no settings have come" in document.alarms[0]
            assert document.streams == []
            keeper.is_away = False
            await until(lambda: is_recording(process, 1), "recording")
            assert network.health(process).alarms == []
            assert network.health(process).streams[0].name == "Market"

            keeper.assign(town.sub_stream, fleet.url("sub"))
            process.settings_changed()
            await until(lambda: is_recording(process, 2), "both streams")
            recorder = town.state.recorder(town.recorder_id)
            await until(lambda: recorder.number >= 3 and keeper.reels, "accounts and reels in the ledger")

            # A document that does not check changes nothing.
            good = process.service.settings.number
            keeper.keeper = town.log
            process.settings_changed()
            await until(
                lambda: any("not good" in alarm for alarm in network.health(process).alarms), "the alarm"
            )
            assert process.service.settings.number == good
            assert is_recording(process, 2)
            keeper.keeper = town.keeper.signing
            process.settings_changed()
            await until(lambda: network.health(process).alarms == [], "the end of the alarm")
            assert (network.place.folder / "pools" / town.pool.hex()).exists()
            keeper.is_away = True
            await until(lambda: process.service.book.outbox.trouble, "the outbox in want of its keeper")
            stopped = process
        waiting = stopped.service.book.outbox.waiting
        assert waiting > 0

        # Days later the recorder starts with what it has.
        network.clock.ahead_us += 8 * DAY_US
        async with network.recorder() as process:
            await until(lambda: is_recording(process, 2), "recording without the keeper")
            assert process.service.book.state.run == 2
            await until(
                lambda: any("8 days old" in alarm for alarm in network.health(process).alarms), "the alarm"
            )
            keeper.is_away = False
            await until(lambda: not process.service.book.outbox.waiting, "everything in the ledger")
            await until(lambda: town.state.recorder(town.recorder_id).run == 2, "the restart in the ledger")
            assert process.service.book.outbox.refused_count == 0
            gaps = network.health(process).gaps
            away = [gap for gap in gaps if gap.reason == "restart" and gap.to_us - gap.from_us > 7 * DAY_US]
            assert {gap.stream for gap in away} == {town.stream.hex(), town.sub_stream.hex()}
    assert set(keeper.reels) <= {path for path in network.store.list("streams") if path.endswith(".reel")}


async def test_settings_that_the_recorder_cannot_use_do_not_stop_it(
    tmp_path: Path, fleet_of: Callable[..., Any], until: Any
) -> None:
    network = Network(tmp_path)
    async with fleet_of(CAMERAS[:1]) as fleet:
        network.keeper.assign(network.town.stream, fleet.url("main"))
        async with network.recorder() as process:
            await until(lambda: is_recording(process, 1))
        # The document on disk and a page are damaged; the keeper has both.
        settings = network.place.folder / "settings"
        settings.write_bytes(settings.read_bytes()[:-40])
        page = network.place.folder / "pools" / network.town.pool.hex()
        page.write_bytes(page.read_bytes().replace(b"A", b"B"))
        async with network.recorder() as process:
            await until(lambda: is_recording(process, 1))
            assert process.service.book.state.run == 2
            # A stream that is taken away is recorded no longer, and the gap says so.
            network.keeper.assignments.clear()
            process.settings_changed()
            await until(lambda: process.service.recordings == {})
            await until(lambda: any(gap.reason == "not-assigned" for gap in network.health(process).gaps))


async def test_the_discloser_alone_has_reels_closed(
    tmp_path: Path, fleet_of: Callable[..., Any], until: Any
) -> None:
    network = Network(tmp_path)
    town = network.town
    word = CloseReels(town.network, town.recorder_id, b"q" * 32, (Slot(town.stream, b"e" * 16, 0),))
    async with fleet_of(CAMERAS[:1]) as fleet:
        network.keeper.is_away = True
        network.keeper.assign(town.stream, fleet.url("main"))
        async with network.recorder() as process:
            with pytest.raises(UnavailableError, match="not begun"):
                await process.close_reels(word.sign(town.discloser.signing))
            network.keeper.is_away = False
            await until(lambda: is_recording(process, 1))
            # An epoch that it does not record is closed already.
            assert parse_reels_closed(await process.close_reels(word.sign(town.discloser.signing))) == 0
            writer = process.service.recordings[town.stream].stream._writer
            running = replace(word, after=(Slot(town.stream, writer.epoch.id, 2),))
            assert parse_reels_closed(await process.close_reels(running.sign(town.discloser.signing))) == 1
            # The keeper, who may speak to a recorder too, is not the one to say this.
            for stranger in (town.keeper.signing, town.log):
                with pytest.raises(UnverifiedError):
                    await process.close_reels(running.sign(stranger))
            with pytest.raises(UnverifiedError):
                await process.close_reels(replace(word, recorder=b"r" * 16).sign(town.discloser.signing))
            with pytest.raises(InvalidError):
                await process.close_reels(b"{}")


async def test_a_refused_statement_is_an_alarm(
    tmp_path: Path, fleet_of: Callable[..., Any], until: Any
) -> None:
    network = Network(tmp_path)
    real = network.town.admit_signed

    def refuse(signed: Any) -> Any:
        if signed.type.endswith("/epoch/v1"):
            raise RefusedError("not today")
        return real(signed)

    async def ask(service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        answers: list[Answer] = []
        for parcel in parse_parcels(question):
            try:
                answers.append(refuse(parcel.statement).index)
            except RefusedError as error:
                answers.append(error)
        return answers_bytes(answers)

    network.keeper.ask = ask  # type: ignore[method-assign]
    async with fleet_of(CAMERAS[:1]) as fleet:
        network.keeper.assign(network.town.stream, fleet.url("main"))
        async with network.recorder() as process:
            await until(
                lambda: any("refused by the keeper" in alarm for alarm in network.health(process).alarms)
            )


async def test_a_background_whose_file_is_missing_is_an_alarm_until_it_is_there(
    tmp_path: Path, fleet_of: Callable[..., Any], until: Any
) -> None:
    network = Network(tmp_path)
    town = network.town
    file = background_file()
    said = learnt(town, file)
    town.admit(
        "background",
        background=b64u(said.background),
        doubt_permille=said.doubt_permille,
        withheld_permille=said.withheld_permille,
    )
    nursery = Nursery()
    nursery.listen(asyncio.get_running_loop())

    async def publish(_stream: bytes, _message: bytes) -> None:
        """Nobody watches."""

    try:
        async with fleet_of(CAMERAS) as fleet:
            network.keeper.assign(town.stream, fleet.url("main"))
            veils = Veils(nursery, LiveDesk(network.clock, publish), network.clock)
            async with network.recorder(veils) as process:
                await until(lambda: is_recording(process, 1), "recording")
                await until(lambda: network.health(process).alarms, "the alarm")
                (alarm,) = network.health(process).alarms
                assert said.background.hex()[:16] in alarm and "cannot be used" in alarm
                await until(
                    lambda: network.health(process).renditions[0].reason == "no-background", "the mask"
                )
                lay_out(town, network.store, file)
                process.settings_changed()
                await until(lambda: network.health(process).renditions[0].backgrounds == 1, "the background")
                assert network.health(process).alarms == []
                # It is kept here: no keeper, no store, and the view is compared all the same.
                network.keeper.is_away = True
                town.admit("background", background="")
                process.settings_changed()
            network.store.delete(background_path(said.stream, said.background))
            veils = Veils(nursery, LiveDesk(network.clock, publish), network.clock)
            async with network.recorder(veils) as process:
                await until(lambda: is_recording(process, 1), "recording again")
                assert network.health(process).renditions[0].backgrounds == 1
                network.keeper.is_away = False
                network.keeper.leaves_out = frozenset({"background"})
                process.settings_changed()
                await until(lambda: network.health(process).renditions[0].backgrounds == 0, "the withdrawal")
                await until(
                    lambda: network.health(process).renditions[0].reason == "no-background", "the mask"
                )
                assert is_recording(process, 1)
    finally:
        nursery.close()
