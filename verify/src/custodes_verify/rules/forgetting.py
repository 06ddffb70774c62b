"""Shred, hold, hold-share: what ends, and what delays the end."""

from __future__ import annotations

from custodes_verify.documents import DAY_US
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.state import Epoch, Hold, Pool, State
from custodes_verify.schema import Body, is_ascending

NO_EPOCH = bytes(16)
_PROVISIONAL_US, _FULL_US = 7 * DAY_US, 90 * DAY_US


def shred(state: State, entry: Entry) -> None:
    """Shred keys destroyed by the keeper."""
    body = entry.body
    state.require(entry, state.in_force().keeper)
    if body["reason"] == "hold":
        _end_holds(state, entry)
        return
    named: set[tuple[bytes, int]] = set()
    for item in body["items"]:
        pool = state.pools.get(item["pool"])
        if pool is None or item["index"] >= pool.count:
            raise RuleError("shred-known", "pool unknown or index beyond it")
        key = (item["pool"], item["index"])
        if item["index"] in pool.shredded or key in named:
            raise RuleError("shred-once", "the key was shredded before")
        named.add(key)
        _check_epochs(state, entry, pool, item)
    going = {one for pool, index in named for one in state.pools[pool].epochs.get(index, [])}
    if body["reason"] == "space":
        _check_space(state, entry.admitted_us, going)
    _check_holds(state, entry, going)
    if body["reason"] == "erasure":
        raise RuleError("shred-erasure", "no case can ask for early erasure, and the keeper alone may not")
    for item in body["items"]:
        pool = state.pools[item["pool"]]
        pool.shredded.add(item["index"])
    for epoch in going:
        state.epochs[epoch].shredded = True
        state.alive[state.epochs[epoch].stream].discard(epoch)


def _check_epochs(state: State, entry: Entry, pool: Pool, item: Body) -> None:
    epochs = pool.epochs.get(item["index"], [])
    reason = entry.body["reason"]
    if reason == "unused":
        if epochs or item["epoch"] != NO_EPOCH:
            raise RuleError("shred-unused", "an epoch has the key")
        return
    if item["epoch"] not in epochs:
        raise RuleError("shred-known", "the epoch is not one that has the key")
    sharers = [state.epochs[epoch] for epoch in epochs]
    if reason == "deadline" and any(entry.admitted_us < one.deadline_us for one in sharers):
        raise RuleError("shred-deadline", "an epoch's deadline has not come")


def _held(epoch: Epoch, at_us: int) -> bool:
    return at_us <= max(epoch.held_until_us, epoch.proposed_until_us)


def _check_space(state: State, at_us: int, going: set[bytes]) -> None:
    """Room may be made only from the oldest on: nobody picks what is forgotten early."""
    for epoch in (state.epochs[one] for one in going):
        if epoch.closed is None or at_us <= epoch.utc0_us + DAY_US:
            raise RuleError("shred-space", "an epoch is still open or not a day old")
        for older in state.alive[epoch.stream] - going:
            other = state.epochs[older]
            if other.utc0_us < epoch.utc0_us and not _held(other, at_us):
                raise RuleError("shred-space", "an older epoch of the stream is kept")


def _check_holds(state: State, entry: Entry, going: set[bytes]) -> None:
    at_us, reason = entry.admitted_us, entry.body["reason"]
    for one in going:
        epoch = state.epochs[one]
        if reason == "space" and _held(epoch, at_us):
            raise RuleError("shred-hold", "an epoch is under a hold")
        for hold in (state.holds[id_] for id_ in epoch.full_holds):
            if at_us <= hold.until_us and not (reason == "deadline" and _is_saved(hold, one, epoch)):
                raise RuleError("shred-hold", "an epoch is under a full hold that lacks shares of it")


def _is_saved(hold: Hold, epoch_id: bytes, epoch: Epoch) -> bool:
    """Whether a quorum of custodians has re-sealed its shares for the hold."""
    return len(hold.shares.get(epoch_id, ())) >= epoch.quorum


def _end_holds(state: State, entry: Entry) -> None:
    """The pairs of holds that are over, each once."""
    named: set[bytes] = set()
    for item in entry.body["items"]:
        hold = state.holds.get(item["pool"])
        if hold is None or not hold.full or item["index"] != 0 or item["epoch"] != NO_EPOCH:
            raise RuleError("shred-known", "there is no such full hold")
        if hold.ended or item["pool"] in named:
            raise RuleError("shred-once", "the hold's pair was shredded before")
        if entry.admitted_us <= hold.until_us:
            raise RuleError("shred-hold", "the hold is not over")
        named.add(item["pool"])
    for hold_id in named:
        state.holds[hold_id].ended = True


def hold(state: State, entry: Entry) -> None:
    """A hold: provisional by a supervisor, or full by the keeper for a decided case."""
    body = entry.body
    full = body["kind"] == "full"
    _require_holder(state, entry, full)
    if body["hold"] in state.holds:
        raise RuleError("hold-new", "the hold was entered before")
    epochs = body["epochs"]
    if not is_ascending(epochs) or not all(_can_be_held(state, entry, one) for one in epochs):
        raise RuleError("hold-epochs", "an epoch is unknown, gone or out of order")
    longest_us = _FULL_US if full else _PROVISIONAL_US
    if not entry.admitted_us < body["until_us"] <= entry.admitted_us + longest_us:
        raise RuleError("hold-until", "ends before it begins or too late")
    if full:
        _require_case(state, entry)
    elif any(state.epochs[one].proposed_until_us for one in epochs):
        raise RuleError("hold-once", "an epoch had a provisional hold before")
    elif body["request"] and body["request"] not in state.requests:
        raise RuleError("hold-request", "the request is unknown")
    state.holds[body["hold"]] = Hold(full, body["until_us"], frozenset(epochs))
    if full:
        state.full_holds[entry.statement] = body["hold"]
        state.held_requests.add(body["request"])
    for one in epochs:
        held = state.epochs[one]
        if full:
            held.held_until_us = max(held.held_until_us, body["until_us"])
            held.full_holds.append(body["hold"])
        else:
            held.proposed_until_us = body["until_us"]


def _require_holder(state: State, entry: Entry, full: bool) -> None:
    if full:
        state.require(entry, state.in_force().keeper)
    elif state.usable_roles(state.signers(entry), entry.admitted_us) != ["supervisor"]:
        raise RuleError("signature", "not signed by exactly one supervisor")


def _can_be_held(state: State, entry: Entry, epoch_id: bytes) -> bool:
    """While its key is there; by a full hold also while another full one has a quorum's shares of it."""
    epoch = state.epochs.get(epoch_id)
    if epoch is None or not epoch.shredded:
        return epoch is not None
    others = (state.holds[one] for one in epoch.full_holds)
    return entry.body["kind"] == "full" and any(
        entry.admitted_us <= one.until_us and _is_saved(one, epoch_id, epoch) for one in others
    )


def _require_case(state: State, entry: Entry) -> None:
    body = entry.body
    request = state.requests.get(body["request"])
    if request is None or request.kind not in ("court-order", "incident") or request.withdrawn:
        raise RuleError("hold-quorum", "no request of a kind that can hold")
    if len(request.grants) < state.in_force().quorum:
        raise RuleError("hold-quorum", "fewer than k granting decisions")
    if entry.admitted_us > request.expiry_us or body["request"] in state.held_requests:
        raise RuleError("hold-request", "the request has expired or has had its hold")


def hold_share(state: State, entry: Entry) -> None:
    """A custodian's statement that it re-sealed a share to a hold key of its own."""
    body = entry.body
    custodian = state.custodian(body["custodian"])
    state.require(entry, custodian.identity)
    hold = state.holds.get(body["hold"])
    epoch = state.by_header.get(body["header"])
    if hold is None or not hold.full or epoch not in hold.epochs or entry.admitted_us > hold.until_us:
        raise RuleError("hold-share-known", "no full hold in force names that epoch")
    if custodian.identity not in state.epochs[epoch].sealed_to:
        raise RuleError("hold-share-known", "the epoch is not sealed to this custodian")
    taken = hold.shares.setdefault(epoch, set())
    if custodian.identity in taken:
        raise RuleError("hold-share-known", "this custodian's share of it was stated before")
    taken.add(custodian.identity)
