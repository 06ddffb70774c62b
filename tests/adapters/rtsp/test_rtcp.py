from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.clock_claim import ntp_to_utc_us
from custodes.adapters.rtsp.notices import NoticeKind
from custodes.adapters.rtsp.rtcp import (
    Goodbye,
    ReceiverState,
    SenderReport,
    build_receiver_report,
    parse_compound,
)
from custodes.base.errors import InvalidError

NTP_TO_UNIX_S = 2_208_988_800


def sender_report(ssrc: int, utc_us: int, timestamp: int) -> bytes:
    seconds, rest = divmod(utc_us, 1_000_000)
    ntp = (seconds + NTP_TO_UNIX_S) << 32 | (rest << 32) // 1_000_000
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp & 2**64 - 1, timestamp, 1, 1)


def goodbye(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x81, 203, 1, ssrc)


def test_reads_sender_reports_and_goodbyes_of_a_compound() -> None:
    data = sender_report(5, 1_700_000_000_500_000, 77) + struct.pack("!BBHI", 0x81, 202, 1, 5) + goodbye(5)
    report, bye = parse_compound(memoryview(data))
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.timestamp) == (5, 77)
    assert abs(ntp_to_utc_us(report.ntp) - 1_700_000_000_500_000) <= 1
    assert bye == Goodbye(5)


@pytest.mark.parametrize(
    "data", [b"\x80", b"\x00\xc8\0\0", b"\x80\xc8\0\6" + bytes(8), b"\x80\xc8\0\1" + bytes(4)]
)
def test_refuses_what_does_not_fit(data: bytes) -> None:
    with pytest.raises(InvalidError):
        list(parse_compound(memoryview(data)))


@given(st.binary(max_size=200))
def test_any_bytes_are_reports_or_refused(data: bytes) -> None:
    try:
        list(parse_compound(memoryview(data)))
    except InvalidError:
        return


def test_a_receiver_report_is_a_compound_of_whole_words() -> None:
    data = build_receiver_report(9, ReceiverState(5, 300, 10**9, 2**33, 1, 2))
    assert len(data) % 4 == 0 and data[1] == 201 and data[33] == 202
    assert list(parse_compound(memoryview(data))) == []
    assert int.from_bytes(data[12:16], "big") == (300 & 0xFF) << 24 | 0x7F_FFFF


def test_a_report_counts_loss_since_the_one_before(bench: Any, nals: Any) -> None:
    assert bench.video.receiver_report() is None
    bench.receive(*bench.camera.picture(nals.predicted))
    bench.camera.sequence += 1
    bench.receive(*bench.camera.picture(nals.predicted))
    first, second = bench.video.receiver_report(), bench.video.receiver_report()
    assert (first[12], second[12]) == (256 // 3, 0)
    assert first[13:16] == second[13:16] == b"\0\0\1"


def report(bench: Any, utc_us: int, timestamp: int, ssrc: int | None = None) -> None:
    data = sender_report(bench.camera.ssrc if ssrc is None else ssrc, utc_us, timestamp % 2**32)
    bench.video.on_rtcp(memoryview(data), bench.clock.boot_us())


def claim(bench: Any, nals: Any) -> int:
    bench.receive(*bench.camera.picture(nals.predicted))
    return int(bench.sink.units[-1].camera_utc_us)


def test_pictures_carry_the_camera_s_time(bench: Any, nals: Any) -> None:
    utc_us = bench.clock.utc_us()
    report(bench, utc_us, bench.camera.timestamp)
    bench.trust_markers()
    assert abs(claim(bench, nals) - utc_us - 80_000) <= 12
    report(bench, utc_us - 3_600_000_000, bench.camera.timestamp)
    assert abs(claim(bench, nals) - utc_us + 3_600_000_000 - 40_000) <= 12
    steps = [notice.detail for notice in bench.sink.notices if notice.kind is NoticeKind.CLOCK_CLAIM]
    assert steps == ["the camera claims to know the time"]
    bench.clock.advance(1_000_000)
    bench.video._notices.flush()
    assert "stepped by -3600" in bench.sink.notices[-1].detail


@pytest.mark.parametrize(
    "utc_us", [-NTP_TO_UNIX_S * 10**6, 0, 86_400_000_000, 3_000_000_000_000_000, 5_000_000_000]
)
def test_a_time_that_cannot_be_is_no_claim(bench: Any, nals: Any, utc_us: int) -> None:
    bench.trust_markers()
    report(bench, utc_us, bench.camera.timestamp)
    report(bench, utc_us, bench.camera.timestamp)
    assert claim(bench, nals) == 0
    assert bench.sink.count(NoticeKind.CLOCK_CLAIM) == 1


def test_reports_of_others_are_no_claim(bench: Any, nals: Any) -> None:
    bench.trust_markers()
    report(bench, bench.clock.utc_us(), 0, ssrc=1)
    assert claim(bench, nals) == 0
    assert bench.sink.count(NoticeKind.FOREIGN_SOURCE) == 1


def test_a_claim_ends_with_the_time_it_spoke_of(bench: Any, nals: Any) -> None:
    report(bench, bench.clock.utc_us(), bench.camera.timestamp)
    bench.trust_markers()
    assert claim(bench, nals) != 0
    bench.camera.timestamp -= 5 * 3600 * 90_000
    bench.camera.timestamp %= 2**32
    assert claim(bench, nals) == 0
    assert bench.sink.count(NoticeKind.TIME_STEP) == 1


def test_malformed_reports_are_reported(bench: Any) -> None:
    bench.video.on_rtcp(memoryview(b"\x80\xc8\0\6"), 1)
    assert bench.sink.count(NoticeKind.MALFORMED) == 1
