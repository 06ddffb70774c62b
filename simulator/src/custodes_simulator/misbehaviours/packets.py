"""RTP packets swapped, doubled, lost, foreign or oddly marked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import PlayMisbehaviour, register
from custodes_simulator.misbehaviours.timestamps import OnTrack, on_track
from custodes_simulator.play.batch import Batch, OutPacket

if TYPE_CHECKING:
    from custodes_simulator.play.session import Session

# No dollar sign, which begins a frame, and no R, which begins an answer.
_HARMLESS = bytes(value for value in range(256) if value not in (0x24, 0x52))


@dataclass
class Some(OnTrack):
    """Acts on a share of the packets."""

    share: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise FleetFileError(f"share is {self.share}; it must be over 0, up to 1")


@register("swap-packets")
@dataclass
class SwapPackets(Some):
    """Neighbouring packets change places; the last of an access unit comes after the next one's first."""

    waiting: dict[str, OutPacket] = field(default_factory=dict, init=False, repr=False)

    def rework(self, batch: Batch) -> None:
        if not on_track(self.track, batch.player):
            return
        track = batch.player.address.track
        packets = batch.packets
        late = self.waiting.pop(track, None)
        at = 0
        while at < len(packets):
            if self.chance.random() < self.share:
                if at + 1 < len(packets):
                    packets[at], packets[at + 1] = packets[at + 1], packets[at]
                    at += 1
                elif late is None:
                    self.waiting[track] = packets.pop()
            at += 1
        if late is not None:
            packets.insert(1, late)

    def end(self, session: Session) -> None:
        for track, packet in self.waiting.items():
            player = session.players[track]
            if not player.ended:
                player.sink.send_packets([packet])
        self.waiting.clear()


@register("duplicate-packets")
@dataclass
class DuplicatePackets(Some):
    """Packets are sent twice."""

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            batch.packets[:] = [
                packet
                for sent in batch.packets
                for packet in [sent] * (2 if self.chance.random() < self.share else 1)
            ]


@register("drop-packets")
@dataclass
class DropPackets(Some):
    """Packets are lost on the way; their sequence numbers are missing."""

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            kept = [packet for packet in batch.packets if self.chance.random() >= self.share]
            if len(kept) < len(batch.packets):
                batch.packets[:] = kept
                batch.spoil(self.name)


@register("lose-packet")
@dataclass
class LosePacket(OnTrack):
    """The next packets of a track are lost, each time it begins."""

    track: str = "audio"
    count: int = 1
    left: int = field(default=0, init=False, repr=False)

    def begin(self, session: Session) -> None:
        self.left = self.count

    def rework(self, batch: Batch) -> None:
        if self.left and on_track(self.track, batch.player):
            lost = min(self.left, len(batch.packets))
            del batch.packets[:lost]
            self.left -= lost
            batch.spoil(self.name)


@register("sequence-hole")
@dataclass
class SequenceHole(OnTrack):
    """The camera drops whole access units inside itself: sequence numbers are missing, over TCP too.

    `lost_units`: how many; 0 only skips `skip` numbers and loses nothing.
    """

    lost_units: int = 1
    skip: int = 3
    left: int = field(default=0, init=False, repr=False)

    def begin(self, session: Session) -> None:
        self.left = self.lost_units
        if not self.lost_units:
            for player in session.players.values():
                if on_track(self.track, player):
                    player.numbering.sequence += self.skip

    def rework(self, batch: Batch) -> None:
        if self.left and on_track(self.track, batch.player):
            self.left -= 1
            batch.packets.clear()
            batch.spoil(self.name)


@register("ssrc-change")
@dataclass
class SsrcChange(OnTrack):
    """A new SSRC and a new sequence, as after an encoder's restart; RTP time goes on."""

    track: str = "both"

    def begin(self, session: Session) -> None:
        for player in session.players.values():
            if on_track(self.track, player):
                player.numbering.ssrc = self.chance.getrandbits(32)
                player.numbering.sequence = self.chance.getrandbits(16)


@register("foreign-packets")
@dataclass
class ForeignPackets(Some):
    """Packets of another SSRC, over UDP from another port as well, come between the right ones.

    `same_ssrc`: they carry the right SSRC and plausible numbers, so that only the port tells them apart.
    """

    share: float = 0.05
    same_ssrc: bool = False

    def rework(self, batch: Batch) -> None:
        if not on_track(self.track, batch.player):
            return
        mixed: list[OutPacket] = []
        for packet in batch.packets:
            if self.chance.random() < self.share:
                payload = bytes([0x65]) + self.chance.randbytes(100)
                ssrc = packet.ssrc if self.same_ssrc else packet.ssrc ^ 0x5A5A5A5A
                mixed.append(replace(packet, payload=payload, ssrc=ssrc, foreign=True))
            mixed.append(packet)
        batch.packets[:] = mixed


@register("marker-missing")
@dataclass
class MarkerMissing(OnTrack):
    """No packet carries the marker bit."""

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            for packet in batch.packets:
                packet.marker = False


@register("marker-always")
@dataclass
class MarkerAlways(OnTrack):
    """Every packet carries the marker bit."""

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            for packet in batch.packets:
                packet.marker = True


@register("header-extension")
@dataclass
class HeaderExtension(OnTrack):
    """Packets have a header extension, as ONVIF replay has, and padding."""

    words: int = 3
    padding: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.words <= 100 or not 0 <= self.padding <= 255:
            raise FleetFileError("words must be 0 to 100 and padding 0 to 255")

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            for packet in batch.packets:
                packet.extension = self.chance.randbytes(4 * self.words)
                packet.padding = self.padding


@register("empty-packets")
@dataclass
class EmptyPackets(Some):
    """Packets without payload come between the right ones, numbered like them."""

    def rework(self, batch: Batch) -> None:
        if not on_track(self.track, batch.player):
            return
        numbering = batch.player.numbering
        mixed: list[OutPacket] = []
        added = 0
        for packet in batch.packets:
            if self.chance.random() < self.share:
                sequence = packet.sequence + added
                mixed.append(replace(packet, payload=b"", marker=False, sequence=sequence))
                added += 1
            mixed.append(replace(packet, sequence=packet.sequence + added))
        numbering.sequence += added
        batch.packets[:] = mixed


@register("junk-between-frames")
@dataclass
class JunkBetweenFrames(Some):
    """Over TCP, bytes that are neither frame nor answer come between interleaved frames."""

    track: str = "both"
    count: int = 16

    def rework(self, batch: Batch) -> None:
        if on_track(self.track, batch.player):
            for packet in batch.packets:
                if self.chance.random() < self.share:
                    packet.before = bytes(self.chance.choice(_HARMLESS) for _ in range(self.count))


@register("one-key-frame")
@dataclass
class OneKeyFrame(PlayMisbehaviour):
    """After the first key frame no other is sent."""

    seen: bool = field(default=False, init=False, repr=False)

    def rework(self, batch: Batch) -> None:
        if batch.player.address.track != "video" or not batch.unit.starts:
            return
        if self.seen:
            withhold(batch, self.name)
        self.seen = True


def withhold(batch: Batch, cause: str) -> None:
    """Send nothing of an access unit, and leave no hole in the sequence."""
    batch.player.numbering.sequence -= len(batch.packets)
    batch.packets.clear()
    batch.spoil(cause)
