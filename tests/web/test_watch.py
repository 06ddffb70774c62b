"""The page tells that the store is away, in words."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.base.clock import ManualClock
from custodes.web.board import HealthBoard
from custodes.web.watch import watch_store


async def test_a_store_that_is_away_is_an_alarm_until_it_is_back(tmp_path: Path) -> None:
    made = LocalObjectStore.create(tmp_path / "store")
    made.close()
    (tmp_path / "store").rename(tmp_path / "away")
    board = HealthBoard(ManualClock(), ())
    watching = asyncio.ensure_future(
        watch_store(ReadOnlyObjects(tmp_path / "store", made.volume_id).check, board, every_s=0.01)
    )
    try:
        await _until(lambda: bool(board.view().alarms))
        (alarm,) = board.view().alarms
        assert (
            alarm == f"the store cannot be used: volume {tmp_path}/store is away: No such file or directory"
        )
        (tmp_path / "away").rename(tmp_path / "store")
        await _until(lambda: not board.view().alarms)
    finally:
        watching.cancel()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
