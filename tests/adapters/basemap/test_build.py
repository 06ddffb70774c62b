"""A map from an extract: what is drawn where, what is not, and what is refused."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from mapping.harbour import EAST, NORTH, SOUTH, WEST, write_harbour
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType

from custodes.adapters.basemap import build, extract
from custodes.adapters.basemap.build import build_basemap
from custodes.base.errors import ExhaustedError, InvalidError, NotFoundError, UnavailableError


def _quiet(what: str, done: int, total: int) -> None:
    """No words."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    out = folder / "basemap.pmtiles"
    made = build_basemap(write_harbour(folder / "harbour.osm.pbf"), out, _quiet)
    assert made.size_bytes == out.stat().st_size and made.incomplete == 2
    return out


def _tiles(archive: Path) -> dict[tuple[int, int, int], Any]:
    with archive.open("rb") as file:
        return {
            place: mapbox_vector_tile.decode(gzip.decompress(data), default_options={"y_coord_down": True})
            for place, data in all_tiles(MmapSource(file))
        }


def _features(archive: Path, zoom: int, layer: str) -> list[Any]:
    return [
        feature
        for (z, _, _), tile in _tiles(archive).items()
        if z == zoom and layer in tile
        for feature in tile[layer]["features"]
    ]


def test_the_archive_says_what_it_is_and_whose_data(archive: Path) -> None:
    with archive.open("rb") as file:
        reader = Reader(MmapSource(file))
        header, metadata = reader.header(), reader.metadata()
    assert header["version"] == 3 and header["tile_type"] == TileType.MVT
    assert header["tile_compression"] == Compression.GZIP and header["clustered"]
    assert (header["min_zoom"], header["max_zoom"]) == (8, 16)
    edges = [header[f"{name}_e7"] / 1e7 for name in ("min_lon", "min_lat", "max_lon", "max_lat")]
    assert edges == pytest.approx([WEST, SOUTH, EAST, NORTH])
    assert metadata["attribution"] == "© OpenStreetMap contributors" and "ODbL" in metadata["description"]


def test_a_street_of_three_pieces_is_one_line_with_its_name(archive: Path) -> None:
    streets = _features(archive, 13, "streets")
    assert sorted(one["properties"]["name"] for one in streets) == ["Beyond the Edge", "Rope Walk"]
    assert all(one["geometry"]["type"] == "LineString" for one in streets)
    farther = [one["properties"]["name"] for one in _features(archive, 12, "streets")]
    assert farther == ["Beyond the Edge"], "a residential street begins at zoom 13"


def test_a_house_is_a_shape_and_nothing_more(archive: Path) -> None:
    houses = _features(archive, 16, "buildings")
    assert houses and all(one["properties"] == {"kind": "building", "rank": 0} for one in houses)
    assert not _features(archive, 13, "buildings")
    told = str(_tiles(archive))
    assert "Rope Walk" in told
    for word in ("A Person", "A Baker", "housenumber"):
        assert word not in told


def test_a_park_has_its_hole(archive: Path) -> None:
    (park,) = [one for one in _features(archive, 15, "land") if one["properties"]["kind"] == "green"]
    assert park["geometry"]["type"] == "Polygon" and len(park["geometry"]["coordinates"]) == 2


def test_what_runs_under_the_ground_is_not_drawn(archive: Path) -> None:
    assert not _features(archive, 16, "rail")
    assert all(one["properties"]["kind"] != "path" for one in _features(archive, 16, "streets"))


def test_the_sea_lies_on_the_right_of_the_shore(archive: Path) -> None:
    tiles = {place: tile for place, tile in _tiles(archive).items() if place[0] == 16 and "water" in tile}
    rows = {y for _, _, y in tiles}
    north = min(y for z, _, y in _tiles(archive) if z == 16)
    assert rows and min(rows) > north, "the north is land"
    # The shore lies at a fifth of the box: the sea's part of all tiles is about that.
    area = sum(_area(feature["geometry"]) for tile in tiles.values() for feature in tile["water"]["features"])
    assert 0.1 < area / (4096**2 * 4 * 5) < 0.5


def _area(geometry: Any) -> float:
    parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    total = 0.0
    for ring, *_ in parts:
        pairs = pairwise(ring)
        total += abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2
    return total


def test_places_are_told_once(archive: Path) -> None:
    for zoom in (10, 13, 16):
        names = [one["properties"]["name"] for one in _features(archive, zoom, "places")]
        assert names.count("Sundhaven") == 1
    assert "Net Makers' Square" in [one["properties"]["name"] for one in _features(archive, 16, "places")]


def test_the_same_extract_makes_the_same_archive(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.pmtiles"
    build_basemap(write_harbour(tmp_path / "harbour.osm.pbf"), again, _quiet)
    assert again.read_bytes() == archive.read_bytes()


def test_an_extract_without_a_box_is_taken_by_what_it_holds(tmp_path: Path) -> None:
    made = build_basemap(
        write_harbour(tmp_path / "h.osm.pbf", with_box=False), tmp_path / "out.pmtiles", _quiet
    )
    assert made.bounds.west == pytest.approx(10.002) and made.bounds.east == pytest.approx(10.018)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.osm.pbf", b"", "empty.osm.pbf is empty"),
        ("photo.osm.pbf", b"\x89PNG\r\n" + bytes(500), "is no OpenStreetMap extract in PBF"),
        ("town.osm", b"<?xml version='1.0'?><osm/>", "is no OpenStreetMap extract in PBF"),
    ],
)
def test_what_is_no_extract_is_named(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidError, match=said):
        build_basemap(path, tmp_path / "out.pmtiles", _quiet)
    assert not (tmp_path / "out.pmtiles").exists()


def test_a_cut_or_damaged_extract_is_named(tmp_path: Path) -> None:
    whole = write_harbour(tmp_path / "h.osm.pbf").read_bytes()
    for number, data in enumerate((whole[:-40], whole[: len(whole) // 2] + bytes(200))):
        path = tmp_path / f"bad{number}.osm.pbf"
        path.write_bytes(data)
        with pytest.raises(InvalidError, match=f"bad{number}"):
            build_basemap(path, tmp_path / "out.pmtiles", _quiet)


def test_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write_harbour(tmp_path / "h.osm.pbf"), tmp_path / "out.pmtiles"
    with pytest.raises(NotFoundError, match="not there"):
        build_basemap(tmp_path / "no.osm.pbf", out, _quiet)
    with pytest.raises(UnavailableError, match="cannot be written"):
        build_basemap(path, tmp_path / "nowhere" / "out.pmtiles", _quiet)
    with monkeypatch.context() as patch:
        patch.setattr(extract, "MAX_SHAPES", 2)
        with pytest.raises(ExhaustedError, match="more than 2 shapes"):
            build_basemap(path, out, _quiet)
    with monkeypatch.context() as patch:
        patch.setattr(extract, "MAX_EXTRACT_BYTES", 100)
        with pytest.raises(InvalidError, match="more than the 0 MiB"):
            build_basemap(path, out, _quiet)
    with monkeypatch.context() as patch:
        patch.setattr(build, "MAX_TILES", 5)
        with pytest.raises(InvalidError, match="more than 5"):
            build_basemap(path, out, _quiet)


def test_interrupted_it_leaves_the_map_that_was_there(tmp_path: Path) -> None:
    path, out = write_harbour(tmp_path / "h.osm.pbf"), tmp_path / "out.pmtiles"
    out.write_bytes(b"the map of before")

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "tiles" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_basemap(path, out, interrupt)
    assert out.read_bytes() == b"the map of before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["h.osm.pbf", "out.pmtiles"]
