"""What the recorder's tests share: cameras, a recorder that runs, and its stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from recording.rig import Rig

from custodes.services.recorder.service import RecorderService
from custodes_simulator import CameraSpec, SimulatedFleet

PATIENCE_S = 60.0


async def _until(condition: Callable[[], object], what: str = "it", within_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"{what} never came about"
        await asyncio.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait for a condition."""
    return _until


@asynccontextmanager
async def _running(service: RecorderService) -> AsyncIterator[RecorderService]:
    task = asyncio.create_task(service.run())
    await asyncio.sleep(0)
    try:
        yield service
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled(), task.exception()


@pytest.fixture
def running() -> Callable[[RecorderService], AbstractAsyncContextManager[RecorderService]]:
    """Run a recorder; stop it in order at the end."""
    return _running


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Encoded clips, made once."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def fleet_of(clips: Path) -> Callable[..., SimulatedFleet]:
    """A fleet of cameras with a truth log."""

    def make(specs: Iterable[CameraSpec], **options: Any) -> SimulatedFleet:
        return SimulatedFleet(specs, cache=clips, **options)

    return make


@pytest.fixture
def rig_of(tmp_path: Path) -> Callable[..., Rig]:
    """A rig for a fleet's cameras, each with its stream `main`."""

    def make(fleet: SimulatedFleet, **options: Any) -> Rig:
        urls = {camera.spec.name: fleet.url(camera.spec.name) for camera in fleet.cameras}
        return Rig(tmp_path / "network", urls=urls, **options)

    return make
