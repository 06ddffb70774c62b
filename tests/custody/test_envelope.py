"""Envelopes: what goes in comes out, and every damage is found, named and placed."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.envelope_reader import EnvelopeChain, read_envelope
from custodes.custody.frames import CHUNK_HEAD, Damage, EnvelopeError, read_frame, reader_of, segment_frame
from custodes.custody.records import (
    ACCESS_UNIT,
    KEY,
    LOSS_BEFORE,
    OPEN_KEY,
    PARAMETER_SETS,
    Record,
    RecordCutter,
    encode_parameter_sets,
    parse_parameter_sets,
)
from custodes.custody.segment import SegmentHeader, parse_segment_header
from custodes.media.packets import Codec, ParameterSets

KEY_BYTES = bytes(range(32))
SETS = ParameterSets(Codec.H264, (), (b"\x67sps",), (b"\x68pps", b"\x68pp2"))
SETS_265 = ParameterSets(Codec.H265, (b"\x40\x01v",), (b"\x42\x01s",), (b"\x44\x01p",))
HEADER = SegmentHeader(
    network=b"N" * 32,
    stream=b"S" * 16,
    epoch=b"E" * 16,
    slot=2,
    sequence=7,
    key_sequence=7,
    previous=b"p" * 32,
    codec=Codec.H264,
    elapsed_us=120_000_000,
)


def units_of(count: int, size: int = 100, step_us: int = 250_000) -> list[Record]:
    return [
        Record(
            ACCESS_UNIT, KEY if i == 0 else 0, 120_000_000 + i * step_us, i * 3600 - 5, i, bytes([i]) * size
        )
        for i in range(count)
    ]


def seal(units: list[Record], header: SegmentHeader = HEADER, key: bytes = KEY_BYTES) -> tuple[bytes, bytes]:
    sealer = EnvelopeSealer(header, key, SETS if header.codec is Codec.H264 else SETS_265)
    out = bytearray(sealer.header_frame)
    for unit in units:
        out += sealer.add_access_unit(
            unit.payload, unit.elapsed_us, unit.media_90k, unit.camera_utc_us, unit.flags
        )
    out += sealer.close()
    assert sealer.length == len(out)
    return bytes(out), sealer.hash


def frames_of(data: bytes) -> list[bytes]:
    frames, at = [], 0
    while at < len(data):
        frame = read_frame(reader_of(data), at, len(data))
        frames.append(data[at : frame.end])
        at = frame.end
    return frames


def damage_of(data: bytes, key: bytes = KEY_BYTES, chunks: int | None = None) -> Damage:
    with pytest.raises(EnvelopeError) as caught:
        list(read_envelope(data, chunks).records(key))
    return caught.value.damage


def test_access_units_come_back_byte_for_byte_a_chunk_a_second() -> None:
    units = units_of(9)
    data, hash_ = seal(units)
    envelope = read_envelope(data)
    assert envelope.hash == hash_
    assert envelope.header == HEADER
    assert not envelope.is_cut
    records = list(envelope.records(KEY_BYTES))
    assert parse_parameter_sets(records[0].payload) == SETS
    assert records[1:] == units
    assert [chunk.last for chunk in envelope.chunks] == [False, False, True]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 50, 70_000, 600_000, 1_048_546, 1_048_547, 2_500_000]),
            st.integers(0, 1_500_000),
            st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 7),
        ),
        max_size=6,
    ),
    st.sampled_from([HEADER, replace(HEADER, codec=Codec.H265, key_sequence=3)]),
    st.sets(st.integers(0, 5)),
)
def test_any_access_units_come_back_in_chunks_of_at_most_a_mebibyte(units, header, cuts) -> None:
    sealer = EnvelopeSealer(header, KEY_BYTES, SETS if header.codec is Codec.H264 else SETS_265, bytearray(9))
    out = bytearray(sealer.header_frame)
    expected, elapsed_us = [], header.elapsed_us
    for number, (size, step_us, media_90k, flags) in enumerate(units):
        elapsed_us += step_us
        payload = bytes([number + 1]) * size
        out += sealer.add_access_unit(payload, elapsed_us, media_90k, 77, flags)
        expected.append(Record(ACCESS_UNIT, flags, elapsed_us, media_90k, 77, payload))
        if number in cuts:
            out += sealer.cut()
            assert sealer.pending_bytes == 0
    out += sealer.close()
    envelope = read_envelope(out)
    assert envelope.hash == sealer.hash
    assert [record for record in envelope.records(KEY_BYTES) if record.kind == ACCESS_UNIT] == expected
    assert all(len(clear) <= 1 << 20 for clear in envelope.plaintexts(KEY_BYTES))


def test_sealers_in_turn_use_one_buffer() -> None:
    buffer = bytearray(16)
    for sequence in (7, 8):
        header = replace(HEADER, sequence=sequence)
        sealer = EnvelopeSealer(header, KEY_BYTES, SETS, buffer)
        out = bytearray(sealer.header_frame)
        for unit in units_of(3, size=1000 * sequence):
            out += sealer.add_access_unit(unit.payload, unit.elapsed_us, unit.media_90k)
        out += sealer.close()
        payloads = [record.payload for record in read_envelope(out).records(KEY_BYTES)][1:]
        assert payloads == [unit.payload for unit in units_of(3, size=1000 * sequence)]


def test_a_closed_envelope_takes_nothing_more() -> None:
    sealer = EnvelopeSealer(HEADER, KEY_BYTES, SETS)
    sealer.close()
    with pytest.raises(InvalidError, match="closed"):
        sealer.add_access_unit(b"x", 0, 0)
    with pytest.raises(InvalidError, match="closed"):
        sealer.close()
    assert sealer.cut() == b""


def test_a_slot_key_of_another_length_or_sets_of_another_codec_are_refused() -> None:
    with pytest.raises(InvalidError, match="32"):
        EnvelopeSealer(HEADER, bytes(31), SETS)
    with pytest.raises(InvalidError, match="codec"):
        EnvelopeSealer(HEADER, KEY_BYTES, SETS_265)


@settings(max_examples=300)
@given(st.data())
def test_every_flipped_bit_is_found(data: st.DataObject) -> None:
    sealed, _ = seal(units_of(9, size=20))
    position = data.draw(st.integers(0, len(sealed) - 1))
    damaged = bytearray(sealed)
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(EnvelopeError):
        list(read_envelope(damaged).records(KEY_BYTES))


def test_a_flip_in_a_chunk_is_named_at_its_frame() -> None:
    sealed, _ = seal(units_of(9, size=20))
    chunks = read_envelope(sealed).chunks
    for chunk in chunks:
        for position in (chunk.offset + 16, chunk.offset + 47, chunk.offset + 48, chunk.end - 1):
            damaged = bytearray(sealed)
            damaged[position] ^= 1
            with pytest.raises(EnvelopeError) as caught:
                read_envelope(damaged)
            assert (caught.value.damage, caught.value.offset) == (Damage.FLIPPED, chunk.offset)


@pytest.mark.parametrize("position", range(8, 40))
def test_a_flip_in_a_header_s_hash_is_a_flip_at_its_frame(position: int) -> None:
    damaged = bytearray(seal(units_of(2))[0])
    damaged[position] ^= 1
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(damaged)
    assert (caught.value.damage, caught.value.offset) == (Damage.FLIPPED, 0)


def test_every_cut_is_found() -> None:
    sealed, _ = seal(units_of(5, size=20))
    for length in range(len(sealed)):
        assert damage_of(sealed[:length]) is Damage.CUT


def test_chunks_in_wrong_order_again_or_missing_are_named() -> None:
    head, *chunks = frames_of(seal(units_of(13))[0])
    assert len(chunks) == 4
    a, b, c, d = chunks
    for order, damage in (
        ((a, c, b, d), Damage.SWAPPED),
        ((a, b, d, c), Damage.SWAPPED),
        ((b, a, c, d), Damage.SWAPPED),
        ((a, a, b, c, d), Damage.REPLAYED),
        ((a, b, c, d, d), Damage.REPLAYED),
        ((a, b, b, d), Damage.REPLAYED),
        ((a, c, d), Damage.CUT),
        ((b, c, d), Damage.CUT),
        ((a, b, c), Damage.CUT),
        ((), Damage.CUT),
    ):
        assert damage_of(b"".join((head, *order))) is damage, order


def test_a_chunk_of_another_envelope_is_named_though_its_hash_holds() -> None:
    head, a, b, c = frames_of(seal(units_of(9))[0])
    _, a2, b2, c2 = frames_of(seal(units_of(9), replace(HEADER, sequence=8))[0])
    for mixed in ((a2, b, c), (a, b2, c), (a, b, c2)):
        assert damage_of(b"".join((head, *mixed))) is Damage.SWAPPED
    assert damage_of(head + a2 + b2 + c2) is Damage.WRONG_KEY


def test_the_head_of_another_envelope_opens_nothing() -> None:
    _, *chunks = frames_of(seal(units_of(3))[0])
    other = segment_frame(replace(HEADER, slot=3).encoded)
    assert damage_of(b"".join((other, *chunks))) is Damage.WRONG_KEY


def test_the_wrong_slot_key_is_named() -> None:
    assert damage_of(seal(units_of(9))[0], key=bytes(32)) is Damage.WRONG_KEY


def test_a_last_flag_moved_to_an_earlier_chunk_is_found() -> None:
    head, a, b, c = frames_of(seal(units_of(9))[0])
    early = bytearray(b)
    early[12] = 1
    assert damage_of(head + a + bytes(early)) is Damage.SWAPPED
    assert damage_of(head + a + bytes(early) + c) is Damage.SURPLUS


def test_what_follows_an_envelope_is_surplus() -> None:
    data = seal(units_of(2))[0]
    assert damage_of(data + data) is Damage.SURPLUS
    assert damage_of(data + b"\0" * 100) is Damage.FLIPPED


def test_another_envelope_than_the_account_s_is_found() -> None:
    envelope = read_envelope(seal(units_of(2))[0])
    envelope.check_hash(envelope.hash)
    with pytest.raises(EnvelopeError, match="swapped"):
        envelope.check_hash(bytes(32))


def test_a_cut_envelope_is_read_up_to_its_last_whole_record_only_when_told_so() -> None:
    units = units_of(9)
    head, a, b, _ = frames_of(seal(units)[0])
    cut = head + a + b
    assert damage_of(cut) is Damage.CUT
    envelope = read_envelope(cut, chunks=2)
    assert envelope.is_cut
    assert list(envelope.records(KEY_BYTES))[1:] == units[:8]
    assert envelope.hash != read_envelope(head + a, chunks=1).hash
    assert damage_of(cut, chunks=1) is Damage.SURPLUS
    assert damage_of(cut, chunks=3) is Damage.CUT
    assert damage_of(cut, chunks=0) is Damage.MALFORMED
    assert damage_of(seal(units)[0], chunks=3) is Damage.MALFORMED


def test_a_record_divided_over_chunks_is_left_out_when_cut() -> None:
    units = [*units_of(1), *units_of(2, size=2_500_000)[1:]]
    head, a, b, *rest = frames_of(seal(units)[0])
    assert len(rest) == 2
    assert list(read_envelope(head + a + b, chunks=2).records(KEY_BYTES))[1:] == units[:1]


def sealed_plaintext(plaintext: bytes, header: SegmentHeader = HEADER) -> bytes:
    """An envelope whose author seals what it likes."""
    sealer = EnvelopeSealer(header, KEY_BYTES, SETS)
    sealer._used = 0
    sealer._append(plaintext)
    return sealer.header_frame + sealer.close()


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\x01",
        encode_parameter_sets(SETS)[:-1],
        encode_parameter_sets(SETS) * 2,
        encode_parameter_sets(SETS_265),
        Record(ACCESS_UNIT, 0, 0, 0, 0, b"x").encode(),
        encode_parameter_sets(SETS) + Record(3, 0, 0, 0, 0, b"x").encode(),
        encode_parameter_sets(SETS) + Record(ACCESS_UNIT, 8, 0, 0, 0, b"x").encode(),
        Record(PARAMETER_SETS, 1, 0, 0, 0, encode_parameter_sets(SETS)[30:]).encode(),
        Record(PARAMETER_SETS, 0, 0, 0, 0, b"\x03").encode(),
    ],
)
def test_what_is_sealed_and_no_envelope_is_malformed(plaintext: bytes) -> None:
    assert damage_of(sealed_plaintext(plaintext)) is Damage.MALFORMED


def test_a_segment_header_has_one_spelling() -> None:
    assert parse_segment_header(HEADER.encoded) == HEADER
    for wrong in (HEADER.encoded + b" ", HEADER.encoded.replace(b'"h264"', b'"av1"'), b"[]", b"{}"):
        with pytest.raises(InvalidError):
            parse_segment_header(wrong)
    text = HEADER.encoded.replace(b'"slot":2', b'"slot":60')
    assert damage_of(segment_frame(text)) is Damage.MALFORMED


@pytest.mark.parametrize(
    "changes", [{"slot": 60}, {"key_sequence": 8}, {"elapsed_us": -1}, {"previous": b""}, {"stream": b""}]
)
def test_a_segment_header_beyond_the_limits_does_not_exist(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        replace(HEADER, **changes)


@given(st.lists(st.tuples(st.integers(0, 7), st.binary(max_size=40)), max_size=8), st.integers(1, 50))
def test_records_come_back_however_the_bytes_arrive(units: list[tuple[int, bytes]], step: int) -> None:
    records = [Record(ACCESS_UNIT, flags, 5, -5, 0, payload) for flags, payload in units]
    joined = encode_parameter_sets(SETS) + b"".join(record.encode() for record in records)
    cutter = RecordCutter()
    found = [
        record
        for start in range(0, len(joined), step)
        for record in cutter.feed(joined[start : start + step])
    ]
    assert found[1:] == records
    assert b"".join(record.encode() for record in found) == joined
    assert cutter.rest_bytes == 0


def test_flags_are_named() -> None:
    record = Record(ACCESS_UNIT, KEY | LOSS_BEFORE, 0, 0, 0, b"")
    assert (record.is_key, record.is_open_key, record.loss_before) == (True, False, True)
    assert Record(ACCESS_UNIT, OPEN_KEY, 0, 0, 0, b"").is_open_key


@pytest.mark.parametrize("sets", [SETS, SETS_265])
def test_parameter_sets_have_one_order(sets: ParameterSets) -> None:
    payload = encode_parameter_sets(sets)[30:]
    assert parse_parameter_sets(payload) == sets
    wrong = payload[:1] + b"".join(
        struct.pack(">I", len(nal)) + nal for nal in (*sets.pps, *sets.sps, *sets.vps)
    )
    with pytest.raises(InvalidError, match="order"):
        parse_parameter_sets(wrong)


def test_envelopes_of_an_epoch_follow_each_other(made) -> None:
    epoch = made.sealed.header
    chain = EnvelopeChain(epoch)
    header = replace(HEADER, network=epoch.network, stream=epoch.stream, epoch=epoch.epoch)
    first = replace(header, sequence=0, key_sequence=0, previous=epoch.hash, slot=1)
    second = replace(first, sequence=1, key_sequence=1, previous=b"1" * 32)
    for wrong, damage in (
        (replace(first, previous=bytes(32)), Damage.SWAPPED),
        (replace(first, epoch=bytes(16)), Damage.SWAPPED),
        (replace(first, slot=5), Damage.MALFORMED),
        (second, Damage.CUT),
    ):
        with pytest.raises(EnvelopeError) as caught:
            chain.follow(wrong, b"x" * 32)
        assert caught.value.damage is damage
    chain.follow(first, b"1" * 32)
    for wrong, damage in ((first, Damage.REPLAYED), (replace(second, slot=0), Damage.MALFORMED)):
        with pytest.raises(EnvelopeError) as caught:
            chain.follow(wrong, b"x" * 32)
        assert caught.value.damage is damage
    chain.follow(second, b"2" * 32)
    assert (chain.next_sequence, chain.last) == (2, b"2" * 32)


def test_a_chunk_s_head_is_as_long_as_the_page_says() -> None:
    assert CHUNK_HEAD.size == 48
