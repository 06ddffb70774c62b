"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from custodes.base.errors import InvalidError, NotFoundError
from custodes.estate.model import FULL_CIRCLE_CDEG, Mount, View, Zone
from custodes.ledger.rules.people import NORMAL_PERIODS, Periods

MAX_PASSPHRASE_BYTES = 4096


def add_passphrase(parser: argparse.ArgumentParser, what: str = "passphrase") -> None:
    """A passphrase or password comes by prompt, file or descriptor, never as an argument that others could read."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        f"--{what}-file",
        dest="passphrase_file",
        type=Path,
        metavar="FILE",
        help=f"read the {what} from a file",
    )
    group.add_argument(
        f"--{what}-fd", dest="passphrase_fd", type=int, metavar="N", help=f"read the {what} from a descriptor"
    )


def read_passphrase(options: argparse.Namespace, confirm: bool = False, what: str = "passphrase") -> str:
    """Errors: NotFoundError, InvalidError."""
    if options.passphrase_file is not None:
        try:
            return _check(options.passphrase_file.read_bytes(), what)
        except FileNotFoundError as error:
            raise NotFoundError(f"no {what} file {options.passphrase_file}") from error
    if options.passphrase_fd is not None:
        with os.fdopen(options.passphrase_fd, "rb", closefd=False) as source:
            return _check(source.read(MAX_PASSPHRASE_BYTES + 1), what)
    if not sys.stdin.isatty():
        raise InvalidError(f"no terminal to ask for the {what}; give --{what}-file or --{what}-fd")
    first = getpass.getpass(f"{what.capitalize()}: ")
    if confirm and getpass.getpass("Again: ") != first:
        raise InvalidError(f"the two {what}s differ")
    return _check(first.encode("utf-8"), what)


def instant_us(text: str) -> int:
    """Microseconds of an ISO 8601 time with its offset, as `2026-11-25T14:03:00Z`. Errors: InvalidError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"not a time: {text!r}; write it as 2026-11-25T14:03:00Z") from error
    if when.tzinfo is None:
        raise InvalidError(f"{text!r} does not say its zone; add Z for UTC or an offset such as +02:00")
    return int(when.astimezone(UTC).timestamp() * 1_000_000)


def show_us(utc_us: int) -> str:
    """An instant as people read it, in UTC."""
    return datetime.fromtimestamp(utc_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ordinals(text: str, most: int) -> list[int]:
    """Numbers of a list such as `1-3,5`, ascending, from 1 to `most`. Errors: InvalidError."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low = int(first)
            high = int(last) if dash else low
        except ValueError as error:
            raise InvalidError(f"not a list of numbers: {text!r}; write it as 1-3,5") from error
        if not 1 <= low <= high <= most:
            raise InvalidError(f"{part.strip()!r} is not within 1 to {most}")
        numbers.update(range(low, high + 1))
    return sorted(numbers)


def _check(data: bytes, what: str) -> str:
    passphrase = data.rstrip(b"\r\n")
    if not 8 <= len(passphrase) <= MAX_PASSPHRASE_BYTES:
        raise InvalidError(f"a {what} has 8 to {MAX_PASSPHRASE_BYTES} bytes")
    try:
        return passphrase.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidError(f"a {what} is UTF-8") from error


_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_UNITS_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "GB": 10**9, "TB": 10**12}
_PERIOD_NAMES = {
    "slot": "slot_us",
    "reel": "reel_us",
    "staff-wait": "staff_wait_us",
    "custodian-key": "custodian_key_us",
    "freshness": "freshness_us",
}


def duration_us(text: str) -> int:
    """Microseconds of `10s`, `5m`, `24h`, `7d`. Errors: InvalidError."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_US or not number.isdigit():
        raise InvalidError(f"not a length of time: {text!r}; write it as 10s, 5m, 24h or 7d")
    return int(number) * _UNITS_US[unit]


def size_bytes(text: str) -> int:
    """Bytes of `500GB`, `50GiB`, `2TiB`, or of `off`, which is 0. Errors: InvalidError."""
    if text == "off":
        return 0
    for unit, factor in _UNITS_BYTES.items():
        number = text.removesuffix(unit)
        if number != text and number.isdecimal():
            return int(number) * factor
    raise InvalidError(f"not a size: {text!r}; write it as 50GiB, 500GB, 2TiB, or off")


def mount_of(at: str | None, height_m: str) -> Mount | None:
    """A mount at `LAT,LON` in degrees, so high; None where no place is told. Errors: InvalidError."""
    if at is None:
        return None
    parts = at.split(",")
    if len(parts) != 2:
        raise InvalidError(f"not a place: {at!r}; write it as 54.1234567,-7.1234567")
    latitude_e7, longitude_e7 = (_scaled("place", part, 7) for part in parts)
    return Mount(latitude_e7, longitude_e7, _scaled("height", height_m, 2))


def view_of(text: str) -> View:
    """A view of `NAME:BEARING:ANGLE:RANGE` in degrees and metres. Errors: InvalidError."""
    parts = text.rsplit(":", 3)
    if len(parts) != 4:
        raise InvalidError(f"not a view: {text!r}; write it as quay:135:60:80")
    name, bearing, angle, range_m = parts
    bearing_cdeg = _scaled("bearing", bearing, 2) % FULL_CIRCLE_CDEG
    return View(name, bearing_cdeg, _scaled("angle", angle, 2), _scaled("range", range_m, 0))


def zone_of(text: str) -> Zone:
    """A zone of `NAME:KIND:X0,Y0,X1,Y1` in thousandths of the picture. Errors: InvalidError."""
    parts = text.rsplit(":", 2)
    corners = parts[-1].split(",")
    if len(parts) != 3 or len(corners) != 4:
        raise InvalidError(f"not a zone: {text!r}; write it as windows:view:0,100,250,400")
    name, kind, _ = parts
    if kind not in ("view", "original"):
        raise InvalidError(f"zone: kind must be view or original, not {kind!r}")
    x0, y0, x1, y1 = (_scaled("zone", corner, 0) for corner in corners)
    return Zone(name, "original" if kind == "original" else "view", x0, y0, x1, y1)


def _scaled(what: str, text: str, digits: int) -> int:
    # Decimal, not float: the register says exactly what was written.
    try:
        scaled = Decimal(text.strip()).scaleb(digits)
        whole = int(scaled)
    except (ArithmeticError, ValueError) as error:
        raise InvalidError(f"{what}: not a number: {text!r}") from error
    if whole != scaled:
        raise InvalidError(f"{what}: has at most {digits} digits after the point, got {text!r}")
    return whole


def periods_of(text: str | None) -> Periods:
    """The normal periods, or those of a rehearsal. Errors: InvalidError for an unknown name."""
    changes: dict[str, int] = {}
    for part in text.split(",") if text else []:
        name, _, value = part.partition("=")
        if name == "slots":
            changes["slots_per_epoch"] = int(value) if value.isdigit() else 0
        elif name in _PERIOD_NAMES:
            changes[_PERIOD_NAMES[name]] = duration_us(value)
        else:
            known = ", ".join(("slots", *_PERIOD_NAMES))
            raise InvalidError(f"{name!r} is no period; there are {known}")
    return replace(NORMAL_PERIODS, **changes)
