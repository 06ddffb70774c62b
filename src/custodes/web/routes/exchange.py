"""Questions to the services, as bytes; what they mean and who may ask is the services' to judge."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from custodes.base.clock import Clock
from custodes.base.errors import InvalidError, NotFoundError, UnavailableError
from custodes.services.office import MAX_QUESTION_BYTES, Office
from custodes.web.bounds import Bucket, Gate

BYTES_TYPE = "application/octet-stream"
READ_TIMEOUT_S = 30.0
MAX_ANSWER_S = 300
PER_SECOND, BURST = 20, 100
AT_ONCE, WAITING = 16, 48


def exchange_routes(office: Office, desks: Mapping[str, Collection[str]], clock: Clock) -> APIRouter:
    """POST /exchange/{service}/{subject} for the subjects of `desks`; others do not exist."""
    router = APIRouter()
    gate = Gate("questions", AT_ONCE, WAITING)
    bucket = Bucket("questions", PER_SECOND, BURST, clock)

    @router.post("/exchange/{service}/{subject}", include_in_schema=False)
    async def ask(
        service: str, subject: str, request: Request, timeout_s: int = Query(30, ge=1, le=MAX_ANSWER_S)
    ) -> Response:
        if subject not in desks.get(service, ()):
            raise NotFoundError("no service answers at this address")
        # A page of another origin cannot send this type without asking first, which nobody answers.
        if request.headers.get("content-type") != BYTES_TYPE:
            raise InvalidError(f"a question is {BYTES_TYPE}")
        bucket.take()
        async with gate.entered():
            question = await _read_question(request)
            answer = await office.ask(service, subject, question, float(timeout_s))
        return Response(answer, headers={"cache-control": "no-store"}, media_type=BYTES_TYPE)

    return router


async def _read_question(request: Request) -> bytes:
    too_long = InvalidError(f"a question has at most {MAX_QUESTION_BYTES} bytes")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > MAX_QUESTION_BYTES:
        raise too_long
    question = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            async for part in request.stream():
                question += part
                if len(question) > MAX_QUESTION_BYTES:
                    raise too_long
    except TimeoutError as error:
        raise UnavailableError(f"the question did not arrive within {READ_TIMEOUT_S:g} s") from error
    return bytes(question)
