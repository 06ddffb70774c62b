"""Reels: written, read by footer and by frames, recovered after a power cut at any byte."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.errors import CustodesError, InvalidError
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.frames import Damage, EnvelopeError, footer_frame, reader_of
from custodes.custody.header import Header
from custodes.custody.paths import manifest_path, open_reel_path, reel_path, share_set_path
from custodes.custody.reel import (
    CLOSING_BYTES,
    FULL_BYTES,
    MAX_REEL_BYTES,
    Footer,
    ReelWriter,
    reel_is_full,
    segment_must_close,
)
from custodes.custody.reel_reader import ReelReader, read_footer, scan
from custodes.custody.segment import SegmentHeader
from custodes.media.packets import Codec, ParameterSets

SETS = ParameterSets(Codec.H264, (), (b"\x67s",), (b"\x68p",))
KEY = b"k" * 32


def written(header: Header, envelopes: int = 3, first: int = 4) -> tuple[bytes, ReelWriter]:
    """The bytes of a reel without its footer, and its writer."""
    writer = ReelWriter(header, 2)
    out, previous = bytearray(), b"p" * 32
    for sequence in range(first, first + envelopes):
        elapsed_us = 1_000_000 + 5_000_000 * sequence
        segment = SegmentHeader(
            network=header.network,
            stream=header.stream,
            epoch=header.epoch,
            slot=min(1, sequence // 5),
            sequence=sequence,
            key_sequence=sequence - sequence % 2,
            previous=previous,
            codec=Codec.H264,
            elapsed_us=elapsed_us,
        )
        sealer = EnvelopeSealer(segment, KEY, SETS)
        out += sealer.header_frame
        for unit in range(4):
            out += sealer.add_access_unit(bytes([sequence]) * 30, elapsed_us + unit * 600_000, unit)
        out += sealer.close()
        writer.add(segment, sealer.length, sealer.hash, 1_800_000)
        previous = sealer.hash
    return bytes(out), writer


def test_a_reel_is_read_by_its_footer(made) -> None:
    data, writer = written(made.sealed.header)
    footer = writer.finish()
    reel = data + footer.encode()
    reader = ReelReader(reader_of(reel), len(reel))
    assert reader.footer == footer
    assert [row.duration_ms for row in footer.rows] == [1800] * 3
    assert [row.is_continuation for row in footer.rows] == [False, True, False]
    for position in range(3):
        envelope = reader.envelope(position)
        assert envelope.header.sequence == footer.first + position
        records = list(envelope.records(KEY))
        assert [record.payload for record in records[1:]] == [bytes([4 + position]) * 30] * 4
    assert envelope.hash == footer.last
    with pytest.raises(InvalidError):
        reader.envelope(3)


def test_frames_alone_give_what_the_footer_says(made) -> None:
    data, writer = written(made.sealed.header)
    footer = writer.finish()
    reel = data + footer.encode()
    for whole in (reel, data):
        found = scan(reader_of(whole), len(whole))
        assert found.valid_length == len(data)
        assert [envelope.offset for envelope in found.envelopes] == [row.offset for row in footer.rows]
        assert found.envelopes[-1].hash == footer.last
        assert found.cut is None
        assert found.is_finished is (whole is reel)


def test_a_power_cut_at_any_byte_leaves_whole_chunks(made) -> None:
    header = made.sealed.header
    data, writer = written(header, envelopes=2)
    reel = data + writer.finish().encode()
    first_length = writer.finish().rows[0].length
    for length in range(len(reel)):
        found = scan(reader_of(reel[:length]), length)
        assert found.valid_length <= length
        assert not found.is_finished
        assert len(found.envelopes) >= (length >= first_length) + (length >= len(data))
        if not found.envelopes:
            assert found.valid_length == 0
            continue
        footer = found.footer(header, 2)
        recovered = reel[: found.valid_length] + footer.encode()
        again = scan(reader_of(recovered), len(recovered))
        assert again.is_finished
        assert again.envelopes == found.envelopes
        reader = ReelReader(reader_of(recovered), len(recovered))
        assert reader.footer.is_recovered
        for position, envelope in enumerate(found.envelopes):
            chunks = envelope.chunks if envelope.is_cut else None
            assert reader.envelope(position, chunks).hash == envelope.hash
        if found.cut:
            with pytest.raises(EnvelopeError, match="cut"):
                reader.envelope(len(found.envelopes) - 1)


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_byte_ends_the_recovery_before_it(made, data: st.DataObject) -> None:
    reel, writer = written(made.sealed.header)
    damaged = bytearray(reel)
    reader = ReelReader(reader_of(reel + writer.finish().encode()), len(reel) + len(writer.finish().encode()))
    last_flags = [
        writer.finish().rows[row].offset + chunk.offset + 12
        for row in range(3)
        for chunk in reader.envelope(row).chunks
    ]
    # Only the tag of the chunk itself, for which a key is needed, covers its flag.
    position = data.draw(st.integers(0, len(reel) - 1).filter(lambda at: at not in last_flags))
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    found = scan(reader_of(damaged), len(damaged))
    assert found.valid_length <= position


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_byte_of_a_footer_is_found(made, data: st.DataObject) -> None:
    envelopes, writer = written(made.sealed.header)
    reel = bytearray(envelopes + writer.finish().encode())
    reel[data.draw(st.integers(len(envelopes), len(reel) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(EnvelopeError):
        ReelReader(reader_of(reel), len(reel))


def test_trash_after_the_envelopes_is_dropped(made) -> None:
    data, _ = written(made.sealed.header)
    for trash in (bytes(100), data[:700], b"CSEG" + bytes(60), b"CCHK"):
        found = scan(reader_of(data + trash), len(data) + len(trash))
        assert found.valid_length == len(data)


def test_an_envelope_of_another_place_ends_a_recovery(made) -> None:
    a, _ = written(made.sealed.header, envelopes=1, first=4)
    b, _ = written(made.sealed.header, envelopes=1, first=5)
    found = scan(reader_of(a + b), len(a + b))
    assert (found.valid_length, len(found.envelopes)) == (len(a), 1)


def test_envelopes_exchanged_within_a_reel_are_found(made) -> None:
    data, writer = written(made.sealed.header)
    footer = writer.finish()
    a, b, c = (data[row.offset : row.offset + row.length] for row in footer.rows)
    reel = a + c + b + footer.encode()
    assert len(b) == len(c)
    with pytest.raises(EnvelopeError) as caught:
        ReelReader(reader_of(reel), len(reel)).envelope(1)
    assert (caught.value.damage, caught.value.offset) == (Damage.SWAPPED, len(a))


def test_damage_is_placed_in_the_reel(made) -> None:
    data, writer = written(made.sealed.header)
    reel = bytearray(data + writer.finish().encode())
    offset = writer.finish().rows[1].offset
    reel[offset + 20] ^= 1
    reader = ReelReader(reader_of(reel), len(reel))
    reader.envelope(0)
    with pytest.raises(EnvelopeError) as caught:
        reader.envelope(1)
    assert (caught.value.damage, caught.value.offset) == (Damage.FLIPPED, offset)


def test_a_footer_is_one_spelling(made) -> None:
    footer = written(made.sealed.header)[1].finish()
    assert Footer.from_json(footer.to_json()) == footer
    for changes in ({"count": 2}, {"first": -1}, {"index": "AAAA"}, {"recovered": 0}, {"number": 10000}):
        with pytest.raises(InvalidError):
            Footer.from_json({**footer.to_json(), **changes})
    with pytest.raises(InvalidError, match="end to end"):
        replace(footer, rows=footer.rows[::2])
    with pytest.raises(InvalidError, match="byte 0"):
        replace(footer, rows=())
    with pytest.raises(InvalidError, match="cut"):
        replace(footer, rows=(replace(footer.rows[0], is_cut=True), *footer.rows[1:]))
    with pytest.raises(InvalidError, match="slot"):
        replace(footer, rows=(*footer.rows[:2], replace(footer.rows[2], slot=5)))


def test_a_footer_of_other_envelopes_does_not_end_a_reel(made) -> None:
    data, writer = written(made.sealed.header)
    foreign = data[:-1] + writer.finish().encode()
    with pytest.raises(EnvelopeError, match="does not end"):
        read_footer(reader_of(foreign), len(foreign))
    with pytest.raises(EnvelopeError):
        read_footer(reader_of(b"short"), 5)
    text = footer_frame(b"{}")
    with pytest.raises(CustodesError):
        read_footer(reader_of(text), len(text))


def test_a_writer_takes_only_what_follows(made) -> None:
    _, writer = written(made.sealed.header, envelopes=1)
    row = writer.finish().rows[0]
    segment = SegmentHeader(
        b"N" * 32, b"S" * 16, made.plan.epoch, row.slot, 5, 5, b"p" * 32, Codec.H264, 30_000_000
    )
    for wrong, length in (
        (replace(segment, sequence=6), 10),
        (replace(segment, epoch=bytes(16)), 10),
        (segment, MAX_REEL_BYTES),
    ):
        with pytest.raises(InvalidError):
            writer.add(wrong, length, b"h" * 32)
    writer.add(segment, 10, b"h" * 32, is_cut=True)
    with pytest.raises(InvalidError, match="follow"):
        writer.add(replace(segment, sequence=6), 10, b"h" * 32)
    assert (writer.count, writer.first_elapsed_us) == (2, 21_000_000)


def test_a_reel_ends_by_time_or_by_size() -> None:
    reel_us = 300_000_000
    assert not reel_is_full(0, 5_000_000, 5_000_000, reel_us)
    assert not reel_is_full(FULL_BYTES - 1, 5_000_000, 295_000_000, reel_us)
    assert reel_is_full(0, 5_000_000, 295_000_001, reel_us)
    assert reel_is_full(FULL_BYTES, 0, 1, reel_us)
    assert not reel_is_full(0, 0, 2_000_000, 4_000_000)
    assert reel_is_full(0, 0, 2_000_001, 4_000_000)
    assert not segment_must_close(CLOSING_BYTES - 2, 1, 0)
    assert segment_must_close(CLOSING_BYTES - 2, 1, 1)


def test_paths_are_those_of_the_page() -> None:
    stream, epoch = b"\xab" * 16, b"\x0c" * 16
    folder = f"streams/{'ab' * 16}/2027-01-15/{'0c' * 16}"
    utc0_us = 1_800_000_000_000_000
    assert share_set_path(stream, utc0_us, epoch) == f"{folder}/shares"
    assert reel_path(stream, utc0_us, epoch, 7) == f"{folder}/0007.reel"
    assert open_reel_path(stream, epoch, 7) == f"spool/{'ab' * 16}/{'0c' * 16}/0007.open"
    assert manifest_path(stream, 12) == f"accounts/{'ab' * 16}/000000000012"
    with pytest.raises(InvalidError):
        reel_path(stream, utc0_us, epoch, 10000)
