"""The built console in Debian's Chromium, against the server of invented cameras."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from console.dev.app import DIST, Town, create_app  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

CHROMIUM = shutil.which("chromium")
PASSWORD = "night-shift"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"))
            item.add_marker(
                pytest.mark.skipif(not DIST.is_dir(), reason="the console is not built: make console")
            )
            item.add_marker(pytest.mark.integration)


# Of a module, not of the session: while it is open a loop runs in this thread, and no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        yield started
        started.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a town of so many cameras on a free port; its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(cameras: int = 48, tiles: Path | None = None) -> str:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(Town(cameras, tiles)), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        servers.append((server, thread))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page in a browser of its own; what it complains of fails the test, the content policy's word first."""
    complaints: list[str] = []
    contexts = []

    def start(
        url: str, *, width: int = 1440, height: int = 900, light: str = "dark", locale: str = "en-GB"
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=light, locale=locale
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and "Failed to load resource" not in said.text
                else None
            ),
        )
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, name: str = "operator", password: str = PASSWORD) -> None:
    """Fill in and send."""
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(password)
    page.keyboard.press("Enter")


def camera_id(page: Page, number: int) -> str:
    """The id of a camera of the list."""
    found: str = page.evaluate(
        "number => fetch('/api/v1/cameras').then(answer => answer.json()).then(all => all.cameras[number].id)",
        number,
    )
    return found
