"""Errors as answers. Source: RFC 9457 (problem details)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from custodes.base.errors import BugError, CustodesError, ErrorKind, InvalidError, NotFoundError
from custodes.base.problem import MAX_MESSAGE_CHARACTERS
from custodes.web.wire import Problem

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
# What a route's document says of its failures.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase}
    for status in (401, 403, 404, 409, 422, 429, 503)
}
# What these kinds say names volumes and files, which is the operator's business; it goes to the log.
_INTERNAL = {
    ErrorKind.UNAVAILABLE: "the store does not answer now",
    ErrorKind.EXHAUSTED: "the store is full",
    ErrorKind.CORRUPT: "the stored object is damaged",
    ErrorKind.BUG: "internal error",
}


def problem_response(error: CustodesError, status: int | None = None) -> Response:
    """The problem document of an error, under its kind's status unless HTTP has a closer one."""
    code = error.policy.http_status if status is None else status
    message = str(error)[:MAX_MESSAGE_CHARACTERS]
    document = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": message,
        "kind": error.kind.value,
        "message": message,
    }
    headers = {"cache-control": "no-store"}
    if error.policy.retry:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return Response(json.dumps(document).encode(), code, headers, PROBLEM_TYPE)


def store_error(error: CustodesError) -> CustodesError:
    """The same error without what it says of volumes and files."""
    message = _INTERNAL.get(error.kind)
    return error if message is None else type(error)(message)


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of a route become a problem document."""
    app.add_exception_handler(CustodesError, _custodes)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)


async def _custodes(request: Request, error: Exception) -> Response:
    assert isinstance(error, CustodesError)
    return problem_response(error)


async def _unreadable(request: Request, error: Exception) -> Response:
    return problem_response(InvalidError("the request's parameters are not as they must be"))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFoundError("there is nothing at this address"))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem_response(BugError("internal error"), error.status_code)
    return problem_response(InvalidError(HTTPStatus(error.status_code).phrase.lower()), error.status_code)
