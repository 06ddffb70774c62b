"""A server that plays a file over RTMP: FFmpeg's own cannot be told to listen for players."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

_AMF_ZERO = bytes(9)
_AMF_NULL = b"\5"


def _amf_string(text: bytes) -> bytes:
    return b"\2" + struct.pack(">H", len(text)) + text


class RtmpServer:
    """As little of an RTMP server as a player needs: whatever is asked is granted, then an FLV file is sent.

    `laps`: how often, one after the other, at its own pace if more than once. One player after the other.
    Source: Adobe's RTMP 1.0, sections 5 to 7; FLV, annex E.
    """

    def __init__(self, flv: bytes, laps: int = 1) -> None:
        self._flv = flv
        self._laps = laps
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        # A thread that waits for a player is not woken by closing alone.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self._serve_one(self._listener.accept()[0])

    def _serve_one(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            handshake = stream.read(1537)
            connection.sendall(b"\3" + bytes(1536) + handshake[1:])
            stream.read(1536)
            connection.sendall(self._message(2, 1, struct.pack(">I", 0xFFFFFF)))
            self._grant(connection, stream)
            self._send(connection)
            connection.shutdown(socket.SHUT_WR)
            while stream.read(4096):
                pass

    def _send(self, connection: socket.socket) -> None:
        began_s, lap_ms = time.monotonic(), 0
        for _ in range(self._laps):
            at, time_ms = 13, 0
            while at < len(self._flv):
                kind, size = self._flv[at], int.from_bytes(self._flv[at + 1 : at + 4], "big")
                time_ms = lap_ms + int.from_bytes(self._flv[at + 4 : at + 7], "big")
                due_s = began_s + time_ms / 1000 if self._laps > 1 else 0.0
                if self._over.wait(max(0.0, due_s - time.monotonic())):
                    return
                connection.sendall(self._message(4, kind, self._flv[at + 11 : at + 11 + size], time_ms, 1))
                at += 11 + size + 4
            lap_ms = time_ms + 40

    def _grant(self, connection: socket.socket, stream: io.BufferedReader) -> None:
        for body in self._commands(stream):
            name = body[3 : 3 + int.from_bytes(body[1:3], "big")]
            if name == b"play":
                status = _amf_string(b"onStatus") + _AMF_ZERO + _AMF_NULL + b"\3"
                status += _amf_string(b"level")[1:] + _amf_string(b"status")
                status += _amf_string(b"code")[1:] + _amf_string(b"NetStream.Play.Start") + b"\0\0\x09"
                connection.sendall(self._message(3, 20, status, 0, 1))
                return
            number = body[3 + len(name) : 12 + len(name)]
            result = _amf_string(b"_result") + number + _AMF_NULL + _AMF_ZERO
            connection.sendall(self._message(3, 20, result))

    def _commands(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """The commands of a player, put together from its chunks."""
        chunk = 128
        heads: dict[int, tuple[int, int]] = {}
        bodies: dict[int, bytes] = {}
        while first := stream.read(1):
            channel, form = first[0] & 63, first[0] >> 6
            if form < 2:
                head = stream.read(11 if form == 0 else 7)
                heads[channel] = int.from_bytes(head[3:6], "big"), head[6]
            elif form == 2:
                stream.read(3)
            length, kind = heads[channel]
            body = bodies.pop(channel, b"")
            body += stream.read(min(chunk, length - len(body)))
            if len(body) < length:
                bodies[channel] = body
            elif kind == 1:
                chunk = int.from_bytes(body, "big")
            elif kind == 20:
                yield body

    @staticmethod
    def _message(channel: int, kind: int, body: bytes, time_ms: int = 0, stream: int = 0) -> bytes:
        head = bytes([channel]) + time_ms.to_bytes(3, "big") + len(body).to_bytes(3, "big")
        head += bytes([kind]) + struct.pack("<I", stream)
        # Before the announcement of large chunks, messages of up to 128 bytes are one chunk as well.
        return head + body
