"""Packetised clips, each made once and shared by every session that plays it."""

from __future__ import annotations

import threading

from custodes_simulator.clips.audio import tone
from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.library import ClipLibrary
from custodes_simulator.clips.model import AudioCodec, Clip
from custodes_simulator.misbehaviours.base import ClipMisbehaviour
from custodes_simulator.rtp.packetised import PacketisedClip, packetise, packetise_audio
from custodes_simulator.spec import CameraSpec, StreamSpec


class ClipShelf:
    """Clips of streams under the clip misbehaviours that act; safe to use from several threads."""

    def __init__(self, library: ClipLibrary) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._made: dict[tuple[object, ...], tuple[Clip, PacketisedClip]] = {}
        self._tones: dict[AudioCodec, PacketisedClip] = {}

    def get(self, spec: StreamSpec, faults: tuple[ClipMisbehaviour, ...]) -> tuple[Clip, PacketisedClip]:
        """The clip and its packets.

        Cost: encodes and packetises where these faults were not asked for before.
        Errors: ClipError.
        """
        key = (spec.source, spec.encoding, *(repr(fault) for fault in faults))
        with self._lock:
            held = self._made.get(key)
            if held is None:
                clip = self._shaped(spec, faults)
                held = self._made[key] = (clip, packetise(clip))
            return held

    def _shaped(self, spec: StreamSpec, faults: tuple[ClipMisbehaviour, ...]) -> Clip:
        encoding = spec.encoding
        for fault in faults:
            if type(fault).recode is not ClipMisbehaviour.recode:
                encoding = fault.recode(encoding or Encoding())
        clip = self._library.get(spec.source, encoding)
        for fault in faults:
            clip = fault.reshape(clip)
        return clip

    def tone(self, codec: AudioCodec) -> PacketisedClip:
        """The packets of a tone."""
        with self._lock:
            if codec not in self._tones:
                self._tones[codec] = packetise_audio(tone(codec))
            return self._tones[codec]

    def prepare(self, camera: CameraSpec) -> None:
        """Make everything that the camera plays at first, and under each scheduled fault alone."""
        for spec in camera.streams:
            planned = [
                plan
                for plan in camera.misbehaviours + spec.misbehaviours
                if isinstance(plan.misbehaviour, ClipMisbehaviour)
            ]
            first = initial_faults(camera, spec)
            self.get(spec, first)
            for plan in planned:
                fault = plan.misbehaviour
                if isinstance(fault, ClipMisbehaviour) and not plan.schedule.at_once:
                    self.get(spec, (*first, fault))
            if spec.audio is not None:
                self.tone(spec.audio)


def initial_faults(camera: CameraSpec, spec: StreamSpec) -> tuple[ClipMisbehaviour, ...]:
    """The clip misbehaviours that act from the beginning of every play."""
    return tuple(
        plan.misbehaviour
        for plan in camera.misbehaviours + spec.misbehaviours
        if isinstance(plan.misbehaviour, ClipMisbehaviour) and plan.schedule.at_once
    )
