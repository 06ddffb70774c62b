"""The bytes of the view on the bus, there and back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import canon
from custodes.base.errors import InvalidError
from custodes.services.live import (
    AWAY,
    MAX_LIVE_BYTES,
    NO_CONNECTION,
    LiveFlags,
    LiveKind,
    LiveMessage,
    LiveState,
    Reason,
    ViewState,
    Watch,
    join_init,
    masked,
    parse_live,
    parse_state,
    parse_watch,
    split_init,
)

KINDS = st.sampled_from([LiveKind.INIT, LiveKind.KEY, LiveKind.FRAGMENT, LiveKind.STATE])
AWAY_REASONS = (Reason.NO_PICTURES, Reason.NO_CONNECTION)
MASKED = [reason for reason in Reason if reason not in (Reason.NONE, *AWAY_REASONS)]
STATES = st.one_of(
    st.builds(lambda n: LiveState(ViewState.LIVE, Reason.NONE, n), st.integers(0, 1000)),
    st.sampled_from(MASKED).map(masked),
    st.sampled_from([AWAY, NO_CONNECTION]),
)
IDS = st.frozensets(st.binary(min_size=16, max_size=16), max_size=20)


@given(KINDS, st.integers(0, 2**64 - 1), st.binary(max_size=300), st.sampled_from([0, 1]))
def test_messages(kind: LiveKind, at_us: int, body: bytes, flags: int) -> None:
    message = LiveMessage(kind, at_us, body, LiveFlags(flags))
    assert parse_live(message.encode()) == message


def test_a_message_byte_by_byte() -> None:
    message = LiveMessage(LiveKind.KEY, 0x0102030405060708, b"moof", LiveFlags.AGAIN)
    assert message.encode() == bytes.fromhex("02 01 0102030405060708") + b"moof"


@given(st.binary(max_size=40))
def test_what_parses_is_spelt_the_same(data: bytes) -> None:
    try:
        message = parse_live(data)
    except InvalidError:
        return
    assert message.encode() == data


@pytest.mark.parametrize(
    "data", [b"", b"\1\0" + bytes(7), b"\5\0" + bytes(8), b"\0" * 10, b"\1\2" + bytes(8)]
)
def test_messages_that_are_none(data: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_live(data)


def test_a_message_fits_the_bus() -> None:
    body = bytes(MAX_LIVE_BYTES - 10)
    assert len(LiveMessage(LiveKind.KEY, 0, body).encode()) == MAX_LIVE_BYTES
    with pytest.raises(InvalidError, match="1048576"):
        LiveMessage(LiveKind.KEY, 0, body + b"x").encode()


@given(STATES)
def test_states(state: LiveState) -> None:
    assert parse_state(state.encode()) == state


@pytest.mark.parametrize(
    ("state", "reason", "permille"),
    [
        ("live", "late", 0),
        ("masked", "", 1000),
        ("masked", "no-pictures", 1000),
        ("masked", "no-connection", 1000),
        ("away", "late", 1000),
        ("live", "", 1001),
        ("live", "", -1),
        ("live", "", True),
        ("live", "because", 0),
        ("open", "", 0),
        (["live"], "", 0),
    ],
)
def test_states_that_are_none(state: object, reason: object, permille: object) -> None:
    with pytest.raises(InvalidError):
        parse_state(canon({"masked_permille": permille, "reason": reason, "state": state}))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255), st.binary())
def test_init(codec: str, segment: bytes) -> None:
    assert split_init(join_init(codec, segment)) == (codec, segment)


@pytest.mark.parametrize("body", [b"", b"\0", b"\5abc", b"\1\n"])
def test_init_without_codec(body: bytes) -> None:
    with pytest.raises(InvalidError):
        split_init(body)


@given(IDS, st.data())
def test_watches(streams: frozenset[bytes], data: st.DataObject) -> None:
    again = data.draw(st.frozensets(st.sampled_from(sorted(streams)))) if streams else frozenset()
    watch = Watch(streams, again)
    assert parse_watch(watch.encode()) == watch


@pytest.mark.parametrize(
    "body",
    [
        {"streams": []},
        {"again": [], "streams": ["00"]},
        {"again": ["00" * 16], "streams": []},
        {"again": [], "streams": ["01" * 16, "00" * 16]},
        {"again": [], "streams": ["00" * 16, "00" * 16]},
        {"again": [], "streams": ["zz" * 16]},
        {"again": [], "streams": [1]},
        {"again": [], "streams": "00"},
        {"again": [], "streams": ["AA" * 16]},
    ],
)
def test_watches_that_are_none(body: object) -> None:
    with pytest.raises(InvalidError):
        parse_watch(canon(body))


def test_too_many_streams() -> None:
    ids = [n.to_bytes(16, "big").hex() for n in range(1001)]
    with pytest.raises(InvalidError, match="1000"):
        parse_watch(canon({"again": [], "streams": ids}))
