"""Looking for payload bytes where none may be: in every file of the network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

WORD_BYTES = 8
_PIECE_BYTES = 64 << 20


def plaintext_hits(root: Path, probes: Iterable[bytes]) -> list[str]:
    """Files below `root` that hold any of the probes, each of at least 8 bytes, with the offset.

    Cost: a pass over all files; candidates are found by their first 8 bytes, at every offset.
    """
    by_word: dict[int, list[bytes]] = {}
    for probe in probes:
        if len(probe) >= WORD_BYTES and len(set(probe)) > 2:
            by_word.setdefault(int.from_bytes(probe[:WORD_BYTES], "little"), []).append(probe)
    words = np.array(sorted(by_word), dtype=np.uint64)
    longest = max((len(probe) for probe in probes), default=0)
    hits = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES + longest]
            hits += [
                f"{path.relative_to(root)} at {start + at}"
                for at in _candidates(piece, words)
                if any(piece.startswith(probe, at) for probe in by_word[_word(piece, at)])
            ]
    return hits


def _candidates(data: bytes, words: np.ndarray) -> list[int]:
    found: list[int] = []
    if not len(words):
        return found
    for shift in range(WORD_BYTES):
        count = (len(data) - shift) // WORD_BYTES
        if count <= 0:
            continue
        row = np.frombuffer(data, dtype="<u8", count=count, offset=shift)
        place = np.searchsorted(words, row)
        place[place == len(words)] = 0
        found += [int(at) * WORD_BYTES + shift for at in np.nonzero(words[place] == row)[0]]
    return sorted(found)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + WORD_BYTES], "little")
