"""Since when a package's footage is sealed: by the first checkpoints that hold the accounts of it.

Source: docs/formats/package.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from custodes_verify.errors import MalformedError
from custodes_verify.evidence import Evidence
from custodes_verify.merkle import begins_with
from custodes_verify.note import NOTE_LIMIT, Checkpoint, is_signed, read_checkpoint
from custodes_verify.report import Report, instant
from custodes_verify.schema import Body
from custodes_verify.witnesses import vouchers

_SECOND_US = 1_000_000
_SORTS = ("an outside witness", "a custodian", "nobody but the log")


def check_sealing_time(checkpoint: Checkpoint, evidence: Evidence, package: Body, report: Report) -> None:
    """Report the earliest time that a witness, a custodian and the log itself give, each by its own clock.

    `checkpoint`: the package's, whose log signature holds.
    """
    accounts = [row["account"] for row in package["envelopes"]]
    if not accounts:
        report.skip("when the footage was sealed: the package has none")
        return
    origin, roster = evidence.state.genesis["log"]["origin"], evidence.state.in_force()
    earliest: dict[int, tuple[int, str]] = {}
    for one in (*_first_checkpoints(checkpoint, evidence, package, max(accounts), report), checkpoint):
        for sort, seconds, who in vouchers(one, origin, roster).statements():
            earliest[sort] = min(earliest.get(sort, (seconds, who)), (seconds, who))
    for seconds, who in (earliest[sort] for sort in sorted(earliest)):
        until = instant(min(seconds, 253_402_300_799) * _SECOND_US)
        report.claim(f"the clock of {who}", f"sealed no later than {until}")
    if not earliest:
        report.skip("when the package's footage was sealed: nobody cosigned a checkpoint that holds it")
    elif min(earliest):
        report.skip(f"the time of sealing by a clock outside: {_SORTS[min(earliest)]} cosigned")


def _first_checkpoints(
    checkpoint: Checkpoint, evidence: Evidence, package: Body, account: int, report: Report
) -> Iterator[Checkpoint]:
    """Those that are of this log, hold that entry, and are beginnings of the package's checkpoint."""
    log = evidence.state.genesis["log"]
    for number, row in enumerate(package["first_checkpoints"], 1):
        where = f"package, first checkpoint {number}"
        try:
            if len(row["note"]) > NOTE_LIMIT:
                raise MalformedError("is too long to be one")
            first = read_checkpoint(row["note"])
        except MalformedError as error:
            report.find("first-checkpoint", where, str(error))
            continue
        where = f"{where}, of {first.size} entries"
        if first.origin != log["origin"] or not is_signed(first, log["origin"], log["key"]):
            report.find("first-checkpoint", where, "the log's signature is missing or false")
        elif first.size <= account:
            what = f"does not hold entry {account}, the last account of an envelope"
            report.find("first-checkpoint", where, what)
        elif not begins_with(
            (first.size, first.root), (checkpoint.size, checkpoint.root), row["consistency"]
        ):
            report.find(
                "fork", where, f"is not shown to be the beginning of the checkpoint of {checkpoint.size}"
            )
        else:
            yield first
