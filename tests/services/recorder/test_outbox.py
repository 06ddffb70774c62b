"""What waits for the keeper: order, batches of one kind, refusals, absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from custodes.base.errors import CustodesError, RefusedError, UnavailableError
from custodes.services.parcels import Answer
from custodes.services.recorder.outbox import MAX_BATCH, Outbox, Route


class Keeper:
    """Takes items and remembers them; refuses those that begin with `bad`."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.questions: list[int] = []
        self.away: CustodesError | None = None
        self.pushback = 0

    def routes(self) -> dict[str, Route]:
        async def ask(data: bytes) -> bytes:
            if self.away is not None:
                raise self.away
            return data

        def answers(data: bytes, count: int) -> list[Answer]:
            items = data.split(b"|")
            self.questions.append(count)
            result: list[Answer] = []
            for item in items:
                if item.startswith(b"bad"):
                    result.append(RefusedError("no"))
                elif self.pushback:
                    self.pushback -= 1
                    result.append(UnavailableError("later"))
                else:
                    self.taken.append(item)
                    result.append(len(self.taken))
            return result

        route = Route(ask, b"|".join, answers)
        return {"submit": route, "reel": route}


@asynccontextmanager
async def delivering(outbox: Outbox, keeper: Keeper) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run(keeper.routes()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def put(outbox: Outbox, kind: str, data: bytes) -> None:
    outbox.admit(outbox.store(kind, data))


async def test_items_leave_in_order_several_at_once_and_one_kind_a_question(
    tmp_path: Path, until: Any
) -> None:
    outbox, keeper = Outbox(tmp_path / "outbox", 0.01), Keeper()
    for number in range(40):
        put(outbox, "submit", b"s%d" % number)
    put(outbox, "reel", b"r")
    put(outbox, "submit", b"last")
    async with delivering(outbox, keeper):
        await until(lambda: not outbox.waiting)
        put(outbox, "reel", b"later")
        await until(lambda: not outbox.waiting)
    assert keeper.taken == [b"s%d" % n for n in range(40)] + [b"r", b"last", b"later"]
    assert keeper.questions == [MAX_BATCH, 8, 1, 1, 1]
    assert [path.name for path in (tmp_path / "outbox").iterdir()] == ["refused"]


async def test_what_was_not_taken_is_there_after_a_restart(tmp_path: Path, until: Any) -> None:
    first = Outbox(tmp_path / "outbox")
    for item in (b"a", b"b"):
        put(first, "submit", item)
    again, keeper = Outbox(tmp_path / "outbox", 0.01), Keeper()
    put(again, "submit", b"c")
    async with delivering(again, keeper):
        await until(lambda: not again.waiting)
    assert keeper.taken == [b"a", b"b", b"c"]


async def test_a_refused_item_is_kept_aside_and_never_overwritten(tmp_path: Path, until: Any) -> None:
    folder = tmp_path / "outbox"
    for turn in range(3):
        outbox, keeper = Outbox(folder, 0.01), Keeper()
        assert outbox.refused_count == turn
        put(outbox, "submit", b"good")
        put(outbox, "submit", b"bad%d" % turn)
        async with delivering(outbox, keeper):
            await until(lambda outbox=outbox: not outbox.waiting)
        assert keeper.taken == [b"good"]
        assert outbox.refused_count == turn + 1
    kept = sorted(path.read_bytes() for path in (folder / "refused").iterdir())
    assert kept == [b"bad0", b"bad1", b"bad2"]


@pytest.mark.parametrize("error", [UnavailableError("away"), RefusedError("not understood")])
async def test_while_the_keeper_is_away_everything_waits(
    tmp_path: Path, until: Callable[..., Any], error: CustodesError
) -> None:
    outbox, keeper = Outbox(tmp_path / "outbox", 0.01), Keeper()
    keeper.away = error
    put(outbox, "submit", b"a")
    async with delivering(outbox, keeper):
        await until(lambda: outbox.trouble)
        assert outbox.waiting == 1
        keeper.away = None
        await until(lambda: not outbox.waiting)
        await until(lambda: not outbox.trouble)
    assert keeper.taken == [b"a"]


async def test_an_item_that_must_wait_holds_up_those_behind_it(tmp_path: Path, until: Any) -> None:
    outbox, keeper = Outbox(tmp_path / "outbox", 0.01), Keeper()
    keeper.pushback = 1
    for item in (b"a", b"b"):
        put(outbox, "submit", item)
    async with delivering(outbox, keeper):
        await until(lambda: not outbox.waiting)
    # The keeper takes a statement once; that it comes again does no harm.
    assert [item for item in keeper.taken if item != b"b"] == [b"a"]
    assert keeper.taken[-1] == b"b"
