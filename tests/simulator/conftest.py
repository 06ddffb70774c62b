"""A client that shows everything a simulated camera does, right or wrong."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Rtp:
    """An RTP packet as received."""

    channel: int
    kind: int
    marker: bool
    sequence: int
    time: int
    ssrc: int
    payload: bytes


@dataclass
class Answer:
    """An RTSP answer as received."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    raw_head: bytes

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass
class RawClient:
    """Speaks RTSP without leniency and keeps what comes."""

    url: str
    session: str = ""
    cseq: int = 0
    rtp: list[Rtp] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    junk: bytes = b""

    async def connect(self) -> None:
        parts = urlsplit(self.url)
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection(parts.hostname, parts.port, limit=8 << 20), PATIENCE_S
        )

    async def close(self) -> None:
        self.writer.close()

    async def ask(self, method: str, url: str | None = None, **headers: str) -> Answer:
        self.send(method, url, **headers)
        while True:
            got = await self.receive()
            if isinstance(got, Answer):
                return got

    def send(self, method: str, url: str | None = None, **headers: str) -> None:
        self.cseq += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.session:
            lines.append(f"Session: {self.session}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def receive(self) -> Answer | Rtp | bytes:
        """The next answer, RTP packet or RTCP packet; packets are kept as well."""
        return await asyncio.wait_for(self._receive(), PATIENCE_S)

    async def _receive(self) -> Answer | Rtp | bytes:
        first = await self.reader.readexactly(1)
        while first not in (b"$", b"R"):
            self.junk += first
            first = await self.reader.readexactly(1)
        if first == b"$":
            head = await self.reader.readexactly(3)
            data = await self.reader.readexactly(int.from_bytes(head[1:], "big"))
            return self._keep(head[0], data)
        head = first + await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        if lines[0] == "RTSP/1.0":  # the end of a request's first line
            self.junk += head
            return b""
        headers = [(k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:] if line)]
        length = next((int(v) for k, v in headers if k.lower() == "content-length"), 0)
        body = (await self.reader.readexactly(length)).decode()
        return Answer(int(lines[0].split()[1]), headers, body, head)

    def _keep(self, channel: int, data: bytes) -> Rtp | bytes:
        if 200 <= data[1] <= 204:
            self.rtcp.append(data)
            return data
        packet = parse_rtp(channel, data)
        self.rtp.append(packet)
        return packet

    async def play(self, *tracks: int) -> Answer:
        """DESCRIBE, SETUP of the tracks (the first by default) over TCP, PLAY."""
        described = await self.ask("DESCRIBE", Accept="application/sdp")
        assert described.status == 200
        for track in tracks or (0,):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            setup = await self.ask("SETUP", f"{self.url}/trackID={track}", Transport=transport)
            assert setup.status == 200
            self.session = setup.get("session").partition(";")[0]
        played = await self.ask("PLAY")
        assert played.status == 200
        return described

    async def until(self, enough: Callable[[RawClient], bool]) -> None:
        """Receive until the predicate holds."""
        while not enough(self):
            await self.receive()

    async def units(self, count: int, channel: int = 0) -> list[list[Rtp]]:
        """Receive until `count` markers have come on a channel; packets by RTP time."""
        await self.until(lambda c: sum(p.marker for p in c.rtp if p.channel == channel) >= count)
        groups: dict[int, list[Rtp]] = {}
        for packet in self.rtp:
            if packet.channel == channel:
                groups.setdefault(packet.time, []).append(packet)
        return list(groups.values())[:count]


def parse_rtp(channel: int, data: bytes) -> Rtp:
    assert data[0] == 0x80
    return Rtp(
        channel,
        data[1] & 0x7F,
        data[1] >= 0x80,
        int.from_bytes(data[2:4], "big"),
        int.from_bytes(data[4:8], "big"),
        int.from_bytes(data[8:12], "big"),
        data[12:],
    )


def depacketised(codec: str, payloads: Iterable[bytes]) -> list[bytes]:
    """The NAL units of one access unit: single, aggregated and fragmented."""
    head, aggregate, fragment = (1, 24, 28) if codec == "h264" else (2, 48, 49)
    nals: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 0x1F if codec == "h264" else (payload[0] >> 1) & 0x3F
        if kind == aggregate:
            at = head
            while at < len(payload):
                length = int.from_bytes(payload[at : at + 2], "big")
                nals.append(payload[at + 2 : at + 2 + length])
                at += 2 + length
        elif kind == fragment:
            flags, body = payload[head], payload[head + 1 :]
            if flags & 0x80:
                inner = flags & (0x1F if codec == "h264" else 0x3F)
                if codec == "h264":
                    nals.append(bytes([(payload[0] & 0xE0) | inner]))
                else:
                    nals.append(bytes([(payload[0] & 0x81) | (inner << 1), payload[1]]))
            if nals:
                nals[-1] += body
        else:
            nals.append(payload)
    return nals


def sample_sha256(nals: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(len(n).to_bytes(4, "big") + n for n in nals)).hexdigest()


def digest(challenge: str, method: str, url: str, password: str) -> str:
    """An Authorization header for an MD5 challenge with qop, made without the code under test."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    offered = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    proof = md5(f"admin:{offered['realm']}:{password}")
    response = md5(f"{proof}:{offered['nonce']}:00000001:abc:auth:{md5(f'{method}:{url}')}")
    fields = {"username": "admin", "realm": offered["realm"], "nonce": offered["nonce"], "uri": url}
    fields |= {"nc": "00000001", "cnonce": "abc", "qop": "auth", "response": response}
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items())


@dataclass(frozen=True)
class Tools:
    """What tests of the simulator share."""

    client: type[RawClient]
    parse_rtp: Callable[[int, bytes], Rtp]
    depacketised: Callable[[str, Iterable[bytes]], list[bytes]]
    sample_sha256: Callable[[Iterable[bytes]], str]
    digest: Callable[[str, str, str, str], str]

    def hashes(self, codec: str, units: Iterable[list[Rtp]]) -> list[str]:
        return [sample_sha256(depacketised(codec, (p.payload for p in unit))) for unit in units]

    @staticmethod
    def lines(described: Answer, prefix: str) -> list[str]:
        return [line for line in re.split(r"\r\n", described.body) if line.startswith(prefix)]


@pytest.fixture
def tools() -> Tools:
    return Tools(RawClient, parse_rtp, depacketised, sample_sha256, digest)
