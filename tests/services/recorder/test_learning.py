"""Staff's wish to learn: who may ask, what comes of it, and what health says of it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from recording.rig import Rig
from town.people import Staff
from watching.candidates import committed

from custodes.adapters.bus.memory import MemoryBus
from custodes.adapters.bus.subjects import live, watch
from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.keys import SigningKey
from custodes.deploy.detector import FILE_NAME
from custodes.services.backgrounds import (
    FOLDER,
    LearntBackground,
    LearnWish,
    background_path,
    parse_file,
    parse_statement,
)
from custodes.services.live import Reason
from custodes.services.recorder.grounds import GroundFolder
from custodes.services.recorder.health import health_document
from custodes.services.recorder.learning import LearnDesk
from custodes.services.recorder.lesson import Lesson
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.recorder.service import RecorderService
from custodes.services.recorder.settings import RecorderSettings, StaffKey
from custodes.services.recorder.veils import Veils
from custodes.services.veiler.messages import Candidate, Learn, Progress
from custodes.web.health import RecorderHealth, parse_health
from custodes_simulator import CameraSpec

pytestmark = pytest.mark.integration
MODEL = Path(__file__).parents[3] / ".build" / "models" / FILE_NAME
SUPERVISOR, INVESTIGATOR = Staff("super-1", "supervisor").key, Staff("invest-1", "investigator").key
LATER = Staff("later", "administrator").key


@dataclass
class School:
    """A recorder with one camera, its veils, and the desk that takes wishes."""

    rig: Rig
    service: RecorderService
    veils: Veils
    desk: LearnDesk
    settings: RecorderSettings

    def wish(self, key: SigningKey = SUPERVISOR, **changes: Any) -> bytes:
        now_us = self.rig.clock.utc_us()
        assignment = self.rig.assignment("a", "")
        made = LearnWish(
            network=self.rig.network,
            recorder=self.rig.recorder,
            camera=assignment.camera,
            stream=assignment.stream,
            view="home",
            condition="day",
            withhold=True,
            pictures=20,
            least_us=SECOND_US,
            made_us=now_us,
        )
        return replace(made, **changes).sign(key)

    def ask(self, question: bytes) -> bytes:
        return self.desk.take(question, self.settings)

    def health(self) -> Any:
        document = parse_health("recorder", health_document(self.service))
        assert isinstance(document, RecorderHealth)
        return document.renditions[0]


@asynccontextmanager
async def school_of(rig: Rig, nursery: Nursery, running: Any) -> AsyncIterator[School]:
    nursery.listen(asyncio.get_running_loop())
    bus = MemoryBus()

    async def publish(stream: bytes, message: bytes) -> None:
        await bus.publish(live(stream.hex()), message)

    veils = Veils(nursery, LiveDesk(rig.clock, publish), rig.clock)
    service = rig.service(veils=veils)
    await bus.subscribe(watch(rig.recorder.hex()), veils.desk.watch)
    ahead_us = rig.clock.utc_us() + MINUTE_US
    settings = replace(
        rig.settings(),
        staff={
            SUPERVISOR.id: StaffKey(SUPERVISOR.public, "supervisor", 0),
            INVESTIGATOR.id: StaffKey(INVESTIGATOR.public, "investigator", 0),
            LATER.id: StaffKey(LATER.public, "administrator", ahead_us),
        },
        recorders={rig.recorder: rig.signing.public},
    )
    desk = LearnDesk(rig.recorder, rig.signing, service.store, service.porter, veils, rig.clock)
    async with running(service):
        yield School(rig, service, veils, desk, settings)
    await bus.close()


@pytest.fixture
def blind() -> Iterator[Nursery]:
    """A nursery whose veilers have no detector."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def seeing() -> Iterator[Nursery]:
    """A nursery with the detector."""
    if not MODEL.is_file():
        pytest.skip("no detector's model: make model")
    nursery = Nursery(MODEL)
    yield nursery
    nursery.close()


async def test_who_asks_and_for_what_is_checked_by_the_recorder(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, blind: Nursery
) -> None:
    async with fleet_of([CameraSpec("a")]) as fleet:
        rig = rig_of(fleet, kinds={"a": "sub"})
        async with school_of(rig, blind, running) as school:
            (veiling,) = school.veils.veilings.values()
            await until(lambda: veiling.health.figures.made, "pictures")
            refusals: list[tuple[bytes, type[CustodesError]]] = [
                (school.wish(INVESTIGATOR), RefusedError),
                (school.wish(SigningKey(bytes(32))), RefusedError),
                (school.wish(LATER), RefusedError),
                (school.wish(recorder=bytes(16)), UnverifiedError),
                (school.wish(network=bytes(32)), UnverifiedError),
                (school.wish(camera=bytes(16)), RefusedError),
                (school.wish(stream=bytes(16)), NotFoundError),
                (school.wish(view="sky"), RefusedError),
                (school.wish(pictures=19), InvalidError),
                (school.wish(pictures=241), InvalidError),
                (school.wish(made_us=rig.clock.utc_us() - 6 * MINUTE_US), RefusedError),
                (school.wish(made_us=rig.clock.utc_us() + 6 * MINUTE_US), RefusedError),
                (school.wish().replace(b'"withhold":true', b'"withhold":false'), UnverifiedError),
                (b"{}", InvalidError),
            ]
            for question, error in refusals:
                with pytest.raises(error):
                    school.ask(question)
            assert not veiling.lesson.is_under_way
            assert b"wanted" in school.ask(school.wish())
            assert school.health().learning.wanted == 20
            await until(lambda: veiling.lesson.outcome, "an outcome")
            # Without a detector everything is left to doubt: nothing leaves the veiler.
            assert school.health().learnt.startswith("refused")
            assert list(school.service.store.list(f"{FOLDER}/")) == []


async def test_a_candidate_is_stored_signed_and_once_committed_opens_the_view(
    fleet_of: Callable[..., Any],
    rig_of: Callable[..., Any],
    running: Any,
    until: Any,
    seeing: Nursery,
    tmp_path: Path,
) -> None:
    async with fleet_of([CameraSpec("a")]) as fleet:
        rig = rig_of(fleet, kinds={"a": "sub"})
        async with school_of(rig, seeing, running) as school:
            (veiling,) = school.veils.veilings.values()
            await until(lambda: veiling.health.figures.made, "pictures")
            assert veiling.state.reason is Reason.NO_BACKGROUND
            school.ask(school.wish())
            await until(lambda: _statements(school), "a candidate", within_s=120.0)
            (learnt,) = _statements(school)
            file = school.service.store.get(background_path(learnt.stream, learnt.background))
            assert (learnt.recorder, learnt.view, learnt.condition) == (rig.recorder, "home", "day")
            assert parse_file(file).condition == "day"
            assert veiling.state.reason is Reason.NO_BACKGROUND, "a candidate changes nothing that is shown"
            # As two keys would commit it.
            settings = replace(school.settings, backgrounds=(committed(learnt),))
            grounds = GroundFolder(tmp_path / "backgrounds", school.service.store).load(settings)
            assert grounds.faults == () and school.health().backgrounds == 0
            school.veils.compare_with(grounds.files)
            assert school.health().backgrounds == 1
            await until(lambda: veiling.state.reason is not Reason.NO_BACKGROUND, "another state")
            school.veils.compare_with({})
            await until(lambda: veiling.state.reason is Reason.NO_BACKGROUND, "the withdrawal")


def _statements(school: School) -> list[LearntBackground]:
    store = school.service.store
    found = []
    for path in store.list(f"{FOLDER}/"):
        if path.endswith(".json"):
            signed, learnt = parse_statement(store.get(path))
            signed.check_signed_by([school.rig.signing.public])
            found.append(learnt)
    return found


def _candidate(**changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "view": "home",
        "condition": "day",
        "refused": True,
        "alarms": 2,
        "doubt_permille": 480,
        "withheld_permille": 10,
        "exposure_permille": 900,
        "sharpness_permille": 300,
        "pictures": 20,
    }
    return Candidate(**{**values, **changes})


def test_a_veiler_that_sends_what_nobody_asked_for_is_not_believed() -> None:
    lesson = Lesson()
    for send in (lambda: lesson.take(_candidate()), lambda: lesson.progressed(Progress(1, 20))):
        with pytest.raises(InvalidError):
            send()
    taken: list[Candidate] = []
    lesson.begin(Learn("home", "day", 20, 0), taken.append)
    lesson.take(_candidate(condition="night"))
    assert lesson.is_under_way and taken == [], "one that was given up is passed over"
    lesson.progressed(Progress(7, 20))
    assert lesson.progress == Progress(7, 20)
    lesson.take(_candidate())
    assert lesson.outcome == "refused: 2 places where somebody may be, doubt 0.48"
    assert len(taken) == 1 and lesson.progress is None
    with pytest.raises(InvalidError):
        lesson.take(_candidate())


def test_a_veiler_that_ends_takes_the_lesson_along() -> None:
    lesson = Lesson()
    lesson.lost()
    assert lesson.outcome == ""
    lesson.begin(Learn("home", "day", 20, 0), lambda _: None)
    lesson.lost()
    assert (lesson.is_under_way, lesson.outcome) == (False, "given up: the veiler ended")
