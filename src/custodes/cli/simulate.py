"""`custodes simulate`: simulated cameras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import custodes_simulator.__main__


def add_parser(subparsers: Any) -> None:
    """Declare the command, for the list of commands."""
    subparsers.add_parser("simulate", help="play simulated cameras over RTSP", add_help=False)


def hand_over(words: Sequence[str]) -> int:
    """Run it with its own words."""
    return custodes_simulator.__main__.main(words)
