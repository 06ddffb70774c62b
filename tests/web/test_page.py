"""The page in a real browser, under its own content policy."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from custodes.web.server import serve

CHROMIUM = shutil.which("chromium")
Documents = dict[str, Callable[..., dict[str, Any]]]
Look = Callable[[], Any]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture
async def look(web: Any, tmp_path: Path) -> AsyncIterator[Look]:
    """Opens the page and gives the document as scripts have left it."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(web.app, 0, ready.set_result))
    url = await ready

    async def dump() -> str:
        assert CHROMIUM is not None
        browser = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=1500",
            "--dump-dom",
            f"{url}/plain",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(150):
                found, _ = await browser.communicate()
        finally:
            if browser.returncode is None:
                browser.kill()
        return found.decode()

    yield dump
    serving.cancel()
    await asyncio.wait({serving}, timeout=60)


async def test_it_shows_cameras_gaps_and_steps_and_runs_nothing_of_what_it_shows(
    web: Any, look: Look, documents: Documents
) -> None:
    now_us = web.clock.utc_us()
    hostile = "<img src=x onerror=document.title='run'>"
    keeper = documents["keeper"](now_us)
    keeper["cameras"][0]["name"] = hostile
    await web.tell("keeper", keeper)
    await web.tell("recorder-0a", documents["recorder"](now_us, alarms=["a <b>bold</b> alarm"]))
    page = await look()
    assert "&lt;img src=x onerror=document.title='run'&gt;</h3>" in page and '<img src="x"' not in page
    assert "a &lt;b&gt;bold&lt;/b&gt; alarm" in page
    assert "<title>Town of Example · Custodes</title>" in page
    assert ">0 of 1 camera recording<" in page and ">not recording<" in page
    assert "4.2 Mbit/s · last picture just now · 2 packets lost" in page
    assert "camera could not be reached" in page
    assert "custodes case open NETWORK" in page and "custodes verify http://127.0.0.1:" in page


async def test_it_says_what_is_not_known(web: Any, look: Look) -> None:
    page = await look()
    assert ">not known<" in page
    assert "Not known: neither the keeper nor a recorder has been heard of." in page
    assert "custodes serve NETWORK" in page
