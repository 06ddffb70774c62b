"""Taking a connection's bytes apart, in pieces of any size."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.adapters.rtsp.connection import Connection
from custodes.adapters.rtsp.framing import BUFFER_BYTES, Framing
from custodes.adapters.rtsp.message import CameraRequest, Response
from custodes.adapters.rtsp.notices import NoticeBoard
from custodes.base.errors import CustodesError, InvalidError

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody"


class Found:
    """Keeps what framing finds."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, bytes]] = []
        self.messages: list[Response | CameraRequest] = []
        self.junk = 0

    def on_packet(self, channel: int, packet: memoryview) -> None:
        self.packets.append((channel, bytes(packet)))

    def on_run(self, buffer: memoryview, at: int, end: int) -> int:
        return at

    def on_message(self, message: Response | CameraRequest) -> None:
        self.messages.append(message)

    def on_junk(self, count: int) -> None:
        self.junk += count


def frame(packet: bytes, channel: int = 0) -> bytes:
    return bytes((0x24, channel)) + len(packet).to_bytes(2, "big") + packet


def feed(data: bytes, sizes: list[int], found: Found) -> bytes:
    framing, rest = Framing(found), b""
    framing.set_channels(0, 1)
    while data:
        size = max(1, sizes.pop(0)) if sizes else len(data)
        rest, data = rest + data[:size], data[size:]
        assert len(rest) < BUFFER_BYTES
        rest = rest[framing.feed(memoryview(bytearray(rest)), len(rest)) :]
    return rest


def packet(number: int) -> bytes:
    return bytes((0x80, 96)) + bytes([number]) * 40


@given(st.lists(st.integers(1, 60), max_size=40))
def test_packets_and_messages_are_found_in_pieces_of_any_size(sizes: list[int]) -> None:
    found = Found()
    data = (
        ANSWER
        + frame(packet(1))
        + b"\r\n"
        + frame(packet(2), 1)
        + b"OPTIONS * RTSP/1.0\nCSeq: 2\n\n"
        + frame(packet(3), 6)
        + frame(packet(4))
    )
    assert feed(data, sizes, found) == b""
    assert found.packets == [(0, packet(1)), (1, packet(2)), (0, packet(4))]
    assert isinstance(found.messages[0], Response) and found.messages[0].body == b"body"
    assert isinstance(found.messages[1], CameraRequest)
    assert found.junk == 0


@given(
    st.binary(min_size=1, max_size=40).filter(
        lambda junk: not set(junk) & set(b"$\r\n") and not junk.isascii()
    ),
    st.lists(st.integers(1, 60), max_size=20),
)
def test_junk_between_packets_is_passed_over_and_counted(junk: bytes, sizes: list[int]) -> None:
    found = Found()
    junk = b"\x00" + junk
    feed(frame(packet(1)) + junk + frame(packet(2)) + junk + ANSWER, sizes, found)
    assert found.packets == [(0, packet(1)), (0, packet(2))]
    assert len(found.messages) == 1
    assert found.junk == 2 * len(junk)


def test_a_dollar_sign_in_junk_hides_no_packet() -> None:
    found = Found()
    feed(b"\x00$$\x00$\x01\x00\x05\x00abc" + frame(packet(1)) + ANSWER, [], found)
    assert (0, packet(1)) in found.packets
    assert len(found.messages) == 1


def test_an_endless_head_is_refused() -> None:
    try:
        feed(b"RTSP/1.0 200 OK\r\n" + b"a: b\r\n" * 4000, [], Found())
    except InvalidError as error:
        assert "head" in str(error)
    else:
        raise AssertionError("not refused")


_PIECES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [ANSWER, frame(packet(1)), frame(packet(2), 9), b"$", b"RTSP/1.0 ", b"\r\n\r\n", b"OPTIONS * "]
    ),
)


@given(st.lists(_PIECES, max_size=30), st.lists(st.integers(1, 300), max_size=60))
def test_any_bytes_are_taken_apart_or_refused(pieces: list[bytes], sizes: list[int]) -> None:
    found = Found()
    data = b"".join(pieces)
    try:
        rest = feed(data, sizes, found)
    except CustodesError:
        return
    assert found.junk + sum(len(packet) + 4 for _, packet in found.packets) + len(rest) <= len(data)


def received(bench: Any, data: bytes, sizes: list[int]) -> None:
    """Let a connection read bytes in pieces, as the event loop does."""
    loop = asyncio.new_event_loop()
    try:
        connection = Connection(bench.clock, NoticeBoard(bench.sink.on_notice, bench.clock), loop)
        connection.attach(bench.video, (0, 1))
        while data:
            size = min(max(1, sizes.pop(0)) if sizes else 5000, len(data))
            buffer = connection.get_buffer(-1)
            buffer[:size] = data[:size]
            bench.clock.advance(100)
            connection.buffer_updated(size)
            data = data[size:]
    finally:
        loop.close()


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 6000), max_size=60),
    fragment=st.integers(2, 1500),
    lost=st.sets(st.integers(0, 60), max_size=3),
    start=st.sampled_from([0, 65_520]),
)
def test_runs_of_fragments_give_what_single_packets_give(
    benches: Any, nals: Any, sizes: list[int], fragment: int, lost: set[int], start: int
) -> None:
    plain, fast = benches(), benches()
    plain.camera.sequence = start
    packets = [
        packet
        for nal in (nals.idr, nals.large, nals.large, nals.predicted)
        for packet in plain.camera.picture(nals.sps, nal, fragment=fragment)
    ]
    packets = [packet for index, packet in enumerate(packets) if index not in lost]
    plain.receive(*packets)
    received(fast, b"".join(frame(packet) for packet in packets), sizes)
    assert [unit.data for unit in fast.sink.units] == [unit.data for unit in plain.sink.units]
    assert [unit.loss_before for unit in fast.sink.units] == [unit.loss_before for unit in plain.sink.units]
    assert fast.video.rtp.reception == plain.video.rtp.reception
    assert fast.video.rtp.highest_sequence == plain.video.rtp.highest_sequence


@given(st.lists(_PIECES, max_size=20), st.lists(st.integers(1, 300), max_size=30))
def test_a_connection_survives_any_bytes(benches: Any, pieces: list[bytes], sizes: list[int]) -> None:
    bench = benches()
    received(bench, b"".join(pieces), sizes)
    for index in range(len(bench.sink.units)):
        assert bench.nals(index)
