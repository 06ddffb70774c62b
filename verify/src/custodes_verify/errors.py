"""What can go wrong in a check.

VerifyError
├── UnreadableError   the source, a file of the user's or the command line cannot be used: exit 2
├── MalformedError    bytes that are not what their format says: a finding
│   └── DamagedError  sealed bytes that were flipped, cut, swapped, replayed: a finding of that name
└── RuleError         a named rule of the formats does not hold: a finding
"""

from __future__ import annotations


class VerifyError(Exception):
    """Root of every error this distribution raises."""


class UnreadableError(VerifyError):
    """Nothing can be said, because what was to be checked or compared with cannot be read."""


class MalformedError(VerifyError):
    """Bytes that no reading of their format allows."""


class DamagedError(MalformedError):
    """Sealed bytes that somebody or something changed; `kind` is what was done to them."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


class RuleError(VerifyError):
    """A rule that does not hold; `rule` is its name in docs/formats."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule
        self.what = what
