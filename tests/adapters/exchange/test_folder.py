"""The exchange folder."""

import asyncio
from pathlib import Path

import pytest

from custodes.adapters.exchange.folder import FolderCounter, FolderOffice
from custodes.base.errors import BugError, InvalidError, RefusedError, UnavailableError


async def _echo(question: bytes) -> bytes:
    if question == b"no":
        raise RefusedError("not today")
    if question == b"crash":
        raise ZeroDivisionError("secret text")
    return question[::-1]


async def test_questions_are_answered_refused_and_failed_by_kind(tmp_path: Path) -> None:
    counter = asyncio.create_task(FolderCounter(tmp_path, "keeper", {"submit": _echo}).run())
    office = FolderOffice(tmp_path)
    assert await office.ask("keeper", "submit", b"abc") == b"cba"
    answers = await asyncio.gather(*(office.ask("keeper", "submit", b"%d" % i) for i in range(12)))
    assert answers == [(b"%d" % i)[::-1] for i in range(12)]
    with pytest.raises(RefusedError, match="not today"):
        await office.ask("keeper", "submit", b"no")
    with pytest.raises(BugError) as caught:
        await office.ask("keeper", "submit", b"crash")
    assert "secret" not in str(caught.value)
    assert not list(tmp_path.rglob("*.ask")) and not list(tmp_path.rglob("*.answer"))
    counter.cancel()


async def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="keeper did not answer"):
        await FolderOffice(tmp_path).ask("keeper", "submit", b"x", timeout_s=0.2)
    assert not list(tmp_path.rglob("*.ask"))


async def test_a_question_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="4194304"):
        await FolderOffice(tmp_path).ask("keeper", "submit", bytes(4 << 20) + b"x")
