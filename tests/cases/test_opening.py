"""From request to slot keys: bundle, fetch, decisions, releases, disclosure, and who is blamed."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.canon import b64u, canon, typed_hash, typed_message
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.keys import SigningKey, sign_body
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.bundle import (
    Opening,
    file_path,
    open_file,
    open_opening,
    opening_path,
    package_path,
    release_path,
    seal_file,
    seal_opening,
)
from custodes.cases.decision import Client, Decision, Verdict, decide, granted_together, parse_decision
from custodes.cases.disclosure import Disclosure, combine_keys, failed_body
from custodes.cases.fetch import Fetch, open_answer, parse_fetch, seal_answer, sign_fetch
from custodes.cases.release import (
    BlamedError,
    build_set,
    check_set,
    decisions_hash,
    open_release,
    parse_release,
    seal_release,
)
from custodes.cases.scope import Scope, scope_of
from custodes.custody.shamir import split
from custodes.custody.share_set import unwrap
from custodes.custody.slots import share_tree
from custodes.ledger.entries.bodies import BODIES

IDENTITY = SigningKey(b"i" * 32)
CHECKPOINT = (9, b"c" * 32)


def decision_of(case, custodian: int, scope: Scope) -> tuple[Decision, Opening]:
    return decide(case.file, custodian, scope, "Fits the purpose.", Client.INSTALLED, CHECKPOINT, 5)


def some(case, count: int) -> Scope:
    return scope_of(list(case.file.whole)[:count])


# --- bundle ---


def test_the_file_reaches_each_reader_with_the_signatures_of_its_entry(case) -> None:
    keys = [SigningKey(bytes([n]) * 32) for n in (1, 2, 3)]
    entry = sign_body("custodes/entry/request/v1", case.file.entry_body(), *keys)
    reader = case.custodians[1]
    sealed = seal_file(case.file, entry.signatures, PublicSealingKey(reader.public))
    file, found = open_file(sealed, reader, case.file.hash)
    assert (file, found) == (case.file, entry)
    found.check_signed_by(key.public for key in keys)
    with pytest.raises(UnverifiedError):
        open_file(sealed, case.custodians[2], case.file.hash)
    with pytest.raises(UnverifiedError):
        open_file(sealed, reader, bytes(32))


def test_a_bundle_of_another_file_is_refused(case) -> None:
    other = replace(case.file, necessity="Something else.")
    content = {"file": other.to_json(), "format": "custodes/bundle/v1", "signatures": []}
    reader = case.custodians[1]
    info = typed_message("custodes/bundle/v1", case.file.hash)
    sealed = PublicSealingKey(reader.public).seal(canon(content), info)
    with pytest.raises(UnverifiedError, match="not that of request"):
        open_file(sealed, reader, case.file.hash)


def test_the_bundle_s_objects_have_their_names(case) -> None:
    folder = f"cases/{'63' * 16}/{case.file.hash.hex()}"
    key = b"\x0a" * 16
    assert file_path(b"c" * 16, case.file.hash, key) == f"{folder}/file.{'0a' * 16}"
    assert opening_path(b"c" * 16, case.file.hash, 3, key) == f"{folder}/opening.3.{'0a' * 16}"
    assert release_path(b"c" * 16, case.file.hash, 3) == f"{folder}/release.3"
    assert package_path(b"c" * 16, case.file.hash) == f"{folder}/package"


def test_an_opening_is_its_custodian_s_for_its_request(case) -> None:
    _, opening = decision_of(case, 2, case.file.whole)
    reader = case.custodians[3]
    sealed = seal_opening(opening, case.file.hash, 2, PublicSealingKey(reader.public))
    assert open_opening(sealed, case.file.hash, 2, reader) == opening
    for request, custodian, key in (
        (case.file.hash, 1, reader),
        (bytes(32), 2, reader),
        (case.file.hash, 2, case.custodians[1]),
    ):
        with pytest.raises(UnverifiedError):
            open_opening(sealed, request, custodian, key)
    with pytest.raises(InvalidError):
        seal_opening(opening, case.file.hash, 0, PublicSealingKey(reader.public))


# --- fetch ---


def fetch_of(case, transport: SealingKey) -> Fetch:
    return Fetch(
        network=case.file.network,
        custodian=2,
        epochs=case.footage.epochs,
        made_us=7,
        nonce=b"n" * 16,
        purpose_kind="request",
        purpose=case.file.hash,
        transport=transport.public,
    )


def test_messages_come_in_the_order_demanded_and_shredded_ones_empty(case) -> None:
    transport = SealingKey.generate()
    signed = sign_fetch(fetch_of(case, transport), IDENTITY)
    assert parse_fetch(signed) == fetch_of(case, transport)
    signed.check_signed_by([IDENTITY.public])
    one, two = case.footage.epochs
    message = unwrap(case.footage.share_sets[two], SealingKey(b"\x77" * 32))[2]
    sealed = seal_answer(signed, {two: message, bytes(16): b"not demanded"})
    assert open_answer(sealed, signed, transport) == {one: b"", two: message}
    with pytest.raises(UnverifiedError):
        open_answer(sealed, signed, SealingKey.generate())
    other = sign_fetch(replace(fetch_of(case, transport), nonce=b"m" * 16), IDENTITY)
    with pytest.raises(UnverifiedError):
        open_answer(sealed, other, transport)


@pytest.mark.parametrize("wrong", ["swapped", "short", "long", "empty"])
def test_an_answer_that_is_not_what_was_demanded_is_refused(case, wrong: str) -> None:
    transport = SealingKey.generate()
    signed = sign_fetch(fetch_of(case, transport), IDENTITY)
    one, two = case.footage.epochs
    first, second = (epoch + (3).to_bytes(4, "big") + b"abc" for epoch in (one, two))
    packed = {
        "swapped": second + first,
        "short": first + second[:-1],
        "long": first + second + b"x",
        "empty": b"",
    }[wrong]
    info = typed_message("custodes/fetched/v1", signed.statement_hash())
    sealed = PublicSealingKey(transport.public).seal(packed, info)
    with pytest.raises(UnverifiedError, match="demanded"):
        open_answer(sealed, signed, transport)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": ()},
        {"epochs": (b"e" * 16,) * 2},
        {"purpose_kind": "drill"},
        {"custodian": 0},
        {"nonce": b""},
    ],
)
def test_a_fetch_beyond_the_limits_does_not_exist(case, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        replace(fetch_of(case, case.opening), **changes)


# --- decisions ---


@pytest.mark.parametrize(("count", "verdict"), [(0, Verdict.REFUSE), (3, Verdict.PART), (5, Verdict.GRANT)])
def test_a_verdict_follows_from_what_is_granted(case, count: int, verdict: Verdict) -> None:
    decision, opening = decision_of(case, 1, some(case, count))
    assert (decision.verdict, decision.count) == (verdict, count)
    assert parse_decision(decision.body()) == decision
    BODIES["custodes/entry/decision/v1"][1](decision.body())
    decision.check_opening(case.file, opening)
    expected = typed_hash("custodes/grant/v1", opening.salt, canon(opening.scope.to_json()))
    assert decision.commitment == expected
    assert decision.grants is (verdict is not Verdict.REFUSE)


def test_a_false_opening_counts_as_no_grant(case) -> None:
    decision, opening = decision_of(case, 1, some(case, 3))
    for wrong in (
        replace(opening, salt=bytes(32)),
        replace(opening, scope=some(case, 4)),
        replace(opening, scope=Scope()),
    ):
        with pytest.raises(UnverifiedError, match="not that of its decision"):
            decision.check_opening(case.file, wrong)
    with pytest.raises(UnverifiedError):
        decision.check_opening(replace(case.file, salt=bytes(32)), opening)
    for changes in ({"verdict": Verdict.GRANT}, {"count": 4}):
        with pytest.raises(UnverifiedError, match="fit its verdict"):
            replace(decision, **changes).check_opening(case.file, opening)


def test_nothing_can_be_granted_that_was_not_asked_for(case) -> None:
    foreign = scope_of([next(iter(case.file.whole))._replace(slot=3)])
    with pytest.raises(UnverifiedError, match="not asked for"):
        decision_of(case, 1, foreign)


@pytest.mark.parametrize(
    ("member", "wrong"),
    [("verdict", "maybe"), ("count", 0), ("custodian", 17), ("client", "phone"), ("count", -1)],
)
def test_a_decision_with_a_wrong_member_is_refused(case, member: str, wrong: object) -> None:
    decision, _ = decision_of(case, 1, case.file.whole)
    with pytest.raises(InvalidError):
        parse_decision({**decision.body(), member: wrong})


def test_slots_are_released_that_as_many_grant_as_are_needed(case) -> None:
    whole = list(case.file.whole)
    scopes = [scope_of(whole[:4]), scope_of(whole[1:]), scope_of(whole[2:3])]
    assert list(granted_together(case.file, scopes)) == whole[1:4]
    assert list(granted_together(replace(case.file, decisions_needed=3), scopes)) == whole[2:3]
    assert granted_together(case.file, scopes[:1]).count == 0


# --- releases ---


def released_by(case, custodian: int, scope: Scope):
    return build_set(scope, custodian, case.footage.headers, case.footage.shares[custodian])


def test_released_shares_open_the_slots_granted_and_nothing_else(case) -> None:
    scope = some(case, 3)
    decisions = decisions_hash([b"2" * 32, b"1" * 32])
    assert decisions == typed_hash("custodes/decisions/v1", b"1" * 32 + b"2" * 32)
    for pair in combinations((1, 2, 3), 2):
        opened = {}
        for custodian in pair:
            sealed, release = seal_release(
                case.file, custodian, decisions, released_by(case, custodian, scope)
            )
            BODIES["custodes/entry/release/v1"][1](release.body())
            assert parse_release(release.body()) == release
            opened[custodian] = open_release(sealed, release, case.opening)
            check_set(opened[custodian], scope, custodian, case.footage.headers)
        keys = combine_keys(opened, case.footage.share_sets)
        assert list(keys) == list(scope)
        assert all(key == case.footage.keys[slot.epoch][slot.slot] for slot, key in keys.items())


def test_a_set_is_that_of_its_entry_and_opens_under_its_decisions_alone(case) -> None:
    released = released_by(case, 1, some(case, 2))
    sealed, release = seal_release(case.file, 1, b"d" * 32, released)
    with pytest.raises(UnverifiedError, match="not the set"):
        open_release(sealed + b"x", release, case.opening)
    for wrong in (
        replace(release, decisions=bytes(32)),
        replace(release, custodian=2),
        replace(release, request=bytes(32)),
    ):
        with pytest.raises(BlamedError):
            open_release(sealed, wrong, case.opening)
    with pytest.raises(RefusedError):
        seal_release(case.file, 1, b"d" * 32, ())


@settings(max_examples=60)
@given(st.data())
def test_a_set_with_any_share_or_path_changed_blames_its_custodian(case, data: st.DataObject) -> None:
    scope = some(case, 4)
    released = list(released_by(case, 2, scope))
    place = data.draw(st.integers(0, 3))
    share = released[place]
    step = data.draw(st.integers(0, len(share.path) - 1))
    released[place] = data.draw(
        st.sampled_from(
            [
                replace(share, share=bytes(32)),
                replace(share, path=(*share.path[:step], bytes(32), *share.path[step + 1 :])),
                replace(share, path=share.path[:-1]),
                replace(share, path=(*share.path, bytes(32))),
                replace(share, slot=3),
                replace(share, share=case.footage.shares[1][share.epoch][share.slot]),
            ]
        )
    )
    with pytest.raises(BlamedError) as caught:
        check_set(released, scope, 2, case.footage.headers)
    assert caught.value.custodian == 2


def test_a_set_of_other_slots_than_granted_blames_its_custodian(case) -> None:
    scope = some(case, 3)
    for wrong in (some(case, 2), some(case, 4)):
        with pytest.raises(BlamedError, match="slots granted"):
            check_set(released_by(case, 1, wrong), scope, 1, case.footage.headers)
    with pytest.raises(BlamedError, match="slots granted"):
        check_set(released_by(case, 1, scope)[::-1], scope, 1, case.footage.headers)
    with pytest.raises(BlamedError):
        check_set(released_by(case, 1, scope), scope, 9, case.footage.headers)
    with pytest.raises(NotFoundError):
        check_set(released_by(case, 1, scope), scope, 1, {})
    with pytest.raises(NotFoundError):
        build_set(scope, 1, {}, {})


def test_right_paths_that_give_a_wrong_key_blame_the_recorder(case) -> None:
    epoch = case.footage.epochs[0]
    header = case.footage.headers[epoch]
    wrong = split(bytes(128), 2, (1, 2, 3))
    shares = {i: [wrong[i][at : at + 32] for at in range(0, 128, 32)] for i in wrong}
    custodians = tuple(
        replace(to, root=share_tree(epoch, to.index, shares[to.index]).root) for to in header.custodians
    )
    false = replace(header, custodians=custodians)
    scope = some(case, 1)
    released = {i: build_set(scope, i, {epoch: false}, {epoch: shares[i]}) for i in (1, 2)}
    for i in (1, 2):
        check_set(released[i], scope, i, {epoch: false})
    with pytest.raises(BlamedError, match="recorder") as caught:
        combine_keys(released, {epoch: replace(case.footage.share_sets[epoch], header=false)})
    assert caught.value.custodian == 0


def test_slots_without_a_quorum_of_shares_stay_closed(case) -> None:
    released = {1: released_by(case, 1, some(case, 3)), 2: released_by(case, 2, some(case, 1))}
    assert list(combine_keys(released, case.footage.share_sets)) == list(some(case, 1))
    with pytest.raises(RefusedError):
        combine_keys({1: released[1]}, case.footage.share_sets)
    with pytest.raises(NotFoundError):
        combine_keys(released, {})


def test_a_sealed_set_that_holds_no_set_blames_its_custodian(case) -> None:
    _, release = seal_release(case.file, 1, b"d" * 32, released_by(case, 1, some(case, 1)))
    info = typed_message("custodes/release/v1", case.file.hash, (1).to_bytes(2, "big"), b"d" * 32)
    for content in (b"{}", canon({"format": "custodes/released/v1", "shares": [{"epoch": "AA"}]})):
        import hashlib

        sealed = PublicSealingKey(case.opening.public).seal(content, info)
        entry = replace(release, set=hashlib.sha256(sealed).digest())
        with pytest.raises(BlamedError) as caught:
            open_release(sealed, entry, case.opening)
        assert caught.value.custodian == 1


def test_the_bodies_of_disclosure_and_failure_are_the_ledger_s(case) -> None:
    body = Disclosure(case.file.network, case.file.hash, 3, 18, b"p" * 32).body()
    assert BODIES["custodes/entry/disclosure/v1"][1](body)["envelopes"] == 18
    body = failed_body(case.file.network, case.file.hash, 2, "its path is wrong")
    assert BODIES["custodes/entry/failed/v1"][1](body)["blamed"] == 2
    assert b64u(case.file.hash) == body["request"]
    assert issubclass(BlamedError, CustodesError)
