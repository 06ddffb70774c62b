"""Reading what people type."""

import argparse
from pathlib import Path

import pytest

from custodes.base.errors import InvalidError, NotFoundError
from custodes.cli.options import (
    instant_us,
    mount_of,
    ordinals,
    read_passphrase,
    show_us,
    size_bytes,
    view_of,
    zone_of,
)
from custodes.estate.model import Mount, View, Zone


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


def test_a_place_is_taken_to_the_digit() -> None:
    assert mount_of("54.1234567,-7.1", "4.25") == Mount(541_234_567, -71_000_000, 425)
    assert mount_of("-90,180", "0") == Mount(-900_000_000, 1_800_000_000, 0)
    assert mount_of(None, "4") is None


@pytest.mark.parametrize(
    ("at", "height_m"),
    [("54", "0"), ("54,7,1", "0"), ("north,7", "0"), ("54.12345678,7", "0"), ("91,7", "0"), ("54,7", "-1"),
     ("54,7", "0.001"), ("nan,7", "0"), ("inf,7", "0")],
)  # fmt: skip
def test_places_that_are_none(at: str, height_m: str) -> None:
    with pytest.raises(InvalidError):
        mount_of(at, height_m)


def test_a_zone() -> None:
    assert zone_of("door: left:original:0,100,250,400") == Zone("door: left", "original", 0, 100, 250, 400)
    for text in (
        "door",
        "door:view:1,2,3",
        ":view:0,0,1,1",
        "a:sound:0,0,1,1",
        "a:view:1,0,1,1",
        "a:view:0,0,1.5,1",
    ):
        with pytest.raises(InvalidError):
            zone_of(text)


def test_a_view() -> None:
    assert view_of("quay: steps:135.5:60:80") == View("quay: steps", 13_550, 6000, 80)
    assert view_of("north:360:360:1").bearing_cdeg == 0
    assert view_of("west:-90:60:80").bearing_cdeg == 27_000
    for text in ("quay", ":1:1:1", "quay:1:0:1", "quay:1:361:1", "quay:1:1:0", "quay:1:1:1.5", "quay:x:1:1"):
        with pytest.raises(InvalidError):
            view_of(text)
