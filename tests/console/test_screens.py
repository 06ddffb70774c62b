"""What a person does with the console, by mouse and keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from mapping.harbour import write_harbour
from playwright.sync_api import Page, expect

from custodes.adapters.basemap.build import build_basemap

from .conftest import camera_id, sign_in

Serve = Callable[..., str]
OpenPage = Callable[..., Page]


def test_a_false_password_is_said_plainly_and_the_fifth_closes_the_name(
    serve: Serve, open_page: OpenPage
) -> None:
    page = open_page(serve())
    for _ in range(5):
        sign_in(page, password="false")
        expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
        expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
    sign_in(page)
    expect(page.get_by_role("alert")).to_contain_text("closed for 15 min")


def test_the_wall_plays_and_says_why_a_tile_is_masked(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile [data-state=live]")).to_have_count(3, timeout=20_000)
    expect(page.locator(".tile [data-state=masked]")).to_contain_text("too dark")
    first = page.locator(".tile video").first
    before = first.evaluate("video => video.currentTime")
    page.wait_for_timeout(2000)
    assert 1 < first.evaluate("video => video.currentTime") - before < 4
    held = first.evaluate("video => video.buffered.end(video.buffered.length - 1) - video.currentTime")
    assert 0 <= held < 1.5


def test_keys_move_choose_and_open(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-place='3'] [data-chief]")).to_be_focused()
    page.keyboard.press("3")
    expect(page.locator(".tile")).to_have_count(9)
    page.keyboard.press("c")
    page.keyboard.type("depot platfrom")
    expect(page.get_by_role("option")).to_have_count(0)
    page.get_by_role("combobox").fill("depot stirs 16")
    expect(page.get_by_role("option").first).to_contain_text("Depot Street, south stairs 0016")
    page.keyboard.press("Enter")
    expect(page.locator("[data-place='3']")).to_contain_text("Depot Street, south stairs 0016")
    page.locator("[data-place='0'] [data-chief]").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour Square, north stairs 0001")


def test_the_wall_is_as_it_was_in_another_browser(serve: Serve, open_page: OpenPage) -> None:
    url = serve()
    page = open_page(url)
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    with page.expect_response(re.compile("/layouts/last")):
        page.keyboard.press("4")
    with page.expect_response(re.compile("/layouts/last")):
        page.locator("[data-place='1'] [data-chief]").focus()
        page.keyboard.press("Delete")
    again = open_page(url)
    sign_in(again)
    expect(again.locator(".tile")).to_have_count(16)
    expect(again.locator("[data-place='1']")).to_contain_text("Choose a camera")
    expect(again.locator("[data-place='2']")).to_contain_text("Town Hall")


def test_a_layout_is_saved_by_name_and_opened_by_a_digit(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    page.keyboard.press("3")
    page.get_by_role("button", name="Layouts").click()
    page.get_by_label("Name of this layout").fill("Quay by night")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".row").get_by_role("button", name="Quay by night", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-place='0'] [data-chief]").focus()
    page.keyboard.press("1")
    expect(page.locator(".tile")).to_have_count(1)
    page.keyboard.press("5")
    expect(page.locator(".tile")).to_have_count(9)


def test_recorded_time_is_played_stepped_and_gone_back_in(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    at_us = (int(time.time()) - 3 * 3600) * 1_000_000
    page.evaluate("address => { location.hash = address }", f"#/camera/{camera_id(page, 9)}?at={at_us}")
    expect(page.get_by_text("Municipal Safety Act")).to_be_visible()
    shown = page.locator(".transport time")

    def moment_us() -> int:
        text = shown.get_attribute("datetime")
        assert text is not None
        return round(time_of(text) * 1e6)

    expect(page.locator("[data-state=recorded]")).to_be_visible(timeout=20_000)
    begin = moment_us()
    page.wait_for_timeout(2500)
    assert 1e6 < moment_us() - begin < 6e6
    page.keyboard.press("k")
    stopped = moment_us()
    page.keyboard.press(".")
    page.wait_for_timeout(300)
    stepped = moment_us()
    assert 0 < stepped - stopped <= 1_100_000
    page.keyboard.press(".")
    page.wait_for_timeout(300)
    assert moment_us() - stepped == 1_000_000
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_timeout(300)
    assert moment_us() - stepped == -29_000_000
    page.get_by_role("link", name="Same moment around").click()
    expect(page.locator(".tile")).to_have_count(4)
    expect(page.locator(".tile [data-state=recorded]").first).to_be_visible(timeout=20_000)


def test_a_time_that_was_twice_or_never_is_asked_about(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    at_us = (int(time.time()) - 3600) * 1_000_000
    page.evaluate("address => { location.hash = address }", f"#/camera/{camera_id(page, 9)}?at={at_us}")
    for day, hour, words, choice, chosen in (
        ("2026-10-25", "02:30:00", "this time was twice", "UTC+1", "2026-10-25T01:30:00"),
        ("2026-03-29", "02:30:00", "this time never was", "UTC+2", "2026-03-29T01:00:00"),
    ):
        page.keyboard.press("k")
        page.locator(".transport").get_by_title("Go to this time").click()
        page.get_by_role("textbox", name="Day").fill(day)
        page.get_by_label("Time in Europe/Berlin").fill(hour)
        page.get_by_role("button", name="Go to this time").last.click()
        expect(page.get_by_role("alert")).to_contain_text(words)
        page.locator("form").get_by_role("button", name=choice).click()
        expect(page.locator(".transport time")).to_have_attribute("datetime", re.compile(chosen))


def test_who_may_not_keep_is_told_so(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    page.evaluate("address => { location.hash = address }", f"#/camera/{camera_id(page, 0)}")
    keep = page.get_by_role("button", name="Keep this")
    keep.click()
    expect(page.get_by_text("needs a supervisor's key")).to_be_visible()


def test_the_map_carries_five_thousand_cameras(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(5000))
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4, timeout=20_000)
    page.get_by_role("link", name="Map").click()
    expect(page.locator("canvas.maplibregl-canvas")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("No basemap is installed")).to_be_visible()
    expect(page.locator("summary")).to_contain_text(re.compile(r"In this part: 4,8\d\d"), timeout=30_000)
    page.locator("summary").click()
    page.locator(".list li button").first.click()
    expect(page.get_by_role("link", name="Open camera")).to_be_visible()


def test_the_map_reads_its_ground_in_parts_and_says_whose_it_is(
    serve: Serve, open_page: OpenPage, tmp_path: Path
) -> None:
    build_basemap(write_harbour(tmp_path / "h.osm.pbf"), tmp_path / "basemap.pmtiles", lambda *_: None)
    page = open_page(serve(48, tmp_path))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('range', '')}"))
    sign_in(page)
    page.get_by_role("link", name="Map").click()
    source = page.get_by_role("link", name="© OpenStreetMap contributors")
    expect(source).to_have_attribute("href", "https://www.openstreetmap.org/copyright", timeout=20_000)
    expect(page.locator("summary")).to_contain_text("In this part: 47", timeout=30_000)
    page.wait_for_function("performance.getEntriesByName('cameras-drawn').length", timeout=30_000)
    tiles = [one for one in asked if "/tiles/basemap.pmtiles" in one]
    assert any("bytes=0-" in one for one in tiles) and len(tiles) >= 3, tiles
    server = page.url.partition("#")[0]
    assert all(one.startswith((server, "blob:")) for one in asked), "nothing is asked of anybody else"


def test_health_says_what_is_wrong_and_since_when(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    page.get_by_role("link", name="Health").click()
    row = page.get_by_role("row").filter(has_text="taxi stand 0027")
    expect(row).to_contain_text("footage cannot be sealed")
    expect(row.locator("time")).to_have_count(1)
    expect(page.get_by_text("11 days left")).to_be_visible()


def test_the_language_changes_without_a_reload(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    sign_in(page)
    page.get_by_role("button", name="operator: settings").click()
    page.get_by_role("menuitemradio", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("link", name="الخريطة")).to_be_visible()


def time_of(text: str) -> float:
    """Seconds since 1970 of an ISO instant in UTC."""
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_rehearsal_is_said_before_signing_in_and_on_every_screen(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    note = page.locator("aside.rehearsal")
    expect(note).to_contain_text("not for real footage")
    sign_in(page)
    expect(page.locator(".tile")).to_have_count(4)
    for screen in ("wall", "map", "health", f"camera/{camera_id(page, 0)}"):
        page.evaluate("address => { location.hash = address }", f"#/{screen}")
        expect(note).to_contain_text("not for real footage")
        expect(note).to_be_in_viewport()
