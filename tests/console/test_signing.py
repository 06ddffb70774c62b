"""What staff sign in the page with their own keys: keeping footage, learning, proposing and approving backgrounds."""

from __future__ import annotations

from collections.abc import Callable

from console.dev.signing import STAFF
from playwright.sync_api import Page, expect

from .conftest import camera_id, sign_in

Serve = Callable[..., str]
OpenPage = Callable[..., Page]
SUPERVISOR, ADMINISTRATOR = (seed.hex() for _, _, seed in STAFF)


def open_key(page: Page, digits: str) -> None:
    """Choose a key file."""
    file = {"name": "staff.key", "mimeType": "text/plain", "buffer": f"{digits}\n".encode()}
    page.locator("input[type=file]").first.set_input_files(file)  # type: ignore[arg-type]


def on_camera(page: Page, who: str = "supervisor") -> None:
    """Sign in and go to the first camera."""
    sign_in(page, who)
    expect(page.locator(".tile").first).to_be_visible()
    page.goto(f"{page.url.split('#')[0]}#/camera/{camera_id(page, 0)}")


def on_queue(page: Page, who: str) -> None:
    """Sign in and go to the queue."""
    sign_in(page, who)
    page.get_by_role("link", name="Backgrounds").click()
    expect(page.locator(".card").first).to_be_visible()


def test_a_supervisor_keeps_footage_in_two_clicks(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    on_camera(page)
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_role("button", name="Sign and keep")).to_be_disabled()
    open_key(page, SUPERVISOR)
    expect(page.get_by_text("supervisor-1")).to_be_visible()
    page.get_by_role("button", name="Sign and keep").click()
    expect(page.get_by_role("status").filter(has_text="Kept: 1")).to_be_visible()
    expect(page.get_by_text("Entry 4,712")).to_be_visible()
    # The key stays open, so that the next time it is two clicks.
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keep this").click()
    page.get_by_role("button", name="Sign and keep").click()
    expect(page.get_by_text("Entry 4,713")).to_be_visible()


def test_keys_that_cannot_sign_are_told_apart(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    on_camera(page)
    page.get_by_role("button", name="Keep this").click()
    for digits, words in (("no key", "is no staff key"), ("07" * 32, "No member of staff")):
        open_key(page, digits)
        expect(page.get_by_role("alert")).to_contain_text(words)
        expect(page.get_by_role("button", name="Sign and keep")).to_be_disabled()
    open_key(page, ADMINISTRATOR)
    page.get_by_role("button", name="Sign and keep").click()
    expect(page.get_by_role("alert")).to_contain_text("a provisional hold is a supervisor's")
    page.reload()
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_role("button", name="Open staff key")).to_be_visible()


def test_an_operator_gets_camera_and_times_to_pass_on(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    on_camera(page, "operator")
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_text("that needs a supervisor's key")).to_be_visible()
    expect(page.get_by_role("button", name="Open staff key")).to_have_count(0)


def test_one_proposes_and_another_approves(serve: Serve, open_page: OpenPage) -> None:
    url = serve()
    page = open_page(url)
    on_queue(page, "supervisor")
    expect(page.locator(".card")).to_have_count(24)
    doubts = page.locator(".card .words").all_inner_texts()
    assert doubts == sorted(doubts, key=lambda text: -int(text.split("doubt ")[1].split("%")[0]))
    page.keyboard.press("p")
    expect(page.get_by_role("alert")).to_contain_text("Open your staff key first")
    open_key(page, SUPERVISOR)
    expect(page.get_by_text("supervisor-1")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Proposed 1")).to_be_visible()
    page.get_by_role("button", name="Proposed 1").click()
    expect(page.locator(".card")).to_contain_text("Proposed by supervisor-1")
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("Another person must approve")
    other = open_page(url)
    on_queue(other, "administrator")
    other.get_by_role("button", name="Proposed 1").click()
    other.keyboard.press("ArrowRight")
    other.keyboard.press("Enter")
    expect(other.get_by_role("dialog")).to_contain_text("Look for people")
    open_key(other, ADMINISTRATOR)
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_role("button", name="In force 1")).to_be_visible()


def test_refusing_and_the_second_page(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    on_queue(page, "administrator")
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Refused 1")).to_be_visible()
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".card")).to_have_count(5)


def test_learning_is_asked_for_signed(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve())
    on_camera(page)
    page.get_by_role("button", name="Learn a background").click()
    page.get_by_label("Condition").select_option("infra-red")
    open_key(page, SUPERVISOR)
    page.get_by_role("button", name="Sign and begin").click()
    expect(page.get_by_role("status").filter(has_text="Learning")).to_be_visible()
    page.get_by_role("link", name="Backgrounds to decide").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".learning")).to_contain_text("of 120 pictures")
