"""Where clips come from, and the folder that keeps what had to be encoded."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import NamedTemporaryFile

from custodes_simulator.clips.encode import Encoding, encode
from custodes_simulator.clips.files import load_file
from custodes_simulator.clips.model import Clip, ClipUnit, ParameterSets
from custodes_simulator.clips.nal import VideoCodec, length_prefixed
from custodes_simulator.clips.scene import SceneSource, draw
from custodes_simulator.errors import ClipError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileSource:
    """A video file."""

    path: Path

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.name


ClipSource = FileSource | SceneSource


class ClipLibrary:
    """Clips by source and encoding; each is made once, and kept in the folder where one is given.

    Safe to use from several threads. Durability: a file appears in the folder whole or not at all.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._clips: dict[tuple[ClipSource, Encoding | None], Clip] = {}

    def get(self, source: ClipSource, encoding: Encoding | None = None) -> Clip:
        """The clip; a scene without an encoding takes the default one.

        Cost: the first call for a source and encoding may encode the whole clip.
        Errors: ClipError where the source cannot be read or encoded.
        """
        with self._lock:
            held = self._clips.get((source, encoding))
            if held is None:
                held = self._kept(source, encoding)
                self._clips[(source, encoding)] = held
            return held

    def _kept(self, source: ClipSource, encoding: Encoding | None) -> Clip:
        if self._cache is None or (isinstance(source, FileSource) and encoding is None):
            return make(source, encoding)
        path = self._cache / f"{_key(source, encoding)}.clip"
        if path.exists():
            return read_clip(path)
        clip = make(source, encoding)
        write_clip(path, clip)
        return clip


def make(source: ClipSource, encoding: Encoding | None) -> Clip:
    """The clip of a source, made anew."""
    if isinstance(source, FileSource):
        return load_file(source.path, encoding)
    chosen = encoding or Encoding()
    if chosen.rate_hz not in (0, source.rate_hz):
        raise ClipError(f"{source.name}: rate_hz {chosen.rate_hz} is not the scene's own {source.rate_hz}")
    return encode(draw(source), Fraction(source.rate_hz), (source.width, source.height), chosen, source.name)


def _key(source: ClipSource, encoding: Encoding | None) -> str:
    digest = hashlib.sha256(f"{_VERSION} {encoding!r} ".encode())
    if isinstance(source, FileSource):
        try:
            digest.update(source.path.read_bytes())
        except OSError as error:
            raise ClipError(f"clip {source.path}: {error}") from error
    else:
        digest.update(repr(source).encode())
    return digest.hexdigest()


def write_clip(path: Path, clip: Clip) -> None:
    """Keep a clip in a file: a line of JSON, then every NAL unit behind its length."""
    head = {
        "name": clip.name,
        "codec": clip.codec,
        "size": [clip.width, clip.height],
        "duration_90k": clip.duration_90k,
        "sets": [len(clip.sets.vps), len(clip.sets.sps), len(clip.sets.pps)],
        "units": [
            [len(u.nals), u.send_90k, u.show_90k, int(u.is_key), int(u.is_open_key)] for u in clip.units
        ],
    }
    nals = [
        *clip.sets.vps,
        *clip.sets.sps,
        *clip.sets.pps,
        *(nal for unit in clip.units for nal in unit.nals),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".clip-", delete=False) as file:
        file.write(json.dumps(head).encode() + b"\n" + length_prefixed(nals))
    Path(file.name).replace(path)


def read_clip(path: Path) -> Clip:
    """Read what `write_clip` wrote.

    Errors: ClipError where the file is damaged.
    """
    head_line, _, body = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(head_line)
        nals = _nals(body)
        sets = ParameterSets(*(tuple(next(nals) for _ in range(count)) for count in head["sets"]))
        units = tuple(
            ClipUnit(tuple(next(nals) for _ in range(count)), send, show, bool(key), bool(open_key))
            for count, send, show, key, open_key in head["units"]
        )
        codec = VideoCodec(head["codec"])
        width, height = head["size"]
        return Clip(head["name"], codec, width, height, units, head["duration_90k"], sets)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ClipError(f"clip file {path} is damaged; delete it: {error!r}") from error


def _nals(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if at + 4 + length > len(body):
            raise ValueError("cut off")
        yield body[at + 4 : at + 4 + length]
        at += 4 + length
