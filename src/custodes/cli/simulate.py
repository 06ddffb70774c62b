"""`custodes simulate`: simulated cameras."""

from __future__ import annotations

import argparse
from typing import Any

import custodes_simulator.__main__


def add_parser(subparsers: Any) -> None:
    """Declare the command; its arguments are the simulator's own."""
    parser = subparsers.add_parser("simulate", help="play simulated cameras over RTSP", add_help=False)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Hand over to custodes-simulator."""
    return custodes_simulator.__main__.main(options.arguments)
