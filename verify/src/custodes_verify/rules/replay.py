"""Replaying a ledger: the rules common to all entries, then those of each type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules import backgrounds, cameras, forgetting, notices, opening, people, sealing
from custodes_verify.rules.state import State

Rule = Callable[[State, Entry], None]

RULES: Mapping[str, Rule] = {
    "genesis": people.genesis,
    "roster": people.roster,
    "recorder": people.recorder,
    "staff": people.staff,
    "camera": cameras.camera,
    "background": backgrounds.background,
    "key-cert": people.key_cert,
    "destroyed": people.destroyed,
    "pool": sealing.pool,
    "unwrap": opening.unwrap,
    "shred": forgetting.shred,
    "epoch": sealing.epoch,
    "account": sealing.account,
    "restart": sealing.restart,
    "request": opening.request,
    "withdrawn": opening.withdrawn,
    "decision": opening.decision,
    "release": opening.release,
    "disclosure": opening.disclosure,
    "failed": opening.failed,
    "hold": forgetting.hold,
    "hold-share": forgetting.hold_share,
    "incident": notices.incident,
    "lost": sealing.lost,
    "access": notices.access,
}
_MAY_BE_LATE = frozenset({"epoch", "account", "restart"})


def replay(state: State, entry: Entry) -> None:
    """Apply one entry to the state of those before it.

    Errors: RuleError, with the name of the rule; the state is then as if the entry were not there.
    """
    index = state.counts.get("entries", 0)
    if (index == 0) != (entry.name == "genesis"):
        raise RuleError("genesis-first", f"entry {index} is {entry.name}")
    if index and entry.body["network"] != state.network:
        raise RuleError("network", "the entry is another network's")
    if entry.admitted_us < state.admitted_us:
        raise RuleError("admitted-order", "admitted before the entry before it")
    if entry.statement in state.statements:
        raise RuleError("once", "the statement was admitted before")
    if entry.late and entry.name not in _MAY_BE_LATE:
        state.signers(entry)
        raise RuleError("late", f"{entry.name} cannot be late")
    RULES[entry.name](state, entry)
    state.admitted_us = entry.admitted_us
    state.statements.add(entry.statement)
    _count(state, entry)


def _count(state: State, entry: Entry) -> None:
    counts = state.counts
    for name in (entry.name, "admitted", *(["late"] if entry.late else [])):
        counts[name] = counts.get(name, 0) + 1
    if entry.name in ("account", "restart"):
        counts["envelopes"] = counts.get("envelopes", 0) + entry.body["envelopes"]
        counts["cuts"] = counts.get("cuts", 0) + len(entry.body["cuts"])
        state.newest_cuts.extend(entry.body["cuts"])
        for gap in entry.body["gaps"]:
            name = f"gap:{gap['reason']}"
            counts[name] = counts.get(name, 0) + 1
