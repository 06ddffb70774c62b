"""Incident and Access: what is told for the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custodes.base.keys import key_id
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.people import roster_in_force, sign_administrator
from custodes.ledger.rules.refusal import refuse

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts


def sign_incident(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The keeper, the discloser or an administrator."""
    roster = roster_in_force(facts)
    for actor in (roster.keeper, roster.discloser):
        if candidate.signers == {key_id(actor.signing)}:
            return [actor.signing]
    return sign_administrator(facts, candidate)


def admit_incident(facts: Facts, candidate: Candidate) -> bool:
    """Something that went wrong, with a date by which it is answered for."""
    if candidate.body["incident"] in facts.incidents:
        refuse("incident-new", "the incident is known")
    facts.incidents.add(candidate.body["incident"])
    return False


def admit_access(facts: Facts, candidate: Candidate) -> bool:
    """How many of each role looked, in an hour."""
    if candidate.body["hour_us"] in facts.access_hours:
        refuse("access-once", "the hour is stated already")
    facts.access_hours.add(candidate.body["hour_us"])
    return False
