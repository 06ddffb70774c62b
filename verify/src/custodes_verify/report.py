"""What a check found, in four lists, as text or as one JSON object."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field

FINDINGS_PER_RULE = 50
"""Findings of one rule that are listed; the rest are counted, so that no ledger can drown its reader."""

LOWER_ASSURANCE = (
    "not received over RTSP: pictures as FFmpeg took them out of the stream, no count of lost packets,"
    " no clock of the camera, no check that there was one sender"
)
"""What a stream of lower assurance lacks; an epoch's header says that it is one."""

NEVER_SEEN = (
    "whether live video was tapped on the ingest host before it was sealed",
    "whether k custodians colluded and opened what is not yet shredded with tools of their own",
    "what was never logged: a refusal to log shows only as silence",
    "whether cameras showed the truth, and whether cameras exist that are not in the register",
    "whether destroyed keys had copies: destruction is a statement",
)


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold, and where."""

    rule: str
    where: str
    what: str


@dataclass
class Report:
    """Proven, claimed, not checked, and findings; `refused` says that nothing could be concluded at all."""

    network: str = ""
    name: str = ""
    rehearsal: bool = False
    pinned: bool = False
    proven: list[str] = field(default_factory=list)
    claimed: list[tuple[str, str]] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def prove(self, what: str) -> None:
        """State what follows from the bytes read."""
        self.proven.append(what)

    def claim(self, by: str, what: str) -> None:
        """State what somebody says and the bytes do not show."""
        self.claimed.append((by, what))

    def skip(self, what: str) -> None:
        """State what was not looked at."""
        self.not_checked.append(what)

    def find(self, rule: str, where: str, what: str) -> None:
        """State a violation."""
        seen = self._counts.get(rule, 0)
        self._counts[rule] = seen + 1
        if seen < FINDINGS_PER_RULE:
            self.findings.append(Finding(rule, where, what))

    def count(self, rule: str) -> int:
        """How many findings of a rule there are, listed or not."""
        return self._counts.get(rule, 0)

    def unlisted(self) -> dict[str, int]:
        """Findings beyond those listed, by rule."""
        return {
            rule: count - FINDINGS_PER_RULE
            for rule, count in self._counts.items()
            if count > FINDINGS_PER_RULE
        }

    def exit_code(self) -> int:
        """0 all well, 1 a violation, 3 self-consistent only."""
        if self._counts:
            return 1
        return 0 if self.pinned else 3

    def as_json(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "network": self.network,
                "name": self.name,
                "rehearsal": self.rehearsal,
                "pinned": self.pinned,
                "proven": self.proven,
                "claimed": [{"by": by, "what": what} for by, what in self.claimed],
                "not_checked": self.not_checked,
                "findings": [vars(finding) for finding in self.findings],
                "findings_not_listed": self.unlisted(),
                "never_seen": list(NEVER_SEEN),
                "exit": self.exit_code(),
            },
            ensure_ascii=False,
            indent=1,
        )

    def as_text(self) -> str:
        """For people."""
        lines = []
        if self.rehearsal:
            lines.append("REHEARSAL NETWORK: its periods are shorter than a real network's.")
        lines.append(f"network {self.name} {self.network}".rstrip())
        if not self.pinned:
            lines.append("SELF-CONSISTENT ONLY: give --network ID from a sign, the register or a custodian.")
        lines += _section("PROVEN", self.proven)
        lines += _section("CLAIMED", [f"by {by}: {what}" for by, what in self.claimed])
        lines += _section("NOT CHECKED", self.not_checked)
        lines += _section("NO CHECK CAN SEE", list(NEVER_SEEN))
        found = [f"{finding.rule} at {finding.where}: {finding.what}" for finding in self.findings]
        found += [f"{rule}: {count} more" for rule, count in self.unlisted().items()]
        lines += _section("FINDINGS", found or ["none"])
        return "\n".join(map(_plain, lines)) + "\n"


def _section(title: str, rows: list[str]) -> list[str]:
    return ["", title, *(f"  - {row}" for row in rows)] if rows else []


def _plain(line: str) -> str:
    """The line without characters that could make a terminal show another one."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def instant(at_us: int) -> str:
    """An instant for people: UTC to the second."""
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=at_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
