"""Pauses of the loop: only while they are wanted, and everything else goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from custodes.services.recorder import resting
from custodes.services.recorder.resting import rest


async def test_the_loop_goes_on_between_pauses(monkeypatch: Any, until: Any) -> None:
    monkeypatch.setattr(resting, "LOOK_S", 0.05)
    monkeypatch.setattr(resting, "PAUSE_S", 0.01)
    pauses: list[float] = []
    monkeypatch.setattr(resting.time, "sleep", pauses.append)
    wanted = False
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(rest(lambda: wanted)), asyncio.create_task(work())]
    await until(lambda: rounds > 100)
    assert pauses == []
    wanted = True
    await until(lambda: len(pauses) > 20)
    assert set(pauses) == {0.01}
    before = rounds
    await until(lambda: rounds > before + 100)
    wanted = False
    await asyncio.sleep(0.1)
    pauses.clear()
    await asyncio.sleep(0.1)
    assert pauses == []
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
