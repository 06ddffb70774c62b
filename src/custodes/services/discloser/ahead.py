"""Work done a little ahead of who asks for it, in two threads: hashing and decryption let other threads run.

Between threads go only queues that need no lock of Python's own: a future's cost is felt at a segment a millisecond.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
WORKERS = 2
# Beside what the workers have in hand.
AHEAD = 2


def ahead(items: Iterable[T], act: Callable[[T], R], workers: int = WORKERS) -> Iterator[R]:
    """`act` of each, in order; at most `workers` + AHEAD that are not asked for yet. One worker acts in order, too.

    Errors: what `act` raises, in the place of its result; nothing follows. The threads have ended when this has.
    """
    todo: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
    done: SimpleQueue[tuple[int, R | None, BaseException | None]] = SimpleQueue()
    threads = [
        threading.Thread(target=_work, args=(todo, done, act), name=f"ahead {number}")
        for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _in_order(enumerate(items), workers + AHEAD, todo, done)
    finally:
        with suppress(Empty):
            while True:
                todo.get_nowait()
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()


def _in_order(
    items: Iterator[tuple[int, T]],
    most: int,
    todo: SimpleQueue[tuple[int, T] | None],
    done: SimpleQueue[tuple[int, R | None, BaseException | None]],
) -> Iterator[R]:
    found: dict[int, tuple[R | None, BaseException | None]] = {}
    given = wanted = 0
    while True:
        while given < wanted + most and (item := next(items, None)) is not None:
            todo.put(item)
            given += 1
        if wanted == given:
            return
        while wanted not in found:
            number, result, error = done.get()
            found[number] = result, error
        result, error = found.pop(wanted)
        if error is not None:
            raise error
        wanted += 1
        yield result  # type: ignore[misc]  # None only where act gives it


def _work(
    todo: SimpleQueue[tuple[int, T] | None],
    done: SimpleQueue[tuple[int, R | None, BaseException | None]],
    act: Callable[[T], R],
) -> None:
    while (item := todo.get()) is not None:
        number, argument = item
        try:
            done.put((number, act(argument), None))
        except BaseException as error:  # noqa: BLE001 - raised again where its result is asked for
            done.put((number, None, error))
