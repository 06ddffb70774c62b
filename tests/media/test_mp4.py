"""MP4 files: round trip, what FFmpeg makes of them, large files, damage."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.media.mp4.read import read_movie, read_samples
from custodes.media.mp4.table import MAX_DURATION_90K, Sample, SampleTable, tabulate
from custodes.media.mp4.write import mp4_header, write_mp4
from custodes.media.packets import AccessUnit, Codec, ParameterSets

SETS = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6742c01ed900a02ff97016a020202800000300080000030190478b1724"),),
    (bytes.fromhex("68cb83cb20"),),
)


def file_of(sets: ParameterSets, units: list[AccessUnit]) -> bytes:
    table = tabulate([len(u.data) for u in units], [u.media_90k for u in units], [u.is_key for u in units])
    return b"".join(write_mp4(table, sets, (u.data for u in units)))


def demuxed(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    with av.open(io.BytesIO(data)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                assert packet.time_base.denominator == 90_000
                yield bytes(packet), packet.pts, packet.dts, packet.is_keyframe


def shown_times(data: bytes) -> list[int]:
    with av.open(io.BytesIO(data)) as container:
        container.streams.video[0].thread_count = 1
        return [frame.pts for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("bframes", [0, 3])
@pytest.mark.parametrize("gap_90k", [0, 3_000_007])
def test_ffmpeg_sees_the_same_packets_times_and_pictures(
    encode: Callable[..., Any], codec: Codec, bframes: int, gap_90k: int
) -> None:
    sets, units = encode(codec, frames=30, keyint=10, bframes=bframes)
    second_key = next(n for n, unit in enumerate(units) if unit.is_key and n)
    units = [
        replace(unit, media_90k=unit.media_90k + gap_90k * (n >= second_key)) for n, unit in enumerate(units)
    ]
    data = file_of(sets, units)
    packets = list(demuxed(data))
    assert [packet[0] for packet in packets] == [unit.data for unit in units]
    assert [packet[1] for packet in packets] == [unit.media_90k for unit in units]
    assert [packet[3] for packet in packets] == [unit.is_key for unit in units]
    dts = [packet[2] for packet in packets]
    assert dts == sorted(set(dts))
    assert all(dts_at <= packet[1] for dts_at, packet in zip(dts, packets, strict=True))
    assert shown_times(data) == sorted(unit.media_90k for unit in units)


@pytest.mark.parametrize("codec", list(Codec))
def test_read_gives_back_what_was_written(encode: Callable[..., Any], codec: Codec) -> None:
    sets, units = encode(codec, frames=150, keyint=10, bframes=2)
    data = file_of(sets, units)
    assert file_of(sets, units) == data
    movie = read_movie(io.BytesIO(data))
    assert movie.sets == sets
    assert movie.timescale == 90_000
    assert list(read_samples(io.BytesIO(data), movie)) == [unit.data for unit in units]
    shown = [at - movie.start_90k for at in movie.table.presentation_90k()]
    assert shown == [unit.media_90k for unit in units]
    assert [bool(key) for key in movie.table.keys] == [unit.is_key for unit in units]


def test_first_picture_is_shown_at_zero_whatever_the_camera_stamped(encode: Callable[..., Any]) -> None:
    sets, units = encode(Codec.H264, frames=20, keyint=10, bframes=2)
    late = [replace(unit, media_90k=unit.media_90k + 10**15) for unit in units]
    assert file_of(sets, late) == file_of(sets, units)


def test_signed_offsets_need_no_edit_list(encode: Callable[..., Any]) -> None:
    sets, units = encode(Codec.H264, frames=12, keyint=12, bframes=2)
    order = sorted(unit.media_90k for unit in units)
    rows = zip(units, order, strict=True)
    table = SampleTable(Sample(len(u.data), at, u.media_90k - at, u.is_key) for u, at in rows)
    assert min(table.offsets_90k) < 0
    data = b"".join(write_mp4(table, sets, [unit.data for unit in units]))
    assert read_movie(io.BytesIO(data)).start_90k == 0
    assert [packet[1] for packet in demuxed(data)] == [unit.media_90k for unit in units]
    assert shown_times(data) == order


def test_creation_time_changes_nothing_else(encode: Callable[..., Any]) -> None:
    table = SampleTable([Sample(3, 0, 0, True)])
    plain, dated = mp4_header(table, SETS), mp4_header(table, SETS, 1_800_000_000_000_000)
    assert len(plain) == len(dated)
    assert (1_800_000_000 + 2_082_844_800).to_bytes(8, "big") in dated
    assert bytes(8) in plain


class SparseFile(io.RawIOBase):
    """A header followed by zeros that take no memory."""

    def __init__(self, header: bytes, size: int) -> None:
        self._header, self._size, self._at = header, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        count = min(count if count >= 0 else self._size, self._size - self._at)
        piece = self._header[self._at : self._at + count]
        self._at += count
        return piece + bytes(count - len(piece))


@pytest.mark.parametrize(("megabytes", "large"), [(4000, False), (5000, True)])
def test_files_beyond_four_gibibytes(megabytes: int, large: bool) -> None:
    table = SampleTable(Sample(10**6, n * 3600, 0, n % 25 == 0) for n in range(megabytes))
    header = mp4_header(table, SETS)
    assert (b"co64" in header) == large
    assert (b"stco" in header) != large
    file = SparseFile(header, len(header) + megabytes * 10**6)
    movie = read_movie(file)  # type: ignore[arg-type]
    assert list(movie.offsets) == [len(header) + n * 10**6 for n in range(megabytes)]
    with av.open(file) as container:
        stream = container.streams.video[0]
        assert stream.frames == megabytes
        assert stream.duration == megabytes * 3600


def test_samples_that_differ_from_the_table_are_refused() -> None:
    table = SampleTable([Sample(3, 0, 0, True), Sample(2, 1, 0, False)])
    for samples in ([b"abc"], [b"abc", b"d"], [b"abc", b"de", b"f"], [b"ab", b"de"]):
        with pytest.raises(InvalidError):
            b"".join(write_mp4(table, SETS, samples))
    apart = b"".join(write_mp4(table, SETS, [b"abc", b"de"]))
    assert b"".join(write_mp4(table, SETS, [b"abcde"])) == apart
    for joined in (b"abcd", b"abcdef"):
        with pytest.raises(InvalidError):
            b"".join(write_mp4(table, SETS, [joined]))


def test_tables_are_checked() -> None:
    first = Sample(3, 0, 0, True)
    for bad in (
        Sample(0, 1, 0, True),
        Sample(1 << 29, 1, 0, True),
        Sample(3, 0, 0, True),
        Sample(3, MAX_DURATION_90K + 1, 0, True),
        Sample(3, 1, 1 << 31, True),
    ):
        with pytest.raises(InvalidError):
            SampleTable([first, bad])
    with pytest.raises(InvalidError, match="without samples"):
        mp4_header(SampleTable(), SETS)
    with pytest.raises(InvalidError, match="before the first"):
        mp4_header(SampleTable([Sample(3, 0, -1, True)]), SETS)
    with pytest.raises(InvalidError, match="no sequence"):
        mp4_header(SampleTable([first]), replace(SETS, sps=()))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 50), st.booleans()),
        min_size=1,
        max_size=200,
    )
)
def test_any_table_comes_back(rows: list[tuple[bytes, int, bool]]) -> None:
    samples, shown, keys = zip(*rows, strict=True)
    table = tabulate(map(len, samples), shown, keys)
    data = b"".join(write_mp4(table, SETS, samples))
    movie = read_movie(io.BytesIO(data))
    assert list(read_samples(io.BytesIO(data), movie)) == list(samples)
    assert [at - movie.start_90k for at in movie.table.presentation_90k()] == [s - min(shown) for s in shown]
    assert bytes(movie.table.keys) == bytes(table.keys)


SMALL = b"".join(
    write_mp4(
        tabulate([3, 2, 4], [0, 7200, 3600], [True, False, False]), SETS, [b"abc", b"de", b"fghi"], 1_000_000
    )
)


@settings(max_examples=400)
@given(st.integers(0, len(SMALL) - 1), st.binary(min_size=1, max_size=8), st.integers(0, len(SMALL)))
def test_damage_is_refused_or_read(at: int, patch: bytes, cut: int) -> None:
    damaged = (SMALL[:at] + patch + SMALL[at + len(patch) :])[: cut or None]
    try:
        movie = read_movie(io.BytesIO(damaged))
        total = sum(len(sample) for sample in read_samples(io.BytesIO(damaged), movie))
    except InvalidError:
        return
    assert total <= len(damaged) * 3


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidError):
        read_movie(io.BytesIO(data))


def test_a_small_file_cannot_name_many_samples() -> None:
    at = SMALL.index(b"stsz") + 8
    bomb = SMALL[:at] + (1).to_bytes(4, "big") + (1 << 24).to_bytes(4, "big") + SMALL[at + 8 :]
    with pytest.raises(InvalidError, match="samples"):
        read_movie(io.BytesIO(bomb))


def test_ffmpeg_files_are_read(encode: Callable[..., Any]) -> None:
    sets, units = encode(Codec.H264, frames=20, keyint=10, bframes=2)
    ours = file_of(sets, units)
    target = io.BytesIO()
    with av.open(io.BytesIO(ours)) as source, av.open(target, "w", format="mp4") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                sink.mux(packet)
    movie = read_movie(target)
    assert list(read_samples(target, movie)) == [unit.data for unit in units]
