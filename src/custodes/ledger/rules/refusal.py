"""Refusals, each with the name of the rule that is broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from custodes.base.errors import CustodesError, InvalidError, RefusedError, UnverifiedError

_PREFIX = "rule "


def refuse(rule: str, why: str) -> NoReturn:
    """Understood and not allowed. Errors: RefusedError."""
    raise RefusedError(f"{_PREFIX}{rule}: {why}")


@contextmanager
def refusing(rule: str) -> Iterator[None]:
    """Turn a limit that is broken inside into the refusal of this rule. Errors: RefusedError."""
    try:
        yield
    except InvalidError as error:
        refuse(rule, str(error))


def malformed(rule: str, why: str) -> NoReturn:
    """Not an entry at all. Errors: InvalidError."""
    raise InvalidError(f"{_PREFIX}{rule}: {why}")


def unsigned(why: str) -> NoReturn:
    """Not signed by who must. Errors: UnverifiedError."""
    raise UnverifiedError(f"{_PREFIX}signature: {why}")


def rule_of(error: CustodesError) -> str | None:
    """The name of the rule that an admission error is about; None when it is about none."""
    text = str(error)
    return text[len(_PREFIX) :].partition(":")[0] if text.startswith(_PREFIX) else None
