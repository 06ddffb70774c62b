"""The command: `custodes-verify PATH|URL --network ID`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from custodes_verify.errors import UnreadableError
from custodes_verify.ledger import check_ledger, read_checkpoints
from custodes_verify.manifests import Statements
from custodes_verify.options import Options
from custodes_verify.overdue import find_overdue, state_claims
from custodes_verify.package import check_package
from custodes_verify.report import Report
from custodes_verify.source import Place, find_place
from custodes_verify.store import check_store
from custodes_verify.witnesses import read_policy

_EPILOG = (
    "exit codes: 0 all well, 1 a violation was found, 2 usage or nothing to read, 3 self-consistent only"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnreadableError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="custodes-verify", description="Check a Custodes network from outside.", epilog=_EPILOG
    )
    parser.add_argument("where", nargs="?", metavar="PATH|URL", help="network folder, its log, or a URL")
    parser.add_argument(
        "--network", metavar="ID", help="network id, from a sign, the register or a custodian"
    )
    parser.add_argument("--package", metavar="DIR", type=Path, help="an unpacked evidence package")
    parser.add_argument(
        "--witnesses", metavar="FILE", type=Path, help="a stricter witness policy of your own"
    )
    parser.add_argument("--seen", metavar="FILE", type=Path, help="remembers the largest checkpoint seen")
    parser.add_argument("--at-size", metavar="N", type=int, help="judge the ledger as it was at N entries")
    parser.add_argument(
        "--deep",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="check sealed objects too (default: where they are local)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    return parser


def _network(spelling: str | None) -> bytes | None:
    if spelling is None:
        return None
    try:
        network = bytes.fromhex(spelling)
    except ValueError as error:
        raise UnreadableError("a network id is 64 hex digits") from error
    if len(network) != 32 or network.hex() != spelling.lower():
        raise UnreadableError("a network id is 64 hex digits")
    return network


def read_options(argv: Sequence[str] | None, now_us: int) -> tuple[Options, bool]:
    """The run that a command line asks for, and whether it wants JSON.

    Errors: UnreadableError.
    """
    given = _parser().parse_args(argv)
    if given.where is None and given.package is None:
        raise UnreadableError("give a folder, a URL or --package")
    if given.at_size is not None and given.at_size < 1:
        raise UnreadableError("--at-size needs at least 1")
    options = Options(
        where=given.where,
        network=_network(given.network),
        package=given.package,
        policy=read_policy(given.witnesses) if given.witnesses else None,
        seen=given.seen,
        at_size=given.at_size,
        deep=given.deep,
        now_us=now_us,
    )
    return options, given.json


def verify(options: Options) -> Report:
    """Check what the options name.

    Errors: UnreadableError.
    """
    report = Report(pinned=options.network is not None)
    ledger = None
    if options.where is not None:
        place = find_place(options.where)
        deep = _goes_deep(options, place, report)
        statements = Statements()
        ledger = check_ledger(place, options, report, [statements.observe] if deep else [])
        if ledger is not None:
            read_checkpoints(place, ledger, report)
            find_overdue(ledger, report)
            state_claims(ledger, report)
            if deep:
                check_store(place.source, ledger, statements, report)
    if options.package is not None:
        check_package(options.package, options, ledger, report)
    return report


def _goes_deep(options: Options, place: Place, report: Report) -> bool:
    possible = place.has_store and bool(place.source.listing("streams") or place.source.listing("accounts"))
    if options.deep and not possible:
        raise UnreadableError("--deep needs a local folder with the sealed objects beside the log")
    deep = possible and options.deep is not False and options.at_size is None
    if not deep:
        report.skip("sealed objects (share sets, manifests, reels)")
    return deep


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def main(argv: Sequence[str] | None = None, now_us: int | None = None) -> int:
    """Run the command; returns its exit code."""
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    try:
        options, as_json = read_options(argv, now_us)
        report = verify(options)
    except UnreadableError as error:
        sys.stderr.write(f"custodes-verify: {error}\n")
        return 2
    _print(report.as_json() + "\n" if as_json else report.as_text())
    return report.exit_code()
