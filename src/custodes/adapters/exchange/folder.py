"""The exchange folder: a question is a file, its answer a file beside it.

    <root>/<service>/<subject>/<sha256 of question>.<nonce>.ask       the question
    <root>/<service>/<subject>/<sha256 of question>.<nonce>.answer    "+" and bytes, or "-" and a problem

Files appear by rename, so half of one is never seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from custodes.base.errors import CorruptError, CustodesError, InvalidError, UnavailableError
from custodes.base.problem import bug_problem, problem_bytes, problem_error

MAX_QUESTION_BYTES = 4 << 20
POLL_S = 0.1
KEEP_ANSWERS_S = 3600.0
_LOG = structlog.get_logger("exchange")


class FolderOffice:
    """Asks services through the exchange folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The service's answer. Errors: as refused; UnavailableError when none comes in time."""
        if len(question) > MAX_QUESTION_BYTES:
            raise InvalidError(f"a question of {len(question)} bytes is over {MAX_QUESTION_BYTES}")
        folder = self._root / service / subject
        name = f"{hashlib.sha256(question).hexdigest()}.{os.urandom(8).hex()}"
        await asyncio.to_thread(_write, folder, f"{name}.ask", question)
        answer = folder / f"{name}.answer"
        deadline = time.monotonic() + timeout_s
        while not answer.exists():
            if time.monotonic() > deadline:
                (folder / f"{name}.ask").unlink(missing_ok=True)
                raise UnavailableError(
                    f"the {service} did not answer within {timeout_s:g} s; is the network running?"
                )
            await asyncio.sleep(POLL_S / 2)
        data = await asyncio.to_thread(answer.read_bytes)
        answer.unlink(missing_ok=True)
        return _parse_answer(data)


class FolderCounter:
    """Answers the questions of one service in the exchange folder, one at a time a subject."""

    def __init__(
        self, root: Path, service: str, desks: Mapping[str, Callable[[bytes], Awaitable[bytes]]]
    ) -> None:
        self._folders = {subject: root / service / subject for subject in desks}
        self._desks = desks
        for folder in self._folders.values():
            folder.mkdir(parents=True, exist_ok=True)

    async def run(self) -> None:
        """Answer until cancelled."""
        async with asyncio.TaskGroup() as group:
            for subject in self._desks:
                group.create_task(self._serve(subject))

    async def _serve(self, subject: str) -> None:
        folder = self._folders[subject]
        swept = 0.0
        while True:
            names = await asyncio.to_thread(lambda: sorted(folder.glob("*.ask"), key=_age))
            for question in names:
                await self._answer(subject, question)
            if time.monotonic() - swept > 60:
                swept = time.monotonic()
                await asyncio.to_thread(_sweep, folder)
            if not names:
                await asyncio.sleep(POLL_S)

    async def _answer(self, subject: str, question: Path) -> None:
        try:
            size = question.stat().st_size
            if size > MAX_QUESTION_BYTES:
                raise InvalidError(f"a question of {size} bytes is over {MAX_QUESTION_BYTES}")
            data = await asyncio.to_thread(question.read_bytes)
            answer = b"+" + await self._desks[subject](data)
        except FileNotFoundError:
            return
        except CustodesError as error:
            answer = b"-" + problem_bytes(error)
        except Exception as error:  # noqa: BLE001 - the request boundary
            _LOG.exception("desk failed", subject=subject)
            answer = b"-" + bug_problem(error)
        await asyncio.to_thread(_write, question.parent, question.stem + ".answer", answer)
        question.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sweep(folder: Path) -> None:
    oldest = time.time() - KEEP_ANSWERS_S
    for answer in folder.glob("*.answer"):
        if _age(answer) < oldest:
            answer.unlink(missing_ok=True)


def _write(folder: Path, name: str, data: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.part"
        part.write_bytes(data)
        part.replace(folder / name)
    except OSError as error:
        raise UnavailableError(f"the exchange folder cannot be written: {error.strerror}") from error


def _parse_answer(data: bytes) -> bytes:
    if data[:1] == b"+":
        return data[1:]
    if data[:1] == b"-":
        raise problem_error(data[1:])
    raise CorruptError("an answer in the exchange folder is damaged")
