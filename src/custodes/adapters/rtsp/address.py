"""RTSP addresses: where to connect, and which address a `control` attribute stands for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from custodes.base.errors import InvalidError

DEFAULT_PORT = 554
MAX_URL_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """An `rtsp:` address; `url` is what request lines say."""

    host: str
    port: int
    url: str

    @property
    def place(self) -> str:
        """Host and port, for messages: paths and queries may hold secrets."""
        return f"{self.host}:{self.port}"


def parse_address(url: str) -> Address:
    """An address to connect to.

    Errors: InvalidError when it is not `rtsp://host[:port]/…` in printable ASCII, or holds a user name or
    password.
    """
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidError(f"an address has at most {MAX_URL_CHARACTERS} printable characters and no blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidError("not an address of a camera") from error
    if parts.scheme.lower() != "rtsp":
        raise InvalidError(f"an address begins with rtsp://, not {parts.scheme[:20]}://")
    if not parts.hostname:
        raise InvalidError("the address names no host")
    if "@" in parts.netloc:
        raise InvalidError("user name and password do not belong into the address")
    return Address(parts.hostname, port or DEFAULT_PORT, url.partition("#")[0])


def resolve_control(base: str, control: str) -> str:
    """The address that a `control` attribute names.

    A relative one is appended to the whole base, its query included: that is what cameras expect, while
    RFC 3986 would drop the last path component and the query. Source: RFC 2326 C.1.1.
    """
    if control in ("", "*"):
        return base
    if control.lower().startswith("rtsp://"):
        return control
    if control.startswith("/"):
        parts = urlsplit(base)
        return f"{parts.scheme}://{parts.netloc}{control}"
    return base + ("" if base.endswith("/") else "/") + control


def content_base(requested: str, content_base: str | None, content_location: str | None) -> str:
    """The address that relative controls of a description start from. Source: RFC 2326 C.1.1."""
    for candidate in (content_base, content_location):
        text = (candidate or "").strip()
        if text.lower().startswith("rtsp://") and _is_usable(text):
            return text
        if text.startswith("/") and _is_usable(text):
            return resolve_control(requested, text)
    return requested


def _is_usable(text: str) -> bool:
    return len(text) <= MAX_URL_CHARACTERS and text.isascii() and text.isprintable() and " " not in text
