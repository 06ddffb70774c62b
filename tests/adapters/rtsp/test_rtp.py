"""Numbering, sources and order of RTP packets."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.notices import NoticeKind
from custodes.adapters.rtsp.rtp import CONFIRM_SOURCE


def pictures(bench: Any, nals: Any, count: int) -> list[list[bytes]]:
    return [bench.camera.picture(nals.large) for _ in range(count)]


def test_what_arrives_in_order_is_whole(bench: Any, nals: Any) -> None:
    for packets in pictures(bench, nals, 5):
        bench.receive(*packets)
    assert [bench.nals(index) for index in range(5)] == [[nals.large]] * 5
    assert bench.total_loss == 0
    assert bench.sink.notices == []


def test_sequence_numbers_wrap(bench: Any, nals: Any) -> None:
    bench.camera.sequence = 65_530
    for packets in pictures(bench, nals, 4):
        bench.receive(*packets)
    assert len(bench.sink.units) == 4
    assert bench.total_loss == 0
    assert bench.video.rtp.highest_sequence == bench.camera.sequence - 1


def test_field_case_12_a_hole_over_tcp_is_loss_of_the_picture_it_falls_into(bench: Any, nals: Any) -> None:
    first, second, third = pictures(bench, nals, 3)
    bench.receive(*first, *second[:2], *second[4:], *third)
    assert [unit.loss_before for unit in bench.sink.units] == [0, 2]
    assert bench.sink.count(NoticeKind.LOSS) == 2
    assert bench.nals() == [nals.large]


def test_packets_missing_between_pictures_count_to_the_next(bench: Any, nals: Any) -> None:
    bench.receive(*bench.camera.picture(nals.idr), *bench.camera.picture(nals.predicted))
    bench.camera.sequence += 3
    bench.receive(*bench.camera.picture(nals.predicted))
    assert [unit.loss_before for unit in bench.sink.units] == [0, 0, 3]


def test_a_damaged_picture_is_delivered_with_its_whole_units_and_is_no_key(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    packets = bench.camera.picture(nals.idr, nals.large, nals.continued)
    bench.receive(*packets[:2], *packets[3:])
    assert bench.nals() == [nals.idr, nals.continued]
    unit = bench.sink.units[-1]
    assert (unit.is_key, unit.loss_before) == (False, 1)
    assert bench.sink.count(NoticeKind.DAMAGED_PICTURE) == 1


def test_what_is_left_of_a_lost_key_picture_is_no_part_of_the_next(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    packets = bench.camera.picture(nals.sps, nals.pps, nals.large)
    bench.receive(*packets[:4], *packets[5:])
    bench.receive(*bench.camera.picture(nals.predicted))
    assert [bench.nals(-2), bench.nals(-1)] == [[nals.sps, nals.pps], [nals.predicted]]
    assert [unit.loss_before for unit in bench.sink.units[-2:]] == [1, 0]


def test_packets_that_came_before_are_dropped(bench: Any, nals: Any) -> None:
    first, second = pictures(bench, nals, 2)
    bench.receive(*first, *first, *second)
    assert [bench.nals(0), bench.nals(1)] == [[nals.large]] * 2
    assert bench.sink.count(NoticeKind.DUPLICATE) >= 1
    assert bench.total_loss == 0


def test_another_source_is_rejected_and_the_first_not_disturbed(bench: Any, nals: Any) -> None:
    foreign = type(bench.camera)(ssrc=99, sequence=7)
    for packets in pictures(bench, nals, 4):
        for packet in packets:
            bench.receive(packet, *foreign.picture(nals.idr))
    assert [bench.nals(index) for index in range(4)] == [[nals.large]] * 4
    bench.clock.advance(2_000_000)
    bench.receive(*foreign.picture(nals.idr), *bench.camera.picture(nals.large))
    assert bench.sink.count(NoticeKind.FOREIGN_SOURCE) > 4
    assert NoticeKind.SOURCE_CHANGED not in bench.sink.kinds()


def test_a_camera_that_restarts_is_followed_without_losing_its_first_picture(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    bench.receive(*bench.camera.picture(nals.predicted))
    restarted = type(bench.camera)(ssrc=99, sequence=7, timestamp=5)
    packets = restarted.picture(nals.large)
    assert len(packets) >= CONFIRM_SOURCE - 1
    bench.receive(*packets)
    bench.receive(*restarted.picture(nals.predicted))
    assert bench.nals(-2) == [nals.large] and bench.nals(-1) == [nals.predicted]
    assert bench.sink.count(NoticeKind.SOURCE_CHANGED) == 1
    media = [unit.media_90k for unit in bench.sink.units]
    assert media == sorted(media)


def test_numbering_that_leaps_is_believed_when_it_goes_on(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    bench.camera.sequence += 30_000
    bench.receive(*bench.camera.picture(nals.predicted), *bench.camera.picture(nals.predicted))
    bench.camera.sequence -= 20_000
    bench.receive(bench.camera.packet(nals.predicted, marker=True))
    bench.camera.sequence += 19_999
    bench.receive(*bench.camera.picture(nals.predicted))
    assert len(bench.sink.units) == 4
    assert bench.sink.count(NoticeKind.SOURCE_CHANGED) == 1
    assert bench.total_loss == 30_000


def test_extension_padding_and_contributing_sources_are_taken_off(bench: Any, nals: Any) -> None:
    def dressed(packet: bytes) -> bytes:
        head = bytes((0x80 | 0x20 | 0x10 | 2,)) + packet[1:12]
        return head + bytes(8) + b"\xbe\xde\0\1" + bytes(4) + packet[12:] + b"\0\0\3"

    bench.receive(*(dressed(packet) for packet in bench.camera.picture(nals.large)))
    bench.receive(*(dressed(packet) for packet in bench.camera.picture(nals.large)))
    assert bench.nals(0) == [nals.large]
    assert bench.sink.notices == []


def test_what_is_no_rtp_or_of_no_track_is_reported(bench: Any, nals: Any) -> None:
    bench.receive(b"", b"\x80", b"\x40" + bytes(20))
    other = type(bench.camera)(payload_type=8)
    bench.receive(*other.picture(nals.idr))
    bench.receive(b"\xbf\x60" + bytes(12) + b"\xff")
    assert {NoticeKind.MALFORMED, NoticeKind.FOREIGN_SOURCE} <= bench.sink.kinds()


def test_field_case_10_swapped_packets_over_udp_are_no_loss(benches: Any, nals: Any) -> None:
    bench = benches(reorders=True)
    for _ in range(4):
        packets = bench.camera.picture(nals.large)
        packets[2], packets[3] = packets[3], packets[2]
        bench.receive(*packets)
    first, second = bench.camera.picture(nals.large), bench.camera.picture(nals.large)
    bench.receive(*first[:-1], second[0], first[-1], *second[1:])
    assert [bench.nals(index) for index in range(6)] == [[nals.large]] * 6
    assert bench.total_loss == 0
    bench.clock.advance(2_000_000)
    bench.video._notices.flush()
    assert bench.sink.count(NoticeKind.REORDERED) == 5


def test_a_packet_is_given_up_after_200_ms(benches: Any, nals: Any) -> None:
    bench = benches(reorders=True)
    first, second = bench.camera.picture(nals.large), bench.camera.picture(nals.large)
    bench.receive(*first, *second[:3], *second[4:])
    assert bench.video.rtp.due_us is not None
    bench.video.rtp.release_late(bench.video.rtp.due_us - 1)
    assert bench.sink.count(NoticeKind.LOSS) == 0
    bench.video.rtp.release_late(bench.video.rtp.due_us)
    assert bench.sink.count(NoticeKind.LOSS) == 1
    assert bench.video.rtp.due_us is None
    bench.receive(second[3])
    assert bench.sink.count(NoticeKind.DUPLICATE) == 1


def test_a_packet_is_given_up_after_64_others(benches: Any, nals: Any) -> None:
    bench = benches(reorders=True)
    for _ in range(2):
        bench.receive(*bench.camera.picture(nals.predicted))
    bench.camera.sequence += 1
    for _ in range(64):
        bench.receive(*bench.camera.picture(nals.predicted))
    assert bench.sink.count(NoticeKind.LOSS) == 0
    bench.receive(*bench.camera.picture(nals.predicted))
    assert bench.sink.count(NoticeKind.LOSS) == 1
    assert len(bench.sink.units) == 67


@given(
    order=st.lists(st.integers(-6, 6), min_size=30, max_size=30),
    dropped=st.sets(st.integers(0, 29), max_size=5),
    doubled=st.sets(st.integers(0, 29), max_size=5),
)
def test_loss_is_what_did_not_come_however_packets_are_mixed(
    benches: Any, nals: Any, order: list[int], dropped: set[int], doubled: set[int]
) -> None:
    bench = benches(reorders=True)
    bench.receive(*bench.camera.picture(nals.idr), *bench.camera.picture(nals.predicted))
    packets = [bench.camera.picture(nals.predicted)[0] for _ in range(30)]
    places = sorted(range(30), key=lambda index: index + order[index])
    bench.receive(*(packets[index] for index in places if index not in dropped))
    bench.receive(*(packets[index] for index in doubled - dropped))
    for _ in range(70):
        bench.receive(*bench.camera.picture(nals.predicted))
    assert len(bench.sink.units) == 2 + 30 - len(dropped) + 70
    assert bench.total_loss == len(dropped)


@given(st.lists(st.binary(max_size=80), max_size=40), st.booleans(), st.booleans())
def test_any_packets_are_survived(benches: Any, packets: list[bytes], reorders: bool, prefixed: bool) -> None:
    bench = benches(reorders=reorders)
    bench.receive(*((bytes((0x80, 96)) + packet if prefixed else packet) for packet in packets))
    bench.video.rtp.release_late(bench.clock.boot_us() + 10**6)


@given(st.lists(st.binary(max_size=60), max_size=60), st.sampled_from([1, 2]))
def test_any_payloads_of_a_right_source_are_survived(benches: Any, payloads: list[bytes], codec: int) -> None:
    bench = benches(codec=codec_of(codec))
    for index, payload in enumerate(payloads):
        bench.camera.timestamp += 3600 * (index % 3 == 0)
        bench.receive(bench.camera.packet(payload, marker=index % 4 == 0))
    for unit in range(len(bench.sink.units)):
        assert bench.nals(unit)


def codec_of(number: int) -> Any:
    from custodes.media.packets import Codec

    return Codec(number)
