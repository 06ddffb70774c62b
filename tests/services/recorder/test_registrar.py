"""The registrar: order, repeats, failures that hold nobody up, an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from custodes.base.errors import ConflictError, ExhaustedError, UnavailableError
from custodes.services.recorder.registrar import Registrar


class Told:
    """What came back, in order."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def submit(self, registrar: Registrar, job: Callable[[], Any]) -> None:
        registrar.submit(job, self.results.append, lambda reason: self.results.append(f"failed: {reason}"))


def failing(error: Exception) -> Callable[[], None]:
    def job() -> None:
        raise error

    return job


async def test_jobs_run_in_order_and_failures_hold_nobody_up() -> None:
    registrar, told = Registrar(asyncio.get_running_loop(), retry_s=0.01), Told()
    left = [UnavailableError("away"), ExhaustedError("full")]

    def patient() -> str:
        if left:
            raise left.pop(0)
        return "at last"

    told.submit(registrar, lambda: 1)
    told.submit(registrar, failing(ConflictError("other bytes")))
    told.submit(registrar, failing(FileNotFoundError("gone")))
    told.submit(registrar, patient)
    told.submit(registrar, lambda: 2)
    assert registrar.waiting == 5
    assert await registrar.drain(60)
    assert told.results == [1, "failed: other bytes", "failed: FileNotFoundError: gone", "at last", 2]
    assert registrar.trouble == ""


async def test_it_says_what_it_waits_for_and_ends_though_the_disk_does_not_answer(until: Any) -> None:
    # Its thread has a name of its own: those of other tests may still be there.
    registrar = Registrar(asyncio.get_running_loop(), "registrar without a disk", retry_s=0.01)
    told = Told()
    told.submit(registrar, failing(UnavailableError("the disk is away")))
    told.submit(registrar, lambda: 1)
    await until(lambda: registrar.trouble == "the disk is away")
    assert not await registrar.drain(0.05)
    await until(lambda: "registrar without a disk" not in {thread.name for thread in threading.enumerate()})
    assert 1 not in told.results


async def test_a_callback_that_fails_does_not_stop_the_line(until: Any) -> None:
    loop = asyncio.get_running_loop()
    seen: list[Any] = []
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
    registrar, told = Registrar(loop), Told()

    def bad(_: Any) -> None:
        raise ValueError("oops")

    registrar.submit(lambda: 1, bad, bad)
    told.submit(registrar, lambda: 2)
    assert await registrar.drain(60)
    assert told.results == [2]
    assert len(seen) == 1
