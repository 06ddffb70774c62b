"""The command `custodes`: finds the subcommand's module, runs it, turns errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

import structlog

from custodes.base.errors import CustodesError
from custodes.cli.redaction import hide_secrets

COMMANDS = (
    "init",
    "camera",
    "user",
    "custodian",
    "serve",
    "case",
    "hold",
    "background",
    "check",
    "catalogue",
    "keystore",
    "storage",
    "basemap",
    "witness",
    "verify",
    "simulate",
    "demo",
    "process",
)
# Commands of distributions of their own, whose words are theirs to read.
HANDED_OVER = ("verify", "simulate")
INTERRUPTED_EXIT = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    configure_log()
    if words and words[0] in HANDED_OVER:
        return int(importlib.import_module(f"custodes.cli.{words[0]}").hand_over(words[1:]))
    parser = argparse.ArgumentParser(
        prog="custodes", description="Run a public-space camera network that is accountable by construction."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the module of the command given is loaded: a process sets its fences before any library makes a thread.
    for name in [words[0]] if words and words[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"custodes.cli.{name}").add_parser(subparsers)
    options = parser.parse_args(words)
    try:
        return int(options.run(options))
    except CustodesError as error:
        print(f"custodes: {error}", file=sys.stderr)
        return error.policy.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT
    except BrokenPipeError:
        # Whoever read our words has read enough; Python's own flush at the end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class StderrLogger:
    """Writes to what standard error is at the moment of writing, whoever has replaced it since."""

    def msg(self, message: str) -> None:
        """A line."""
        print(message, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = exception = msg


def configure_log() -> None:
    """One line an event, to standard error; time in UTC."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            # After the traceback is words, so that it is looked at, too.
            hide_secrets,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: StderrLogger(),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main())
