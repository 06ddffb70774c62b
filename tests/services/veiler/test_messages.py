"""What recorder and veiler say to each other: there and back, in pieces, damaged, too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.base.fence.report import Fence, FenceReport
from custodes.media.packets import Codec, ParameterSets
from custodes.services.veiler.frames import (
    MAX_FROM_VEILER_BYTES,
    MAX_TO_VEILER_BYTES,
    Frame,
    FrameKind,
    FrameReader,
)
from custodes.services.veiler.messages import (
    RATES_HZ,
    Figures,
    VeilUnit,
    ended_frame,
    fenced_frame,
    join_sets,
    pace_frame,
    parse_ended,
    parse_fenced,
    parse_figures,
    parse_pace,
    parse_unit,
    split_sets,
)

INSTANTS = st.integers(0, 2**64 - 1)
FROM = [kind for kind in FrameKind if kind < 32]
TO = [kind for kind in FrameKind if kind >= 32]
FRAMES = st.lists(st.builds(Frame, st.sampled_from(FROM), INSTANTS, st.binary(max_size=200)), max_size=8)
NALS = st.lists(st.binary(max_size=40), max_size=4).map(tuple)


@given(FRAMES, st.integers(1, 50))
def test_frames_come_in_any_pieces(frames: list[Frame], piece: int) -> None:
    data = b"".join(frame.encode() for frame in frames)
    reader = FrameReader(from_veiler=True)
    got = [frame for at in range(0, len(data), piece) for frame in reader.feed(data[at : at + piece])]
    assert got == frames


@given(st.binary(max_size=200))
def test_garbage_gives_frames_or_an_error(data: bytes) -> None:
    reader = FrameReader(from_veiler=True)
    try:
        frames = list(reader.feed(data))
    except InvalidError:
        return
    assert data.startswith(b"".join(frame.encode() for frame in frames))


def test_a_frame_byte_by_byte() -> None:
    frame = Frame(FrameKind.KEY, 0x0102030405060708, b"body")
    assert frame.encode() == bytes.fromhex("0000000d 02 0102030405060708") + b"body"


@pytest.mark.parametrize(("from_veiler", "kinds"), [(True, TO), (False, FROM)])
def test_each_direction_has_its_kinds(from_veiler: bool, kinds: list[FrameKind]) -> None:
    for kind in kinds:
        with pytest.raises(InvalidError, match=f"kind {kind.value}"):
            list(FrameReader(from_veiler=from_veiler).feed(Frame(kind, 0, b"").encode()))


@pytest.mark.parametrize(
    ("from_veiler", "kind", "limit"),
    [(True, FrameKind.KEY, MAX_FROM_VEILER_BYTES), (False, FrameKind.UNIT, MAX_TO_VEILER_BYTES)],
)
def test_limits(from_veiler: bool, kind: FrameKind, limit: int) -> None:
    whole = Frame(kind, 0, bytes(limit)).encode()
    assert [len(frame.body) for frame in FrameReader(from_veiler=from_veiler).feed(whole)] == [limit]
    with pytest.raises(InvalidError, match=str(limit)):
        Frame(kind, 0, bytes(limit + 1)).encode()
    # One that claims more is refused at its head, before the rest is kept.
    claim = (limit + 10).to_bytes(4, "big") + whole[4:13]
    with pytest.raises(InvalidError):
        list(FrameReader(from_veiler=from_veiler).feed(claim))
    for short in range(9):
        with pytest.raises(InvalidError):
            list(FrameReader(from_veiler=from_veiler).feed(short.to_bytes(4, "big") + whole[4:13]))


@given(
    st.builds(
        VeilUnit,
        st.binary(min_size=1, max_size=100),
        INSTANTS,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    INSTANTS,
)
def test_units(unit: VeilUnit, at_us: int) -> None:
    (frame,) = FrameReader(from_veiler=False).feed(unit.head(at_us) + unit.data)
    assert (frame.kind, frame.at_us, parse_unit(frame.body)) == (FrameKind.UNIT, at_us, unit)


@pytest.mark.parametrize("body", [b"", bytes(9), b"\x20" + bytes(9)])
def test_units_that_are_none(body: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_unit(body)


@given(st.builds(ParameterSets, st.sampled_from(Codec), NALS, NALS, NALS))
def test_sets(sets: ParameterSets) -> None:
    assert split_sets(join_sets(sets)) == sets


@given(st.binary(max_size=60))
def test_sets_that_parse_are_spelt_the_same(body: bytes) -> None:
    try:
        sets = split_sets(body)
    except InvalidError:
        return
    assert join_sets(sets) == body


def test_sets_too_large() -> None:
    with pytest.raises(InvalidError):
        join_sets(ParameterSets(Codec.H264, (), (bytes(65_536),), ()))
    with pytest.raises(InvalidError):
        join_sets(ParameterSets(Codec.H264, (), (b"x",) * 256, ()))


def test_the_small_ones() -> None:
    for rate in RATES_HZ:
        assert parse_pace(pace_frame(rate).body) == rate
    for wrong in (b"", b"\0", b"\3", b"\1\1"):
        with pytest.raises(InvalidError):
            parse_pace(wrong)
    with pytest.raises(InvalidError):
        pace_frame(25)
    report = FenceReport((Fence("a", True, "b"), Fence("c", False, "")))
    assert parse_fenced(fenced_frame(report).body) == report
    figures = Figures(1, 2, 3, 4, 8, 6)
    assert parse_figures(figures.frame().body) == figures
    assert parse_ended(ended_frame("because").body) == "because"
    assert len(parse_ended(ended_frame("x" * 9999).body)) == 500


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"fences":{}}', b'{"fences":[{}]}', b'{"fences":[{"applied":1,"detail":"","name":""}]}'],
)
def test_reports_that_are_none(body: bytes) -> None:
    for parse in (parse_fenced, parse_figures, parse_ended):
        with pytest.raises(InvalidError):
            parse(body)
