"""Progress on a terminal: one line, written over; nothing where the output is no terminal."""

from __future__ import annotations

import time
from typing import TextIO

_EVERY_S = 0.2
_ERASE = "\r\x1b[K"


class Terminal:
    """Shows the newest progress at most five times a second."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._shown_s = 0.0
        self._is_dirty = False

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell how far it is; `total` 0: not known."""
        now_s = time.monotonic()
        if not self._is_terminal or now_s < self._shown_s + _EVERY_S:
            return
        self._shown_s = now_s
        self._is_dirty = True
        share = f" of {total}" if total else ""
        self._out.write(f"{_ERASE}{what}: {done}{share}")
        self._out.flush()

    def clear(self) -> None:
        """Take the line away before something is printed."""
        if self._is_dirty:
            self._out.write(_ERASE)
            self._out.flush()
            self._is_dirty = False
