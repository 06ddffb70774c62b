"""Reading what people type."""

import argparse
from pathlib import Path

import pytest

from custodes.base.errors import InvalidError, NotFoundError
from custodes.cli.options import instant_us, ordinals, read_passphrase, show_us, size_bytes


def _options(file: Path | None) -> argparse.Namespace:
    return argparse.Namespace(passphrase_file=file, passphrase_fd=None)


def test_passphrase_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_text("correct horse\n")
    assert read_passphrase(_options(file)) == "correct horse"
    file.write_text("short\n")
    with pytest.raises(InvalidError, match="8 to"):
        read_passphrase(_options(file))
    with pytest.raises(NotFoundError):
        read_passphrase(_options(tmp_path / "none"))


def test_an_instant_says_its_zone() -> None:
    assert show_us(instant_us("2026-11-25T14:03:00+02:00")) == "2026-11-25 12:03:00 UTC"
    assert instant_us("2026-11-25T12:03:00Z") == instant_us("2026-11-25T14:03:00+02:00")
    with pytest.raises(InvalidError, match="zone"):
        instant_us("2026-11-25T14:03:00")
    with pytest.raises(InvalidError, match="not a time"):
        instant_us("yesterday")


def test_ordinals() -> None:
    assert ordinals("1-3, 5", 6) == [1, 2, 3, 5]
    for text in ("0", "7", "3-1", "a", ""):
        with pytest.raises(InvalidError):
            ordinals(text, 6)


@pytest.mark.parametrize(
    ("text", "size"),
    [("off", 0), ("500GB", 500 * 10**9), ("2TiB", 2 << 40), ("7MiB", 7 << 20), ("1TB", 10**12)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "5", "5 GiB", "-5GiB", "1.5GiB", "5gib", "٥GiB x"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidError):
        size_bytes(text)
