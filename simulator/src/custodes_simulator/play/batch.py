"""The packets of one access unit on their way out, open to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custodes_simulator.rtp.packetised import PacketisedUnit

if TYPE_CHECKING:
    from custodes_simulator.play.player import Player


@dataclass(slots=True)
class OutPacket:
    """One RTP packet.

    `before`: bytes put on a TCP connection before its interleaved frame; never sent over UDP.
    `foreign`: over UDP it leaves from another port than the session's.
    `extension`: body of a header extension, whole words; `padding`: bytes of padding, 0 for none.
    """

    payload: bytes
    kind: int
    marker: bool
    sequence: int
    rtp_time: int
    ssrc: int
    before: bytes = b""
    foreign: bool = False
    extension: bytes = b""
    padding: int = 0

    def encoded(self) -> bytes:
        """The packet with its RTP head."""
        first = 0x80 | (0x10 if self.extension else 0) | (0x20 if self.padding else 0)
        extension = b""
        if self.extension:
            extension = b"\xab\xac" + (len(self.extension) // 4).to_bytes(2, "big") + self.extension
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        head = bytes([first, (0x80 if self.marker else 0) | self.kind])
        return (
            head
            + (self.sequence & 0xFFFF).to_bytes(2, "big")
            + (self.rtp_time & 0xFFFFFFFF).to_bytes(4, "big")
            + (self.ssrc & 0xFFFFFFFF).to_bytes(4, "big")
            + extension
            + self.payload
            + padding
        )


@dataclass(slots=True)
class Batch:
    """All packets of one access unit or audio frame."""

    player: Player
    unit: PacketisedUnit
    packets: list[OutPacket]
    spoilt_by: str = ""

    def spoil(self, cause: str) -> None:
        """Say that a client cannot get this access unit as it was; the first cause is kept."""
        self.spoilt_by = self.spoilt_by or cause
