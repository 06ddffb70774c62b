"""The console in a real browser, before a server of invented cameras."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "src" / "custodes" / "web" / "static" / "console" / "index.html"
CHROMIUM = shutil.which("chromium")
START_S = 60.0

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the invented town is served."""
    if not BUILT.exists():
        pytest.skip("the console is not built: make console")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "console.dev", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page_of(browser: Any, address: str) -> Open:
    """A page of a fresh browser profile, with the errors that it had: `with page_of(...) as (page, errors)`."""

    @contextmanager
    def opened(
        width: int = 1440, light: str = "light", locale: str = "en"
    ) -> Iterator[tuple[Any, list[str]]]:
        height = 900 if width > 800 else 844
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=light, locale=locale, base_url=address
        )
        errors: list[str] = []
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto("/")
        try:
            yield page, errors
        finally:
            context.close()

    return opened


def _wait(url: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.2)
