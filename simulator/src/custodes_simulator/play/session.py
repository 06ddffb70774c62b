"""One client's session: its tracks, its misbehaviours, its time-out."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import TYPE_CHECKING

from custodes_simulator.misbehaviours.base import ClipMisbehaviour, Misbehaviour, Planned, PlayMisbehaviour
from custodes_simulator.play.player import Address, Numbering, Player
from custodes_simulator.play.sinks import Sink
from custodes_simulator.schedule import Budget, Timetable
from custodes_simulator.spec import StreamSpec

if TYPE_CHECKING:
    from custodes_simulator.camera import Camera
    from custodes_simulator.rtsp.connection import RtspConnection

VIDEO_KIND = 96
AUDIO_KIND = {"pcmu": 0, "pcma": 8, "mp2": 14, "aac": 97}
TRACKS = ("video", "audio")


class Session:
    """What one client set up; it owns its players and their sinks."""

    def __init__(self, camera: Camera, spec: StreamSpec, connection: RtspConnection, number: int) -> None:
        self.camera = camera
        self.spec = spec
        self.connection = connection
        self.number = number
        self.id = secrets.token_hex(6)
        self.players: dict[str, Player] = {}
        self.playing = False
        self.closed = False
        self._heard_s = asyncio.get_running_loop().time()
        self._begun = False
        self._tables: list[Timetable] = []
        self._acting: list[ClipMisbehaviour] = []
        self._report_timer: asyncio.TimerHandle | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._reshaping: asyncio.Task[None] | None = None
        self._watch()

    @property
    def video(self) -> Player | None:
        """The video track's player, where the client set it up."""
        return self.players.get("video")

    @property
    def audio(self) -> Player | None:
        """The audio track's player, where the client set it up."""
        return self.players.get("audio")

    # Set-up

    def add_track(self, track: str, sink: Sink) -> Player:
        """Prepare a track for a client that has just set it up."""
        spec = self.spec
        if track == "video":
            clip, kind = self.camera.first_clip(spec)[1], VIDEO_KIND
            first_time, sequence = spec.first_rtp_time, spec.first_sequence
        else:
            if spec.audio is None:
                raise ValueError(f"stream {spec.name} has no audio")
            clip, kind = self.camera.tone(spec.audio), AUDIO_KIND[spec.audio]
            first_time = sequence = None
        numbering = Numbering(
            random.getrandbits(32),
            random.getrandbits(16) if sequence is None else sequence,
            random.getrandbits(32) if first_time is None else first_time,
            kind,
        )
        address = Address(self.camera.spec.name, spec.name, track, self.number)
        player = Player(address, clip, numbering, sink, self.camera.truth_log)
        self.players[track] = player
        return player

    # Playing

    def ready(self) -> None:
        """Let misbehaviours begin that act from the first packet on; called once, before `play`."""
        if self._begun:
            return
        self._begun = True
        if self.camera.spec.live and self.video is not None:
            self.video.begin_live(time.time())
        for planned in self.camera.spec.misbehaviours + self.spec.misbehaviours:
            self.attach(planned, self.camera.budget(planned, self.spec))

    def play(self) -> None:
        """Start or go on sending."""
        if self.closed or self.playing:
            return
        self.playing = True
        origin_s, utc_us = asyncio.get_running_loop().time(), time.time_ns() // 1000
        self._report_timer = asyncio.get_running_loop().call_later(0, self._report)
        for player in self.players.values():
            player.start(origin_s, utc_us)

    def pause(self) -> None:
        """Send nothing until `play`."""
        self.playing = False
        for player in self.players.values():
            player.pause()
        if self._report_timer is not None:
            self._report_timer.cancel()

    def _report(self) -> None:
        for player in self.players.values():
            player.send_report()
        interval_s = self.camera.spec.rtcp_interval_s
        self._report_timer = asyncio.get_running_loop().call_later(interval_s, self._report)

    # Misbehaviours

    def attach(self, planned: Planned, budget: Budget) -> Timetable | None:
        """Put a misbehaviour on its timetable; None where it does not act on playing streams."""
        fault = planned.fresh(f"{self.camera.spec.name}/{self.spec.name}/{self.number}")
        if not isinstance(fault, PlayMisbehaviour | ClipMisbehaviour):
            return None
        table = Timetable(planned.schedule, budget, lambda: self._begin(fault), lambda: self._end(fault))
        self._tables.append(table)
        table.start()
        return table

    def _begin(self, fault: Misbehaviour) -> None:
        if isinstance(fault, PlayMisbehaviour):
            for player in self.players.values():
                player.hooks.add(fault)
            fault.begin(self)
        elif isinstance(fault, ClipMisbehaviour):
            self._acting.append(fault)
            self._reshape()

    def _end(self, fault: Misbehaviour) -> None:
        if isinstance(fault, PlayMisbehaviour):
            for player in self.players.values():
                player.hooks.remove(fault)
            fault.end(self)
        elif isinstance(fault, ClipMisbehaviour):
            self._acting = [other for other in self._acting if other is not fault]
            self._reshape()

    def _reshape(self) -> None:
        """Have the clip under the faults that act now played from the next key frame on."""
        if self.closed or self.video is None:
            return
        if self._reshaping is not None:
            self._reshaping.cancel()
        self._reshaping = asyncio.get_running_loop().create_task(self._turn_clip(tuple(self._acting)))

    async def _turn_clip(self, faults: tuple[ClipMisbehaviour, ...]) -> None:
        _, clip = await asyncio.to_thread(self.camera.clips.get, self.spec, faults)
        if self.video is not None and (clip is not self.video.clip or self.video.next_clip is not None):
            self.video.next_clip = clip

    # Ending

    def touch(self) -> None:
        """The client is alive."""
        self._heard_s = asyncio.get_running_loop().time()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._heard_s + self.camera.spec.session_timeout_s - loop.time()
        if left_s <= 0:
            self.camera.expired(self)
            return
        self._expiry_timer = loop.call_later(left_s, self._watch)

    def close(self) -> None:
        """Stop sending and let go of every port."""
        if self.closed:
            return
        self.closed = True
        self.playing = False
        for player in self.players.values():
            player.end()
        for table in self._tables:
            table.stop()
        for timer in (self._report_timer, self._expiry_timer):
            if timer is not None:
                timer.cancel()
        if self._reshaping is not None:
            self._reshaping.cancel()
