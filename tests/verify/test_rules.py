"""Every admission rule: a ledger that keeps it has no finding, one that breaks it has that finding alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def whole_life(network: Any) -> None:
    """One of nearly everything that may be entered."""
    second = type(network.log_key)("second supervisor")
    staff = {"key": b64(second.public), "pseudonym": "S2", "role": "supervisor"}
    network.add("staff", staff, network.administrator, network.supervisor)
    header = network.header()
    network.open_epoch(header)
    network.pass_time(MINUTE_US)
    network.account([bytes(72)], gaps=[{"reason": "loss", "stream": header["stream"]}])
    closing = {"count": 1, "epoch": header["epoch"], "last": b64(bytes(32))}
    network.account(name="restart", previous_run=1, run=2, closed=[closing])
    network.request()
    first = network.decide(1)
    network.add("unwrap", unwrap(network), network.keeper)
    second = network.decide(2, verdict="part", count=1)
    network.decide(3, verdict="refuse", count=0)
    network.release(1, [first, second])
    network.release(2, [first, second])
    network.add("hold", hold(network, header, "provisional"), network.supervisor)
    network.add("hold", hold(network, header, "full"), network.keeper)
    share = {"custodian": 1, "header": b64(network.header_hash(header)), "hold": b64(b"full" * 4)}
    network.add("hold-share", share | {"message": b64(bytes(32))}, network.custodians[0])
    network.disclose()
    network.request("other", count=1)
    network.add("withdrawn", {"request": b64(hash_of("other"))}, network.supervisor)
    network.request("third")
    failed = {"blamed": 1, "reason": "a path was wrong", "request": b64(hash_of("third"))}
    network.add("failed", failed, network.discloser)
    incident = {"deadline_us": network.now_us, "incident": b64(bytes(16)), "summary": "A disk failed."}
    network.add("incident", incident, network.keeper)
    network.add("access", {"counts": [{"count": 3, "role": "operator"}], "hour_us": 0}, network.keeper)
    network.add("lost", {"from_number": 1, "recorder": b64(network.recorder), "run": 2}, network.keeper)
    network.pass_time(3 * DAY_US)
    unused = {"epoch": b64(bytes(16)), "index": 3, "pool": b64(network.pool)}
    network.add("shred", {"items": [unused], "reason": "unused"}, network.keeper)
    key = b64(network.key_id(network.weekly(1, 1)))
    network.add("destroyed", {"custodian": 1, "keys": [key]}, network.custodians[0])


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hash_of(label: str) -> bytes:
    return hashlib.shake_256(label.encode()).digest(32)


def unwrap(network: Any, **changes: Any) -> dict[str, Any]:
    purpose = {"hash": b64(hash_of("request")), "kind": "request"}
    nonce = b64(hash_of(f"fetch {len(network.leaves)}"))
    return {"count": 1, "custodian": 1, "fetch": nonce, "purpose": purpose} | changes


def hold(network: Any, header: dict[str, Any], kind: str, **changes: Any) -> dict[str, Any]:
    full = kind == "full"
    return {
        "commitment": b64(bytes(32)),
        "count": 1,
        "epochs": [header["epoch"]],
        "hold": b64(kind.encode().ljust(16, b"!") if not full else b"full" * 4),
        "kind": kind,
        "request": b64(hash_of("request")) if full else "",
        "until_us": network.now_us + (20 if full else 6) * DAY_US,
    } | changes


def test_a_whole_life_breaks_no_rule(network: Any, check: Callable[..., Any]) -> None:
    whole_life(network)
    code, report = check(network)
    assert report["findings"] == []
    assert code == 0
    assert f"{len(network.leaves)} of {len(network.leaves)} entries" in " ".join(report["proven"])


BREAKERS: list[tuple[str, Callable[[Any], object]]] = []


def breaks(rule: str) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
    def register(act: Callable[[Any], object]) -> Callable[[Any], object]:
        BREAKERS.append((rule, act))
        return act

    return register


def opened(n: Any, **changes: Any) -> dict[str, Any]:
    """An epoch in the ledger; its header."""
    header: dict[str, Any] = n.header(**changes)
    n.open_epoch(header)
    return header


def granted(n: Any, **changes: Any) -> list[bytes]:
    """A request that custodians 1 and 2 granted."""
    n.request(**changes)
    return [n.decide(1), n.decide(2)]


def rebuilt(leaf: bytes, **changes: Any) -> bytes:
    return rfc8785.dumps(json.loads(leaf) | changes)


@breaks("type")
def _(n: Any) -> None:
    n.add("order", {"nonce": 1}, n.keeper)


@breaks("members")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0, "more": 1}, n.keeper)


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(rebuilt(n.leaves[-1], late=False))


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(n.leaves[-1].replace(b",", b", ", 1))


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(b"\xff\xfe" * 9)


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(b"[" * 60_000)


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(b"9" * 60_000)


@breaks("members")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 1}, n.keeper)
    n.leaves[-1] = n.leaves[-1].replace(b'"hour_us":1', b'"hour_us":9007199254740992')


@breaks("members")
def _(n: Any) -> None:
    n.leaves.append(n.leaves[-1].replace(b'"count":4', b'"count":4.0'))


@breaks("size")
def _(n: Any) -> None:
    rows = [{"reason": "loss", "stream": b64(at.to_bytes(16, "big"))} for at in range(2_000)]
    n.account()
    signed = len(n.leaves.pop()) - len(f'"admitted_us":{n.now_us},')
    n.heads[n.recorder] = (0, n.appointment)
    n.account(gaps=rows[: (65_001 - signed) // len(rebuilt(b"{}", **rows[0]) + b",") + 1])


@breaks("members")
def _(n: Any) -> None:
    n.account(gaps=[{"reason": "loss", "stream": b64(bytes(16))}] * 2)


@breaks("genesis-first")
def _(n: Any) -> None:
    n.add("genesis", n.genesis, *n.custodians, n.operator)


@breaks("network")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0, "network": b64(bytes(32))}, n.keeper)


@breaks("admitted-order")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper, admitted_us=n.now_us - 1)


@breaks("once")
def _(n: Any) -> None:
    n.leaves.append(n.leaves[-1])


@breaks("signature")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.discloser)


@breaks("signature")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper, n.discloser)


@breaks("signature")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, type(n.log_key)("stranger"))


@breaks("signature")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper)
    leaf = json.loads(n.leaves.pop())
    leaf["signatures"][0]["signature"] = b64(bytes(64))
    n.leaves.append(rebuilt(b"{}", **leaf))


@breaks("signature")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper)
    leaf = json.loads(n.leaves.pop())
    leaf["signatures"] *= 2
    n.leaves.append(rebuilt(b"{}", **leaf))


@breaks("late")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper, late=True)


@breaks("late")
def _(n: Any) -> None:
    n.account(minute_us=n.now_us - 11 * MINUTE_US)


@breaks("late")
def _(n: Any) -> None:
    n.open_epoch(n.header(), late=True)


def roster_body(n: Any, **changes: Any) -> dict[str, Any]:
    taken = ("quorum", "custodians", "installed_clients", "operator", "keeper", "discloser", "witnesses")
    body = {name: n.genesis[name] for name in taken}
    return body | {"format": "custodes/roster/v1", "number": 1, "previous": b64(n.id)} | changes


def with_newcomer(n: Any) -> tuple[dict[str, Any], Any]:
    key = type(n.log_key)("newcomer")
    weekly = [b64(n.key_id(n.weekly(9, number))) for number in range(1, 6)]
    row = {"identity": b64(key.public), "index": 3, "name": "New", "weekly": weekly}
    return roster_body(n, custodians=[*n.genesis["custodians"][:2], row]), key


def test_a_newcomer_joins_by_k_of_the_predecessor_and_may_decide(
    network: Any, check: Callable[..., Any]
) -> None:
    body, key = with_newcomer(network)
    network.add("roster", body, network.custodians[0], network.custodians[2], key, network.operator)
    old_roster = network.header()
    network.open_epoch(old_roster)
    network.request()
    network.custodians[2] = key
    network.decide(3)
    code, report = check(network)
    assert (code, report["findings"]) == (0, [])


@breaks("signature")
def _(n: Any) -> None:
    body, _ = with_newcomer(n)
    n.add("roster", body, *n.custodians, n.operator)


@breaks("signature")
def _(n: Any) -> None:
    body, key = with_newcomer(n)
    n.add("roster", body, n.custodians[0], key, n.operator)


@breaks("roster-chain")
def _(n: Any) -> None:
    n.add("roster", roster_body(n, number=2), *n.custodians, n.operator)


@breaks("roster-limits")
def _(n: Any) -> None:
    n.add("roster", roster_body(n, quorum=3), *n.custodians, n.operator)


@breaks("roster-limits")
def _(n: Any) -> None:
    keeper = n.genesis["keeper"] | {"signing": b64(n.supervisor.public)}
    n.add("roster", roster_body(n, keeper=keeper), *n.custodians, n.operator)


@breaks("roster-limits")
def _(n: Any) -> None:
    rows = [row | {"weekly": row["weekly"][::-1]} for row in n.genesis["custodians"]]
    n.add("roster", roster_body(n, custodians=rows), *n.custodians, n.operator)


@breaks("recorder-new")
def _(n: Any) -> None:
    body = {"recorder": b64(n.recorder), "sealing": b64(bytes(1216)), "signing": b64(hash_of("x"))}
    n.add("recorder", body, n.operator)


@breaks("staff-new")
def _(n: Any) -> None:
    body = {"key": b64(hash_of("k")), "pseudonym": "A1", "role": "supervisor"}
    n.add("staff", body, n.administrator, n.supervisor)


@breaks("signature")
def _(n: Any) -> None:
    new = type(n.log_key)("new")
    body = {"key": b64(new.public), "pseudonym": "A2", "role": "administrator"}
    n.add("staff", body, n.administrator, n.supervisor)
    n.register_camera(new, revision=2)


@breaks("signature")
def _(n: Any) -> None:
    n.register_camera(n.supervisor, revision=2)


@breaks("camera-revision")
def _(n: Any) -> None:
    n.register_camera(revision=3)


@breaks("camera-retention")
def _(n: Any) -> None:
    n.register_camera(revision=2, retention_us=4 * DAY_US)


@breaks("camera-retention")
def _(n: Any) -> None:
    n.register_camera(revision=2, retention_us=HOUR_US - 1)


@breaks("camera-review")
def _(n: Any) -> None:
    n.register_camera(revision=2, review_date="2026-09-21")


@breaks("camera-views")
def _(n: Any) -> None:
    view = {"angle_cdeg": 1, "bearing_cdeg": 0, "name": "gate", "range_m": 1}
    n.register_camera(revision=2, views=[view, {**view, "range_m": 2}])


@breaks("camera-streams")
def _(n: Any) -> None:
    n.register_camera(revision=2, streams=[{"assurance": "full", "kind": "main", "stream": b64(bytes(16))}])


@breaks("camera-streams")
def _(n: Any) -> None:
    n.register_camera(revision=2, streams=[{"assurance": "lower", "kind": "main", "stream": b64(n.stream)}])


@breaks("camera-streams")
def _(n: Any) -> None:
    n.register_camera(camera=b64(bytes(16)))


@breaks("key-cert-number")
def _(n: Any) -> None:
    n.certify(1, 7)


@breaks("key-cert-dates")
def _(n: Any) -> None:
    n.certify(1, 6)


@breaks("key-cert-new")
def _(n: Any) -> None:
    n.pass_time(7 * DAY_US)
    n.certify(1, 6, key=b64(n.weekly(2, 1)))


@breaks("destroyed-known")
def _(n: Any) -> None:
    n.add("destroyed", {"custodian": 1, "keys": [b64(n.key_id(n.weekly(2, 1)))]}, n.custodians[0])


@breaks("pool-new")
def _(n: Any) -> None:
    n.add_pool(count=5)


@breaks("epoch-new")
def _(n: Any) -> None:
    opened(n)
    n.open_epoch(n.header())


@breaks("epoch-roster")
def _(n: Any) -> None:
    opened(n, roster=b64(bytes(32)))


@breaks("epoch-header")
def _(n: Any) -> None:
    opened(n, quorum=3)


@breaks("epoch-header")
def _(n: Any) -> None:
    opened(n, custodians=n.header()["custodians"][:2])


@breaks("epoch-header")
def _(n: Any) -> None:
    opened(n, slot_us=1)


@breaks("epoch-camera")
def _(n: Any) -> None:
    opened(n, stream=b64(bytes(16)))


@breaks("epoch-camera")
def _(n: Any) -> None:
    opened(n, assurance="lower")


@breaks("epoch-deadline")
def _(n: Any) -> None:
    opened(n, deadline_us=n.now_us + 3 * DAY_US)


@breaks("epoch-deadline")
def _(n: Any) -> None:
    old = n.header()["deadline_us"] + 11 * MINUTE_US
    n.register_camera(revision=2, retention_us=DAY_US)
    n.pass_time(11 * MINUTE_US)
    opened(n, deadline_us=old)


@breaks("epoch-keys")
def _(n: Any) -> None:
    rows = [row | {"key": b64(n.key_id(n.weekly(1, 1)))} for row in n.header()["custodians"]]
    opened(n, custodians=rows)


@breaks("epoch-keys")
def _(n: Any) -> None:
    rows = [row | {"key": b64(n.key_id(n.weekly(row["index"], 2)))} for row in n.header()["custodians"]]
    opened(n, custodians=rows)


def test_ended_keys_go_on_where_no_other_custodian_is_left(network: Any, check: Callable[..., Any]) -> None:
    network.pass_time(30 * DAY_US)
    network.open_epoch(network.header())
    assert check(network)[1]["findings"] == []


@breaks("epoch-shred")
def _(n: Any) -> None:
    opened(n, shred={"index": 4, "key": b64(bytes(16)), "pool": b64(n.pool)})


@breaks("epoch-shred-again")
def _(n: Any) -> None:
    shred = opened(n)["shred"]
    opened(n, label="again", shred=shred)


@breaks("account-chain")
def _(n: Any) -> None:
    n.account(previous=b64(bytes(32)))
    n.account()


@breaks("account-run")
def _(n: Any) -> None:
    n.account()
    n.account(run=2)


@breaks("account-closed")
def _(n: Any) -> None:
    n.account(closed=[{"count": 0, "epoch": b64(bytes(16)), "last": b64(bytes(32))}])


@breaks("restart-run")
def _(n: Any) -> None:
    n.account()
    n.account(name="restart", previous_run=2, run=3)


@breaks("request-new")
def _(n: Any) -> None:
    n.request()
    n.request(count=3)


@breaks("request-expiry")
def _(n: Any) -> None:
    n.request(expiry_us=n.now_us + 31 * DAY_US)


@breaks("request-decisions")
def _(n: Any) -> None:
    n.request(decisions_needed=1)


@breaks("signature")
def _(n: Any) -> None:
    n.request("request", n.discloser, n.supervisor)


@breaks("withdrawn-open")
def _(n: Any) -> None:
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.disclose()
    n.add("withdrawn", {"request": b64(hash_of("request"))}, n.supervisor)


@breaks("decision-open")
def _(n: Any) -> None:
    n.decide(1)


@breaks("decision-open")
def _(n: Any) -> None:
    n.request()
    n.pass_time(8 * DAY_US)
    n.decide(1)


@breaks("decision-once")
def _(n: Any) -> None:
    n.request()
    n.decide(1)
    n.decide(1, verdict="refuse", count=0)


@breaks("decision-count")
def _(n: Any) -> None:
    n.request()
    n.decide(1, count=1)


@breaks("decision-checkpoint")
def _(n: Any) -> None:
    n.request()
    n.decide(1, checkpoint={"root": b64(bytes(32)), "size": len(n.leaves)})


@breaks("decision-checkpoint")
def _(n: Any) -> None:
    checkpoint = n.decision_body(1)["checkpoint"]
    n.request()
    n.decide(1, checkpoint=checkpoint)


@breaks("release-open")
def _(n: Any) -> None:
    decisions = granted(n)
    n.add("withdrawn", {"request": b64(hash_of("request"))}, n.supervisor)
    n.release(1, decisions)


@breaks("release-once")
def _(n: Any) -> None:
    decisions = granted(n)
    n.release(1, decisions)
    n.release(1, decisions, count=1)


@breaks("release-count")
def _(n: Any) -> None:
    n.release(1, granted(n), count=3)


@breaks("release-quorum")
def _(n: Any) -> None:
    n.request()
    n.release(1, [n.decide(1)])


@breaks("release-quorum")
def _(n: Any) -> None:
    n.request()
    n.release(1, [n.decide(1, client="page"), n.decide(2, client="page")])


@breaks("release-quorum")
def _(n: Any) -> None:
    n.release(3, granted(n))


@breaks("release-decisions")
def _(n: Any) -> None:
    n.release(1, granted(n)[:1])


@breaks("disclosure-known")
def _(n: Any) -> None:
    n.disclose()


@breaks("disclosure-releases")
def _(n: Any) -> None:
    n.release(1, granted(n))
    n.disclose()


@breaks("disclosure-count")
def _(n: Any) -> None:
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.disclose(count=3)
    n.disclose()


@breaks("disclosure-once")
def _(n: Any) -> None:
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.disclose()
    n.disclose(envelopes=9)


@breaks("disclosure-overdue")
def _(n: Any) -> None:
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.pass_time(DAY_US + MINUTE_US)


@breaks("failed-open")
def _(n: Any) -> None:
    n.add("failed", {"blamed": 0, "reason": "r", "request": b64(bytes(32))}, n.discloser)


@breaks("unwrap-purpose")
def _(n: Any) -> None:
    n.add("unwrap", unwrap(n), n.keeper)


@breaks("unwrap-thrice")
def _(n: Any) -> None:
    n.request()
    for _ in range(4):
        n.add("unwrap", unwrap(n), n.keeper)


def shred(n: Any, header: dict[str, Any], **changes: Any) -> None:
    item = {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": b64(n.pool)}
    n.add("shred", {"items": [item | changes], "reason": "deadline"}, n.keeper)


@breaks("shred-known")
def _(n: Any) -> None:
    shred(n, opened(n), index=9)


@breaks("shred-deadline")
def _(n: Any) -> None:
    shred(n, opened(n))


@breaks("shred-once")
def _(n: Any) -> None:
    header = opened(n)
    n.account(closed=[{"count": 0, "epoch": header["epoch"], "last": b64(bytes(32))}])
    n.pass_time(3 * DAY_US)
    shred(n, header)
    n.pass_time(1)
    n.add(
        "shred",
        {
            "items": [{"epoch": header["epoch"], "index": 0, "pool": b64(n.pool)}],
            "reason": "erasure",
        },
        n.keeper,
    )


@breaks("shred-erasure")
def _(n: Any) -> None:
    header = opened(n)
    item = {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": b64(n.pool)}
    n.add("shred", {"items": [item], "reason": "erasure"}, n.keeper)


@breaks("shred-unused")
def _(n: Any) -> None:
    opened(n)
    item = {"epoch": b64(bytes(16)), "index": 0, "pool": b64(n.pool)}
    n.add("shred", {"items": [item], "reason": "unused"}, n.keeper)


@breaks("shred-hold")
def _(n: Any) -> None:
    header = opened(n)
    n.account(closed=[{"count": 0, "epoch": header["epoch"], "last": b64(bytes(32))}])
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.disclose()
    n.add("hold", hold(n, header, "full"), n.keeper)
    n.pass_time(3 * DAY_US)
    shred(n, header)


def two_old_epochs(n: Any) -> list[dict[str, Any]]:
    """Two closed epochs of a stream, an hour apart, both over a day old."""
    headers = [opened(n)]
    n.pass_time(HOUR_US)
    headers.append(opened(n, label="later"))
    rows = [{"count": 0, "epoch": header["epoch"], "last": b64(bytes(32))} for header in headers]
    n.account(closed=sorted(rows, key=lambda row: base64.urlsafe_b64decode(row["epoch"] + "==")))
    n.pass_time(DAY_US + HOUR_US)
    return headers


def shred_for_space(n: Any, *headers: dict[str, Any]) -> None:
    items = [{"epoch": h["epoch"], "index": h["shred"]["index"], "pool": b64(n.pool)} for h in headers]
    n.add("shred", {"items": items, "reason": "space"}, n.keeper)


def test_room_is_made_from_the_oldest_on(network: Any, check: Callable[..., Any]) -> None:
    first, second = two_old_epochs(network)
    shred_for_space(network, second, first)
    assert check(network)[1]["findings"] == []


def test_room_is_made_around_a_hold(network: Any, check: Callable[..., Any]) -> None:
    first, second = two_old_epochs(network)
    network.add("hold", hold(network, first, "provisional"), network.supervisor)
    shred_for_space(network, second)
    assert check(network)[1]["findings"] == []


@breaks("shred-space")
def _(n: Any) -> None:
    shred_for_space(n, two_old_epochs(n)[1])


@breaks("shred-space")
def _(n: Any) -> None:
    first, second = two_old_epochs(n)
    n.add("hold", hold(n, first, "provisional"), n.supervisor)
    shred_for_space(n, second)
    young = opened(n, label="young")
    n.account(closed=[{"count": 0, "epoch": young["epoch"], "last": b64(bytes(32))}])
    shred_for_space(n, young)


@breaks("shred-hold")
def _(n: Any) -> None:
    first, _ = two_old_epochs(n)
    n.add("hold", hold(n, first, "provisional"), n.supervisor)
    shred_for_space(n, first)


@breaks("shred-overdue")
def _(n: Any) -> None:
    header = opened(n)
    n.account(closed=[{"count": 0, "epoch": header["epoch"], "last": b64(bytes(32))}])
    n.pass_time(3 * DAY_US)


def fully_held(n: Any, *shares: int) -> dict[str, Any]:
    """An epoch past its deadline under a full hold, of which those custodians took their shares."""
    header = opened(n)
    n.account(closed=[{"count": 0, "epoch": header["epoch"], "last": b64(bytes(32))}])
    decisions = granted(n)
    n.release(1, decisions)
    n.release(2, decisions)
    n.disclose()
    n.add("hold", hold(n, header, "full"), n.keeper)
    for custodian in shares:
        body = {"custodian": custodian, "header": b64(n.header_hash(header)), "hold": b64(b"full" * 4)}
        n.add("hold-share", body | {"message": b64(bytes(32))}, n.custodians[custodian - 1])
    n.pass_time(3 * DAY_US)
    return header


def end_hold(n: Any, **changes: Any) -> None:
    item = {"epoch": b64(bytes(16)), "index": 0, "pool": b64(b"full" * 4)} | changes
    n.add("shred", {"items": [item], "reason": "hold"}, n.keeper)


def test_a_quorum_of_hold_shares_lets_the_key_go_and_the_hold_ends(
    network: Any, check: Callable[..., Any]
) -> None:
    shred(network, fully_held(network, 1, 3))
    network.pass_time(18 * DAY_US)
    end_hold(network)
    assert check(network)[1]["findings"] == []


@breaks("shred-hold")
def _(n: Any) -> None:
    shred(n, fully_held(n, 2))


@breaks("shred-hold")
def _(n: Any) -> None:
    header = fully_held(n, 1, 2)
    item = {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": b64(n.pool)}
    n.add("shred", {"items": [item], "reason": "erasure"}, n.keeper)


@breaks("shred-hold")
def _(n: Any) -> None:
    shred(n, fully_held(n, 1, 2))
    end_hold(n)


@breaks("shred-known")
def _(n: Any) -> None:
    shred(n, fully_held(n, 1, 2))
    n.pass_time(18 * DAY_US)
    end_hold(n, pool=b64(n.pool))
    end_hold(n)


@breaks("shred-overdue")
def _(n: Any) -> None:
    shred(n, fully_held(n, 1, 2))
    n.pass_time(20 * DAY_US)


@breaks("epoch-unaccounted")
def _(n: Any) -> None:
    opened(n)
    n.pass_time(DAY_US + 2 * HOUR_US)


@breaks("hold-epochs")
def _(n: Any) -> None:
    n.add("hold", hold(n, n.header(), "provisional"), n.supervisor)


@breaks("hold-until")
def _(n: Any) -> None:
    n.add("hold", hold(n, opened(n), "provisional", until_us=n.now_us + 8 * DAY_US), n.supervisor)


@breaks("hold-once")
def _(n: Any) -> None:
    header = opened(n)
    n.add("hold", hold(n, header, "provisional"), n.supervisor)
    n.add("hold", hold(n, header, "provisional", hold=b64(bytes(16))), n.supervisor)


@breaks("hold-new")
def _(n: Any) -> None:
    header = opened(n)
    n.add("hold", hold(n, header, "provisional"), n.supervisor)
    n.add("hold", hold(n, header, "provisional", count=2), n.supervisor)


@breaks("hold-request")
def _(n: Any) -> None:
    header = opened(n)
    n.add("hold", hold(n, header, "provisional", request=b64(bytes(32))), n.supervisor)


@breaks("hold-quorum")
def _(n: Any) -> None:
    n.request()
    n.decide(1)
    n.add("hold", hold(n, opened(n), "full"), n.keeper)


@breaks("hold-share-known")
def _(n: Any) -> None:
    body = {"custodian": 1, "header": b64(bytes(32)), "hold": b64(bytes(16)), "message": b64(bytes(32))}
    n.add("hold-share", body, n.custodians[0])


@breaks("incident-new")
def _(n: Any) -> None:
    for day in (1, 2):
        body = {"deadline_us": day, "incident": b64(bytes(16)), "summary": "A disk failed."}
        n.add("incident", body, n.administrator)


@breaks("lost-known")
def _(n: Any) -> None:
    n.add("lost", {"from_number": 1, "recorder": b64(bytes(16)), "run": 2}, n.keeper)


@breaks("access-once")
def _(n: Any) -> None:
    n.add("access", {"counts": [], "hour_us": 0}, n.keeper)
    n.add("access", {"counts": [{"count": 1, "role": "operator"}], "hour_us": 0}, n.keeper)


@pytest.mark.parametrize(
    ("rule", "act"), BREAKERS, ids=[f"{rule}-{at}" for at, (rule, _) in enumerate(BREAKERS)]
)
def test_a_broken_rule_is_named(
    rule: str, act: Callable[[Any], object], network: Any, check: Callable[..., Any]
) -> None:
    act(network)
    code, report = check(network)
    assert [finding["rule"] for finding in report["findings"]] == [rule]
    assert code == 1
