"""Where pictures begin and end, and what is in them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from custodes.adapters.rtsp.assembly import MAX_NAL_BYTES
from custodes.adapters.rtsp.notices import NoticeKind
from custodes.media.packets import Codec


def test_the_first_picture_waits_for_the_second_and_no_other_does(bench: Any, nals: Any) -> None:
    bench.receive(*bench.camera.picture(nals.idr))
    arrived_us = bench.clock.boot_us()
    assert bench.sink.units == []
    for count in range(2, 6):
        bench.receive(*bench.camera.picture(nals.predicted))
        assert len(bench.sink.units) == count
        assert bench.sink.units[-1].boot_us == bench.clock.boot_us()
    assert bench.sink.units[0].boot_us == arrived_us
    assert [unit.is_key for unit in bench.sink.units] == [True, False, False, False, False]


def test_without_markers_pictures_end_when_time_changes(bench: Any, nals: Any) -> None:
    for nal in (nals.idr, nals.predicted, nals.predicted):
        bench.camera.timestamp += 3600
        bench.receive(bench.camera.packet(nal))
    assert [bench.nals(index) for index in range(2)] == [[nals.idr], [nals.predicted]]


def test_markers_on_every_packet_cut_nothing(bench: Any, nals: Any) -> None:
    for _ in range(4):
        packets = bench.camera.picture(nals.sps, nals.pps, nals.idr, nals.continued)
        bench.receive(*(packet[:1] + bytes((packet[1] | 0x80,)) + packet[2:] for packet in packets))
    assert len(bench.sink.units) == 3
    assert bench.nals() == [nals.sps, nals.pps, nals.idr, nals.continued]


def test_a_camera_whose_picture_goes_on_after_a_marker_is_not_believed_again(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    bench.receive(*bench.camera.picture(nals.predicted))
    for _ in range(3):
        first, second = bench.camera.picture(nals.predicted, nals.continued)
        bench.receive(first[:1] + bytes((first[1] | 0x80,)) + first[2:], second)
    bench.receive(*bench.camera.picture(nals.predicted))
    assert bench.sink.count(NoticeKind.MARKER_UNRELIABLE) == 1
    assert [len(bench.nals(index)) for index in range(len(bench.sink.units))] == [1, 1, 1, 1, 2, 2]
    assert not any(unit.is_key for unit in bench.sink.units[1:])


def test_parameter_sets_with_a_marker_or_a_time_of_their_own_go_with_the_picture_that_follows(
    bench: Any, nals: Any
) -> None:
    bench.trust_markers()
    bench.receive(*bench.camera.picture(nals.predicted))
    bench.camera.timestamp += 10
    for nal in (nals.sps, nals.pps):
        bench.receive(bench.camera.packet(nal, marker=True))
    bench.receive(*bench.camera.picture(nals.idr))
    assert bench.nals() == [nals.sps, nals.pps, nals.idr]
    assert bench.sink.units[-1].is_key
    assert bench.sink.calls[-2:] == ["sets", "unit"]
    assert bench.sink.sets[-1].sps == (nals.sps,)


def test_pictures_of_one_stuck_time_are_told_apart(bench: Any, nals: Any) -> None:
    for marked in (True, False):
        count = len(bench.sink.units)
        for _ in range(6):
            bench.receive(bench.camera.packet(nals.sps), bench.camera.packet(nals.idr, marker=marked))
        assert len(bench.sink.units) > count + 1
    assert {nal for index in range(len(bench.sink.units)) for nal in bench.nals(index)} == {
        nals.sps,
        nals.idr,
    }


def test_two_fields_of_one_time_without_marker_between_stay_together(bench: Any, nals: Any) -> None:
    for _ in range(3):
        bench.receive(*bench.camera.picture(nals.predicted, nals.predicted))
    assert bench.nals(0) == [nals.predicted, nals.predicted]
    assert len(bench.sink.units) == 3


def test_aggregates_are_split_and_bad_ones_reported(bench: Any, nals: Any) -> None:
    def aggregate(*parts: bytes) -> bytes:
        return b"\x78" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)

    bench.trust_markers()
    bench.receive(*bench.camera.picture(aggregate(nals.sps, nals.pps, nals.idr)))
    assert bench.nals() == [nals.sps, nals.pps, nals.idr]
    bench.receive(*bench.camera.picture(aggregate(nals.predicted) + b"\xff\xff\x41"))
    assert bench.nals() == [nals.predicted]
    assert bench.sink.count(NoticeKind.MALFORMED) == 1


def test_field_case_07_start_codes_inside_fragments_are_taken_out(bench: Any, nals: Any) -> None:
    joined = b"\0\0\0\1".join((nals.sps, nals.pps, nals.idr))
    bench.receive(*bench.camera.picture(joined, fragment=50))
    bench.receive(*bench.camera.picture(b"\0\0\0\1" + nals.predicted))
    bench.receive(*bench.camera.picture(nals.predicted + bytes(3)))
    repeated = nals.idr[:1] + b"\0\0\0\1" + nals.idr
    bench.receive(*bench.camera.picture(repeated, fragment=50))
    expected = [[nals.sps, nals.pps, nals.idr], [nals.predicted], [nals.predicted], [nals.idr]]
    assert [bench.nals(index) for index in range(4)] == expected
    assert bench.sink.count(NoticeKind.START_CODES) >= 1
    assert bench.total_loss == 0


def test_garbage_parameter_sets_in_band_are_kept_in_the_picture_and_not_believed(
    bench: Any, nals: Any
) -> None:
    bench.receive(*bench.camera.picture(b"\x67\xff", b"\x68", nals.idr))
    bench.receive(*bench.camera.picture(nals.sps, nals.pps, nals.idr))
    bench.receive(*bench.camera.picture(nals.predicted))
    assert bench.nals(0)[-1] == nals.idr
    assert len(bench.sink.sets) == 1
    assert NoticeKind.PARAMETER_SETS_IGNORED in bench.sink.kinds()


def test_a_unit_that_grows_past_its_limit_is_given_up(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    bench.camera.timestamp += 3600
    bench.receive(bench.camera.packet(b"\x7c\x81" + bytes(50)))
    piece = b"\x7c\x01" + bytes(60_000)
    for _ in range(MAX_NAL_BYTES // 60_000 + 2):
        bench.receive(bench.camera.packet(piece))
    bench.receive(bench.camera.packet(b"\x7c\x41" + bytes(50), marker=True))
    bench.receive(*bench.camera.picture(nals.predicted))
    assert bench.nals() == [nals.predicted]
    assert NoticeKind.MALFORMED in bench.sink.kinds()
    assert bench.total_loss >= 1


def test_units_without_end_take_no_memory_without_end(bench: Any, nals: Any) -> None:
    bench.camera.timestamp += 3600
    for _ in range(10_000):
        bench.receive(bench.camera.packet(nals.sps))
    bench.receive(*bench.camera.picture(nals.idr), *bench.camera.picture(nals.predicted))
    assert sum(len(unit.data) for unit in bench.sink.units) < 200_000


def test_h265_fragments_and_aggregates(benches: Any) -> None:
    bench = benches(codec=Codec.H265)
    idr = b"\x26\x01\xaf" + bytes(range(1, 200))
    trail = b"\x02\x01\xd0" + bytes(range(1, 100))

    def fragments(nal: bytes, *cuts: int) -> list[bytes]:
        places = [2, *cuts, len(nal)]
        type_ = nal[0] >> 1 & 0x3F
        made = []
        for index, (start, stop) in enumerate(pairwise(places)):
            flags = (0x80 if index == 0 else 0) | (0x40 if index == len(cuts) else 0)
            made.append(bytes((nal[0] & 0x81 | 49 << 1, nal[1], type_ | flags)) + nal[start:stop])
        return made

    def picture(*payloads: bytes) -> None:
        bench.camera.timestamp += 3600
        last = len(payloads) - 1
        bench.receive(
            *(bench.camera.packet(each, marker=index == last) for index, each in enumerate(payloads))
        )

    picture(*fragments(idr, 60, 120))
    picture(b"\x60\x01" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (trail, trail)))
    picture(trail)
    assert [bench.nals(index) for index in range(3)] == [[idr], [trail, trail], [trail]]
    assert [unit.is_key for unit in bench.sink.units] == [True, False, False]
    assert bench.sink.notices == []
