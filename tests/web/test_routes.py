"""What the outside may read and ask, and what it must never get."""

import asyncio
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from custodes.adapters.objects.memory import Fault, MemoryObjectStore
from custodes.base.clock import SECOND_US
from custodes.base.errors import (
    POLICY,
    CorruptError,
    ErrorKind,
    UnavailableError,
    by_kind,
)
from custodes.services.office import MAX_QUESTION_BYTES
from custodes.web import objects as web_objects
from custodes.web.routes import exchange as web_exchange

BYTES = {"content-type": "application/octet-stream"}


def _check_problem(response: httpx.Response, kind: ErrorKind, status: int | None = None) -> str:
    assert response.status_code == (status or POLICY[kind].http_status)
    assert response.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in response.headers
    document = response.json()
    assert document["kind"] == kind.value and document["status"] == response.status_code
    assert document["detail"] == document["message"] and document["title"] and document["type"]
    message: str = document["message"]
    return message


class _Loads(HTMLParser):
    """Everything a page loads or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.inline += [name for name in named if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in named) else []
        self.addresses += [v for n, v in named.items() if v and n in ("src", "href") and v[0] != "#"]


async def test_the_page_loads_only_its_own_files_under_a_strict_policy(web: Any) -> None:
    page = await web.client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    loads = _Loads()
    loads.feed(page.text)
    assert loads.inline == []
    for address in loads.addresses:
        answer = await web.client.get(f"/{address}")
        assert answer.status_code == 200, address
    again = await web.client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize("prefix", ["/log/", "/store/log/"])
async def test_the_ledgers_files(prefix: str, web: Any) -> None:
    web.store.swap("log/checkpoint", b"note\n", None)
    for path in ("tile/0/000", "tile/0/001.p/7", "tile/entries/x001/234", "checkpoints/000000000005"):
        web.store.put(f"log/{path}", path.encode())
    note = await web.client.get(f"{prefix}checkpoint")
    assert note.content == b"note\n" and note.headers["cache-control"] == "no-store"
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    tile = await web.client.get(f"{prefix}tile/entries/x001/234")
    assert tile.content == b"tile/entries/x001/234" and "immutable" in tile.headers["cache-control"]
    for path in ("tile/0/001.p/7", "checkpoints/000000000005"):
        assert (await web.client.get(prefix + path)).headers["cache-control"] == "no-cache"
    _check_problem(await web.client.get(f"{prefix}tile/0/002"), ErrorKind.NOT_FOUND)


async def test_a_sealed_object_whole_and_in_parts(web: Any) -> None:
    data = bytes(range(256)) * 10_000
    web.store.put("cases/ab/package", data)
    whole = await web.client.get("/store/cases/ab/package")
    assert whole.content == data and whole.headers["cache-control"] == "no-store"
    for start, end in ((0, 0), (5, 1_500_000), (2_559_999, 2_559_999), (2_559_990, 9_999_999)):
        part = await web.client.get("/store/cases/ab/package", headers={"range": f"bytes={start}-{end}"})
        assert part.status_code == 206 and part.content == data[start : end + 1]
        assert part.headers["content-range"] == f"bytes {start}-{min(end, 2_559_999)}/2560000"
    part = await web.client.get("/store/cases/ab/package", headers={"range": "bytes=2000000-"})
    assert part.content == data[2_000_000:]
    beyond = await web.client.get("/store/cases/ab/package", headers={"range": "bytes=2560000-"})
    _check_problem(beyond, ErrorKind.INVALID, 416)
    for other in ("bytes=-5", "bytes=5-2", "lines=1-2", "bytes=0-1,4-5"):
        answer = await web.client.get("/store/cases/ab/package", headers={"range": other})
        assert answer.status_code in (200, 416)


@pytest.mark.parametrize(
    "path",
    [
        "/store/streams/ab/shares",
        "/store/accounts/ab/1",
        "/store/holds/ab/1",
        "/store/log/../streams/ab/shares",
        "/store/log/%2e%2e/streams/ab/shares",
        "/store/log/..%2fstreams/ab/shares",
        "/store/cases/%2e%2e/%2e%2e/keeper/log.key",
        "/log/%2e%2e/streams/ab/shares",
        "/log/..%2fstreams%2fab%2fshares",
        "/log//streams/ab/shares",
        "/store//streams/ab/shares",
        "/store/%2fetc/passwd",
        "/log/tile%00",
        "/store/log",
        "/store/cases",
        "/store/",
        "/log/.custodes",
        "/store/cases/UPPER",
        "/static/%2e%2e/app.py",
        "/static/../app.py",
        "/docs",
    ],
)
async def test_nothing_else_is_there(path: str, web: Any) -> None:
    for secret in ("streams/ab/shares", "accounts/ab/1", "holds/ab/1"):
        web.store.put(secret, b"secret")
    answer = await web.client.get(httpx.URL("http://127.0.0.1" + path, raw_path=path.encode()))
    _check_problem(answer, ErrorKind.NOT_FOUND)
    assert b"secret" not in answer.content


async def test_a_store_that_fails_says_so_without_its_paths(
    web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: MemoryObjectStore, path: str) -> bytes:
        raise failures.pop()

    failures = [UnavailableError("store /srv/secret is gone"), CorruptError("/srv/secret: bad sector")]
    monkeypatch.setattr(MemoryObjectStore, "get", fail)
    for kind in (ErrorKind.CORRUPT, ErrorKind.UNAVAILABLE):
        answer = await web.client.get("/log/checkpoint")
        _check_problem(answer, kind)
        assert "secret" not in answer.text


async def test_a_store_that_stalls_is_given_up(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_objects, "READ_TIMEOUT_S", 0.05)
    web.store.swap("log/checkpoint", b"note", None)
    web.store.break_(Fault.STALLED)
    answers = await asyncio.gather(*(web.client.get("/log/checkpoint") for _ in range(3)))
    web.store.mend()
    for answer in answers:
        _check_problem(answer, ErrorKind.UNAVAILABLE)
        assert answer.headers["retry-after"] == "1"
    assert (await web.client.get("/healthz")).text == "ok\n"


async def test_a_question_is_answered(web: Any) -> None:
    answer = await web.client.post("/exchange/keeper/submit?timeout_s=7", content=b"abc", headers=BYTES)
    assert answer.content == b"cba" and answer.headers["cache-control"] == "no-store"
    assert web.office.asked == [("keeper", "submit", b"abc", 7.0)]


@pytest.mark.parametrize("kind", list(ErrorKind))
async def test_a_refusal_comes_with_its_kind(kind: ErrorKind, web: Any) -> None:
    web.office.error = by_kind(kind, "the reason, in words")
    answer = await web.client.post("/exchange/keeper/submit", content=b"x", headers=BYTES)
    assert _check_problem(answer, kind) == "the reason, in words"


async def test_a_failure_without_a_name_tells_nothing(web: Any) -> None:
    web.office.error = ZeroDivisionError("/srv/secret")
    answer = await web.client.post("/exchange/keeper/submit", content=b"x", headers=BYTES)
    assert _check_problem(answer, ErrorKind.BUG) == "internal error"


@pytest.mark.parametrize(
    ("path", "headers", "body", "kind"),
    [
        ("/exchange/keeper/settings", BYTES, b"x", ErrorKind.NOT_FOUND),
        ("/exchange/recorder/submit", BYTES, b"x", ErrorKind.NOT_FOUND),
        ("/exchange/keeper/..%2f..%2fx", BYTES, b"x", ErrorKind.NOT_FOUND),
        ("/exchange/keeper/submit", {"content-type": "text/plain"}, b"x", ErrorKind.INVALID),
        ("/exchange/keeper/submit?timeout_s=0", BYTES, b"x", ErrorKind.INVALID),
        ("/exchange/keeper/submit?timeout_s=301", BYTES, b"x", ErrorKind.INVALID),
        ("/exchange/keeper/submit?timeout_s=x", BYTES, b"x", ErrorKind.INVALID),
        ("/exchange/keeper/submit", BYTES, bytes(MAX_QUESTION_BYTES + 1), ErrorKind.INVALID),
    ],
)
async def test_what_is_not_asked(
    path: str, headers: dict[str, str], body: bytes, kind: ErrorKind, web: Any
) -> None:
    answer = await web.client.post(path, content=body, headers=headers)
    _check_problem(answer, kind)
    assert web.office.asked == []


async def test_a_question_without_a_stated_length_is_bounded_too(web: Any) -> None:
    async def parts() -> Any:
        for _ in range(5):
            yield bytes(1 << 20)

    answer = await web.client.post("/exchange/keeper/submit", content=parts(), headers=BYTES)
    _check_problem(answer, ErrorKind.INVALID)
    assert web.office.asked == []


async def test_questions_are_bounded_in_rate(web: Any) -> None:
    async def ask() -> int:
        answer = await web.client.post("/exchange/keeper/submit", content=b"x", headers=BYTES)
        return int(answer.status_code)

    codes = [await ask() for _ in range(web_exchange.BURST + 1)]
    assert codes == [200] * web_exchange.BURST + [429]
    web.clock.advance(SECOND_US)
    assert [await ask() for _ in range(web_exchange.PER_SECOND + 1)] == [200] * web_exchange.PER_SECOND + [
        429
    ]


async def test_questions_are_bounded_at_once(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    most = web_exchange.AT_ONCE + web_exchange.WAITING
    release = asyncio.Event()
    asking = 0

    async def wait(service: str, subject: str, question: bytes, timeout_s: float) -> bytes:
        nonlocal asking
        asking += 1
        await release.wait()
        return b""

    monkeypatch.setattr(web.office, "ask", wait)
    tasks = [
        asyncio.create_task(web.client.post("/exchange/keeper/submit", content=b"x", headers=BYTES))
        for _ in range(most + 1)
    ]
    async with asyncio.timeout(60):
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in done] == [429]
        assert asking == web_exchange.AT_ONCE
        release.set()
        answers = await asyncio.gather(*tasks)
    assert sorted(answer.status_code for answer in answers) == [200] * most + [429]


async def test_other_methods_and_addresses_are_problems(web: Any) -> None:
    _check_problem(await web.client.get("/nowhere"), ErrorKind.NOT_FOUND)
    _check_problem(await web.client.delete("/log/checkpoint"), ErrorKind.INVALID, 405)
    _check_problem(await web.client.get("/exchange/keeper/submit"), ErrorKind.INVALID, 405)


async def test_metrics(web: Any) -> None:
    await web.tell_all()
    text = (await web.client.get("/metrics")).text
    main = f'{{assurance="full",kind="main",stream="{"a1" * 16}"}}'
    assert f"custodes_stream_bits_per_second{main} 4.2e+06" in text
    assert f"custodes_stream_lost_packets_total{main} 2.0" in text
    assert 'custodes_stream_lost_packets_total{assurance="lower"' not in text
    assert 'custodes_streams{state="away"} 1.0' in text
    assert 'custodes_views{reason="no-background",state="masked"} 1.0' in text
    assert "custodes_views_pictures_per_second 8.0" in text
    assert "custodes_ledger_entries 42.0" in text and "custodes_opened_slots 5.0" in text
    web.clock.advance(60 * SECOND_US)
    text = (await web.client.get("/metrics")).text
    assert 'custodes_streams{state="unknown"} 2.0' in text and "custodes_stream_bits_per_second{" not in text
    assert "custodes_alarms 3.0" in text
