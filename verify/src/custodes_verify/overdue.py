"""What ought to have been entered by now and was not, and what the ledger only claims."""

from __future__ import annotations

from collections import Counter

from custodes_verify.ledger import Ledger
from custodes_verify.report import LOWER_ASSURANCE, Report, instant
from custodes_verify.rules.state import State
from custodes_verify.schema import Body

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


def find_overdue(ledger: Ledger, report: Report) -> None:
    """Report what is missing as of the ledger's own newest time: a mirror is not to blame for its age."""
    _find_undisclosed(ledger, report)
    _find_open_epochs(ledger, report)
    _find_unshredded(ledger, report)


def _find_undisclosed(ledger: Ledger, report: Report) -> None:
    for q, request in ledger.state.requests.items():
        if not request.opened_us or request.disclosed or request.failed:
            continue
        where = f"request {q.hex()}"
        if ledger.as_of_us > request.opened_us + _DAY_US:
            report.find(
                "disclosure-overdue", where, f"shares left by {instant(request.opened_us)}, no disclosure"
            )
        else:
            report.claim("custodians", f"released shares for {where} less than a day ago; not disclosed yet")


def _find_open_epochs(ledger: Ledger, report: Report) -> None:
    state = ledger.state
    recent = 0
    for key, recorder in state.recorders.items():
        for epoch_id in recorder.open_epochs:
            epoch = state.epochs[epoch_id]
            if recorder.lost:
                report.claim(
                    "the keeper", f"recorder {key.hex()} lost what it held of epoch {epoch_id.hex()}"
                )
            elif ledger.as_of_us > epoch.end_us + _DAY_US:
                what = f"of recorder {key.hex()}, ended {instant(epoch.end_us)}, no account closes it"
                report.find("epoch-unaccounted", f"epoch {epoch_id.hex()}", what)
            else:
                recent += 1
    if recent:
        report.claim("recorders", f"{recent} epochs that are running or not yet accounted for")


def _find_unshredded(ledger: Ledger, report: Report) -> None:
    state = ledger.state
    for epoch_id, epoch in state.epochs.items():
        # A key that several epochs have, as when a pool ran out, can go only with the last of them.
        sharers = [state.epochs[one] for one in state.pools[epoch.pool].epochs[epoch.shred_index]]
        # A full hold delays at most to its end; that its shares let the key go earlier is not asked for.
        due_us = _HOUR_US + max(
            max(one.deadline_us, one.held_until_us, one.proposed_until_us) for one in sharers
        )
        if not epoch.shredded and ledger.as_of_us > due_us:
            what = f"its key should have been destroyed by {instant(due_us)}"
            report.find("shred-overdue", f"epoch {epoch_id.hex()}", what)
    for hold_id, hold in state.holds.items():
        if hold.full and not hold.ended and ledger.as_of_us > hold.until_us + _HOUR_US:
            what = f"its pair should have been destroyed by {instant(hold.until_us + _HOUR_US)}"
            report.find("shred-overdue", f"hold {hold_id.hex()}", what)


def state_claims(ledger: Ledger, report: Report) -> None:
    """List what the ledger states and nobody outside can prove."""
    state = ledger.state
    counts = state.counts
    _claim_custody(state, report)
    if counts.get("shred"):
        gone = sum(len(pool.shredded) for pool in state.pools.values())
        report.claim("the keeper", f"destroyed {gone} shred keys")
    if counts.get("unwrap"):
        report.claim("the keeper", f"took the shred wrap off for custodians {counts['unwrap']} times")
    disclosed = sum(request.disclosed for request in state.requests.values())
    if state.requests:
        report.prove(
            f"{len(state.requests)} requests, {counts.get('decision', 0)} decisions, {disclosed} disclosures"
        )
    if counts.get("camera"):
        report.claim(
            "administrators", f"{len(state.cameras)} cameras with purpose, legal basis and review date"
        )
    lower = sorted(stream for stream, assurance in state.assurances.items() if assurance == "lower")
    if lower:
        names = ", ".join(f"{state.cameras[state.streams[one]].name} ({one.hex()[:8]})" for one in lower)
        report.claim(
            "administrators", f"LOWER ASSURANCE of {len(lower)} streams ({names}): {LOWER_ASSURANCE}"
        )
    _tell_backgrounds(state, report)
    _claim_recorders(state, report)
    if counts.get("lost"):
        report.claim("the keeper", f"{counts['lost']} spools were lost: those envelopes stay claims")
    if counts.get("access"):
        report.claim("the keeper", f"counts of access for {counts['access']} hours")
    if counts.get("late"):
        report.prove(f"{counts['late']} entries came late and are marked so")
    report.skip("roots of pools against their keys, salts and case files: they are not public")


def _tell_backgrounds(state: State, report: Report) -> None:
    """By camera, which backgrounds are in force since when, by whose keys; what they show only staff can see."""
    for (stream, view, condition), one in sorted(state.backgrounds.items()):
        camera = state.cameras[one.camera]
        if not one.hash or view not in camera.views:
            continue
        keys = " and ".join(key.hex() for key in one.signers)
        where = f"camera {camera.name} ({stream.hex()[:8]}), view {view}, {condition}"
        report.prove(
            f"{where}: background {one.hash.hex()} (revision {one.revision}) is committed"
            f" since {instant(one.since_us)} by the staff keys {keys}"
        )
        doubt, withheld = one.doubt_permille, one.withheld_permille
        report.claim(
            f"the staff keys {keys}", f"{where}: doubt {doubt} ‰, {withheld} ‰ withheld in that background"
        )
    if state.backgrounds:
        report.skip("what committed backgrounds show: their pictures are not public")


def _claim_custody(state: State, report: Report) -> None:
    destroyed = Counter(one.custodian for one in state.certificates.values() if one.destroyed)
    for custodian in state.in_force().custodians.values():
        if destroyed[custodian.identity]:
            what = f"destroyed {destroyed[custodian.identity]} weekly keys"
            report.claim(f"custodian {custodian.index} ({custodian.name})", what)


def _claim_recorders(state: State, report: Report) -> None:
    for key, recorder in state.recorders.items():
        if recorder.number:
            report.prove(f"recorder {key.hex()}: one chain of {recorder.number} statements")
        if recorder.silences:
            from_us, to_us = map(instant, recorder.longest_silence)
            what = f"{recorder.silences} silences, the longest from {from_us} to {to_us}"
            report.skip(f"what recorder {key.hex()} did while it made no statement: {what}")
    gaps = {name[4:]: count for name, count in state.counts.items() if name.startswith("gap:")}
    if gaps:
        listed = ", ".join(f"{reason} {count}" for reason, count in sorted(gaps.items()))
        report.claim("recorders", f"gaps and their reasons: {listed}")
    if state.counts.get("envelopes"):
        report.claim("recorders", f"{state.counts['envelopes']} envelopes sealed")
    if state.newest_cuts:
        listed = "; ".join(map(_cut, state.newest_cuts))
        before = ": " if state.counts["cuts"] == len(state.newest_cuts) else "; the newest are: "
        what = f"{state.counts['cuts']} envelopes end early, as after a crash"
        report.claim("recorders", f"{what}{before}{listed}")


def _cut(cut: Body) -> str:
    where = f"stream {cut['stream'].hex()} epoch {cut['epoch'].hex()} sequence {cut['sequence']}"
    return f"{where} after chunk {cut['chunks']}"
