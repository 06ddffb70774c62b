"""Health documents: what is taken, what is refused, and who is missed."""

from collections.abc import Callable
from typing import Any

import pytest

from custodes.base.canon import canon
from custodes.base.clock import SECOND_US, ManualClock
from custodes.base.errors import InvalidError
from custodes.web.board import MAX_PROCESSES, HealthBoard
from custodes.web.health import MAX_HEALTH_BYTES, parse_health

Documents = dict[str, Callable[..., dict[str, Any]]]
NOW_US = 1_800_000_000 * SECOND_US


def _changed(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> bytes:
    *above, last = path
    inner: Any = document
    for step in above:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return canon(document)


@pytest.mark.parametrize(
    ("process", "path", "value"),
    [
        ("recorder", ("outbox",), -1),
        ("recorder", ("outbox",), "3"),
        ("recorder", ("outbox",), ...),
        ("recorder", ("more",), 1),
        ("recorder", ("process",), "keeper"),
        ("recorder", ("alarms",), ["x"] * 201),
        ("recorder", ("alarms",), ["x" * 501]),
        ("recorder", ("alarms",), ["two\nlines"]),
        ("recorder", ("alarms",), [""]),
        ("recorder", ("streams", 0, "state"), "asleep"),
        ("recorder", ("streams", 0, "kind"), "third"),
        ("recorder", ("streams", 0, "stream"), "A1" * 16),
        ("recorder", ("streams", 0, "stream"), "a1" * 15),
        ("recorder", ("streams", 0, "extra"), 0),
        ("recorder", ("gaps", 0, "to_us"), -1),
        ("recorder", ("fences", 0, "applied"), 1),
        ("recorder", ("renditions", 0, "state"), "open"),
        ("recorder", ("renditions", 0, "masked_permille"), 1001),
        ("recorder", ("renditions", 0, "masked_by"), {"late": "1"}),
        ("recorder", ("renditions",), ...),
        ("keeper", ("network", "rehearsal"), "no"),
        ("keeper", ("network", "quorum"), 17),
        ("keeper", ("ledger", "root"), "0f" * 31),
        ("keeper", ("cameras", 0, "review_date"), "soon"),
        ("keeper", ("cameras", 0, "purpose"), ""),
        ("keeper", ("openings", "slots"), ...),
    ],
)
def test_what_is_refused(process: str, path: tuple[str | int, ...], value: Any, documents: Documents) -> None:
    parse_health(process, canon(documents[process](NOW_US)))
    with pytest.raises(InvalidError):
        parse_health(process, _changed(documents[process](NOW_US), path, value))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (MAX_HEALTH_BYTES + 1)])
def test_what_is_no_document(data: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_health("keeper", data)
    with pytest.raises(InvalidError):
        parse_health("stranger", b"{}")


def test_the_refusal_names_the_member_and_not_the_value(documents: Documents) -> None:
    data = _changed(documents["keeper"](NOW_US), ("cameras", 0, "camera"), "secret")
    with pytest.raises(InvalidError, match=r"^cameras\.0\.camera: ") as caught:
        parse_health("keeper", data)
    assert "secret" not in str(caught.value)


async def test_who_is_silent_is_missed(documents: Documents) -> None:
    clock = ManualClock()
    board = HealthBoard(clock, ("keeper",))
    clock.advance(5 * SECOND_US)
    assert board.view().alarms == ()
    clock.advance(SECOND_US)
    assert board.view().alarms == ("keeper has not been heard of for 6 s",)
    assert board.view().keeper is None
    await board.hear("health.keeper", canon(documents["keeper"](clock.utc_us())))
    view = board.view()
    assert view.alarms == () and view.keeper is not None and not view.keeper.stale
    clock.advance(61 * SECOND_US)
    view = board.view()
    assert view.keeper is not None and view.keeper.stale
    assert view.alarms == ("keeper has not been heard of for 61 s",)


async def test_a_stepped_clock_makes_nobody_stale(documents: Documents) -> None:
    clock = ManualClock()
    board = HealthBoard(clock, ())
    await board.hear("health.keeper", canon(documents["keeper"](clock.utc_us())))
    clock.step_utc(3600 * SECOND_US)
    assert board.view().alarms == ()


async def test_one_recorder_is_the_recorder_and_two_have_names(documents: Documents) -> None:
    clock = ManualClock()
    board = HealthBoard(clock, ())
    await board.hear("health.recorder-aabbccddee", canon(documents["recorder"](clock.utc_us())))
    clock.advance(8 * SECOND_US)
    assert board.view().alarms == ("recorder has not been heard of for 8 s",)
    await board.hear("health.recorder-0011", canon(documents["recorder"](clock.utc_us())))
    assert board.view().alarms == ("recorder aabbccdd has not been heard of for 8 s",)
    assert [heard.process for heard in board.view().recorders] == ["recorder-0011", "recorder-aabbccddee"]


async def test_a_document_that_cannot_be_read_is_an_alarm_until_the_next_good_one(
    documents: Documents,
) -> None:
    clock = ManualClock()
    board = HealthBoard(clock, ())
    good = canon(documents["keeper"](clock.utc_us()))
    await board.hear("health.keeper", good)
    await board.hear("health.keeper", b"{}")
    view = board.view()
    assert view.keeper is not None
    assert len(view.alarms) == 1 and "keeper sends health that cannot be read" in view.alarms[0]
    await board.hear("health.keeper", good)
    assert board.view().alarms == ()


async def test_alarms_of_the_processes_come_after_the_boards_and_once(documents: Documents) -> None:
    clock = ManualClock()
    board = HealthBoard(clock, ("discloser",))
    await board.hear(
        "health.keeper", canon(documents["keeper"](1, alarms=["the disk is full", "pool empty"]))
    )
    await board.hear("health.recorder-00", canon(documents["recorder"](NOW_US, alarms=["the disk is full"])))
    clock.advance(4 * SECOND_US)
    assert board.view().alarms == ("the disk is full", "pool empty")
    clock.advance(2 * SECOND_US)
    assert board.view().alarms[0] == "discloser has not been heard of for 6 s"


async def test_the_board_is_bounded_and_hears_only_health() -> None:
    board = HealthBoard(ManualClock(), ())
    for subject in ("health.web", "fact.reel", "live.health.keeper"):
        await board.hear(subject, b"{}")
    assert board.view().alarms == ()
    for number in range(MAX_PROCESSES):
        await board.hear(f"health.recorder-{number}", b"{}")
    with pytest.raises(InvalidError, match="more than 64 processes"):
        await board.hear("health.recorder-more", b"{}")
