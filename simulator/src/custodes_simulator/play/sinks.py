"""The two ways out to a client: interleaved in the RTSP connection, or UDP."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from custodes_simulator.play.batch import OutPacket
from custodes_simulator.rtp.packetised import PacketisedUnit

BACKLOG_BYTES = 16 * 1024 * 1024
_SOCKET_BYTES = 4 * 1024 * 1024
_PAIR_TRIES = 200


class Sink(Protocol):
    """Takes packets; sending returns whether all were handed to the network."""

    def send_unit(self, unit: PacketisedUnit, kind: int, sequence: int, rtp_time: int, ssrc: int) -> bool:
        """Send an access unit as it is packetised."""

    def send_packets(self, packets: list[OutPacket]) -> bool:
        """Send packets one by one."""

    def send_report(self, data: bytes) -> None:
        """Send an RTCP packet."""

    def close(self) -> None:
        """Let go of what it holds."""


class InterleavedSink:
    """Frames in the RTSP connection; RFC 2326 section 10.12."""

    def __init__(self, transport: asyncio.Transport, channels: tuple[int, int]) -> None:
        self._transport = transport
        self.channels = channels
        self._broken = False

    def _ready(self) -> bool:
        """False where the connection is gone or broken off, or its client reads too slowly."""
        if self._broken or self._transport.is_closing():
            return False
        return self._transport.get_write_buffer_size() < BACKLOG_BYTES

    def send_unit(self, unit: PacketisedUnit, kind: int, sequence: int, rtp_time: int, ssrc: int) -> bool:
        """Write an access unit in one piece."""
        if not self._ready():
            return False
        self._transport.write(unit.framed(self.channels[0], kind, sequence, rtp_time, ssrc))
        return True

    def send_packets(self, packets: list[OutPacket]) -> bool:
        """Write packets in one piece."""
        if not self._ready():
            return False
        self._transport.write(b"".join(p.before + self.frame(p.encoded()) for p in packets))
        return True

    def frame(self, packet: bytes) -> bytes:
        """An RTP packet as an interleaved frame."""
        return bytes([0x24, self.channels[0]]) + len(packet).to_bytes(2, "big") + packet

    def send_report(self, data: bytes) -> None:
        """Write an RTCP packet."""
        if self._ready():
            self._transport.write(bytes([0x24, self.channels[1]]) + len(data).to_bytes(2, "big") + data)

    def write_raw(self, data: bytes) -> None:
        """Write any bytes."""
        if self._ready():
            self._transport.write(data)

    def break_off(self, then: str) -> None:
        """Write nothing more; "close" and "reset" end the connection, anything else leaves it open."""
        self._broken = True
        if then == "close":
            self._transport.close()
        elif then == "reset":
            self._transport.abort()

    def close(self) -> None:
        """Nothing is held: the connection belongs to its owner."""


class UdpSink:
    """A pair of UDP ports; what the client sends to them is dropped and counted."""

    def __init__(self, host: str, client_host: str, client_ports: tuple[int, int]) -> None:
        self._rtp, self._rtcp = _port_pair(host)
        self._host = host
        self._foreign: socket.socket | None = None
        self._to_rtp = (client_host, client_ports[0])
        self._to_rtcp = (client_host, client_ports[1])
        self.reports_received = 0
        loop = asyncio.get_running_loop()
        loop.add_reader(self._rtp, self._drop, self._rtp)
        loop.add_reader(self._rtcp, self._drop, self._rtcp)

    @property
    def ports(self) -> tuple[int, int]:
        """The server's RTP and RTCP ports."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def _drop(self, ready: socket.socket) -> None:
        try:
            ready.recv(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return
        if ready is self._rtcp:
            self.reports_received += 1

    def send_unit(self, unit: PacketisedUnit, kind: int, sequence: int, rtp_time: int, ssrc: int) -> bool:
        """Send an access unit, a packet at a time."""
        framed = memoryview(unit.framed(0, kind, sequence, rtp_time, ssrc))
        whole = True
        for offset, length, _ in unit.heads:
            whole &= _send(self._rtp, framed[offset + 4 : offset + 4 + length], self._to_rtp)
        return whole

    def send_packets(self, packets: list[OutPacket]) -> bool:
        """Send packets one by one."""
        whole = True
        for packet in packets:
            sender = self._foreign_socket() if packet.foreign else self._rtp
            whole &= _send(sender, packet.encoded(), self._to_rtp)
        return whole

    def _foreign_socket(self) -> socket.socket:
        if self._foreign is None:
            self._foreign = _udp_socket(self._host, 0)
        return self._foreign

    def send_report(self, data: bytes) -> None:
        """Send an RTCP packet."""
        _send(self._rtcp, data, self._to_rtcp)

    def close(self) -> None:
        """Close the ports."""
        loop = asyncio.get_running_loop()
        for held in (self._rtp, self._rtcp):
            loop.remove_reader(held)
            held.close()
        if self._foreign is not None:
            self._foreign.close()


def _send(sender: socket.socket, data: bytes | memoryview, address: tuple[str, int]) -> bool:
    try:
        sender.sendto(data, address)
    except (BlockingIOError, ConnectionRefusedError):
        return False
    return True


def _udp_socket(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two sockets on an even port and the next; any free pair.

    Errors: OSError where none is found in 200 tries.
    """
    for _ in range(_PAIR_TRIES):
        first = _udp_socket(host, 0)
        port = first.getsockname()[1]
        if port % 2 == 0:
            try:
                return first, _udp_socket(host, port + 1)
            except OSError:
                pass
        first.close()
    raise OSError(f"no free pair of UDP ports on {host}")
