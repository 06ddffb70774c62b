"""The built console at /, the plain page beside it, and what a page may load."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from custodes.web.app import create_app
from custodes.web.boundary import CONTENT_POLICY


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>console</title>", "utf-8")
    (folder / "assets" / "index-4f1c.js").write_text("console()", "utf-8")
    (folder / "mark.svg").write_text("<svg/>", "utf-8")
    (folder / "secrets.env").write_text("no", "utf-8")
    (folder / "healthz.html").write_text("no", "utf-8")
    return folder


def _client(web: Any, built: Path) -> httpx.AsyncClient:
    app: FastAPI = create_app(web.board, web.office, web.store, bytes(32), {}, clock=web.clock, built=built)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_a_built_console_is_the_first_page(web: Any, built: Path) -> None:
    client = _client(web, built)
    first = await client.get("/")
    assert "<title>console</title>" in first.text
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-security-policy"] == CONTENT_POLICY
    script = await client.get("/assets/index-4f1c.js")
    assert script.text == "console()" and "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert (await client.get("/mark.svg")).headers["content-type"] == "image/svg+xml"
    again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert "Custodes" in (await client.get("/plain")).text
    for path in ("/secrets.env", "/index.html", "/assets/", "/assets/../secrets.env", "/api/v1/session"):
        assert (await client.get(path)).status_code == 404, path


async def test_where_none_was_built_the_plain_page_is_first(web: Any, tmp_path: Path) -> None:
    client = _client(web, tmp_path)
    assert (await client.get("/")).content == (await client.get("/plain")).content


def test_the_policy_lets_a_page_load_from_here_alone() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    for name, sources in rules.items():
        assert set(sources.split()) <= {"'self'", "'none'", "blob:", "data:"}, name
    for name in ("script-src", "style-src", "connect-src", "worker-src", "font-src"):
        assert rules[name] == "'self'"
    assert "blob:" in rules["media-src"]
