"""Backgrounds as a recorder leaves them in the store, made without any video."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from custodes.base.canon import canon
from custodes.base.keys import SigningKey
from custodes.base.ports import ObjectStore
from custodes.services.backgrounds import Committed, LearntBackground, background_path, statement_path

WIDTH_PX, HEIGHT_PX = 640, 360


def background_file(view: str = "crossing", condition: str = "day", shade: int = 90) -> bytes:
    """The bytes of a background of 640x360: 320x180 compared pixels in blocks of 4, the first block withheld."""
    head = canon({"condition": condition, "height_px": HEIGHT_PX, "view": view, "width_px": WIDTH_PX})
    blocks = bytearray(80 * 45 // 8)
    blocks[0] = 0x80
    picture = bytes((shade, shade + 1, shade + 2)) * (320 * 180)
    return b"custodes background 1\n" + len(head).to_bytes(2, "big") + head + bytes(blocks) + picture


def learnt(town: Any, file: bytes, **changes: Any) -> LearntBackground:
    """What the town's recorder states of a file."""
    return LearntBackground(
        **{
            "background": hashlib.sha256(file).digest(),
            "network": town.network,
            "recorder": town.recorder_id,
            "camera": town.camera,
            "stream": town.stream,
            "view": "crossing",
            "condition": "day",
            "made_us": town.now_us,
            "pictures": 120,
            "alarms": 3,
            "doubt_permille": 480,
            "withheld_permille": 390,
            "exposure_permille": 970,
            "sharpness_permille": 300,
            **changes,
        }
    )


def lay_out(
    town: Any, store: ObjectStore, file: bytes, key: SigningKey | None = None, **changes: Any
) -> LearntBackground:
    """Put a file and its statement into the store, signed by the town's recorder or another key."""
    found = learnt(town, file, **changes)
    store.put(background_path(found.stream, found.background), file)
    store.put(statement_path(found.stream, found.background), found.sign(key or town.recorder.signing))
    return found


def committed(one: LearntBackground, **changes: Any) -> Committed:
    """What the entry that commits it says."""
    said = Committed(
        camera=one.camera,
        stream=one.stream,
        view=one.view,
        condition=one.condition,
        background=one.background,
        revision=1,
        doubt_permille=one.doubt_permille,
        withheld_permille=one.withheld_permille,
    )
    return replace(said, **changes)
