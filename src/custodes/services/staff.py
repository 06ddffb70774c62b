"""Questions that staff sign: who asks, whether the key is usable, whether the question is of now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custodes.base.canon import parse_canon, unb64u
from custodes.base.clock import MINUTE_US
from custodes.base.errors import InvalidError, NotFoundError, RefusedError
from custodes.base.keys import Signed
from custodes.ledger.rules.people import Staff
from custodes.ledger.rules.state import LedgerState

CLOCK_TOLERANCE_US = 5 * MINUTE_US


def asked_by_staff(
    question: bytes, type_: str, state: LedgerState, now_us: int, asked: str
) -> tuple[Mapping[str, Any], Staff]:
    """The body of a question that usable staff signed within the last minutes, and who it was.

    `asked`: the process by whose clock that is.
    Errors: InvalidError, RefusedError, UnverifiedError.
    """
    signed = Signed.from_json(parse_canon(question))
    if signed.type != type_ or len(signed.signatures) != 1:
        raise InvalidError(f"the question is to be a {type_}, signed by one member of staff")
    staff = usable_staff(state, signed.signatures[0].key, now_us)
    signed.check_signed_by([staff.key])
    if unb64u(signed.body.get("network", "")) != state.genesis.network:
        raise RefusedError("the question is of another network")
    made_us = signed.body.get("made_us")
    if not isinstance(made_us, int) or abs(now_us - made_us) > CLOCK_TOLERANCE_US:
        raise RefusedError(f"the question was signed over 5 minutes ago or ahead, by the {asked}'s clock")
    return signed.body, staff


def usable_staff(state: LedgerState, key: bytes, now_us: int) -> Staff:
    """Staff by key id. Errors: RefusedError."""
    try:
        staff = state.staff(key)
    except NotFoundError as error:
        raise RefusedError("the signing key is no member of staff's") from error
    if staff.usable_from_us > now_us:
        raise RefusedError(f"the key of {staff.pseudonym} is not usable yet")
    return staff
