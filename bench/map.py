"""The console's map with thousands of cameras in Debian's Chromium: until it is of use, and how it pans.

Without a graphics card Chromium draws by the processor; the renderer's name stands beside the figures.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.rows import Row
from custodes.adapters.basemap.build import build_basemap

REPOSITORY = Path(__file__).resolve().parents[1]
EXTRACT = REPOSITORY.parent / "shared" / "data" / "maps" / "helsinki-centre.osm.pbf"
CAMERAS_FEW, CAMERAS_MANY = 50, 5000
ROUNDS = 3
PAN_S = 4.0
USEFUL_S, FRAMES = 2.0, 50.0
START_S = 60.0
# Drags the map to and fro by a hand that never rests, and notes when each frame came.
_PAN = """async seconds => {
  const canvas = document.querySelector("canvas.maplibregl-canvas");
  const say = (type, x, y) => canvas.dispatchEvent(new MouseEvent(type, {
    bubbles: true, cancelable: true, button: 0, buttons: type === "mouseup" ? 0 : 1, clientX: x, clientY: y,
  }));
  const frame = () => new Promise(requestAnimationFrame);
  const x = innerWidth / 2, y = innerHeight / 2;
  say("mousedown", x, y);
  const times = [await frame()];
  while (times.at(-1) - times[0] < seconds * 1000) {
    const turn = (times.at(-1) - times[0]) / 1000;
    say("mousemove", x + 260 * Math.sin(turn * 2), y + 160 * Math.sin(turn * 3));
    times.push(await frame());
  }
  say("mouseup", x, y);
  return times;
}"""
_RENDERER = """() => {
  const gl = document.createElement("canvas").getContext("webgl2");
  const more = gl && gl.getExtension("WEBGL_debug_renderer_info");
  return gl ? gl.getParameter(more ? more.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "none";
}"""


def rows() -> list[Row]:
    """Seconds until the cameras are drawn, frames a second while panning, far and near."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("Debian's chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        tiles = _basemap(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        few, many = (_measure(browser, cameras, tiles) for cameras in (CAMERAS_FEW, CAMERAS_MANY))
        browser.close()
    ground = "over a basemap" if tiles else "plain ground"
    print(f"  renderer: {many['renderer']}; {ground}", file=sys.stderr)
    for name, limit, held in (
        ("useful_s", USEFUL_S, many["useful_s"] <= USEFUL_S),
        ("far", FRAMES, many["far"] >= FRAMES),
        ("near", FRAMES, many["near"] >= FRAMES),
    ):
        print(
            f"  {name}: {many[name]:.2f}, wanted {limit:g}: {'held' if held else 'MISSED'}", file=sys.stderr
        )
    peer = f"{CAMERAS_FEW} cameras"
    return [
        Row(
            f"map with {CAMERAS_MANY} cameras: {words}", unit, many[key], peer, few[key], many[key] / few[key]
        )
        for key, words, unit in (
            ("useful_s", "drawn after opening the page", "s"),
            ("click_s", "drawn after a click on Map", "s"),
            ("far", "panning, all of them seen", "frames/s"),
            ("near", "panning, near, with sectors", "frames/s"),
            ("far_ms", "page's own work a frame, all seen", "ms"),
            ("near_ms", "page's own work a frame, near", "ms"),
        )
    ]


def _measure(browser: Browser, cameras: int, tiles: Path | None) -> dict[str, Any]:
    with _served(cameras, tiles) as url:
        found: dict[str, list[float]] = {
            name: [] for name in ("useful_s", "click_s", "far", "far_ms", "near", "near_ms")
        }
        for _ in range(ROUNDS):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            page.goto(url)
            page.locator("[name=name]").fill("administrator")
            page.locator("[name=password]").fill("night-shift")
            page.keyboard.press("Enter")
            page.locator('a[href="#/map"]').first.wait_for()
            page.goto("about:blank")
            page.goto(f"{url}/#/map")
            found["useful_s"].append(_drawn_ms(page) / 1000)
            renderer = page.evaluate(_RENDERER)
            found["far"].append(_frames(page, found["far_ms"]))
            for _ in range(2):
                page.get_by_role("button", name="Closer").click()
                page.wait_for_timeout(600)
            page.wait_for_timeout(2000)
            found["near"].append(_frames(page, found["near_ms"]))
            page.evaluate("() => { performance.clearMarks(); location.hash = '#/health' }")
            page.locator("canvas.maplibregl-canvas").wait_for(state="detached")
            began_ms = page.evaluate("() => { location.hash = '#/map'; return performance.now() }")
            found["click_s"].append((_drawn_ms(page) - began_ms) / 1000)
            context.close()
    print(f"  {cameras} cameras: {found}", file=sys.stderr)
    return {"renderer": renderer, **{name: statistics.median(values) for name, values in found.items()}}


def _drawn_ms(page: Page) -> float:
    page.wait_for_function("() => performance.getEntriesByName('cameras-drawn').length", timeout=60_000)
    return float(page.evaluate("() => performance.getEntriesByName('cameras-drawn')[0].startTime"))


def _frames(page: Page, own_ms: list[float]) -> float:
    """Frames a second; `own_ms` gets the processor time of the page's thread for each, which neither the want of a
    graphics card nor a busy machine changes much."""
    page.wait_for_timeout(1000)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before_s = _task_s(session)
    times = page.evaluate(_PAN, PAN_S)
    own_ms.append((_task_s(session) - before_s) * 1000 / (len(times) - 1))
    session.detach()
    return float((len(times) - 1) / (times[-1] - times[0]) * 1000)


def _task_s(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def _basemap(folder: Path) -> Path | None:
    if not EXTRACT.exists():
        print("  no extract beside the repository: plain ground", file=sys.stderr)
        return None
    build_basemap(EXTRACT, folder / "basemap.pmtiles", lambda what, done, total: None)
    return folder


@contextmanager
def _served(cameras: int, tiles: Path | None) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--port", str(port), "--cameras", str(cameras), *(["--tiles", str(tiles)] if tiles else [])]
    server = subprocess.Popen([sys.executable, "-m", "console.dev", *words], cwd=REPOSITORY)
    url = f"http://127.0.0.1:{port}"
    try:
        until_s = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"{url}/api/v1/network", timeout=2).close()
                break
            except (urllib.error.URLError, OSError) as error:
                if server.poll() is not None or time.monotonic() > until_s:
                    raise RuntimeError("the server of invented cameras did not start") from error
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(10)
