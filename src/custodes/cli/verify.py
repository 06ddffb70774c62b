"""`custodes verify`: the independent checker, as it is."""

from __future__ import annotations

import argparse
from typing import Any

import custodes_verify.main


def add_parser(subparsers: Any) -> None:
    """Declare the command; its arguments are the checker's own."""
    parser = subparsers.add_parser("verify", help="check a network from outside", add_help=False)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Hand over to custodes-verify."""
    return custodes_verify.main.main(options.arguments)
