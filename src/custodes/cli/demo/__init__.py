"""`custodes demo`: the whole product on one machine, with simulated cameras and three custodians."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from custodes.cli.demo.story import DemoOptions, run_demo

DEFAULT_FOLDER = Path(".build/demo")


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("demo", help="show the whole on simulated cameras")
    parser.add_argument(
        "--check", action="store_true", help="run, assert, print one JSON report, exit 0 or 1"
    )
    parser.add_argument(
        "--seconds", type=int, default=60, help="how long to record before the cases; default 60"
    )
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="made anew at each start")
    parser.add_argument(
        "--footage", type=Path, default=Path("../shared/data/video"), help="class A footage, if present"
    )
    parser.add_argument(
        "--extract",
        type=Path,
        default=Path("../shared/data/maps/helsinki-centre.osm.pbf"),
        help="map of the middle of Helsinki, if present; without it the ground is plain",
    )
    parser.add_argument("--http-port", type=int, default=8420)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell the story; with --check the report alone goes to standard output."""
    demo = DemoOptions(
        folder=options.folder.resolve(),
        footage=options.footage,
        extract=options.extract,
        seconds=options.seconds,
        check=options.check,
        http_port=options.http_port,
    )
    out = sys.stderr if options.check else sys.stdout
    report = run_demo(demo, lambda text: print(text, file=out, flush=True))
    if not options.check:
        return 0
    print(report.to_json(), flush=True)
    return 0 if report.passed else 1
