"""A segment opened in one buffer gives what its records give."""

import os

import pytest

from custodes.base.errors import InvalidError
from custodes.base.ids import new_id
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.envelope_reader import read_envelope
from custodes.custody.frames import Damage, EnvelopeError
from custodes.custody.opened import OpenedSegment
from custodes.custody.records import ACCESS_UNIT, KEY, Record, encode_parameter_sets
from custodes.custody.segment import SegmentHeader
from custodes.media.nal import join_nals
from custodes.media.packets import Codec, ParameterSets

SETS = ParameterSets(Codec.H264, (), (bytes.fromhex("6764001eacd940a02ff9"),), (bytes.fromhex("68ebecb22c"),))
KEY_BYTES = bytes(range(32))


def _sealed(sizes: list[int], close: bool = True) -> bytes:
    header = SegmentHeader(bytes(32), new_id(), new_id(), 0, 0, 0, bytes(32), Codec.H264, 0)
    sealer = EnvelopeSealer(header, KEY_BYTES, SETS)
    data = bytearray(sealer.header_frame)
    for number, size in enumerate(sizes):
        unit = join_nals([(b"\x65" if number == 0 else b"\x41") + os.urandom(size)])
        data += sealer.add_access_unit(unit, number * 400_000, number * 36_000, 0, KEY if number == 0 else 0)
    data += sealer.close() if close else sealer.cut()
    return bytes(data)


@pytest.mark.parametrize("sizes", [[5], [100] * 12, [3 << 20, 7, 2 << 20, 9]])
def test_units_are_the_records(sizes: list[int]) -> None:
    envelope = read_envelope(_sealed(sizes))
    opened = envelope.open(KEY_BYTES)
    records = list(envelope.records(KEY_BYTES))
    assert opened.sets == SETS
    assert [bytes(opened.payload(unit)) for unit in opened.units] == [
        record.payload for record in records[1:]
    ]
    assert [unit[2:] for unit in opened.units] == [
        (record.flags, record.elapsed_us, record.media_90k, record.camera_utc_us) for record in records[1:]
    ]


def test_a_cut_envelope_is_opened_up_to_its_last_whole_record() -> None:
    whole = _sealed([3 << 20, 10])
    at = whole.index(b"CCHK", whole.index(b"CCHK") + 4)
    cut = read_envelope(whole[:at], chunks=1)
    assert cut.open(KEY_BYTES).units == []


def test_what_was_opened_opens_again_and_nothing_else_does() -> None:
    data = _sealed([3 << 20, 5000])
    envelope = read_envelope(data)
    opened = envelope.open(KEY_BYTES)
    again = envelope.reopening(KEY_BYTES)
    buffer = bytearray(again.clear_size + 7)
    again.decrypt(data, buffer)
    assert buffer[: again.clear_size] == opened.clear
    altered = data[:-1] + bytes([data[-1] ^ 1])
    for other in (altered, data[:-1], data[: len(data) // 2], b"", _sealed([3 << 20, 5000])):
        with pytest.raises(EnvelopeError, match="read before"):
            again.decrypt(other, buffer)


def test_an_altered_envelope_and_another_key_are_refused() -> None:
    data = bytearray(_sealed([5000]))
    data[-1] ^= 1
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(bytes(data))
    assert caught.value.damage is Damage.FLIPPED
    with pytest.raises(EnvelopeError):
        read_envelope(_sealed([5000])).open(bytes(32))


def test_what_no_recorder_seals_is_refused() -> None:
    sets = encode_parameter_sets(SETS)
    unit = Record(ACCESS_UNIT, KEY, 1, 2, 3, b"\0\0\0\1e").encode()
    assert len(OpenedSegment(bytearray(sets + unit + b"left over"), len(sets + unit), False).units) == 1
    for clear in (
        b"",
        unit,
        sets + sets,
        sets + unit[:-1],
        sets + b"\3" + unit[1:],
        sets + unit[:1] + b"\x08" + unit[2:],
    ):
        with pytest.raises(InvalidError):
            OpenedSegment(bytearray(clear), len(clear), False)
