"""Each rule by one statement that breaks it alone; nothing changes when it does."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from town.ledger import START_US, Town
from town.people import Custodian, digest, make_id, sealing_key, signing_key

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.base.errors import BugError, CustodesError, UnverifiedError
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.ledger.rules.backgrounds import in_force
from custodes.ledger.rules.refusal import rule_of

Case = tuple[str, dict[str, Any], str]


@pytest.fixture
def town() -> Town:
    """Founded, with one epoch."""
    built = Town()
    built.found()
    built.open_epoch()
    return built


@pytest.fixture
def asked(town: Town) -> Town:
    """A request is there, too."""
    town.admit("request")
    return town


def expect(town: Town, rule: str, signed: Signed, admitted_us: int | None = None) -> None:
    """It is refused for that rule, and the ledger is as before."""
    before = (town.state.size, town.state.tree.root(), len(town.state.facts.statements))
    with pytest.raises(CustodesError) as caught:
        town.state.admit(signed, town.now_us if admitted_us is None else admitted_us, town.state.size)
    assert rule_of(caught.value) == rule, str(caught.value)
    assert (rule == "signature") == isinstance(caught.value, UnverifiedError)
    assert (town.state.size, town.state.tree.root(), len(town.state.facts.statements)) == before


def try_all(town: Town, cases: Iterable[Case]) -> None:
    for name, changes, rule in cases:
        expect(town, rule, town.make(name, **changes))


def test_genesis_comes_first_and_once(town: Town) -> None:
    expect(town, "genesis-first", town.genesis(created_us=START_US))
    expect(town, "genesis-first", town.genesis(name="Second"))
    other = Town(begin=False)
    other.state = type(town.state)()
    body = dict(town.make("access").body)
    expect(other, "genesis-first", sign_body("custodes/entry/access/v1", body, town.keeper.signing))


@pytest.mark.parametrize(
    "change",
    [
        lambda town: {"quorum": 1},
        lambda town: {"quorum": 3, "custodians": town.genesis().body["custodians"][:3]},
        lambda town: {"installed_clients": 3},
        lambda town: {"custodians": town.genesis().body["custodians"][::-1]},
        lambda town: {"periods": {**town.periods, "slot_us": MINUTE_US + 1}},
        lambda town: {"log": {"key": b64u(town.operator.signing.public), "origin": "town.example/log"}},
        lambda town: {"staff": town.genesis().body["staff"][1:]},
        lambda town: {"staff": [town.genesis().body["staff"][0]] * 2},
        lambda town: {"staff": [{**one, "pseudonym": "one"} for one in town.genesis().body["staff"]]},
        lambda town: {"witnesses": {"keys": [], "needed": 1}},
    ],
)
def test_genesis_limits(change: Callable[[Town], dict[str, Any]]) -> None:
    town = Town(begin=False)
    changes = change(town)
    kept = len(changes.get("custodians", town.custodians))
    town.custodians = town.custodians[:kept]
    expect(town, "genesis-limits", town.genesis(**changes))


def test_genesis_is_signed_by_all_over_its_id() -> None:
    town = Town(begin=False)
    signed = town.genesis()
    expect(town, "signature", Signed(signed.type, signed.body, signed.signatures[1:]))
    keys = [*(one.identity for one in town.custodians), town.operator.signing]
    expect(town, "signature", sign_body(signed.type, signed.body, *keys))


def test_common_rules(town: Town) -> None:
    access = town.make("access")
    expect(town, "type", Signed("custodes/entry/page/v1", access.body, access.signatures))
    expect(town, "members", town.make("access", extra=1))
    expect(town, "members", town.make("access", hour_us=...))
    expect(town, "members", town.make("access", hour_us="1"))
    expect(town, "members", Signed(access.type, {**access.body, "hour_us": 1.5}, access.signatures))
    expect(town, "network", town.make("access", network=b64u(bytes(32))))
    expect(town, "admitted-order", access, admitted_us=town.now_us - 1)
    town.admit_signed(access)
    expect(town, "once", access)
    expect(town, "signature", town.make("access", hour_us=0, signers=[town.operator.signing]))
    expect(
        town,
        "signature",
        town.make("access", hour_us=0, signers=[town.keeper.signing, town.operator.signing]),
    )
    expect(town, "signature", town.make("access", hour_us=0, signers=[]))
    forged = town.make("access", hour_us=HOUR_US)
    expect(town, "signature", Signed(forged.type, {**forged.body, "hour_us": 0}, forged.signatures))


def test_a_statement_has_a_limit(town: Town) -> None:
    gap = {"reason": "loss", "stream": b64u(town.stream)}
    expect(town, "size", town.make("account", gaps=[gap] * 1000, closed=[
        {"count": 1, "epoch": b64u(make_id("epoch/1")), "last": b64u(bytes(32))}
    ] * 200))  # fmt: skip


def test_the_next_index_is_the_size(town: Town) -> None:
    with pytest.raises(BugError):
        town.state.admit(town.make("access"), town.now_us, town.state.size + 1)


def test_roster(town: Town) -> None:
    expect(town, "roster-chain", town.make("roster", number=2))
    expect(town, "roster-chain", town.make("roster", previous=b64u(bytes(32))))
    expect(town, "roster-limits", town.make("roster", quorum=1))
    expect(
        town, "signature", town.make("roster", signers=[town.custodians[0].identity, town.operator.signing])
    )
    moved = [dict(one) for one in town.make("roster").body["custodians"]]
    moved[0]["weekly"] = moved[1]["weekly"]
    expect(town, "roster-limits", town.make("roster", custodians=moved))
    keeper = {"sealing": b64u(town.keeper.sealing.public), "signing": b64u(town.recorder.signing.public)}
    expect(town, "roster-limits", town.make("roster", keeper=keeper))


def test_a_newcomer_signs_and_replaces(town: Town) -> None:
    old = town.custodians[2]
    town.custodians[2] = Custodian(3, "newcomer")
    agreed = [one.identity for one in town.custodians[:2]]
    expect(town, "signature", town.make("roster", signers=[*agreed, town.operator.signing]))
    town.admit("roster", signers=[*agreed, town.custodians[2].identity, town.operator.signing])
    assert town.state.roster.number == 1
    assert town.state.roster_of(town.network).number == 0
    expect(town, "signature", town.make("destroyed", signers=[old.identity], custodian=3))
    assert town.state.key_certs(3) == []
    town.admit("key-cert", custodian=3, key=b64u(town.custodians[2].weekly[0].public))
    town.open_epoch()


def test_recorder_and_staff(town: Town) -> None:
    try_all(
        town,
        [
            ("recorder", {"sealing": b64u(sealing_key("r2").public)}, "recorder-new"),
            ("recorder", {"recorder": b64u(make_id("r2"))}, "recorder-new"),
            ("recorder", {"signing": b64u(signing_key("r2").public)}, "recorder-new"),
            ("staff", {"pseudonym": "admin-1"}, "staff-new"),
            ("staff", {"key": b64u(town.recorder.signing.public)}, "staff-new"),
            ("staff", {"signers": [town.administrator.key]}, "signature"),
            ("staff", {"signers": [town.supervisor.key, town.investigator.key]}, "signature"),
        ],
    )


def test_new_staff_waits(town: Town) -> None:
    new = signing_key("staff/new-1")
    town.admit("staff", role="administrator")
    town.advance(DAY_US - 1)
    expect(town, "signature", town.make("camera", signers=[new]))
    town.advance(1)
    town.admit("camera", signers=[new])
    assert town.state.staff(new.id).role == "administrator"


def test_camera(town: Town) -> None:
    other = [{"assurance": "full", "kind": "main", "stream": b64u(town.stream)}]
    sub = {"assurance": "full", "kind": "sub", "stream": b64u(town.sub_stream)}
    view = {"angle_cdeg": 36_000, "bearing_cdeg": 0, "name": "square", "range_m": 1}
    sides = {"x0_permille": 0, "x1_permille": 1000, "y0_permille": 0, "y1_permille": 1000}
    zone = {"kind": "original", "name": "door", **sides}
    mount = {"height_cm": 100_000, "latitude_e7": 900_000_000, "longitude_e7": -1_800_000_000}
    try_all(
        town,
        [
            ("camera", {"revision": 1, "name": "x"}, "camera-revision"),
            ("camera", {"camera": b64u(make_id("c2"))}, "camera-revision"),
            ("camera", {"retention_us": HOUR_US - 1}, "camera-retention"),
            ("camera", {"retention_us": 366 * DAY_US + 1, "justification": "x"}, "camera-retention"),
            ("camera", {"retention_us": 72 * HOUR_US + 1}, "camera-retention"),
            ("camera", {"review_date": "2027-01-15"}, "camera-review"),
            ("camera", {"review_date": "2032-01-20"}, "camera-review"),
            ("camera", {"review_date": "2027-02-30"}, "members"),
            ("camera", {"streams": other}, "camera-streams"),
            ("camera", {"camera": b64u(make_id("c2")), "revision": 1, "streams": other}, "camera-streams"),
            ("camera", {"streams": other * 2}, "camera-streams"),
            ("camera", {"streams": [{**other[0], "assurance": "lower"}, sub]}, "camera-streams"),
            ("camera", {"streams": [{**other[0], "assurance": "none"}, sub]}, "members"),
            ("camera", {"views": [view, {**view, "range_m": 9}]}, "camera-views"),
            ("camera", {"views": [{**view, "name": str(number)} for number in range(17)]}, "members"),
            ("camera", {"views": [{**view, "name": ""}]}, "members"),
            ("camera", {"views": [{**view, "range_m": 0}]}, "members"),
            ("camera", {"zones": [zone, {**zone, "x0_permille": 1}]}, "camera-zones"),
            ("camera", {"zones": [{**zone, "y0_permille": 1000}]}, "camera-zones"),
            ("camera", {"zones": [{**zone, "name": str(number)} for number in range(33)]}, "members"),
            ("camera", {"zones": [{**zone, "x0_permille": -1}]}, "members"),
            ("camera", {"zones": ...}, "members"),
            ("camera", {"mounts": [mount, mount]}, "members"),
            ("camera", {"mounts": [{**mount, "longitude_e7": -1_800_000_001}]}, "members"),
            ("camera", {"mounts": [{**mount, "height_cm": -1}]}, "members"),
            ("camera", {"mounts": ...}, "members"),
            ("camera", {"purpose": ""}, "members"),
            ("camera", {"legal_basis": ...}, "members"),
            ("camera", {"responsible_body": "a\nb"}, "members"),
        ],
    )
    town.admit("camera", review_date="2032-01-19", retention_us=30 * DAY_US, justification="Court order 7")
    assert town.state.camera(town.camera).revision == 2


def test_key_certs(town: Town) -> None:
    week_us = town.periods["custodian_key_us"]
    late_us = START_US + 5 * week_us + 1
    try_all(
        town,
        [
            ("key-cert", {"number": 1, "seals_from_us": 1}, "key-cert-number"),
            ("key-cert", {"number": 3}, "key-cert-number"),
            ("key-cert", {"seals_from_us": START_US + 2 * week_us}, "key-cert-dates"),
            ("key-cert", {"destroy_after_us": START_US + 2 * week_us}, "key-cert-dates"),
            ("key-cert", {"seals_until_us": late_us, "destroy_after_us": late_us + 1}, "key-cert-dates"),
            ("key-cert", {"key": b64u(sealing_key("another").public)}, "key-cert-genesis"),
            ("key-cert", {"custodian": 4}, "signature"),
        ],
    )
    for _ in range(4):
        town.admit("key-cert")
    town.advance(week_us)
    again = b64u(town.custodians[1].weekly[0].public)
    expect(town, "key-cert-new", town.make("key-cert", key=again))
    town.admit("key-cert")
    assert [cert.number for cert in town.state.key_certs(1)] == [1, 2, 3, 4, 5, 6]


def test_which_keys_are_in_force(town: Town) -> None:
    week_us = town.periods["custodian_key_us"]
    town.admit("key-cert")
    keys = town.state.custodian_keys
    assert {index: cert.number for index, cert in keys(START_US).items()} == {1: 1, 2: 1, 3: 1}
    assert {index: cert.number for index, cert in keys(START_US + week_us + 1).items()} == {1: 2, 2: 1, 3: 1}
    assert {index: cert.number for index, cert in keys(START_US + 4 * week_us).items()} == {1: 2}
    town.admit("destroyed")
    assert set(keys(START_US)) == {2, 3}


def test_destroyed(town: Town) -> None:
    known = b64u(town.custodians[0].weekly[0].id)
    try_all(
        town,
        [
            ("destroyed", {"keys": [known, known]}, "destroyed-known"),
            ("destroyed", {"keys": [b64u(make_id("none"))]}, "destroyed-known"),
            ("destroyed", {"custodian": 2, "keys": [known]}, "destroyed-known"),
        ],
    )
    town.admit("destroyed")
    expect(town, "destroyed-known", town.make("destroyed", keys=[known, b64u(make_id("none"))]))
    expect(town, "epoch-keys", town.make("epoch"))


def test_epoch_header(town: Town) -> None:
    custodians = town.header()["custodians"]
    stranger = {**custodians[0], "index": 4}
    shred = town.header(2)["shred"]
    deadline_us = town.header()["deadline_us"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"epoch": b64u(make_id("epoch/1"))}, "epoch-new"),
        ({"roster": b64u(bytes(32))}, "epoch-roster"),
        ({"network": b64u(bytes(32))}, "epoch-header"),
        ({"slot_us": 1}, "epoch-header"),
        ({"slots": 61}, "epoch-header"),
        ({"quorum": 3}, "epoch-header"),
        ({"custodians": custodians[:2]}, "epoch-header"),
        ({"custodians": custodians[::-1]}, "epoch-header"),
        ({"custodians": [*custodians, stranger]}, "epoch-header"),
        ({"camera": b64u(make_id("none"))}, "epoch-camera"),
        ({"stream": b64u(make_id("none"))}, "epoch-camera"),
        ({"assurance": "lower"}, "epoch-camera"),
        ({"assurance": "none"}, "members"),
        ({"deadline_us": deadline_us + 1}, "epoch-deadline"),
        ({"custodians": [{**one, "key": custodians[0]["key"]} for one in custodians]}, "epoch-keys"),
        ({"shred": {**shred, "index": 4}}, "epoch-shred"),
        ({"shred": {**shred, "pool": b64u(make_id("none"))}}, "epoch-shred"),
        ({"shred": town.header(1)["shred"]}, "epoch-shred-again"),
        ({"recorder": b64u(make_id("none"))}, "signature"),
    ]
    try_all(town, [("epoch", {"header": header}, rule) for header, rule in cases])


def test_epoch_times(town: Town) -> None:
    far_us = START_US + 22 * DAY_US
    gone_us: Any = far_us - START_US + town.header()["deadline_us"]
    old_keys = {"utc0_us": far_us, "deadline_us": gone_us}
    town.admit_signed(town.make("epoch", header=old_keys))
    wide = Town(quorum=3, custodians=5)
    wide.found()
    wide.open_epoch()
    expect(wide, "epoch-keys", wide.make("epoch", header=old_keys))
    old_keys["custodians"] = wide.header()["custodians"][:4]
    wide.admit_signed(wide.make("epoch", header=old_keys))
    signed = town.make("epoch")
    town.advance(10 * MINUTE_US)
    assert not town.state.admit(signed, town.now_us, town.state.size).late
    signed = town.make("epoch")
    town.advance(10 * MINUTE_US + 1)
    assert town.state.admit(signed, town.now_us, town.state.size).late
    signed = town.make("epoch")
    town.advance(73 * HOUR_US)
    expect(town, "epoch-deadline", signed, town.now_us + 1)
    town.state.admit(signed, town.now_us, town.state.size)


def test_retention_changes_with_ten_minutes_of_grace(town: Town) -> None:
    town.advance(HOUR_US)
    before = town.header()["deadline_us"]
    town.admit("camera", retention_us=2 * HOUR_US)
    town.open_epoch(header={"deadline_us": before})
    town.open_epoch()
    town.advance(10 * MINUTE_US)
    before += 10 * MINUTE_US
    expect(town, "epoch-deadline", town.make("epoch", header={"deadline_us": before}))
    town.open_epoch()


def test_keys_are_used_again_only_when_all_are_used(town: Town) -> None:
    for _ in range(2):
        town.open_epoch()
    expect(town, "epoch-shred-again", town.make("epoch", header={"shred": town.header(1)["shred"]}))
    town.open_epoch()
    again = town.open_epoch()
    assert again["shred"]["index"] == 0
    assert town.state.pool(town.pool).unused == 0
    town.advance(80 * HOUR_US)
    town.admit("shred")
    expect(town, "shred-once", town.make("shred", reason="erasure"))
    assert [epoch.shredded for epoch in town.state.facts.epochs.live.values()] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_key_is_used_again_though_some_were_passed_over(town: Town) -> None:
    """A recorder cut off for long: its first epochs are refused, and its last key serves on."""
    last = {**town.header(1)["shred"], "index": 3, "key": b64u(town.pool_keys[3].id)}
    town.advance(1)
    again = {**town.header(1)["shred"], "index": 2, "key": b64u(town.pool_keys[2].id)}
    town.admit("epoch", header={"shred": again})
    expect(town, "epoch-shred-again", town.make("epoch", header={"shred": again}))
    town.admit("epoch", header={"shred": last})
    town.admit("epoch", header={"shred": last})


def test_shred(town: Town) -> None:
    header = town.epochs[0]
    nothing = b64u(bytes(16))
    pool = b64u(town.pool)
    unused = {"epoch": nothing, "index": 3, "pool": pool}
    used = {"epoch": header["epoch"], "index": 0, "pool": pool}
    try_all(
        town,
        [
            ("shred", {}, "shred-deadline"),
            ("shred", {"items": [{**used, "index": 4}]}, "shred-known"),
            ("shred", {"items": [{**used, "pool": nothing}]}, "shred-known"),
            ("shred", {"items": [{**used, "index": 1}]}, "shred-known"),
            ("shred", {"items": [unused, unused], "reason": "unused"}, "shred-once"),
            ("shred", {"items": [{**used, "epoch": nothing}], "reason": "unused"}, "shred-unused"),
            ("shred", {"items": [{**unused, "epoch": header["epoch"]}], "reason": "unused"}, "shred-unused"),
        ],
    )
    town.admit("shred", items=[unused], reason="unused")
    expect(town, "epoch-shred", town.make("epoch", header={"shred": {**header["shred"], "index": 3}}))
    expect(town, "shred-erasure", town.make("shred", items=[used], reason="erasure"))
    town.advance(80 * HOUR_US)
    town.admit("shred", items=[used])
    expect(town, "shred-once", town.make("shred", reason="erasure"))
    assert town.state.epochs_of(town.stream, 0, town.now_us + DAY_US) == []


def test_shred_for_space_takes_the_oldest_first(town: Town) -> None:
    town.advance(HOUR_US)
    town.open_epoch()
    first, second = (
        {"epoch": header["epoch"], "index": header["shred"]["index"], "pool": header["shred"]["pool"]}
        for header in town.epochs
    )
    town.advance(25 * HOUR_US)
    expect(town, "shred-space", town.make("shred", reason="space", items=[first]))
    closed = [{"count": 0, "epoch": header["epoch"], "last": b64u(bytes(32))} for header in town.epochs]
    town.admit("account", closed=closed)
    expect(town, "shred-space", town.make("shred", reason="space", items=[second]))
    town.admit("hold", until_us=town.now_us + HOUR_US)
    expect(town, "shred-hold", town.make("shred", reason="space", items=[first]))
    # What is held is passed over.
    town.admit("shred", reason="space", items=[second])
    town.advance(HOUR_US + 1)
    town.admit("shred", reason="space", items=[first])


def test_shred_for_space_spares_the_last_day(town: Town) -> None:
    closed = [{"count": 0, "epoch": town.epochs[0]["epoch"], "last": b64u(bytes(32))}]
    town.admit("account", closed=closed)
    town.advance(DAY_US)
    expect(town, "shred-space", town.make("shred", reason="space"))
    town.advance(1)
    town.admit("shred", reason="space")


def test_an_epoch_is_dropped_when_closed_and_shredded(town: Town) -> None:
    header = town.epochs[0]
    epoch = make_id("epoch/1")
    town.advance(80 * HOUR_US)
    town.admit("shred")
    assert town.state.epoch(epoch).shredded
    town.admit("account", closed=[{"count": 0, "epoch": header["epoch"], "last": b64u(bytes(32))}])
    with pytest.raises(CustodesError):
        town.state.epoch(epoch)
    expect(town, "epoch-new", town.make("epoch", header={"epoch": header["epoch"]}))


def test_accounts(town: Town) -> None:
    epoch = {"count": 5, "epoch": town.epochs[0]["epoch"], "last": b64u(digest("last"))}
    try_all(
        town,
        [
            ("account", {"number": 2}, "account-chain"),
            ("account", {"previous": b64u(bytes(32))}, "account-chain"),
            ("account", {"closed": [epoch, epoch]}, "account-closed"),
            ("account", {"closed": [{**epoch, "epoch": b64u(make_id("none"))}]}, "account-closed"),
            ("account", {"recorder": b64u(make_id("none"))}, "signature"),
            ("account", {"gaps": [{"reason": "rain", "stream": b64u(town.stream)}]}, "members"),
        ],
    )
    town.admit("account", closed=[epoch])
    try_all(
        town,
        [
            ("account", {"closed": [epoch]}, "account-closed"),
            ("account", {"run": 2}, "account-run"),
            ("restart", {"previous_run": 2}, "restart-run"),
            ("restart", {"run": 1}, "restart-run"),
        ],
    )
    town.admit("restart", run=7)
    town.admit("account")
    late = town.make("account")
    town.advance(10 * MINUTE_US + 1)
    assert town.admit_signed(late).late
    assert town.state.recorder(town.recorder_id).number == 4


def test_a_recorder_may_begin_with_either(town: Town) -> None:
    town.admit("restart", previous_run=9, run=3)
    expect(town, "account-run", town.make("account", run=9))
    town.admit("lost")
    expect(town, "lost-known", town.make("lost", recorder=b64u(make_id("none"))))


def test_requests(town: Town) -> None:
    same = [town.discloser.signing, town.supervisor.key]
    try_all(
        town,
        [
            ("request", {"signers": same}, "signature"),
            ("request", {"signers": [*same, town.administrator.key, town.investigator.key]}, "signature"),
            ("request", {"expiry_us": town.now_us}, "request-expiry"),
            ("request", {"expiry_us": town.now_us + 30 * DAY_US + 1}, "request-expiry"),
            ("request", {"decisions_needed": 1}, "request-decisions"),
            ("request", {"decisions_needed": 4}, "request-decisions"),
            ("request", {"count": 0}, "members"),
            ("request", {"epochs": 501}, "members"),
        ],
    )
    request = town.make("request")
    town.admit_signed(request)
    expect(town, "request-new", town.make("request", request=request.body["request"]))
    assert [one.count for one in town.state.requests()] == [2]


def test_decisions(asked: Town) -> None:
    root = b64u(asked.state.tree.root())
    old = asked.state.size - 1
    try_all(
        asked,
        [
            ("decision", {"request": b64u(bytes(32))}, "decision-open"),
            ("decision", {"custodian": 4}, "signature"),
            ("decision", {"count": 1}, "decision-count"),
            ("decision", {"verdict": "part"}, "decision-count"),
            ("decision", {"verdict": "part", "count": 0}, "decision-count"),
            ("decision", {"verdict": "refuse"}, "decision-count"),
            ("decision", {"checkpoint": {"root": root, "size": old}}, "decision-checkpoint"),
            ("decision", {"checkpoint": {"root": root, "size": old + 2}}, "decision-checkpoint"),
            ("decision", {"checkpoint": {"root": b64u(bytes(32)), "size": old + 1}}, "decision-checkpoint"),
        ],
    )
    asked.admit("decision", verdict="part", count=1)
    expect(asked, "decision-once", asked.make("decision", verdict="refuse", count=0))
    # An earlier size will do as long as the request is within it.
    asked.admit(
        "decision", custodian=2, checkpoint={"root": root, "size": old + 1}, verdict="refuse", count=0
    )
    asked.advance(10 * DAY_US + 1)
    expect(asked, "decision-open", asked.make("decision", custodian=3))


def test_releases(asked: Town) -> None:
    request = asked.last_request
    expect(asked, "release-open", asked.make("release", request=b64u(bytes(32))))
    asked.admit("decision", custodian=1)
    expect(asked, "release-quorum", asked.make("release"))
    asked.admit("decision", custodian=2, client="page")
    first_two = asked.make("release", custodian=1)
    expect(asked, "release-quorum", asked.make("release", custodian=3))
    expect(asked, "release-decisions", asked.make("release", decisions=b64u(bytes(32))))
    expect(asked, "release-count", asked.make("release", count=3))
    asked.admit("decision", custodian=3)
    expect(
        asked, "release-decisions", asked.make("release", custodian=3, decisions=first_two.body["decisions"])
    )
    asked.admit_signed(first_two)
    expect(asked, "release-once", asked.make("release"))
    asked.admit("release", custodian=3)
    assert len(asked.state.request(request).releases) == 2
    asked.advance(10 * DAY_US + 1)
    expect(asked, "release-open", asked.make("release", custodian=2))


def test_installed_clients_are_needed(asked: Town) -> None:
    for custodian in (1, 2):
        asked.admit("decision", custodian=custodian, client="page")
    expect(asked, "release-quorum", asked.make("release"))
    asked.admit("decision", custodian=3)
    asked.admit("release")


def test_disclosure_and_failure(asked: Town) -> None:
    expect(asked, "disclosure-known", asked.make("disclosure", request=b64u(bytes(32))))
    expect(asked, "failed-open", asked.make("failed", request=b64u(bytes(32))))
    asked.grant(asked.last_request)
    asked.admit("release", custodian=1)
    expect(asked, "disclosure-releases", asked.make("disclosure"))
    asked.admit("release", custodian=2)
    expect(asked, "disclosure-count", asked.make("disclosure", count=3))
    asked.admit("failed")
    asked.admit("disclosure")
    expect(asked, "disclosure-once", asked.make("disclosure", envelopes=1))
    expect(asked, "failed-open", asked.make("failed", blamed=1))
    expect(asked, "withdrawn-open", asked.make("withdrawn"))


def test_withdrawn(asked: Town) -> None:
    expect(asked, "signature", asked.make("withdrawn", signers=[asked.administrator.key]))
    expect(asked, "signature", asked.make("withdrawn", request=b64u(bytes(32))))
    asked.admit("withdrawn")
    expect(asked, "once", asked.make("withdrawn", signers=[asked.investigator.key]))
    expect(asked, "decision-open", asked.make("decision"))
    expect(asked, "unwrap-purpose", asked.make("unwrap"))


def test_unwraps(asked: Town) -> None:
    purpose = {"hash": b64u(asked.last_request), "kind": "hold"}
    expect(asked, "unwrap-purpose", asked.make("unwrap", purpose=purpose))
    expect(asked, "unwrap-purpose", asked.make("unwrap", custodian=4))
    for _ in range(3):
        asked.admit("unwrap")
    expect(asked, "unwrap-thrice", asked.make("unwrap"))
    asked.admit("unwrap", custodian=2)
    asked.advance(10 * DAY_US + 1)
    expect(asked, "unwrap-purpose", asked.make("unwrap", custodian=3))


def test_provisional_holds(asked: Town) -> None:
    epoch = asked.epochs[0]["epoch"]
    none = b64u(make_id("none"))
    try_all(
        asked,
        [
            ("hold", {"signers": [asked.administrator.key]}, "signature"),
            ("hold", {"epochs": [none]}, "hold-epochs"),
            ("hold", {"epochs": [epoch, epoch]}, "hold-epochs"),
            ("hold", {"until_us": asked.now_us + 7 * DAY_US + 1}, "hold-until"),
            ("hold", {"until_us": asked.now_us}, "hold-until"),
            ("hold", {"request": b64u(bytes(32))}, "hold-request"),
        ],
    )
    hold = asked.make("hold", request=b64u(asked.last_request))
    asked.admit_signed(hold)
    expect(asked, "hold-new", asked.make("hold", hold=hold.body["hold"]))
    expect(asked, "hold-once", asked.make("hold"))
    expect(asked, "hold-share-known", asked.make("hold-share"))
    purpose = {"hash": b64u(hold.statement_hash()), "kind": "hold"}
    expect(asked, "unwrap-purpose", asked.make("unwrap", purpose=purpose))


def test_full_holds(asked: Town) -> None:
    expect(asked, "hold-quorum", asked.make("hold", kind="full"))
    asked.grant(asked.last_request)
    expect(asked, "signature", asked.make("hold", kind="full", signers=[asked.supervisor.key]))
    expect(asked, "hold-quorum", asked.make("hold", kind="full", request=""))
    expect(asked, "hold-until", asked.make("hold", kind="full", until_us=asked.now_us + 90 * DAY_US + 1))
    hold = asked.make("hold", kind="full")
    asked.admit_signed(hold)
    asked.admit("unwrap", purpose={"hash": b64u(hold.statement_hash()), "kind": "hold"})
    expect(asked, "hold-share-known", asked.make("hold-share", header=b64u(bytes(32))))
    asked.admit("hold-share")
    expect(asked, "hold-share-known", asked.make("hold-share", message=b64u(bytes(32))))
    asked.admit("hold-share", custodian=2)
    expect(asked, "shred-hold", asked.make("shred", reason="erasure"))
    expect(asked, "hold-request", asked.make("hold", kind="full"))
    expect(asked, "shred-hold", asked.make("shred", **ended_hold(asked)))
    asked.advance(7 * DAY_US)
    expect(asked, "shred-hold", asked.make("shred", **ended_hold(asked)))
    asked.advance(1)
    expect(asked, "hold-share-known", asked.make("hold-share", custodian=3))
    for changes in ({"index": 1}, {"epoch": asked.epochs[0]["epoch"]}, {"pool": b64u(make_id("none"))}):
        (item,) = ended_hold(asked)["items"]
        expect(asked, "shred-known", asked.make("shred", items=[{**item, **changes}], reason="hold"))
    twice = ended_hold(asked)["items"] * 2
    expect(asked, "shred-once", asked.make("shred", items=twice, reason="hold"))
    asked.admit("shred", **ended_hold(asked))
    expect(asked, "shred-once", asked.make("shred", items=twice, reason="hold"))
    asked.admit("shred")
    asked.admit("request")
    asked.grant(asked.last_request)
    expect(asked, "hold-epochs", asked.make("hold", kind="full"))


def ended_hold(town: Town) -> dict[str, Any]:
    """The last hold's pair, as a Shred entry names it."""
    item = {"epoch": b64u(bytes(16)), "index": 0, "pool": b64u(town.last_hold)}
    return {"items": [item], "reason": "hold"}


def test_a_key_under_a_full_hold_goes_once_a_quorum_has_taken_its_shares_out(asked: Town) -> None:
    asked.grant(asked.last_request)
    asked.admit("hold", kind="full", until_us=asked.now_us + 30 * DAY_US)
    asked.admit("hold-share")
    asked.admit("account", closed=[{"count": 0, "epoch": asked.epochs[0]["epoch"], "last": b64u(bytes(32))}])
    asked.advance(5 * DAY_US)
    expect(asked, "shred-hold", asked.make("shred"))
    asked.admit("hold-share", custodian=3)
    expect(asked, "shred-hold", asked.make("shred", reason="erasure"))
    asked.admit("shred")
    # It stays known, for it can still be opened, held on by another full hold, and by no provisional one.
    epoch = asked.state.epoch(make_id("epoch/1"))
    assert (epoch.shredded, epoch.gone) == (True, False)
    assert asked.state.epochs_of(asked.stream, 0, asked.now_us) == [epoch]
    asked.admit("hold-share", custodian=2)
    expect(asked, "hold-epochs", asked.make("hold"))
    first = ended_hold(asked)
    asked.admit("request")
    asked.grant(asked.last_request)
    asked.admit("hold", kind="full", until_us=asked.now_us + 60 * DAY_US)
    asked.admit("hold-share")
    second = ended_hold(asked)
    asked.advance(26 * DAY_US)
    asked.admit("shred", **first)
    assert not epoch.gone
    # The second hold has one share: nothing is left that a third could take over.
    asked.admit("request")
    asked.grant(asked.last_request)
    expect(asked, "hold-epochs", asked.make("hold", kind="full"))
    asked.advance(40 * DAY_US)
    asked.admit("shred", **second)
    with pytest.raises(CustodesError):
        asked.state.epoch(make_id("epoch/1"))
    assert asked.state.epochs_of(asked.stream, 0, asked.now_us) == []


def test_only_a_custodian_whom_the_epoch_is_sealed_to_takes_shares_out(town: Town) -> None:
    town.quorum = 2
    header = {"custodians": town.header(2)["custodians"][:3]}
    town.open_epoch(header=header)
    town.admit("request")
    town.grant(town.last_request)
    epoch = town.state.epoch(make_id("epoch/1"))
    epoch.sealed_to = epoch.sealed_to[:2]
    town.admit("hold", kind="full")
    expect(town, "hold-share-known", town.make("hold-share", custodian=3))
    town.admit("hold-share", custodian=2)


def test_a_hold_needs_a_holdable_kind(town: Town) -> None:
    town.admit("request", kind="data-subject")
    town.grant(town.last_request)
    expect(town, "hold-quorum", town.make("hold", kind="full"))


def test_incidents_and_access(town: Town) -> None:
    for signers in ([town.keeper.signing], [town.discloser.signing], [town.administrator.key]):
        town.admit("incident", signers=signers)
    known: list[SigningKey] = [town.supervisor.key]
    expect(town, "signature", town.make("incident", signers=known))
    expect(town, "incident-new", town.make("incident", incident=b64u(make_id("incident/1")), summary="x"))
    town.admit("access")
    expect(town, "access-once", town.make("access", counts=[]))


def test_epochs_of_a_stream_in_a_time_range(town: Town) -> None:
    for _ in range(3):
        town.advance(HOUR_US)
        town.open_epoch()

    def starts(from_us: int, to_us: int) -> list[int]:
        return [
            (epoch.utc0_us - START_US) // HOUR_US
            for epoch in town.state.epochs_of(town.stream, START_US + from_us, START_US + to_us)
        ]

    assert starts(0, DAY_US) == [0, 1, 2, 3]
    assert starts(HOUR_US, 2 * HOUR_US) == [1]
    assert starts(HOUR_US - 1, 2 * HOUR_US + 1) == [0, 1, 2]
    assert starts(4 * HOUR_US, DAY_US) == []
    assert town.state.epochs_of(town.sub_stream, 0, town.now_us) == []


def test_what_is_not_there(town: Town) -> None:
    state = town.state
    for look in (
        state.epoch,
        state.request,
        state.hold,
        state.pool,
        state.camera,
        state.recorder,
        state.staff,
    ):
        with pytest.raises(CustodesError):
            look(make_id("none"))
    with pytest.raises(CustodesError):
        state.roster_of(bytes(32))
    with pytest.raises(CustodesError):
        _ = type(state)().genesis
    with pytest.raises(CustodesError):
        _ = type(state)().roster


def test_backgrounds_need_two_who_commit_and_follow_one_another(town: Town) -> None:
    pair = [town.administrator.key, town.supervisor.key]
    none = b64u(make_id("none"))
    try_all(
        town,
        [
            ("background", {"signers": pair[:1]}, "signature"),
            ("background", {"signers": [pair[0], town.investigator.key]}, "signature"),
            ("background", {"signers": [*pair, town.investigator.key]}, "signature"),
            ("background", {"camera": none}, "background-camera"),
            ("background", {"stream": none}, "background-camera"),
            ("background", {"view": "home"}, "background-view"),
            ("background", {"revision": 2}, "background-revision"),
            ("background", {"background": ""}, "background-withdraw"),
        ],
    )
    town.admit("background")
    try_all(town, [("background", {"revision": 1, "doubt_permille": 1}, "background-revision")])
    place = (town.stream, "crossing", "day")
    assert [one.background for one in in_force(town.state.facts)] == [digest("background/1")]
    town.admit("background", background="")
    assert town.state.facts.backgrounds[place].revision == 2
    assert in_force(town.state.facts) == []
    try_all(town, [("background", {"background": ""}, "background-withdraw")])
    town.admit("background")
    assert [one.revision for one in in_force(town.state.facts)] == [3]


def test_a_background_of_a_view_that_is_gone_is_not_in_force(town: Town) -> None:
    town.admit("background")
    town.admit("camera", views=[])
    assert in_force(town.state.facts) == []
    town.admit("background", view="home")
    assert [one.view for one in in_force(town.state.facts)] == ["home"]


def test_staff_who_wait_commit_no_background(town: Town) -> None:
    new = signing_key("staff/new-1")
    town.admit("staff", role="supervisor")
    signed = town.make("background", signers=[town.administrator.key, new])
    expect(town, "signature", signed)
    town.advance(DAY_US)
    town.admit_signed(signed)
