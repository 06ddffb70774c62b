"""Every screen, wide and narrow, light and dark, left to right and right to left: axe finds nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import REPOSITORY, camera_id, sign_in

AXE = REPOSITORY / "console" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = REPOSITORY / ".build" / "console"
CASES = [
    pytest.param(1440, 900, "dark", "en-GB", id="wide-dark-ltr"),
    pytest.param(1440, 900, "light", "ar", id="wide-light-rtl"),
    pytest.param(390, 844, "light", "en-GB", id="narrow-light-ltr"),
    pytest.param(390, 844, "dark", "ar", id="narrow-dark-rtl"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "light", "locale"), CASES)
def test_axe_finds_nothing(
    serve: Callable[..., str],
    open_page: Callable[..., Page],
    request: pytest.FixtureRequest,
    width: int,
    height: int,
    light: str,
    locale: str,
) -> None:
    case = request.node.callspec.id
    page = open_page(serve(), width=width, height=height, light=light, locale=locale)
    expect(page.locator("form")).to_be_visible()
    found = look(page, f"{case}-sign-in")
    sign_in(page, "supervisor")
    expect(page.locator(".tile [data-state=live]").first).to_be_visible(timeout=20_000)
    found += look(page, f"{case}-wall")
    camera = camera_id(page, 9)
    at_us = (int(time.time()) - 3 * 3600) * 1_000_000
    for name, address, waited in (
        ("camera", f"#/camera/{camera}", "[data-state=live]"),
        ("past", f"#/camera/{camera}?at={at_us}", "[data-state=recorded]"),
        ("health", "#/health", "table"),
        ("map", f"#/map/{camera}", ".card [data-state=live]"),
        ("backgrounds", "#/backgrounds", ".card img"),
    ):
        page.evaluate("address => { location.hash = address }", address)
        expect(page.locator(waited).first).to_be_visible(timeout=20_000)
        page.wait_for_timeout(700)
        found += look(page, f"{case}-{name}")
    page.evaluate("() => { location.hash = '#/backgrounds' }")
    page.locator(".card:has(img)").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found += look(page, f"{case}-background")
    page.keyboard.press("Escape")
    page.evaluate("address => { location.hash = address }", f"#/camera/{camera}")
    for name in ("keep", "learn"):
        page.locator(f"button:has(svg.lucide-{'lock' if name == 'keep' else 'images'})").first.click()
        expect(page.locator(".menu input[type=file]")).to_be_attached()
        found += look(page, f"{case}-{name}")
        page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("option").first).to_be_visible()
    found += look(page, f"{case}-palette")
    assert not found, "\n".join(found)


def look(page: Page, name: str) -> list[str]:
    """Keep a picture; what axe objects to, in words. It also says what is wider than the screen."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    results: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    words = [
        f"{name}: {one['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in results["violations"]
        for node in one["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        words.append(f"{name}: the page is wider than the screen")
    return words
