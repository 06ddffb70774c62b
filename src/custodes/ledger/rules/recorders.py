"""Recorder, Account, Restart and Lost: what recorders are and state. Source: docs/formats/accounts.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from custodes.base.clock import MINUTE_US
from custodes.base.keys import key_id
from custodes.ledger.rules.candidate import Candidate
from custodes.ledger.rules.refusal import refuse, unsigned

if TYPE_CHECKING:
    from custodes.ledger.rules.facts import Facts

LATE_AFTER_US = 10 * MINUTE_US


@dataclass(slots=True)
class Recorder:
    """A recorder and the head of its chain of accounts; `run` is None before the first."""

    id: bytes
    signing: bytes
    sealing: bytes
    index: int
    head: bytes
    number: int = 0
    run: int | None = None
    minute_us: int = 0
    # Cameras that it has had an epoch of.
    cameras: set[bytes] = field(default_factory=set)


def recorder_named(facts: Facts, recorder: bytes) -> Recorder:
    """Errors: UnverifiedError when there is none of that id."""
    found = facts.recorders.get(recorder)
    if found is None:
        unsigned(f"no recorder {recorder.hex()} is known")
    return found


def sign_recorder(facts: Facts, candidate: Candidate) -> list[bytes]:
    """The recorder that the body names."""
    return [recorder_named(facts, candidate.body["recorder"]).signing]


def admit_recorder(facts: Facts, candidate: Candidate) -> bool:
    """A new recorder."""
    body = candidate.body
    key = key_id(body["signing"])
    if body["recorder"] in facts.recorders or key in facts.named_keys:
        refuse("recorder-new", "the id or the signing key is named already")
    facts.recorders[body["recorder"]] = Recorder(
        body["recorder"], body["signing"], body["sealing"], candidate.index, candidate.hash
    )
    facts.named_keys.add(key)
    return False


def admit_account(facts: Facts, candidate: Candidate) -> bool:
    """A minute of a recorder."""
    body = candidate.body
    recorder = facts.recorders[body["recorder"]]
    _check_chain(recorder, body)
    if recorder.run is not None and body["run"] != recorder.run:
        refuse("account-run", f"the recorder's run is {recorder.run}, not {body['run']}")
    return _apply(facts, recorder, candidate)


def admit_restart(facts: Facts, candidate: Candidate) -> bool:
    """A recorder's new run."""
    body = candidate.body
    recorder = facts.recorders[body["recorder"]]
    _check_chain(recorder, body)
    if recorder.run is not None and body["previous_run"] != recorder.run:
        refuse("restart-run", f"the run before is {recorder.run}, not {body['previous_run']}")
    if recorder.run is not None and body["run"] <= recorder.run:
        refuse("restart-run", f"run {body['run']} does not follow {recorder.run}")
    return _apply(facts, recorder, candidate)


def admit_lost(facts: Facts, candidate: Candidate) -> bool:
    """The keeper's statement that a recorder's state is gone."""
    if candidate.body["recorder"] not in facts.recorders:
        refuse("lost-known", "no such recorder")
    return False


def _check_chain(recorder: Recorder, body: dict[str, Any]) -> None:
    if body["number"] != recorder.number + 1 or body["previous"] != recorder.head:
        refuse("account-chain", f"must be number {recorder.number + 1} and name the statement before")


def _apply(facts: Facts, recorder: Recorder, candidate: Candidate) -> bool:
    body = candidate.body
    closed = [one["epoch"] for one in body["closed"]]
    if len(set(closed)) != len(closed):
        refuse("account-closed", "an epoch is closed twice")
    for epoch in closed:
        if not facts.epochs.is_open(epoch, recorder.id):
            refuse("account-closed", f"epoch {epoch.hex()} is not an open one of this recorder")
    for epoch in closed:
        facts.epochs.close(epoch)
    recorder.number = body["number"]
    recorder.head = candidate.hash
    recorder.run = body["run"]
    recorder.minute_us = body["minute_us"]
    return bool(candidate.admitted_us > body["minute_us"] + LATE_AFTER_US)
