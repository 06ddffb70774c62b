"""`custodes verify`: the independent checker, as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import custodes_verify.main


def add_parser(subparsers: Any) -> None:
    """Declare the command, for the list of commands."""
    subparsers.add_parser("verify", help="check a network from outside", add_help=False)


def hand_over(words: Sequence[str]) -> int:
    """Run it with its own words."""
    return custodes_verify.main.main(words)
