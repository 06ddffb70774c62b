"""Who vouches for a checkpoint, and whether that is enough.

Source: docs/formats/ledger.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from custodes_verify.bytes import parse_loosely
from custodes_verify.documents import Roster
from custodes_verify.errors import MalformedError, UnreadableError
from custodes_verify.note import Checkpoint, cosigned_at
from custodes_verify.report import Report, instant
from custodes_verify.schema import ED25519, integer, listed, members, text

_POLICY = members(keys=listed(members(key=ED25519, name=text(100)), 256), needed=integer(0, 256))
_POLICY_LIMIT = 1_000_000
_SECOND_US = 1_000_000
AHEAD_US = 300 * _SECOND_US


@dataclass(frozen=True)
class Policy:
    """Witnesses by name and key, and how many of them have to have cosigned."""

    source: str
    keys: tuple[tuple[str, bytes], ...]
    needed: int


@dataclass(frozen=True)
class Vouchers:
    """Who cosigned a checkpoint, and when (in seconds)."""

    outside: dict[str, int]
    custodians: dict[int, int]
    keeper: int | None

    def newest_us(self) -> int:
        """The newest time anybody gives; 0 where nobody does."""
        times = [*self.outside.values(), *self.custodians.values(), self.keeper or 0]
        return max(times, default=0) * _SECOND_US

    def statements(self) -> list[tuple[int, int, str]]:
        """Who says when: sort (0 an outside witness, 1 a custodian, 2 the log itself), seconds, name."""
        said = [(0, seconds, f"witness {name}") for name, seconds in self.outside.items()]
        said += [(1, seconds, f"custodian {index}") for index, seconds in self.custodians.items()]
        return said if self.keeper is None else [*said, (2, self.keeper, "the log itself")]


def read_policy(path: Path) -> Policy:
    """The user's own policy, from a file `{"keys": [{"key", "name"}], "needed"}`.

    Errors: UnreadableError.
    """
    try:
        data = path.read_bytes()[:_POLICY_LIMIT]
        body = _POLICY(parse_loosely(data))
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except MalformedError as error:
        raise UnreadableError(f"{path}: {error}") from error
    keys = tuple((row["name"], row["key"]) for row in body["keys"])
    if body["needed"] > len({key for _, key in keys}):
        raise UnreadableError(f"{path}: needs more witnesses than it names")
    return Policy("the user", keys, body["needed"])


def vouchers(checkpoint: Checkpoint, origin: str, roster: Roster) -> Vouchers:
    """The cosignatures on a checkpoint that hold."""
    outside = {name: cosigned_at(checkpoint, name, key) for name, key in roster.witnesses}
    custodians = {
        index: cosigned_at(checkpoint, f"{origin}/custodian/{index}", one.identity)
        for index, one in roster.custodians.items()
    }
    return Vouchers(
        {name: seconds for name, seconds in outside.items() if seconds is not None},
        {index: seconds for index, seconds in custodians.items() if seconds is not None},
        cosigned_at(checkpoint, f"{origin}/keeper", roster.keeper),
    )


def judge(
    report: Report, checkpoint: Checkpoint, roster: Roster, found: Vouchers, user: Policy | None
) -> None:
    """Report who vouches for the newest checkpoint, by the roster's policy and by the user's too."""
    policies = [Policy("the roster", roster.witnesses, roster.witnesses_needed)]
    policies += [user] if user else []
    for policy in policies:
        names = {name for name, key in set(policy.keys) if cosigned_at(checkpoint, name, key) is not None}
        if len(names) < policy.needed:
            report.find(
                "witnesses",
                f"checkpoint {checkpoint.size}",
                f"{len(names)} of the {policy.needed} cosignatures that {policy.source} asks for",
            )
        elif policy.needed:
            report.prove(f"checkpoint {checkpoint.size} is cosigned as {policy.source} asks: {_names(names)}")
    if roster.witnesses_needed == 0:
        report.skip("outside witnesses: the roster asks for none; witnessed by custodians only")
    for name, seconds in found.outside.items():
        report.claim(f"witness {name}", f"saw checkpoint {checkpoint.size} at {_time(seconds)}")
    for index, seconds in found.custodians.items():
        report.claim(f"custodian {index}", f"saw checkpoint {checkpoint.size} at {_time(seconds)}")
    if found.keeper is None:
        report.skip("when the checkpoint was made: the log's keeper has not cosigned it")
    else:
        report.claim("the log", f"checkpoint {checkpoint.size} was its newest at {_time(found.keeper)}")


def judge_age(report: Report, roster_freshness_us: int, found: Vouchers, now_us: int) -> None:
    """Report how old the newest cosignature is by the reader's clock."""
    newest_us = found.newest_us()
    if newest_us > now_us + AHEAD_US:
        report.find(
            "clock",
            "newest cosignature",
            f"it is of {instant(newest_us)} and this clock says {instant(now_us)}: one of the two is wrong",
        )
    elif newest_us and now_us - newest_us > roster_freshness_us:
        age_s = (now_us - newest_us) // _SECOND_US
        report.skip(f"what happened since: the newest cosignature is {age_s} s old, not fresh")


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _time(seconds: int) -> str:
    return instant(min(seconds, 253_402_300_799) * _SECOND_US)
