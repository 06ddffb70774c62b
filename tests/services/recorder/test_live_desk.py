"""What viewers get of a stream, with a clock that moves by hand and a bus that fails when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from custodes.base.clock import SECOND_US, ManualClock
from custodes.base.errors import InvalidError, UnavailableError
from custodes.services.live import (
    AWAY,
    LiveFlags,
    LiveKind,
    LiveMessage,
    Reason,
    Watch,
    masked,
    parse_live,
)
from custodes.services.recorder.live import QUEUE_MESSAGES, LiveDesk

ONE, OTHER = b"1" * 16, b"2" * 16


class Sent:
    """What was published; fails while `away`."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, LiveMessage]] = []
        self.away = False

    async def publish(self, stream: bytes, data: bytes) -> None:
        if self.away:
            raise UnavailableError("away")
        self.messages.append((stream, parse_live(data)))

    def take(self) -> list[tuple[LiveKind, bytes, bool]]:
        """Kind, body and whether repeated, of all since the last call."""
        messages, self.messages = self.messages, []
        return [(one.kind, one.body, one.flags is LiveFlags.AGAIN) for _, one in messages]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
async def desk(clock: ManualClock, sent: Sent) -> AsyncIterator[LiveDesk]:
    desk = LiveDesk(clock, sent.publish)
    desk.open(ONE)
    desk.open(OTHER)
    yield desk
    await desk.close()


async def settled() -> None:
    for _ in range(2 * QUEUE_MESSAGES):
        await asyncio.sleep(0)


def give(desk: LiveDesk, kind: LiveKind, body: bytes, stream: bytes = ONE) -> None:
    desk.take(stream, LiveMessage(kind, 7, body))


async def wish(desk: LiveDesk, *streams: bytes, again: tuple[bytes, ...] = ()) -> None:
    await desk.watch("watch.x", Watch(frozenset(streams), frozenset(again)).encode())


INIT, KEY, FRAGMENT, STATE = LiveKind.INIT, LiveKind.KEY, LiveKind.FRAGMENT, LiveKind.STATE


async def test_nothing_is_sent_that_nobody_watches(desk: LiveDesk, sent: Sent, clock: ManualClock) -> None:
    give(desk, INIT, b"i")
    give(desk, KEY, b"k")
    await settled()
    assert sent.take() == []
    await wish(desk, ONE)
    give(desk, KEY, b"other", OTHER)
    await settled()
    assert sent.take() == [(INIT, b"i", True), (KEY, b"k", True)]
    clock.advance(4 * SECOND_US)
    await wish(desk, ONE)
    clock.advance(4 * SECOND_US)
    give(desk, FRAGMENT, b"f")
    await settled()
    assert sent.take() == [(FRAGMENT, b"f", False)]
    clock.advance(SECOND_US)
    give(desk, FRAGMENT, b"g")
    await settled()
    assert sent.take() == []


async def test_one_who_begins_gets_the_current_group(desk: LiveDesk, sent: Sent, clock: ManualClock) -> None:
    for kind, body in ((INIT, b"i"), (KEY, b"old"), (FRAGMENT, b"old"), (KEY, b"k"), (FRAGMENT, b"f")):
        give(desk, kind, body)
    desk.take(ONE, LiveMessage(STATE, 7, b"s"))
    await wish(desk, ONE)
    await settled()
    whole = [(INIT, b"i", True), (KEY, b"k", True), (FRAGMENT, b"f", True), (STATE, b"s", True)]
    assert sent.take() == whole
    await wish(desk, ONE, again=(ONE,))
    await settled()
    assert sent.take() == [], "more than once a second"
    clock.advance(SECOND_US)
    await wish(desk, ONE, again=(ONE,))
    await settled()
    assert sent.take() == whole
    give(desk, INIT, b"j")
    clock.advance(SECOND_US)
    sent.take()
    await wish(desk, ONE, again=(ONE,))
    await settled()
    assert sent.take() == [(INIT, b"j", False), (INIT, b"j", True), (STATE, b"s", True)]


async def test_the_recorders_word_takes_the_pictures_back(desk: LiveDesk, sent: Sent) -> None:
    give(desk, INIT, b"i")
    give(desk, KEY, b"k")
    desk.tell(ONE, masked(Reason.VEILER_ENDED))
    await wish(desk, ONE)
    await settled()
    state = masked(Reason.VEILER_ENDED).encode()
    assert sent.take() == [(INIT, b"i", True), (STATE, state, True)]
    desk.tell(ONE, AWAY)
    await settled()
    assert sent.take() == [(STATE, AWAY.encode(), False)]


async def test_what_the_bus_does_not_take_is_dropped_to_a_key_frame(desk: LiveDesk, sent: Sent) -> None:
    await wish(desk, ONE)
    give(desk, INIT, b"i")
    await settled()
    sent.take()
    sent.away = True
    give(desk, INIT, b"j")
    give(desk, KEY, b"k")
    await settled()
    sent.away = False
    give(desk, FRAGMENT, b"f")
    give(desk, STATE, b"s")
    give(desk, KEY, b"l")
    give(desk, FRAGMENT, b"g")
    await settled()
    assert sent.take() == [
        (STATE, b"s", False),
        (INIT, b"j", False),
        (KEY, b"l", False),
        (FRAGMENT, b"g", False),
    ]
    assert desk.dropped == 3


async def test_what_waits_is_bounded(desk: LiveDesk, sent: Sent) -> None:
    await wish(desk, ONE)
    give(desk, INIT, b"i")
    give(desk, KEY, b"k")
    for _ in range(2 * QUEUE_MESSAGES):
        give(desk, FRAGMENT, b"f")
    assert desk.dropped == QUEUE_MESSAGES + 2
    await settled()
    assert len(sent.take()) == QUEUE_MESSAGES
    give(desk, FRAGMENT, b"f")
    give(desk, KEY, b"l")
    await settled()
    assert sent.take() == [(KEY, b"l", False)]


async def test_wishes_that_are_none_change_nothing(desk: LiveDesk) -> None:
    await wish(desk, ONE)
    with pytest.raises(InvalidError):
        await desk.watch("watch.x", b"{}")
    await wish(desk, b"?" * 16)
    assert desk.is_watched(ONE)
    assert not desk.is_watched(b"?" * 16)
    desk.close_stream(ONE)
    assert not desk.is_watched(ONE)
