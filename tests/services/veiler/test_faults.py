"""What goes wrong in real veilers of a real nursery: in nothing that they send is anybody ever seen.

The people of these pictures are of one colour that the scene has nowhere; all that is sent is decoded and searched
for it, and for anything else that the committed background does not explain.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from scenery import HEIGHT_PX, MODEL, WIDTH_PX, square
from veiling.footage import Camera, is_flat, pictures_of, unit_frame

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import SECOND_US, SystemClock
from custodes.rendition.background import decode
from custodes.services.live import LiveState, Reason, ViewState, parse_state
from custodes.services.recorder.nursery import Nursery
from custodes.services.veiler.frames import Frame, FrameKind, FrameReader
from custodes.services.veiler.messages import (
    Candidate,
    Learn,
    VeilUnit,
    candidate_frame,
    ground_frame,
    learn_frame,
    pace_frame,
    parse_candidate,
    parse_figures,
    parse_progress,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not MODEL.exists(), reason="the detector's model is not there; `make model` fetches it"
    ),
]
PATIENCE_S = 20.0
RATE_HZ = 8
MARKER = (200, 20, 220)
SCENE = square()
WIDTH, HEIGHT = 40, 110


def empty(_number: int) -> Picture:
    return SCENE


def peopled(number: int) -> Picture:
    """Two people of the marker's colour: one walks, one stands."""
    picture = SCENE.copy()
    for left in (20 + 11 * number % (WIDTH_PX - WIDTH - 40), 480):
        picture[180 : 180 + HEIGHT, left : left + WIDTH] = MARKER
    return picture


def people_seen(picture: Picture) -> int:
    """Pixels that are nearer to the marker's colour than anything of the scene or the mask is."""
    apart = np.abs(picture.astype(int) - np.array(MARKER)).max(axis=2)
    return int((apart < 60).sum())


def unexplained(picture: Picture) -> int:
    """Pixels that are neither the scene's (as encoding leaves it) nor flat."""
    apart = np.abs(picture.astype(int) - SCENE).max(axis=2)
    flat = np.abs(picture.astype(int) - 96).max(axis=2)
    return int(((apart > 70) & (flat > 24)).sum())


@dataclass
class Line:
    """A recorder's end of a veiler's line; keeps all that comes."""

    nursery: Nursery
    camera: Camera
    frames: list[Frame] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    at_us: int = 0

    def __post_init__(self) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.serial = self.nursery.begin(theirs, self.ended.append)
        self._reader = FrameReader(from_veiler=True)
        self._closed = False
        self._task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self.ours, 1 << 18):
                self.frames += self._reader.feed(data)
        except ConnectionResetError:
            pass
        self._closed = True

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await asyncio.get_running_loop().sock_sendall(self.ours, frame.encode())

    async def play(self, pictures: int, scene: Callable[[int], Picture], broken: float = 0.0) -> None:
        """Pictures at their rate by their times, sent as fast as they are taken."""
        clock = SystemClock()
        self.camera.scene = scene
        chance = np.random.default_rng(3)
        for _ in range(pictures):
            self.at_us = max(self.at_us + SECOND_US // RATE_HZ, clock.boot_us())
            unit = self.camera.unit(self.at_us)
            if chance.random() < broken:
                data = bytearray(unit.data)
                for place in chance.integers(5, len(data), 30):
                    data[place] = int(chance.integers(256))
                unit = VeilUnit(bytes(data), unit.boot_us, unit.is_key)
            await self.send(unit_frame(unit, clock.utc_us()))

    async def until(self, said: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not said() and not self._closed:
                await asyncio.sleep(0.02)

    async def taken(self) -> None:
        """Until all that was sent has been looked at; nothing can be sent after it, and the veiler ends."""
        self.ours.shutdown(socket.SHUT_WR)
        await self.until(lambda: self._closed)
        assert self._closed, "the veiler does not end"

    def of(self, *kinds: FrameKind) -> list[Frame]:
        return [frame for frame in self.frames if frame.kind in kinds]

    def states(self) -> list[LiveState]:
        return [parse_state(frame.body) for frame in self.of(FrameKind.STATE)]

    def reasons(self) -> set[Reason]:
        return {state.reason for state in self.states()}

    def shown(self) -> list[Picture]:
        """Every picture that was sent, decoded."""
        runs: list[list[Frame]] = []
        for frame in self.of(FrameKind.INIT, FrameKind.KEY, FrameKind.FRAGMENT):
            if frame.kind is FrameKind.INIT:
                runs.append([frame])
            else:
                runs[-1].append(frame)
        return [
            picture
            for run in runs
            if len(run) > 1
            for picture in pictures_of(run[0].body, [frame.body for frame in run[1:]])
        ]

    def assert_nobody_is_seen(self) -> list[Picture]:
        shown = self.shown()
        for number, picture in enumerate(shown):
            assert people_seen(picture) < 12, f"somebody is seen in picture {number} of {len(shown)}"
            assert unexplained(picture) < 40, (
                f"picture {number} of {len(shown)} has what is not the background's"
            )
        return shown

    async def died(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            while not self.ended:
                await asyncio.sleep(0.01)
        return self.ended[0]

    def close(self) -> None:
        self._task.cancel()
        self.ours.close()


@asynccontextmanager
async def nursery_of(model: Path | None) -> AsyncIterator[Nursery]:
    nursery = Nursery(model)
    try:
        nursery.listen(asyncio.get_running_loop())
        async with asyncio.timeout(PATIENCE_S):
            while not nursery.is_ready:
                await asyncio.sleep(0.01)
        yield nursery
    finally:
        nursery.close()


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    async with nursery_of(MODEL) as one:
        yield one


async def line_of(nursery: Nursery) -> Line:
    line = Line(nursery, Camera((WIDTH_PX, HEIGHT_PX), RATE_HZ))
    await line.send(line.camera.sets(), pace_frame(RATE_HZ))
    return line


async def learnt(line: Line, scene: Callable[[int], Picture] = empty, withhold: bool = True) -> Candidate:
    """A candidate from twenty pictures; each picture after them is a step of the work."""
    await line.send(learn_frame(Learn("gate", "day", 20, 0, withhold)))
    await line.play(20 + HEIGHT_PX // 16 + 4, scene)
    await line.until(lambda: line.of(FrameKind.CANDIDATE))
    return parse_candidate(line.of(FrameKind.CANDIDATE)[-1].body)


async def showing(nursery: Nursery) -> Line:
    """A line whose view shows the scene."""
    line = await line_of(nursery)
    candidate = await learnt(line)
    await line.send(ground_frame((candidate.file,), ()))
    await line.play(14, empty)
    await line.until(lambda: ViewState.LIVE in {state.state for state in line.states()})
    return line


async def test_from_learning_to_a_view_in_which_nobody_is_seen(nursery: Nursery) -> None:
    line = await line_of(nursery)
    candidate = await learnt(line)
    assert (candidate.view, candidate.condition, candidate.pictures) == ("gate", "day", 20)
    assert not candidate.refused
    assert candidate.withheld_permille < 300
    assert candidate.sharpness_permille > 200 and candidate.exposure_permille > 950
    progress = [parse_progress(frame.body) for frame in line.of(FrameKind.PROGRESS)]
    assert [one.wanted for one in progress] == [20] * len(progress)
    assert progress[0].pictures == 1 and progress[-1].pictures == 20
    assert len(progress) <= 8
    assert all(is_flat(picture) for picture in line.shown()), "something is seen before anything is committed"
    await line.send(ground_frame((candidate.file,), ()))
    await line.play(14, empty)
    await line.play(32, peopled)
    await line.taken()
    shown = line.assert_nobody_is_seen()
    assert sum(not is_flat(picture) for picture in shown) > 30
    # What is shown is the scene: in most of the picture.
    assert float((np.abs(shown[-1].astype(int) - SCENE).max(axis=2) < 50).mean()) > 0.4
    assert line.reasons() == {Reason.NO_BACKGROUND, Reason.SETTLING, Reason.NONE}
    figures = parse_figures(line.of(FrameKind.FIGURES)[-1].body)
    assert figures.sharpness_permille > 200 and figures.exposure_permille > 900
    assert await line.died() == 0


async def test_who_stands_in_what_is_learnt_never_leaves_the_veiler(nursery: Nursery) -> None:
    """Half of the pictures have somebody in them, so that those places are unsteady: they are flat in the file."""
    line = await line_of(nursery)
    candidate = await learnt(line, lambda number: peopled(0) if number % 5 > 1 else empty(0))
    background = decode(candidate.file)
    withheld = np.kron(background.withheld, np.ones((4, 4), dtype=np.bool_))
    assert (background.picture[withheld] == 96).all()
    assert people_seen(background.picture) == 0
    assert withheld[95:140, 240:260].all()
    assert candidate_frame(candidate).body == line.of(FrameKind.CANDIDATE)[-1].body
    line.close()


@pytest.mark.parametrize("broken", [0.3, 1.0])
async def test_a_camera_that_sends_garbage(nursery: Nursery, broken: float) -> None:
    line = await showing(nursery)
    await line.play(60, peopled, broken)
    await line.taken()
    shown = line.assert_nobody_is_seen()
    assert Reason.DAMAGED in line.reasons()
    assert len(shown) > 40
    line.close()


@pytest.mark.parametrize(
    "ground",
    [
        lambda file: Frame(FrameKind.GROUND, 0, b"nonsense"),
        lambda file: ground_frame((file[:-1],), ()),
        lambda file: ground_frame((b"custodes background 1\n" + file[24:],), ()),
        lambda file: ground_frame((file, file.replace(b'"view":"gate"', b'"view":"gats"')), ()),
        lambda file: ground_frame((), ()),
    ],
)
async def test_a_ground_that_is_none(nursery: Nursery, ground: Callable[[bytes], Frame]) -> None:
    line = await showing(nursery)
    file = parse_candidate(line.of(FrameKind.CANDIDATE)[-1].body).file
    before = len(line.shown())
    await line.send(ground(file))
    await line.play(24, peopled)
    await line.taken()
    shown = line.assert_nobody_is_seen()
    assert len(shown) > before + 12
    assert all(is_flat(picture) for picture in shown[-12:])
    assert line.states()[-1].reason in (Reason.FAULT, Reason.NO_BACKGROUND)
    line.close()


async def test_a_ground_of_another_size(nursery: Nursery) -> None:
    line = await showing(nursery)
    file = parse_candidate(line.of(FrameKind.CANDIDATE)[-1].body).file
    line.camera = Camera((WIDTH_PX // 2, HEIGHT_PX // 2), RATE_HZ)
    await line.send(line.camera.sets())
    await line.play(20, lambda number: np.ascontiguousarray(peopled(number)[::2, ::2]))
    await line.send(ground_frame((file,), ()))
    await line.taken()
    small = [picture for picture in line.shown() if picture.shape[1] == WIDTH_PX // 2]
    assert len(small) > 12
    assert all(is_flat(picture) for picture in small)
    assert line.states()[-1].reason is Reason.OTHER_SIZE
    line.close()


async def test_one_that_is_killed_shows_nobody_and_another_begins_masked(nursery: Nursery) -> None:
    line = await showing(nursery)
    await line.play(10, peopled)
    (warm,) = children(nursery.pid)
    (veiler,) = children(warm)
    os.kill(veiler, signal.SIGKILL)
    assert await line.died() == -signal.SIGKILL
    line.assert_nobody_is_seen()
    again = await line_of(nursery)
    await again.play(16, peopled)
    await again.taken()
    assert again.reasons() == {Reason.NO_BACKGROUND}
    assert all(is_flat(picture) for picture in again.shown())
    again.close()


async def test_one_that_is_stopped_for_a_while_goes_on_with_what_is_not_late(nursery: Nursery) -> None:
    """A stall, of the detector or of anything else: nothing comes, then flat pictures, then masked ones."""
    line = await showing(nursery)
    (warm,) = children(nursery.pid)
    (veiler,) = children(warm)
    # Its pictures came faster than time goes; from here on they come with it.
    await asyncio.sleep(max(0, line.at_us - SystemClock().boot_us()) / SECOND_US)
    os.kill(veiler, signal.SIGSTOP)
    sent = asyncio.ensure_future(line.play(8, peopled))
    await asyncio.sleep(4)
    os.kill(veiler, signal.SIGCONT)
    await sent
    await line.play(40, peopled)
    await line.taken()
    line.assert_nobody_is_seen()
    assert Reason.LATE in line.reasons()
    assert line.states()[-1].state is ViewState.LIVE
    line.close()


@pytest.mark.parametrize("damage", ["altered", "cut", "missing"])
async def test_a_model_that_is_not_the_one_that_was_checked(tmp_path: Path, damage: str) -> None:
    async with nursery_of(MODEL) as good:
        line = await line_of(good)
        file = (await learnt(line)).file
        line.close()
    model = bytearray(MODEL.read_bytes())
    if damage == "altered":
        model[5_000_000] ^= 1
    else:
        del model[-1]
    path = tmp_path / "model"
    if damage != "missing":
        path.write_bytes(model)
    async with nursery_of(path) as nursery:
        assert "detector" in nursery.trouble
        line = await line_of(nursery)
        await line.send(ground_frame((file,), ()))
        await line.send(learn_frame(Learn("gate", "day", 20, 0, True)))
        await line.play(50, peopled)
        await line.until(lambda: line.of(FrameKind.CANDIDATE))
        refused = parse_candidate(line.of(FrameKind.CANDIDATE)[-1].body)
        assert (refused.refused, refused.doubt_permille, refused.file) == (True, 1000, b"")
        assert line.reasons() == {Reason.DETECTOR}
        assert all(is_flat(picture) for picture in line.shown())
        line.close()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
