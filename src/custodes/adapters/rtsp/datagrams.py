"""RTP and RTCP over UDP: a pair of sockets that listen to one camera only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.video import VideoReceiver
from custodes.base.clock import Clock
from custodes.base.errors import UnavailableError

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_DATAGRAM_BYTES = 65_536
_BUFFER_BYTES = 8 * _DATAGRAM_BYTES
_PORT_ATTEMPTS = 64
# An RTP header and an empty receiver report open the way back through address translation.
_PUNCH_RTP = b"\x80\0" + bytes(10)
_PUNCH_RTCP = b"\x80\xc9\0\1" + bytes(4)


class Datagrams:
    """An even port for RTP and the next one for RTCP.

    Packets count only from the camera's address (or the one that it declared) and, where it declared its
    ports, from those; else the first packet decides the port. Whatever else comes is rejected and reported.
    """

    def __init__(
        self,
        own_host: str,
        peer_host: str,
        notices: NoticeBoard,
        clock: Clock,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._peer_host = peer_host
        self._notices = notices
        self._clock = clock
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._hosts = frozenset({peer_host})
        self._ports: list[int | None] = [None, None]
        self._video: VideoReceiver | None = None
        self._view = memoryview(bytearray(_BUFFER_BYTES))
        self._late: asyncio.TimerHandle | None = None
        self._sockets = _bind_pair(own_host)
        self._loop.add_reader(self._sockets[0], self._read, 0)
        self._loop.add_reader(self._sockets[1], self._read, 1)

    @property
    def ports(self) -> tuple[int, int]:
        """Our ports of RTP and RTCP."""
        return self._sockets[0].getsockname()[1], self._sockets[1].getsockname()[1]

    def attach(self, video: VideoReceiver, source: str | None, server_ports: tuple[int, int] | None) -> None:
        """Whom packets go to and where they come from, as SETUP settled it."""
        self._video = video
        self._hosts = frozenset({self._peer_host, source or self._peer_host})
        if server_ports is not None and server_ports[0]:
            self._ports = list(server_ports)
            self._send(0, _PUNCH_RTP)
            self._send(1, _PUNCH_RTCP)

    def send_report(self, report: bytes) -> None:
        """Send RTCP to the camera."""
        self._send(1, report)

    def close(self) -> None:
        """Stop listening."""
        self._video = None
        if self._late is not None:
            self._late.cancel()
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()

    def _send(self, which: int, data: bytes) -> None:
        port = self._ports[which]
        if port is None:
            return
        try:
            self._sockets[which].sendto(data, (self._peer_host, port))
        except OSError:
            # Reports are a courtesy; a camera that cannot be reached falls silent and is noticed by that.
            return

    def _read(self, which: int) -> None:
        try:
            self._drain(which)
        except Exception as error:
            self._on_error(error)
            raise

    def _drain(self, which: int) -> None:
        receive, video = self._sockets[which].recvfrom_into, self._video
        boot_us = self._clock.boot_us()
        free = self._view
        while len(free) >= _DATAGRAM_BYTES:
            try:
                size, sender = receive(free)
            except OSError:
                # Nothing more to read, or what the network says of a packet of ours.
                break
            packet, free = free[:size], free[size:]
            if video is None or not self._is_from_camera(which, sender):
                continue
            if which == 0:
                video.on_rtp(packet, boot_us)
            else:
                video.on_rtcp(packet, boot_us)
        if video is not None:
            video.rtp.keep()
        if video is not None and self._late is None and (due_us := video.rtp.due_us) is not None:
            self._late = self._loop.call_later(max(0, due_us - boot_us) / 1e6 + 0.001, self._release_late)

    def _is_from_camera(self, which: int, sender: tuple[str, int]) -> bool:
        if sender[0] in self._hosts and self._ports[which] is None:
            self._ports[which] = sender[1]
        if sender[0] in self._hosts and sender[1] == self._ports[which]:
            return True
        self._notices.post(NoticeKind.FOREIGN_SOURCE, "a packet from another address or port")
        return False

    def _release_late(self) -> None:
        self._late = None
        if self._video is None:
            return
        try:
            self._video.rtp.release_late(self._clock.boot_us())
        except Exception as error:
            self._on_error(error)
            raise
        if (due_us := self._video.rtp.due_us) is not None:
            wait_us = max(0, due_us - self._clock.boot_us())
            self._late = self._loop.call_later(wait_us / 1e6 + 0.001, self._release_late)


def _bind_pair(host: str) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_PORT_ATTEMPTS):
        first = _socket(family)
        second = _socket(family)
        try:
            first.bind((host, 0))
            port = first.getsockname()[1]
            if port % 2 == 0 and port < 65_535:
                second.bind((host, port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise UnavailableError("no free pair of UDP ports")


def _socket(family: int) -> socket.socket:
    new = socket.socket(family, socket.SOCK_DGRAM)
    new.setblocking(False)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return new
