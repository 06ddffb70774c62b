"""The exchange and the public files of a network by HTTP."""

from __future__ import annotations

import functools
import ipaddress
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from custodes.adapters.objects.paths import check_path
from custodes.base.errors import (
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    PushbackError,
    UnavailableError,
)
from custodes.base.problem import problem_error

MAX_QUESTION_BYTES = 4 << 20
MAX_ANSWER_BYTES = 16 << 20
# An entry bundle, the largest file of a ledger, has 256 entries of 65,535 bytes.
MAX_OBJECT_BYTES = 32 << 20
MAX_PROBLEM_BYTES = 16 << 10
# A service must be able to say that it gave up before this side does.
GRACE_S = 5.0
CONNECT_S = 10.0
READ_S = 30.0
_BYTES_TYPE = "application/octet-stream"
_TOKEN = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TOTAL = re.compile(r"bytes [0-9]+-[0-9]+/([0-9]{1,15})")


class HttpOffice:
    """Asks services through a network's web. Errors: InvalidError when the URL is none."""

    def __init__(self, base_url: str) -> None:
        self._base = _check_url(base_url)

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        """The service's answer. Errors: as refused; UnavailableError when none comes in time."""
        if len(question) > MAX_QUESTION_BYTES:
            raise InvalidError(f"a question of {len(question)} bytes is over {MAX_QUESTION_BYTES}")
        if not _TOKEN.fullmatch(service) or not _TOKEN.fullmatch(subject):
            raise InvalidError(f"no service and subject: {service[:40]!r}, {subject[:40]!r}")
        timeout = httpx.Timeout(timeout_s + GRACE_S, connect=min(CONNECT_S, timeout_s))
        request = httpx.Request(
            "POST",
            f"{self._base}/exchange/{service}/{subject}",
            params={"timeout_s": max(1, round(timeout_s))},
            content=question,
            headers={"content-type": _BYTES_TYPE},
            extensions={"timeout": timeout.as_dict()},
        )
        try:
            async with httpx.AsyncClient(**_client_settings(self._base)) as client:
                response = await client.send(request, stream=True)
                try:
                    limit = MAX_ANSWER_BYTES if response.is_success else MAX_PROBLEM_BYTES
                    answer = bytearray()
                    async for part in response.aiter_raw():
                        _extend(answer, part, limit, f"the {service}'s answer")
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            raise _unreachable(self._base, error) from error
        if not response.is_success:
            raise _refusal(response, bytes(answer), f"{service}/{subject}")
        return bytes(answer)


class HttpObjects:
    """Reads `log/**` and `cases/**` of a network's web; `log/**` of any mirror of its ledger too.

    Blocks, as an ObjectStore does. Errors: NotFoundError, UnavailableError, CorruptError over the size limit.
    """

    def __init__(self, base_url: str) -> None:
        self._base = _check_url(base_url)
        self._client = httpx.Client(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S), **_client_settings(self._base)
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str) -> bytes:
        """The whole object. Errors: CorruptError when it has more than 32 MiB."""
        return self._read(path, {}, MAX_OBJECT_BYTES)[1]

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: InvalidError past the end."""
        if start < 0 or not 0 <= length <= MAX_OBJECT_BYTES:
            raise InvalidError(f"object {path}: a range of {length} bytes from {start}")
        if length == 0:
            return b""
        wanted = {"range": f"bytes={start}-{start + length - 1}"}
        response, data = self._read(path, wanted, MAX_OBJECT_BYTES)
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            data = data[start : start + length]
        if len(data) != length:
            raise InvalidError(f"object {path}: {length} bytes from {start} are not all there")
        return data

    def size(self, path: str) -> int:
        """Bytes of the object."""
        response, data = self._read(path, {"range": "bytes=0-0"}, MAX_OBJECT_BYTES)
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            return len(data)
        total = _TOTAL.fullmatch(response.headers.get("content-range", ""))
        if total is None:
            raise UnavailableError(f"{self._base} does not say the size of {path}")
        return int(total[1])

    def _read(self, path: str, headers: Mapping[str, str], limit: int) -> tuple[httpx.Response, bytes]:
        try:
            with self._client.stream("GET", self._url(path), headers=headers) as response:
                data = bytearray()
                for part in response.iter_raw():
                    _extend(data, part, limit if response.is_success else MAX_PROBLEM_BYTES, path)
        except httpx.HTTPError as error:
            raise _unreachable(self._base, error) from error
        if not response.is_success:
            raise _refusal(response, bytes(data), path)
        return response, bytes(data)

    def _url(self, path: str) -> str:
        check_path(path)
        top = path.partition("/")[0]
        if top == "log":
            return f"{self._base}/{path}"
        if top == "cases":
            return f"{self._base}/store/{path}"
        raise NotFoundError(f"only log/ and cases/ are read by HTTP, not {top}/")


def _check_url(url: str) -> str:
    try:
        # httpx takes a host with an open bracket; the standard library does not.
        urlsplit(url)
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidError(f"not a URL: {url[:120]!r}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise InvalidError(f"not the URL of a network: {url[:120]!r}; it begins with http:// or https://")
    return url.rstrip("/")


@functools.cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _client_settings(base: str) -> dict[str, Any]:
    return {
        "follow_redirects": False,
        # A proxy of the environment cannot reach this machine's own loopback.
        "trust_env": not _is_loopback(httpx.URL(base).host),
        "verify": _trusted(),
        "headers": {"accept-encoding": "identity", "user-agent": "custodes"},
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _extend(data: bytearray, part: bytes, limit: int, what: str) -> None:
    if len(data) + len(part) > limit:
        raise CorruptError(f"{what} is longer than {limit} bytes")
    data += part


def _unreachable(base: str, error: httpx.HTTPError) -> UnavailableError:
    if isinstance(error, httpx.TimeoutException):
        return UnavailableError(f"{base} did not answer in time")
    return UnavailableError(f"{base} cannot be reached: {type(error).__name__}")


def _refusal(response: httpx.Response, data: bytes, what: str) -> CustodesError:
    try:
        return problem_error(data)
    except (InvalidError, RecursionError):
        pass  # another server's page; its status says enough
    status = response.status_code
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        return NotFoundError(f"{what} is not there")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return InvalidError(f"{what} is shorter than what was asked of it")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return PushbackError("the server is asked too much; try again later")
    return UnavailableError(f"the server answers {status} for {what}")
