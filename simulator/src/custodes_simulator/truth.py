"""The truth log: what a simulated camera really sent."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

DEFAULT_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class TruthEntry:
    """One access unit, or audio frame, that a camera sent or withheld.

    `session`: counts the plays of the camera from 1; `index`: counts within the session's track from 0.
    `sha256`: over the NAL units that a correct client yields, each behind its length in four big-endian
    bytes; for audio over the frame. `picture_sha256`: the same over slices alone.
    `media`: RTP time unwrapped, from the track's first value, steps included; `rtp_time`: as sent, 32 bits.
    `utc_us`: wall time of sending; `capture_utc_us`: when the picture was taken, by a true clock.
    `delivered`: false where it was withheld, cut or spoilt; `spoilt_by` then names the cause.
    Units: `media` and `rtp_time` in the track's clock, 1/90,000 s for video.
    """

    camera: str
    stream: str
    track: str
    session: int
    index: int
    sha256: str
    picture_sha256: str
    size_bytes: int
    media: int
    rtp_time: int
    utc_us: int
    capture_utc_us: int
    is_key: bool
    is_open_key: bool
    delivered: bool
    spoilt_by: str = ""


class TruthLog:
    """The latest entries of every track in memory, and all of them in a file where one is given.

    `limit`: entries kept in memory per track; `discarded` counts those that made room.
    `probe_every`: every how many access units a probe of payload bytes is kept; 0 keeps none.
    """

    def __init__(self, path: Path | None = None, limit: int = DEFAULT_LIMIT, probe_every: int = 0) -> None:
        self._limit = limit
        self._probe_every = probe_every
        self._entries: dict[tuple[str, str, str], deque[TruthEntry]] = {}
        self._probes: dict[tuple[str, str], dict[bytes, None]] = {}
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self.discarded = 0
        self.records = bool(limit or path)

    def add(self, entry: TruthEntry, probe: bytes) -> None:
        """Log an entry."""
        key = (entry.camera, entry.stream, entry.track)
        held = self._entries.get(key)
        if held is None:
            held = self._entries[key] = deque(maxlen=self._limit)
        if len(held) == self._limit:
            self.discarded += 1
        held.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry), separators=(",", ":")) + "\n")
        if self._probe_every and entry.track == "video" and entry.index % self._probe_every == 0:
            self._probes.setdefault(key[:2], {})[probe] = None

    def entries(self, camera: str, stream: str, track: str = "video") -> list[TruthEntry]:
        """The entries of a track in order of sending."""
        return list(self._entries.get((camera, stream, track), ()))

    def probes(self, camera: str, stream: str) -> list[bytes]:
        """Different samples of sent payload bytes, to be searched for where no plaintext may be."""
        return list(self._probes.get((camera, stream), ()))

    def close(self) -> None:
        """Write out and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_truth(path: Path) -> Iterable[TruthEntry]:
    """The entries of a truth file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield TruthEntry(**json.loads(line))
