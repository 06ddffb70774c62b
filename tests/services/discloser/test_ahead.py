"""What is done ahead comes in order, is bounded, and ends with who asked for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from random import Random

import pytest

from custodes.base.errors import UnverifiedError
from custodes.services.discloser.ahead import AHEAD, WORKERS, ahead


def test_results_come_in_order_whichever_is_done_first() -> None:
    random = Random(7)

    def act(item: int) -> int | None:
        time.sleep(random.random() / 500)
        return item if item % 3 else None

    assert list(ahead(range(100), act)) == [item if item % 3 else None for item in range(100)]
    assert list(ahead([], act)) == []


def test_only_a_few_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(50):
            taken += 1
            yield item

    for asked, _ in enumerate(ahead(items(), lambda item: item)):
        assert taken <= asked + WORKERS + AHEAD


def test_an_error_stands_in_the_place_of_its_result_and_ends_it() -> None:
    def act(item: int) -> int:
        if item == 5:
            raise UnverifiedError("the fifth")
        return item

    found: list[int] = []
    with pytest.raises(UnverifiedError, match="the fifth"):
        found.extend(_noting(ahead(range(100), act), found))
    assert found == [0, 1, 2, 3, 4]


def _noting(results: Iterator[int], found: list[int]) -> Iterator[int]:
    for result in results:
        found.append(result)
    return iter(())


def test_its_threads_end_with_it() -> None:
    before = threading.active_count()
    results = ahead(range(1000), lambda item: item)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator
    assert threading.active_count() == before
