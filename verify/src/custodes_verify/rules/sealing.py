"""Pool, epoch, account, restart, lost."""

from __future__ import annotations

from custodes_verify.documents import Roster
from custodes_verify.entries import Entry
from custodes_verify.errors import RuleError
from custodes_verify.rules.cameras import retentions_near
from custodes_verify.rules.state import Epoch, Pool, Recorder, State
from custodes_verify.schema import Body, is_ascending

LATE_US = 600_000_000
_CHANGE_MARGIN_US = 600_000_000
_SILENCE_US = 120_000_000
_OLD_KEY_US = 14 * 86_400_000_000


def _recorder(state: State, entry: Entry, recorder: bytes) -> Recorder:
    found = state.recorders.get(recorder)
    if found is None:
        raise RuleError("signature", "the recorder is unknown")
    state.require(entry, found.key)
    return found


def _require_late(entry: Entry, due_us: int) -> None:
    if entry.late != (entry.admitted_us > due_us):
        raise RuleError("late", "marked late and is not" if entry.late else "late and not marked so")


def pool(state: State, entry: Entry) -> None:
    """Shred keys made for a recorder."""
    body = entry.body
    state.require(entry, state.in_force().keeper)
    if body["recorder"] not in state.recorders or body["pool"] in state.pools:
        raise RuleError("pool-new", "recorder unknown or pool named before")
    state.pools[body["pool"]] = Pool(body["recorder"], body["count"])


def epoch(state: State, entry: Entry) -> None:
    """An epoch's header and the hash of its share set."""
    header = entry.body["header"]
    recorder = _recorder(state, entry, header["recorder"])
    _require_late(entry, header["utc0_us"] + LATE_US)
    if header["epoch"] in state.epochs:
        raise RuleError("epoch-new", "the epoch was entered before")
    roster = _roster_of(state, header)
    _check_header(state, header, roster)
    _check_deadline(state, entry, header)
    _check_keys(state, header, roster)
    pool = _check_shred(state, header)
    shred_index = header["shred"]["index"]
    pool.epochs.setdefault(shred_index, []).append(header["epoch"])
    state.epochs[header["epoch"]] = Epoch(
        index=state.counts.get("entries", 0),
        header_hash=entry.header_hash,
        set_hash=entry.body["set"],
        recorder=header["recorder"],
        stream=header["stream"],
        run=header["run"],
        utc0_us=header["utc0_us"],
        end_us=header["utc0_us"] + header["slot_us"] * header["slots"],
        slots=header["slots"],
        deadline_us=header["deadline_us"],
        pool=header["shred"]["pool"],
        shred_index=shred_index,
        quorum=header["quorum"],
        sealed_to=frozenset(roster.custodians[row["index"]].identity for row in header["custodians"]),
    )
    state.alive.setdefault(header["stream"], set()).add(header["epoch"])
    state.by_header[entry.header_hash] = header["epoch"]
    recorder.open_epochs.add(header["epoch"])


def _roster_of(state: State, header: Body) -> Roster:
    for roster in (state.roster, state.roster_before):
        if roster is not None and roster.hash == header["roster"]:
            return roster
    raise RuleError("epoch-roster", "names neither the roster in force nor the one before")


def _check_header(state: State, header: Body, roster: Roster) -> None:
    periods = state.genesis["periods"]
    indexes = [row["index"] for row in header["custodians"]]
    if header["network"] != state.network:
        raise RuleError("epoch-header", "the header is another network's")
    if header["slot_us"] != periods["slot_us"] or header["slots"] > periods["slots_per_epoch"]:
        raise RuleError("epoch-header", "slots are not the network's")
    if header["quorum"] != roster.quorum:
        raise RuleError("epoch-header", "the quorum is not the roster's")
    if (
        not is_ascending(indexes)
        or len(indexes) <= roster.quorum
        or not set(indexes) <= roster.custodians.keys()
    ):
        raise RuleError("epoch-header", "custodians out of order, too few, or not the roster's")


def _check_deadline(state: State, entry: Entry, header: Body) -> None:
    camera = state.cameras.get(header["camera"])
    if camera is None or header["stream"] not in camera.streams:
        raise RuleError("epoch-camera", "camera unknown or stream not its own")
    declared = state.assurances[header["stream"]]
    if header["assurance"] != declared:
        raise RuleError("epoch-camera", f"assurance {header['assurance']} where the register has {declared}")
    periods = state.genesis["periods"]
    full_us = header["slot_us"] * periods["slots_per_epoch"]
    stated_us = header["deadline_us"] - header["utc0_us"] - full_us
    if stated_us not in retentions_near(camera, header["utc0_us"], _CHANGE_MARGIN_US):
        raise RuleError("epoch-deadline", "not the deadline that the camera's retention gives")
    if entry.admitted_us > header["deadline_us"]:
        raise RuleError("epoch-deadline", "admitted after its deadline")


def _check_keys(state: State, header: Body, roster: Roster) -> None:
    utc0_us = header["utc0_us"]
    for row in header["custodians"]:
        certificate = state.certificates.get(row["key"])
        identity = roster.custodians[row["index"]].identity
        if certificate is None or certificate.custodian != identity or certificate.destroyed:
            raise RuleError("epoch-keys", f"custodian {row['index']}: key not certified, or destroyed")
        until_us = certificate.seals_until_us + _OLD_KEY_US
        # With one custodian fewer nobody could record: then keys that have ended go on.
        ended = utc0_us > until_us and len(header["custodians"]) != roster.quorum + 1
        if utc0_us < certificate.seals_from_us or ended:
            raise RuleError("epoch-keys", f"custodian {row['index']}: key not in force")


def _check_shred(state: State, header: Body) -> Pool:
    shred = header["shred"]
    pool = state.pools.get(shred["pool"])
    if pool is None or pool.recorder != header["recorder"] or shred["index"] >= pool.count:
        raise RuleError("epoch-shred", "no shred key of this recorder's")
    if shred["index"] in pool.shredded:
        raise RuleError("epoch-shred", "the shred key is gone already")
    ahead = range(max(pool.epochs, default=-1) + 1, pool.count)
    if shred["index"] in pool.epochs and not pool.shredded.issuperset(ahead):
        raise RuleError("epoch-shred-again", "a shred key is used again while the pool has others")
    return pool


def account(state: State, entry: Entry) -> None:
    """A recorder's statement of a minute."""
    body = entry.body
    recorder = _recorder(state, entry, body["recorder"])
    _follow(recorder, entry)
    if recorder.run is not None and body["run"] != recorder.run:
        raise RuleError("account-run", f"run {body['run']} while run {recorder.run} is current")
    _close(state, recorder, body)
    _go_on(recorder, body)


def restart(state: State, entry: Entry) -> None:
    """A recorder's statement after a start, about what its spool held."""
    body = entry.body
    recorder = _recorder(state, entry, body["recorder"])
    _follow(recorder, entry)
    if recorder.run is not None and not (body["previous_run"] == recorder.run < body["run"]):
        raise RuleError("restart-run", f"run {body['run']} does not follow run {recorder.run}")
    _close(state, recorder, body)
    _go_on(recorder, body)


def _follow(recorder: Recorder, entry: Entry) -> None:
    body, number = entry.body, recorder.number
    follows = (body["number"], body["previous"]) == (number + 1, recorder.head)
    if body["number"] > number:
        # The head moves even where a rule is broken, so that one wrong statement is one finding.
        recorder.number, recorder.head = body["number"], entry.statement
    _require_late(entry, body["minute_us"] + LATE_US)
    if not follows:
        raise RuleError("account-chain", f"statement {body['number']} does not follow statement {number}")


def _go_on(recorder: Recorder, body: Body) -> None:
    before_us, now_us = recorder.minute_us, body["minute_us"]
    if before_us and now_us - before_us > _SILENCE_US:
        recorder.silences += 1
        from_us, to_us = recorder.longest_silence
        if now_us - before_us > to_us - from_us:
            recorder.longest_silence = (before_us, now_us)
    recorder.run, recorder.minute_us, recorder.lost = body["run"], now_us, False


def _close(state: State, recorder: Recorder, body: Body) -> None:
    closed = [row["epoch"] for row in body["closed"]]
    if len(set(closed)) != len(closed) or not recorder.open_epochs.issuperset(closed):
        raise RuleError("account-closed", "closes an epoch that is not its own, not open, or named twice")
    for row in body["closed"]:
        state.epochs[row["epoch"]].closed = (row["count"], row["last"])
    recorder.open_epochs.difference_update(closed)


def lost(state: State, entry: Entry) -> None:
    """The keeper's statement that a recorder's spool is lost."""
    state.require(entry, state.in_force().keeper)
    recorder = state.recorders.get(entry.body["recorder"])
    if recorder is None:
        raise RuleError("lost-known", "the recorder is unknown")
    recorder.lost = True
