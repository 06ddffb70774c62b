"""Receive video over HTTP, RTMP or from a file, through FFmpeg, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

import structlog

from custodes.adapters.av.address import Opening, parse_opening
from custodes.adapters.av.frames import HEAD, MAX_PAYLOAD_BYTES, Demuxed, Ended, Failed, Frame, Opened, decode
from custodes.adapters.av.units import UnitReader, codec_of
from custodes.adapters.rtsp.connection import SilentError
from custodes.adapters.rtsp.model import CameraSource, SessionLimits, Sink
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.base.clock import Clock
from custodes.base.errors import (
    CustodesError,
    ErrorKind,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)
from custodes.media.packets import AccessUnit

DEFAULT_LIMITS = SessionLimits()
# What waits between the two processes: this twice here, and a pipe's 64 KiB; then FFmpeg's process waits too.
_WAITING_BYTES = 1 << 20
# To start, import and fence the process; what FFmpeg takes beyond its own time-outs to tell of one.
_START_S = 20.0
_GRACE_S = 2.0
_LOG = structlog.get_logger("av")
_CHILD = (sys.executable, "-I", "-m", "custodes.adapters.av.child")
_ERRORS: dict[str, type[CustodesError]] = {
    "silent": SilentError,
    ErrorKind.INVALID.name: InvalidError,
    ErrorKind.NOT_FOUND.name: NotFoundError,
    ErrorKind.REFUSED.name: RefusedError,
    ErrorKind.UNAUTHENTICATED.name: UnauthenticatedError,
    ErrorKind.UNAVAILABLE.name: UnavailableError,
}


async def run_av_session(
    source: CameraSource,
    sink: Sink,
    clock: Clock,
    *,
    limits: SessionLimits = DEFAULT_LIMITS,
    allow_files: bool = False,
) -> None:
    """One session, until it is cancelled, fails or the source ends; the sink is called from the event loop.

    A file is read at the speed at which it was recorded. Cancelled, FFmpeg's process is ended and nothing more is
    delivered. Pictures are stamped when they arrive here.
    Errors: as `rtsp.client.run_session`; NotFoundError for an address or file that is not there; InvalidError
    also when FFmpeg's process ends by itself.
    Cost: a process of some 50 MiB a stream; about half a second of one core to begin.
    """
    opening = parse_opening(source, allow_files=allow_files)
    notices = NoticeBoard(sink.on_notice, clock)
    process = await _start(opening, limits)
    try:
        await _receive(process, sink, notices, clock, limits)
    finally:
        notices.flush(everything=True)
        await _end(process, limits.teardown_s)


async def _start(opening: Opening, limits: SessionLimits) -> Process:
    # Nothing of this process's environment: it may hold secrets, or proxies, which FFmpeg would follow.
    try:
        process = await asyncio.create_subprocess_exec(
            *_CHILD,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=_WAITING_BYTES,
            env={},
            start_new_session=True,
        )
    except OSError as error:
        raise UnavailableError(f"FFmpeg's process cannot be started: {error.strerror}") from error
    order = {
        "connect_s": limits.connect_s,
        "file": opening.target.removeprefix("file:") if opening.is_file else "",
        "options": opening.options,
        "parent": os.getpid(),
        "silence_s": limits.silence_s,
        "target": opening.target,
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    return process


async def _receive(
    process: Process, sink: Sink, notices: NoticeBoard, clock: Clock, limits: SessionLimits
) -> None:
    opened = await _opened(process, limits)
    reader = UnitReader(codec_of(opened.codec), opened.extradata)
    while True:
        try:
            async with asyncio.timeout(limits.silence_s + _GRACE_S):
                frame = await _next(process)
        except TimeoutError as error:
            raise SilentError(f"nothing came for {limits.silence_s:g} s") from error
        if isinstance(frame, Ended):
            return
        if not isinstance(frame, Demuxed):
            raise InvalidError("FFmpeg's process opens a second time")
        _deliver(reader, frame, sink, notices, clock.boot_us())
        notices.flush()


def _deliver(reader: UnitReader, packet: Demuxed, sink: Sink, notices: NoticeBoard, boot_us: int) -> None:
    try:
        items = list(reader.read(packet, boot_us))
    except InvalidError as error:
        notices.post(NoticeKind.MALFORMED, str(error))
        return
    for item in items:
        if isinstance(item, AccessUnit):
            sink.on_access_unit(item)
        else:
            sink.on_parameter_sets(item)


async def _opened(process: Process, limits: SessionLimits) -> Opened:
    within_s = _START_S + limits.connect_s + limits.silence_s
    try:
        async with asyncio.timeout(within_s):
            opened = await _next(process)
    except TimeoutError as error:
        raise UnavailableError(f"the source was not opened within {within_s:g} s") from error
    if not isinstance(opened, Opened):
        raise InvalidError("FFmpeg's process sent pictures before it opened the source")
    if opened.missing:
        _LOG.warning("fence missing", process="FFmpeg's", reason=opened.missing)
    return opened


async def _next(process: Process) -> Frame:
    """The next frame. Errors: what FFmpeg's process reports; InvalidError when it ended without a word."""
    assert process.stdout is not None
    try:
        kind, length = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
        if length > MAX_PAYLOAD_BYTES:
            raise InvalidError(f"a frame of FFmpeg's process has at most {MAX_PAYLOAD_BYTES} bytes")
        frame = decode(kind, await process.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:
        raise InvalidError(f"FFmpeg's process ended by itself{await _how(process)}") from error
    if isinstance(frame, Failed):
        raise _ERRORS.get(frame.kind, InvalidError)(frame.message)
    return frame


async def _how(process: Process) -> str:
    code = await process.wait()
    return f" (signal {-code})" if code < 0 else f" (exit {code})"


async def _end(process: Process, within_s: float) -> None:
    assert process.stdout is not None
    with suppress(ProcessLookupError):
        process.kill()
    # A pipe that is not read to its end keeps the process from being counted as gone.
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while await process.stdout.read(_WAITING_BYTES):
                pass
            await process.wait()
