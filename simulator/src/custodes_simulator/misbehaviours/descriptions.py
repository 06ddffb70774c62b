"""Session descriptions that are incomplete or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, register
from custodes_simulator.rtsp.message import Request, Response

_SPROP = re.compile(r";?\s*sprop-[a-z-]+=[^;]*")


@register("sdp-no-sprop")
@dataclass
class SdpNoSprop(CameraMisbehaviour):
    """No parameter sets in the description; they come in-band alone.

    `no_fmtp`: the video's whole fmtp line is missing.
    """

    no_fmtp: bool = False

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        if self.no_fmtp:
            return [line for line in lines if not line.startswith("a=fmtp:96")]
        return [_SPROP.sub("", line).rstrip("; ") if "sprop-" in line else line for line in lines]


@register("sdp-garbage-sprop")
@dataclass
class SdpGarbageSprop(CameraMisbehaviour):
    """Parameter sets in the description are no parameter sets, or no base64."""

    value: str = "AAAAAQ==,!!,Z0=,aO48"

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return [re.sub(r"(sprop-[a-z-]+=)[^;]*", lambda m: m[1] + self.value, line) for line in lines]


@register("sdp-no-control")
@dataclass
class SdpNoControl(CameraMisbehaviour):
    """No control attributes."""

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return [line for line in lines if not line.startswith("a=control")]


@register("sdp-no-origin")
@dataclass
class SdpNoOrigin(CameraMisbehaviour):
    """No origin line."""

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return [line for line in lines if not line.startswith("o=")]


@register("sdp-empty-attribute")
@dataclass
class SdpEmptyAttribute(CameraMisbehaviour):
    """Attribute lines with nothing in them."""

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return [
            part for line in lines for part in ((line, "a=") if line.startswith(("t=", "m=")) else (line,))
        ]


@register("sdp-empty-connection")
@dataclass
class SdpEmptyConnection(CameraMisbehaviour):
    """The connection line ends after the network type."""

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return ["c=IN" if line.startswith("c=") else line for line in lines]


@register("sdp-absolute-control")
@dataclass
class SdpAbsoluteControl(CameraMisbehaviour):
    """Control attributes are whole URLs, with a query as many cameras have."""

    def rewrite(self, request: Request, response: Response) -> Response:
        if request.method != "DESCRIBE" or not response.body:
            return response
        base = request.url.partition("?")[0].rstrip("/").encode()
        body = response.body.replace(b"a=control:*", b"a=control:" + base + b"/")
        body = body.replace(b"a=control:track", b"a=control:" + base + b"/?track")
        return Response(response.status, response.headers, body)


@register("sdp-bare-newlines")
@dataclass
class SdpBareNewlines(CameraMisbehaviour):
    """Lines end with LF alone, the last with nothing."""

    def rewrite(self, request: Request, response: Response) -> Response:
        body = response.body.replace(b"\r\n", b"\n").rstrip(b"\n")
        return Response(response.status, response.headers, body)


@register("sdp-lower-case-codec")
@dataclass
class SdpLowerCaseCodec(CameraMisbehaviour):
    """Codec names in lower case."""

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        return [line.lower() if line.startswith("a=rtpmap") else line for line in lines]


@register("sdp-unknown-codec")
@dataclass
class SdpUnknownCodec(CameraMisbehaviour):
    """The video is described as a codec that is not H.264 or H.265."""

    codec: str = "AV1"

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        kind = "26" if self.codec.upper() in ("JPEG", "MJPEG") else "96"
        name = "JPEG" if kind == "26" else self.codec.upper()
        made = []
        for line in lines:
            if line.startswith("a=fmtp:96"):
                continue
            if line.startswith("m=video"):
                line = f"m=video 0 RTP/AVP {kind}"
            made.append(f"a=rtpmap:{kind} {name}/90000" if line.startswith("a=rtpmap:96") else line)
        return made


@register("sdp-extra-track")
@dataclass
class SdpExtraTrack(CameraMisbehaviour):
    """A metadata track that the camera offers and cannot set up.

    `place`: "first" or "last" among the tracks.
    """

    place: str = "last"

    def __post_init__(self) -> None:
        if self.place not in ("first", "last"):
            raise FleetFileError(f"place is {self.place!r}; it must be first or last")

    def rewrite_sdp(self, lines: list[str]) -> list[str]:
        track = [
            "m=application 0 RTP/AVP 107",
            "a=rtpmap:107 vnd.onvif.metadata/90000",
            "a=control:trackID=9",
        ]
        if self.place == "last":
            return lines + track
        at = next((i for i, line in enumerate(lines) if line.startswith("m=")), len(lines))
        return lines[:at] + track + lines[at:]
