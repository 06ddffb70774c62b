"""The map's file in parts, as the page reads it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from custodes.web.app import create_app

DATA = bytes(range(256)) * 10


@pytest.fixture
def basemap(tmp_path: Path) -> Path:
    path = tmp_path / "basemap.pmtiles"
    path.write_bytes(DATA)
    return path


def _client(web: Any, basemap: Path) -> httpx.AsyncClient:
    app = create_app(web.board, web.office, web.store, bytes(32), {}, clock=web.clock, basemap=basemap)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/tiles/")


async def test_whole_and_in_parts(web: Any, basemap: Path) -> None:
    client = _client(web, basemap)
    whole = await client.get("basemap.pmtiles")
    assert whole.content == DATA and whole.headers["accept-ranges"] == "bytes"
    part = await client.get("basemap.pmtiles", headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == DATA[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(DATA)}"
    assert part.headers["etag"] == whole.headers["etag"] and "max-age" in part.headers["cache-control"]
    rest = await client.get("basemap.pmtiles", headers={"range": "bytes=2500-99999"})
    assert rest.content == DATA[2500:]
    head = await client.head("basemap.pmtiles")
    assert (
        head.status_code == 200 and head.content == b"" and head.headers["content-length"] == str(len(DATA))
    )


async def test_nothing_new_and_another_file(web: Any, basemap: Path) -> None:
    client = _client(web, basemap)
    tag = (await client.head("basemap.pmtiles")).headers["etag"]
    assert (await client.get("basemap.pmtiles", headers={"if-none-match": tag})).status_code == 304
    other = basemap.with_name("other")
    other.write_bytes(DATA[::-1])
    other.replace(basemap)
    asked = {"range": "bytes=0-9", "if-range": tag, "if-none-match": tag}
    answer = await client.get("basemap.pmtiles", headers=asked)
    assert answer.status_code == 200 and answer.content == DATA[::-1] and answer.headers["etag"] != tag


async def test_a_range_beyond_it_is_a_problem(web: Any, basemap: Path) -> None:
    answer = await _client(web, basemap).get("basemap.pmtiles", headers={"range": "bytes=9999-"})
    assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{len(DATA)}"
    assert answer.json()["kind"] == "invalid"


async def test_without_a_map_there_is_none(web: Any, tmp_path: Path) -> None:
    client = _client(web, tmp_path / "basemap.pmtiles")
    for answer in (await client.get("basemap.pmtiles"), await client.head("basemap.pmtiles")):
        assert answer.status_code == 404
    (tmp_path / "basemap.pmtiles").mkdir()
    assert (await client.get("basemap.pmtiles")).json()["message"] == "this network has no basemap"
