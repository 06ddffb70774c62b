"""The way through the console, at two widths, light and dark, left to right and right to left.

Pictures go to the folder that CUSTODES_SHOTS names, for people to look at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("CUSTODES_SHOTS")

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


def _sign_in(page: Any, password: str = "night-shift") -> None:
    page.locator("input").nth(0).fill("supervisor")
    page.locator("input").nth(1).fill(password)
    page.keyboard.press("Enter")


def _shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def _violations(page: Any) -> list[str]:
    # Through the debugger, not as a script of the page: its content policy stays in force.
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize(
    ("light", "locale"), [("light", "en"), ("dark", "en"), ("light", "ar"), ("dark", "ar")]
)
def test_every_screen(page_of: Any, width: int, light: str, locale: str) -> None:
    with page_of(width, light, locale) as (page, errors):
        name = f"{width}-{light}-{locale}"
        page.locator("input").nth(1).wait_for()
        assert page.evaluate("document.documentElement.dir") == ("rtl" if locale == "ar" else "ltr")
        found = {"sign-in": _violations(page)}
        _shoot(page, f"sign-in-{name}")
        _sign_in(page)
        page.locator("video").first.wait_for(state="attached")
        page.wait_for_timeout(2500)
        found["wall"] = _violations(page)
        _shoot(page, f"wall-{name}")
        camera = page.evaluate("fetch('/api/v1/cameras').then(answer => answer.json())")["cameras"][0]
        for screen in ("map", "health", f"camera/{camera['id']}"):
            page.goto(f"/#/{screen}")
            page.wait_for_timeout(2000)
            short = screen.partition("/")[0]
            found[short] = _violations(page)
            _shoot(page, f"{short}-{name}")
            # Nothing is wider than the screen.
            assert page.evaluate("document.documentElement.scrollWidth") <= width, short
        assert {screen: what for screen, what in found.items() if what} == {}
        assert errors == []


def test_a_false_password_is_said_plainly(page_of: Any) -> None:
    with page_of() as (page, errors):
        _sign_in(page, "day-shift")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("video")).to_have_count(0)
        assert errors == []


def test_live_pictures_move_on(page_of: Any) -> None:
    with page_of() as (page, _):
        _sign_in(page)
        page.locator("video").first.wait_for(state="attached")
        page.wait_for_function("[...document.querySelectorAll('video')].some(one => one.currentTime > 0)")
        playing = page.evaluate(
            "[...document.querySelectorAll('video')].findIndex(one => one.currentTime > 0)"
        )
        before = page.locator("video").nth(playing).evaluate("one => one.currentTime")
        page.wait_for_function(
            "([at, before]) => document.querySelectorAll('video')[at].currentTime > before + 1",
            arg=[playing, before],
        )


def test_a_camera_is_found_by_the_keyboard_alone(page_of: Any) -> None:
    with page_of() as (page, errors):
        _sign_in(page)
        page.locator("video").first.wait_for(state="attached")
        name = page.evaluate("fetch('/api/v1/cameras').then(answer => answer.json())")["cameras"][-1]["name"]
        page.keyboard.press("/")
        page.keyboard.type(name[:-1].lower())
        page.wait_for_timeout(300)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert errors == []


def test_the_wall_is_as_it_was_after_a_new_start(page_of: Any) -> None:
    with page_of() as (page, _):
        _sign_in(page)
        page.locator("video").first.wait_for(state="attached")
        tiles = page.locator("[aria-label='Tiles of the wall'] > *")
        expect(tiles).to_have_count(4)
        page.keyboard.press("3")
        expect(tiles).to_have_count(9)
        page.wait_for_timeout(1500)
        page.reload()
        expect(tiles).to_have_count(9)
