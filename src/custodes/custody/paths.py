"""Where sealed things lie in the object store. Source: docs/formats/seal.md, docs/formats/accounts.md."""

from __future__ import annotations

from datetime import UTC, datetime

from custodes.base.clock import SECOND_US
from custodes.base.errors import InvalidError

MAX_REEL_NUMBER = 9999


def date_of(utc_us: int) -> str:
    """YYYY-MM-DD, in UTC."""
    return datetime.fromtimestamp(utc_us // SECOND_US, UTC).strftime("%Y-%m-%d")


def epoch_folder(stream: bytes, utc0_us: int, epoch: bytes) -> str:
    """The folder of an epoch's share set and reels."""
    return f"streams/{stream.hex()}/{date_of(utc0_us)}/{epoch.hex()}"


def share_set_path(stream: bytes, utc0_us: int, epoch: bytes) -> str:
    """The object `shares`."""
    return f"{epoch_folder(stream, utc0_us, epoch)}/shares"


def reel_path(stream: bytes, utc0_us: int, epoch: bytes, number: int) -> str:
    """A finished reel. Errors: InvalidError beyond 9999."""
    return f"{epoch_folder(stream, utc0_us, epoch)}/{_four_digits(number)}.reel"


def open_reel_path(stream: bytes, epoch: bytes, number: int) -> str:
    """A reel that is being written, in the spool. Errors: InvalidError beyond 9999."""
    return f"spool/{stream.hex()}/{epoch.hex()}/{_four_digits(number)}.open"


def manifest_path(recorder: bytes, number: int) -> str:
    """The manifest of an account."""
    return f"accounts/{recorder.hex()}/{number:012d}"


def _four_digits(number: int) -> str:
    if not 0 <= number <= MAX_REEL_NUMBER:
        raise InvalidError(f"a reel's number is 0 to {MAX_REEL_NUMBER}, got {number}")
    return f"{number:04d}"
