"""Incident and access: what is told to the public."""

from __future__ import annotations

from custodes_verify.documents import key_ids
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import State


def _require_announcer(state: State, entry: Entry) -> None:
    roster = state.in_force()
    signers = state.signers(entry)
    if len(signers) == 1 and signers <= key_ids({roster.keeper, roster.discloser}):
        return
    state.require_administrator(entry)


def incident(state: State, entry: Entry) -> None:
    """An incident that is being looked into."""
    _require_announcer(state, entry)
    if entry.body["incident"] in state.incidents:
        raise RuleError("incident-new", "the incident was entered before")
    state.incidents.add(entry.body["incident"])


def access(state: State, entry: Entry) -> None:
    """How often staff of each role looked, by the hour."""
    state.require(entry, state.in_force().keeper)
    if entry.body["hour_us"] in state.access_hours:
        raise RuleError("access-once", "the hour was stated before")
    state.access_hours.add(entry.body["hour_us"])
