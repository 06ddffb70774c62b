"""After a restart: rendition reels that no account has named, cut to what is whole, to be named by the Restart.

Blocking; every step can be repeated.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import structlog

from custodes.adapters.durable_file import flush_folder
from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.base.errors import InvalidError
from custodes.base.ids import ID_BYTES, parse_hex
from custodes.custody.renditions import FOLDER, MAX_RENDITION_BYTES, Rendition
from custodes.media.mp4.pieces import read_recording

_LOG = structlog.get_logger("recovery")


def recover_renditions(spool: Path) -> tuple[list[Rendition], list[str]]:
    """The reels left in the spool, and what cannot be one and stays where it is. Errors: OSError.

    A reel without a whole picture is removed.
    """
    found: list[Rendition] = []
    troubles: list[str] = []
    folder = spool / FOLDER
    for file in sorted(folder.glob("*/*.open")) if folder.is_dir() else ():
        stream, start_us = _place(file)
        if not stream or file.stat().st_size > MAX_RENDITION_BYTES:
            troubles.append(f"{file.relative_to(spool)} is no rendition reel")
            continue
        rendition = _cut(file, stream, start_us)
        if rendition is not None:
            found.append(rendition)
    return found, troubles


def _place(file: Path) -> tuple[bytes, int]:
    try:
        stream = parse_hex(file.parent.name)
        start_us = int(file.stem)
    except (InvalidError, ValueError):
        return b"", 0
    is_right = len(stream) == ID_BYTES and 0 <= start_us <= MAX_SAFE_INTEGER and str(start_us) == file.stem
    return (stream, start_us) if is_right else (b"", 0)


def _cut(file: Path, stream: bytes, start_us: int) -> Rendition | None:
    data = file.read_bytes()
    try:
        recorded = read_recording(data)
    except InvalidError as error:
        _LOG.info("rendition reel without a picture", reel=file.name, reason=str(error))
        file.unlink()
        flush_folder(file.parent)
        return None
    with file.open("r+b") as opened:
        opened.truncate(recorded.valid_bytes)
        os.fdatasync(opened.fileno())
    flush_folder(file.parent)
    dropped = len(data) - recorded.valid_bytes
    _LOG.info("rendition reel recovered", reel=file.name, pictures=recorded.pictures, dropped=dropped)
    return Rendition(
        stream=stream,
        start_us=start_us,
        end_us=start_us + recorded.duration_us,
        size_bytes=recorded.valid_bytes,
        codec=recorded.codec,
        hash=hashlib.sha256(data[: recorded.valid_bytes]).digest(),
    )
