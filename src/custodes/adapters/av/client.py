"""Receive video over HTTP, RTMP or from a file, through FFmpeg, in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from custodes.adapters.av.address import Opening, parse_opening
from custodes.adapters.av.errors import translate
from custodes.adapters.av.units import UnitReader, codec_of
from custodes.adapters.rtsp.model import CameraSource, SessionLimits, Sink
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.base.clock import Clock
from custodes.base.errors import BugError, CustodesError, InvalidError
from custodes.media.packets import AccessUnit, ParameterSets

DEFAULT_LIMITS = SessionLimits()
_MAX_WAITING = 64
_STOP_POLL_S = 0.5


async def run_av_session(
    source: CameraSource,
    sink: Sink,
    clock: Clock,
    *,
    limits: SessionLimits = DEFAULT_LIMITS,
    allow_files: bool = False,
) -> None:
    """One session, until it is cancelled, fails or the source ends; the sink is called from the event loop.

    A file is read at the speed at which it was recorded. Cancelled, nothing more is delivered; the thread
    ends when FFmpeg next returns, at the latest after `limits.silence_s`.
    Errors: as `rtsp.client.run_session`; NotFoundError for an address or file that is not there.
    """
    opening = parse_opening(source, allow_files=allow_files)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    worker = _Worker(opening, _Delivery(loop, sink, clock, done), clock, limits)
    threading.Thread(target=worker.run, name="av-source", daemon=True).start()
    try:
        await done
    finally:
        worker.delivery.stop()


class _Delivery:
    """Carries what a thread reads to the event loop, a bounded number at a time."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sink: Sink, clock: Clock, done: asyncio.Future[None]
    ) -> None:
        self._loop = loop
        self._sink = sink
        self._notices = NoticeBoard(sink.on_notice, clock)
        self._done = done
        self._room = threading.BoundedSemaphore(_MAX_WAITING)
        self.stopped = threading.Event()

    def stop(self) -> None:
        """Deliver nothing any more."""
        self.stopped.set()
        self._notices.flush(everything=True)

    def put(self, item: ParameterSets | AccessUnit | tuple[NoticeKind, str]) -> bool:
        """From the thread: hand an item on, waiting for room; False when nobody waits for it any more."""
        while not self.stopped.is_set():
            if self._room.acquire(timeout=_STOP_POLL_S):
                return self._call(self._take, item)
        return False

    def end(self, error: CustodesError | None) -> None:
        """From the thread: the source has ended."""
        self._call(self._finish, error)

    def _call(self, function: Callable[..., None], *arguments: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the event loop has been closed
            self.stopped.set()
            return False
        return True

    def _take(self, item: ParameterSets | AccessUnit | tuple[NoticeKind, str]) -> None:
        self._room.release()
        if self.stopped.is_set():
            return
        if isinstance(item, AccessUnit):
            self._sink.on_access_unit(item)
        elif isinstance(item, ParameterSets):
            self._sink.on_parameter_sets(item)
        else:
            self._notices.post(*item)

    def _finish(self, error: CustodesError | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


class _Worker:
    """What runs in the thread."""

    def __init__(self, opening: Opening, delivery: _Delivery, clock: Clock, limits: SessionLimits) -> None:
        self._opening = opening
        self._clock = clock
        self._limits = limits
        self.delivery = delivery

    def run(self) -> None:
        error: CustodesError | None = BugError("the thread of a source ended by a defect")
        try:
            self._receive()
            error = None
        except av.FFmpegError as failure:
            error = translate(failure)
        except CustodesError as failure:
            error = failure
        finally:
            self.delivery.end(error)

    def _receive(self) -> None:
        timeout = (self._limits.connect_s, self._limits.silence_s)
        container = av.open(self._opening.target, options=self._opening.options, timeout=timeout)
        with closing(container):
            if not container.streams.video:
                raise InvalidError("the source has no video")
            stream = container.streams.video[0]
            reader = UnitReader(codec_of(stream), stream.codec_context.extradata)
            for packet in self._packets(container, stream):
                if not self._pass_on(reader, packet):
                    return

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
        began_us = self._clock.boot_us()
        first_s: float | None = None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if self._opening.is_file and packet.dts is not None:
                at_s = float(packet.dts * packet.time_base)
                first_s = at_s if first_s is None else first_s
                elapsed_s = (self._clock.boot_us() - began_us) / 1_000_000
                if self.delivery.stopped.wait(max(0.0, at_s - first_s - elapsed_s)):
                    return
            yield packet

    def _pass_on(self, reader: UnitReader, packet: Packet[VideoStream]) -> bool:
        items: list[ParameterSets | AccessUnit]
        try:
            items = list(reader.read(packet, self._clock.boot_us()))
        except InvalidError as error:
            return self.delivery.put((NoticeKind.MALFORMED, str(error)))
        return all(self.delivery.put(item) for item in items)
