from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.transport import SessionHeader, Transport, parse_session, parse_transport
from custodes.base.errors import InvalidError


def test_reads_interleaved_channels_in_any_order() -> None:
    assert parse_transport("RTP/AVP/TCP;unicast;interleaved=0-1") == Transport(True, (0, 1))
    assert parse_transport("ssrc=1F;interleaved=4-5;RTP/AVP/TCP;mode=play") == Transport(True, (4, 5))
    assert parse_transport("rtp/avp/tcp; UNICAST; Interleaved = 8") == Transport(True, (8, 9))


def test_reads_server_ports_and_source() -> None:
    value = 'RTP/AVP;unicast;client_port=9-10;server_port=6970-6971;source="10.0.0.7";ssrc=0'
    assert parse_transport(value) == Transport(False, None, (6970, 6971), "10.0.0.7")
    assert parse_transport("RTP/AVP/UDP;server_port=7000").server_ports == (7000, 7001)


def test_a_source_that_is_no_address_is_none() -> None:
    assert parse_transport("RTP/AVP;source=camera.local").source is None


def test_takes_the_first_of_several() -> None:
    assert parse_transport("RTP/AVP/TCP;interleaved=2-3,RTP/AVP").channels == (2, 3)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "unicast",
        "RAW/RAW/UDP",
        "RTP/AVP/TCP;interleaved=0-256",
        "RTP/AVP;server_port=a",
        "RTP/AVP;server_port=70000",
    ],
)
def test_refuses_what_is_no_rtp_transport(value: str) -> None:
    with pytest.raises(InvalidError):
        parse_transport(value)


def test_reads_session_and_timeout() -> None:
    assert parse_session("12AB") == SessionHeader("12AB", 60)
    assert parse_session(" 12AB ; TimeOut = 10 ") == SessionHeader("12AB", 10)
    assert parse_session("1;timeout=0").timeout_s == 1
    assert parse_session("1;timeout=soon").timeout_s == 60
    assert parse_session("1;timeout=999999999").timeout_s == 24 * 3600


@pytest.mark.parametrize("value", ["", ";timeout=10", "a\nb", "x" * 300])
def test_refuses_a_session_that_cannot_be_sent_back(value: str) -> None:
    with pytest.raises(InvalidError):
        parse_session(value)


@given(st.text(max_size=300))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for parse in (parse_transport, parse_session):
        try:
            parse(text)
        except InvalidError:
            continue
