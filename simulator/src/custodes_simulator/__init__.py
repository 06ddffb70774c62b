"""Simulated cameras over real RTSP, which behave and misbehave as asked."""

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.library import FileSource
from custodes_simulator.clips.model import AudioCodec
from custodes_simulator.clips.nal import VideoCodec
from custodes_simulator.clips.scene import Condition, SceneSource
from custodes_simulator.errors import ClipError, FleetFileError, SimulatorError
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.misbehaviours.base import misbehave
from custodes_simulator.rtsp.auth import Scheme
from custodes_simulator.spec import CameraSpec, StreamSpec
from custodes_simulator.truth import TruthEntry

__all__ = [
    "AudioCodec",
    "CameraSpec",
    "ClipError",
    "Condition",
    "Encoding",
    "FileSource",
    "FleetFileError",
    "SceneSource",
    "Scheme",
    "SimulatedFleet",
    "SimulatorError",
    "StreamSpec",
    "TruthEntry",
    "VideoCodec",
    "misbehave",
]
