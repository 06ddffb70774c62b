"""The Transport and Session headers. Source: RFC 2326 12.37, 12.39."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from custodes.base.errors import InvalidError

DEFAULT_SESSION_TIMEOUT_S = 60
_MAX_SESSION_CHARACTERS = 256
_MAX_SESSION_TIMEOUT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Transport:
    """What a camera chose in answer to SETUP; what it left open is None.

    `channels`: interleaved channels of RTP and RTCP. `server_ports`: its UDP ports of the same.
    `source`: the address that its packets come from, where that is a literal one.
    """

    over_tcp: bool
    channels: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """A session's name and the time after which a silent client's session ends."""

    name: str
    timeout_s: int


def parse_transport(value: str) -> Transport:
    """The first transport of a Transport header; parameters in any order and case.

    Errors: InvalidError when it is no RTP transport, or a channel or port is out of range.
    """
    fields = [field.strip() for field in value.split(",")[0].split(";")]
    protocol = next((field.upper() for field in fields if field.upper().startswith("RTP/")), None)
    if protocol is None:
        raise InvalidError(f"not an RTP transport: {value[:80]!r}")
    parameters: dict[str, str] = {}
    for field in fields:
        name, _, text = field.partition("=")
        parameters.setdefault(name.strip().lower(), text.strip().strip('"'))
    channels = _parse_pair(parameters.get("interleaved"), 255)
    return Transport(
        over_tcp=protocol.endswith("/TCP") or channels is not None,
        channels=channels,
        server_ports=_parse_pair(parameters.get("server_port"), 65535),
        source=_parse_literal(parameters.get("source")),
    )


def _parse_pair(text: str | None, largest: int) -> tuple[int, int] | None:
    if not text:
        return None
    first_text, dash, second_text = text.partition("-")
    first = _parse_number(first_text, largest)
    return first, _parse_number(second_text, largest) if dash else min(first + 1, largest)


def _parse_number(text: str, largest: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= largest):
        raise InvalidError(f"a channel or port is a number up to {largest}, not {text[:20]!r}")
    return int(text)


def _parse_literal(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return None


def parse_session(value: str) -> SessionHeader:
    """The Session header. Errors: InvalidError when it names no session or one that cannot be sent back."""
    name, *parameters = (part.strip() for part in value.split(";"))
    if not name or len(name) > _MAX_SESSION_CHARACTERS or not name.isprintable():
        raise InvalidError("the Session header names no usable session")
    timeout_s = DEFAULT_SESSION_TIMEOUT_S
    for parameter in parameters:
        key, _, text = (piece.strip() for piece in parameter.partition("="))
        if key.lower() == "timeout" and text.isascii() and text.isdigit() and len(text) <= 9:
            timeout_s = min(max(int(text), 1), _MAX_SESSION_TIMEOUT_S)
    return SessionHeader(name, timeout_s)
