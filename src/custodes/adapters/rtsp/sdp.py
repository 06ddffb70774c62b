"""Session descriptions, as far as one video track needs them.

Source: RFC 4566, RFC 6184 8.2 (H.264), RFC 7798 7.2 (H.265). Lines that are missing, empty or foreign are
passed over: cameras leave out origin and control, and write empty attributes.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from custodes.base.errors import InvalidError
from custodes.media.packets import Codec

MAX_SDP_BYTES = 64 * 1024
MAX_LINES = 2000
MAX_MEDIA = 32
CLOCK_RATE_HZ = 90_000

_CODECS = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
_STATIC_NAMES = {0: "PCMU", 8: "PCMA", 14: "MPA", 26: "JPEG", 31: "H261", 32: "MPV", 33: "MP2T", 34: "H263"}
_SPROP_NAMES = {
    Codec.H264: ("sprop-parameter-sets",),
    Codec.H265: ("sprop-vps", "sprop-sps", "sprop-pps"),
}
_MAX_SPROP_UNITS = 64


@dataclass(slots=True)
class Media:
    """One `m=` section: its kind, protocol, payload types in order, and attributes by payload type."""

    kind: str
    protocol: str
    payload_types: tuple[int, ...]
    control: str = ""
    encodings: dict[int, tuple[str, int]] = field(default_factory=dict)
    parameters: dict[int, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Description:
    """A session's aggregate control and its media, in order."""

    control: str = ""
    media: list[Media] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The one track that is set up.

    `parameter_sets`: what the description holds of them, decoded from base64 and not yet looked at.
    `has_garbage`: some of it was not base64.
    """

    codec: Codec
    payload_type: int
    control: str
    parameter_sets: tuple[bytes, ...]
    has_garbage: bool


def parse_description(body: bytes) -> Description:
    """A session description. Errors: InvalidError when it is too long or has no media at all."""
    if len(body) > MAX_SDP_BYTES:
        raise InvalidError(f"a description of {len(body)} bytes; at most {MAX_SDP_BYTES} are read")
    description = Description()
    lines = re.split(r"\r\n|\n|\r", body.decode("utf-8", "replace"))
    for line in lines[:MAX_LINES]:
        kind, equals, value = line.strip().partition("=")
        if not equals:
            continue
        if kind == "m" and len(description.media) < MAX_MEDIA:
            description.media.append(_parse_media(value))
        elif kind == "a":
            _add_attribute(description, value)
    if not description.media:
        raise InvalidError("the camera's description names no media")
    return description


def _parse_media(value: str) -> Media:
    kind, _port, protocol, *formats = [*value.split(), "", "", ""]
    numbers = (int(text) for text in formats if text.isascii() and text.isdigit() and len(text) <= 3)
    return Media(kind.lower(), protocol.upper(), tuple(number for number in numbers if number < 128))


def _add_attribute(description: Description, value: str) -> None:
    name, _, text = value.partition(":")
    name, text = name.strip().lower(), text.strip()
    if name == "control":
        section = description.media[-1] if description.media else description
        section.control = section.control or text
        return
    if name not in ("rtpmap", "fmtp") or not description.media:
        return
    number, _, rest = text.partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) <= 3):
        return
    if name == "rtpmap":
        encoding, _, rate = rest.strip().partition("/")
        rate = rate.partition("/")[0].strip()
        rate_hz = int(rate) if rate.isascii() and rate.isdigit() and len(rate) <= 9 else CLOCK_RATE_HZ
        description.media[-1].encodings.setdefault(int(number), (encoding.strip().upper(), rate_hz))
    else:
        description.media[-1].parameters.setdefault(int(number), {}).update(_parse_parameters(rest))


def _parse_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for piece in text.split(";"):
        name, equals, value = piece.strip().partition("=")
        if equals:
            parameters.setdefault(name.strip().lower(), value.strip().strip('"'))
    return parameters


def choose_video(description: Description) -> VideoTrack:
    """The first video track that can be recorded; audio and metadata are never looked at.

    Errors: InvalidError that names what the camera offers instead, or the mode that is not read.
    """
    offered: list[str] = []
    for media in description.media:
        if media.kind != "video":
            continue
        for number in media.payload_types:
            name, rate_hz = _encoding(media, number)
            codec = _CODECS.get(name)
            if codec is not None and media.protocol.startswith("RTP/AVP") and rate_hz == CLOCK_RATE_HZ:
                return _video_track(media, number, codec)
            offered.append(f"{name or number}/{rate_hz} over {media.protocol or 'nothing'}"[:60])
    kinds = ", ".join(offered[:8]) or "no video at all"
    raise InvalidError(f"only H.264 and H.265 over RTP/AVP are recorded; the camera offers {kinds}")


def _encoding(media: Media, number: int) -> tuple[str, int]:
    if number in media.encodings:
        return media.encodings[number]
    parameters = media.parameters.get(number, {})
    if "packetization-mode" in parameters or "sprop-parameter-sets" in parameters:
        return "H264", CLOCK_RATE_HZ
    if "sprop-vps" in parameters:
        return "H265", CLOCK_RATE_HZ
    return _STATIC_NAMES.get(number, ""), CLOCK_RATE_HZ


def _video_track(media: Media, number: int, codec: Codec) -> VideoTrack:
    parameters = media.parameters.get(number, {})
    if codec is Codec.H264 and parameters.get("packetization-mode", "0") == "2":
        raise InvalidError("H.264 in interleaved mode (packetization-mode=2) is not read")
    if codec is Codec.H265 and parameters.get("sprop-max-don-diff", "0").strip("0"):
        raise InvalidError("H.265 out of decoding order (sprop-max-don-diff) is not read")
    units: list[bytes] = []
    has_garbage = False
    for name in _SPROP_NAMES[codec]:
        for text in parameters.get(name, "").split(",")[:_MAX_SPROP_UNITS]:
            try:
                unit = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), validate=True)
            except (ValueError, binascii.Error):
                has_garbage = True
                continue
            if unit:
                units.append(unit)
    return VideoTrack(codec, number, media.control, tuple(units), has_garbage)
