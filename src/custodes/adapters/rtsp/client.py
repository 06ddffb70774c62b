"""Receive one camera's video over RTSP."""

from __future__ import annotations

import asyncio

from custodes.adapters.rtsp.address import Address, parse_address, resolve_control
from custodes.adapters.rtsp.connection import Connection
from custodes.adapters.rtsp.model import CameraSource, SessionLimits, Sink
from custodes.adapters.rtsp.notices import NoticeBoard
from custodes.adapters.rtsp.session import RedirectedError, Session
from custodes.base.clock import Clock
from custodes.base.errors import UnavailableError

__all__ = ["CameraSource", "SessionLimits", "Sink", "run_session"]

DEFAULT_LIMITS = SessionLimits()
_ANONYMOUS = ("", "")


async def run_session(
    source: CameraSource, sink: Sink, clock: Clock, *, limits: SessionLimits = DEFAULT_LIMITS
) -> None:
    """One session: from connecting until it is cancelled or fails; it never returns otherwise.

    Cancelled, it ends the camera's session first, for at most `limits.teardown_s`.
    Errors: UnavailableError (network, time-out, silence, the camera's end of it), UnauthenticatedError,
    RefusedError, InvalidError (what the camera says cannot be understood, or its codec is none that is
    recorded).
    Source: RFC 2326.
    """
    address = parse_address(source.url)
    notices = NoticeBoard(sink.on_notice, clock)
    try:
        for _ in range(limits.redirects + 1):
            try:
                await _run_once(source, address, sink, notices, clock, limits)
            except RedirectedError as redirect:
                source, address = _redirected(source, address, redirect)
        raise UnavailableError(f"the camera redirects more than {limits.redirects} times")
    finally:
        notices.flush(everything=True)


def _redirected(
    source: CameraSource, address: Address, redirect: RedirectedError
) -> tuple[CameraSource, Address]:
    """Where to go on; another host does not get the password."""
    if not redirect.location:
        raise redirect
    location = redirect.location
    target = parse_address(resolve_control(address.url, location) if location.startswith("/") else location)
    username, password = (source.username, source.password) if target.host == address.host else _ANONYMOUS
    return CameraSource(target.url, username, password, source.transport), target


async def _run_once(
    source: CameraSource,
    address: Address,
    sink: Sink,
    notices: NoticeBoard,
    clock: Clock,
    limits: SessionLimits,
) -> None:
    connection = await _connect(address, notices, clock, limits.connect_s)
    session = Session(connection, address, source, sink, notices, clock, limits)
    try:
        try:
            await session.watch(await session.play())
        finally:
            await session.end()
    finally:
        connection.close()


async def _connect(address: Address, notices: NoticeBoard, clock: Clock, timeout_s: float) -> Connection:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(
                lambda: Connection(clock, notices, loop), address.host, address.port
            )
    except TimeoutError as error:
        raise UnavailableError(f"no connection to {address.place} within {timeout_s:g} s") from error
    except OSError as error:
        raise UnavailableError(f"no connection to {address.place}: {error.strerror or error}") from error
    return connection
