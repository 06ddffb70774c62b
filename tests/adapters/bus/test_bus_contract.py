"""What every bus does, tried on each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from custodes.adapters.bus.wire import MAX_MESSAGE_BYTES
from custodes.base.errors import (
    BugError,
    CustodesError,
    ErrorKind,
    InvalidError,
    RefusedError,
    UnavailableError,
    by_kind,
)
from custodes.base.ports import Bus

MakeBus = Callable[[str], Awaitable[Bus]]
WAIT_S = 20


class Heard:
    """Collects messages and lets a test wait for so many."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._more = asyncio.Condition()

    async def __call__(self, subject: str, data: bytes) -> None:
        async with self._more:
            self.messages.append((subject, data))
            self._more.notify_all()

    async def until(self, count: int) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(WAIT_S), self._more:
            await self._more.wait_for(lambda: len(self.messages) >= count)
        return self.messages


async def echo(data: bytes) -> bytes:
    return b"echo " + data


async def test_published_messages_arrive_in_order(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    heard = Heard()
    await b.subscribe("live.one", heard)
    for number in range(200):
        await a.publish("live.one", b"%d" % number)
    assert await heard.until(200) == [("live.one", b"%d" % number) for number in range(200)]


async def test_wildcards_stand_for_tokens(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    star, rest, end = Heard(), Heard(), Heard()
    await b.subscribe("x.*.z", star)
    await b.subscribe("x.>", rest)
    await b.subscribe("end", end)
    for subject in ("x", "x.y", "x.y.z", "x.y.w", "x.y.z.z", "y.y.z"):
        await a.publish(subject, b"")
    await a.publish("end", b"")
    await end.until(1)
    await rest.until(4)
    assert [subject for subject, _ in star.messages] == ["x.y.z"]
    assert [subject for subject, _ in rest.messages] == ["x.y", "x.y.z", "x.y.w", "x.y.z.z"]


async def test_nothing_is_delivered_after_close(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    ended, going = Heard(), Heard()
    subscription = await b.subscribe("s", ended)
    await b.subscribe("s", going)
    await a.publish("s", b"1")
    await ended.until(1)
    await subscription.close()
    await a.publish("s", b"2")
    await going.until(2)
    assert len(ended.messages) == 1


async def test_a_listener_may_close_its_own_subscription(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    heard, closed = Heard(), asyncio.Event()

    async def once(subject: str, data: bytes) -> None:
        await subscription.close()
        closed.set()

    subscription = await b.subscribe("s", once)
    await b.subscribe("s", heard)
    await a.publish("s", b"1")
    async with asyncio.timeout(WAIT_S):
        await closed.wait()
    await a.publish("s", b"2")
    await heard.until(2)


async def test_a_failing_listener_hears_the_next_message(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    heard = Heard()

    async def fails_once(subject: str, data: bytes) -> None:
        await heard(subject, data)
        if len(heard.messages) == 1:
            raise ValueError("first")

    await b.subscribe("s", fails_once)
    await a.publish("s", b"1")
    await a.publish("s", b"2")
    await heard.until(2)


async def test_request_gets_the_answer(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    await b.serve("ask", echo)
    assert await a.request("ask", b"me", WAIT_S) == b"echo me"
    assert await asyncio.gather(*(a.request("ask", b"%d" % n, WAIT_S) for n in range(50))) == [
        b"echo %d" % n for n in range(50)
    ]


async def test_empty_and_full_messages_pass(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")

    async def same(data: bytes) -> bytes:
        return data

    await b.serve("ask", same)
    full = bytes(range(256)) * (MAX_MESSAGE_BYTES // 256)
    assert await a.request("ask", b"", WAIT_S) == b""
    assert await a.request("ask", full, WAIT_S) == full


async def test_oversized_messages_are_refused_before_sending(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")

    async def much(data: bytes) -> bytes:
        return bytes(MAX_MESSAGE_BYTES + 1)

    await b.serve("ask", much)
    with pytest.raises(InvalidError, match=str(MAX_MESSAGE_BYTES)):
        await a.publish("s", bytes(MAX_MESSAGE_BYTES + 1))
    with pytest.raises(InvalidError, match=str(MAX_MESSAGE_BYTES)):
        await a.request("ask", bytes(MAX_MESSAGE_BYTES + 1), WAIT_S)
    with pytest.raises(InvalidError, match=str(MAX_MESSAGE_BYTES)):
        await a.request("ask", b"", WAIT_S)


@pytest.mark.parametrize("kind", list(ErrorKind))
async def test_errors_cross_with_their_kind(make_bus: MakeBus, kind: ErrorKind) -> None:
    a, b = await make_bus("a"), await make_bus("b")

    async def fails(data: bytes) -> bytes:
        raise by_kind(kind, 'the "limit" is 5 \u20ac')

    await b.serve("ask", fails)
    with pytest.raises(CustodesError) as caught:
        await a.request("ask", b"", WAIT_S)
    assert caught.value.kind is kind
    assert str(caught.value) == 'the "limit" is 5 \u20ac'


async def test_a_handler_that_breaks_is_a_bug_without_details(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")

    async def breaks(data: bytes) -> bytes:
        raise KeyError("a name of somebody")

    await b.serve("ask", breaks)
    with pytest.raises(BugError) as caught:
        await a.request("ask", b"", WAIT_S)
    assert "somebody" not in str(caught.value)
    with pytest.raises(BugError):
        await a.request("ask", b"again", WAIT_S)


async def test_nobody_serving_is_unavailable_at_once(make_bus: MakeBus) -> None:
    a = await make_bus("a")
    with pytest.raises(UnavailableError, match="nobody serves"):
        await a.request("ask", b"", 3600)


async def test_no_answer_in_time_is_unavailable(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    release = asyncio.Event()

    async def waits(data: bytes) -> bytes:
        await release.wait()
        return b""

    await b.serve("ask", waits)
    with pytest.raises(UnavailableError, match="no answer"):
        await a.request("ask", b"", 0.05)
    release.set()
    assert await a.request("ask", b"", WAIT_S) == b""


async def test_requests_are_served_one_at_a_time(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    running = most = 0

    async def counts(data: bytes) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1
        return data

    await b.serve("ask", counts)
    await asyncio.gather(*(a.request("ask", b"", WAIT_S) for _ in range(20)))
    assert most == 1


async def test_one_of_several_servers_answers(make_bus: MakeBus) -> None:
    a, b, c = await make_bus("a"), await make_bus("b"), await make_bus("c")
    served: list[bytes] = []

    async def take(data: bytes) -> bytes:
        served.append(data)
        return data

    await b.serve("ask", take)
    await c.serve("ask", take)
    for number in range(20):
        await a.request("ask", b"%d" % number, WAIT_S)
    assert served == [b"%d" % number for number in range(20)]


async def test_what_wants_no_answer_is_not_served(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    served: list[bytes] = []

    async def take(data: bytes) -> bytes:
        served.append(data)
        return b""

    await b.serve("ask", take)
    await a.publish("ask", b"published")
    await a.request("ask", b"asked", WAIT_S)
    assert served == [b"asked"]


async def test_close_lets_the_running_handler_finish(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")
    started, done = asyncio.Event(), asyncio.Event()

    async def slow(data: bytes) -> bytes:
        started.set()
        for _ in range(10):
            await asyncio.sleep(0)
        done.set()
        return b"done"

    await b.serve("ask", slow)
    asked = asyncio.ensure_future(a.request("ask", b"", WAIT_S))
    async with asyncio.timeout(WAIT_S):
        await started.wait()
    await b.close()
    assert done.is_set()
    asked.cancel()


async def test_a_closed_bus_refuses(make_bus: MakeBus) -> None:
    a = await make_bus("a")
    await a.close()
    with pytest.raises(UnavailableError):
        await a.publish("s", b"")
    with pytest.raises(UnavailableError):
        await a.request("s", b"", WAIT_S)
    with pytest.raises(UnavailableError):
        await a.serve("s", echo)


@pytest.mark.parametrize("subject", ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB b 0", "a.*", "a.>", "ä"])
async def test_only_subjects_can_be_sent_to(make_bus: MakeBus, subject: str) -> None:
    a = await make_bus("a")
    with pytest.raises(InvalidError):
        await a.publish(subject, b"")
    with pytest.raises(InvalidError):
        await a.request(subject, b"", WAIT_S)


@pytest.mark.parametrize("pattern", ["", ">.a", "a.>.b", "a*", "a.b>", "a b"])
async def test_only_patterns_can_be_listened_to(make_bus: MakeBus, pattern: str) -> None:
    a = await make_bus("a")
    with pytest.raises(InvalidError):
        await a.subscribe(pattern, Heard())


async def test_refusals_keep_their_reason(make_bus: MakeBus) -> None:
    a, b = await make_bus("a"), await make_bus("b")

    async def refuses(data: bytes) -> bytes:
        raise RefusedError("x" * 10_000)

    await b.serve("ask", refuses)
    with pytest.raises(RefusedError, match=r"^x{500}$"):
        await a.request("ask", b"", WAIT_S)
