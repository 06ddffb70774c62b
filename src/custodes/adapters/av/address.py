"""Which addresses FFmpeg may be given, and what it may do with them.

An address is a setting, so it must not be able to name another of FFmpeg's many protocols and playlist
formats, which read local files and reach other hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from custodes.adapters.rtsp.address import MAX_URL_CHARACTERS
from custodes.adapters.rtsp.model import CameraSource
from custodes.base.errors import InvalidError
from custodes.estate.rules import PASSWORD_PLACE

_PROTOCOLS = {
    "http": "http,tcp",
    "https": "https,tls,tcp",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "file": "file",
}
_FORMATS = "mpegts,flv,mov,matroska"
_ANALYSE_US = 2_000_000


@dataclass(frozen=True, slots=True)
class Opening:
    """What `av.open` is given. `target` may hold a password, so it is in no representation."""

    target: str
    options: dict[str, str]
    is_file: bool

    def __repr__(self) -> str:
        return f"Opening(is_file={self.is_file})"


def parse_opening(source: CameraSource, *, allow_files: bool) -> Opening:
    """How to open a source. The password goes where the address says so, else before the host.

    Errors: InvalidError for any but http, https, rtmp and rtmps addresses (and files by absolute path, where
    allowed), for blanks, and for a password inside the address.
    """
    url = source.url
    if len(url) > MAX_URL_CHARACTERS or not url.isprintable():
        raise InvalidError(f"an address has at most {MAX_URL_CHARACTERS} printable characters")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise InvalidError("not an address of a camera") from error
    scheme = parts.scheme.lower()
    if scheme == "file":
        if not allow_files:
            raise InvalidError("files are not a source here")
        return Opening(_file_target(parts.netloc, parts.path), _options("file"), True)
    if scheme not in _PROTOCOLS:
        raise InvalidError("an address begins with http://, https://, rtmp:// or rtmps://")
    if not host or "@" in parts.netloc or " " in url:
        raise InvalidError("an address names a host, and holds no blanks, user name or password")
    credentials = ""
    if PASSWORD_PLACE in parts.path + parts.query:
        secret = quote(source.password, safe="")
        parts = parts._replace(
            path=parts.path.replace(PASSWORD_PLACE, secret), query=parts.query.replace(PASSWORD_PLACE, secret)
        )
    elif source.username or source.password:
        credentials = f"{quote(source.username, safe='')}:{quote(source.password, safe='')}@"
    target = parts._replace(scheme=scheme, netloc=credentials + parts.netloc, fragment="").geturl()
    return Opening(target, _options(scheme), False)


def _file_target(host: str, path: str) -> str:
    if host or not Path(path).is_absolute():
        raise InvalidError("a file is named by file:// and its absolute path")
    return f"file:{path}"


def _options(scheme: str) -> dict[str, str]:
    options = {
        "protocol_whitelist": _PROTOCOLS[scheme],
        "format_whitelist": _FORMATS,
        "analyzeduration": str(_ANALYSE_US),
    }
    if scheme in ("http", "https"):
        # Another host would be told the password.
        options["max_redirects"] = "0"
        # A live stream is read as it comes; to seek is to connect again.
        options["seekable"] = "0"
    return options
