"""Accounts: a chain without holes, manifests that match, a closed list of reasons."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.custody.accounts import (
    Account,
    AccountChain,
    AccountLeaf,
    Closed,
    Cut,
    Gap,
    GapReason,
    parse_account,
    parse_manifest,
)
from custodes.ledger import merkle

NETWORK, RECORDER = b"N" * 32, b"R" * 16
CHAIN = AccountChain(NETWORK, RECORDER, run=5, number=0, previous=b"E" * 32)

ids = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
counts = st.integers(0, 2**53 - 1)
rows = st.builds(AccountLeaf, ids, ids, counts, hashes)
gaps = st.builds(
    lambda stream, start, reason, length: Gap(stream, start, start + length, reason),
    ids,
    st.integers(0, 2**52),
    st.sampled_from(GapReason),
    st.integers(0, 2**40),
)
cuts = st.builds(Cut, ids, ids, counts, st.integers(1, 2**32), hashes)
closed = st.builds(Closed, ids, counts, hashes)


@given(
    st.lists(rows, max_size=6, unique_by=lambda row: row[:3]),
    st.lists(gaps, max_size=4, unique=True),
    st.lists(cuts, max_size=3, unique_by=lambda cut: cut[:3]),
    st.lists(closed, max_size=3, unique_by=lambda item: item.epoch),
    st.sampled_from([None, 6, 900]),
)
def test_what_a_recorder_states_reads_back_and_follows(rows, gaps, cuts, closed, new_run) -> None:
    rows = [*rows, *(AccountLeaf(*cut[:3], cut.hash) for cut in cuts)]
    rows = list({row[:3]: row for row in rows}.values())
    account, manifest, after = CHAIN.next(7, rows, gaps, cuts, closed, new_run)
    assert parse_manifest(manifest.encode()) == manifest
    body = parse_canon(canon(account.body()))
    assert parse_account(account.type, body) == account
    account.check_manifest(manifest)
    assert CHAIN.follow(account) == after
    assert account.root == merkle.root(sorted(row.encode() for row in rows))
    assert (after.number, after.run) == (1, new_run or 5)


def test_accounts_follow_one_another() -> None:
    first, _, one = CHAIN.next(60, [])
    second, _, two = one.next(120, [AccountLeaf(b"s" * 16, b"e" * 16, 0, b"h" * 32)])
    third, _, three = two.next(180, [], new_run=9)
    assert (third.type, third.previous_run) == ("custodes/entry/restart/v1", 5)
    assert three.run == 9
    assert CHAIN.follow(first).follow(second).follow(third) == three
    for chain, wrong in (
        (CHAIN, second),
        (one, first),
        (one, replace(second, previous=bytes(32))),
        (one, replace(second, recorder=bytes(16))),
        (one, replace(second, network=bytes(32))),
        (one, replace(second, run=6)),
        (two, replace(third, previous_run=4)),
        (two, replace(third, run=5)),
    ):
        with pytest.raises(UnverifiedError, match="chain"):
            chain.follow(wrong)
    with pytest.raises(InvalidError, match="run 5"):
        two.next(0, [], new_run=5)


def test_a_first_account_may_be_of_any_run() -> None:
    account, _, _ = replace(CHAIN, run=77).next(60, [])
    assert CHAIN.follow(account).run == 77


def test_another_manifest_does_not_pass() -> None:
    row = AccountLeaf(b"s" * 16, b"e" * 16, 0, b"h" * 32)
    cut = Cut(*row[:3], 2, row.hash)
    account, manifest, _ = CHAIN.next(60, [row], [Gap(b"s" * 16, 1, 2, GapReason.LOSS)], [cut])
    account.check_manifest(manifest)
    for wrong in (
        replace(manifest, leaves=()),
        replace(manifest, gaps=()),
        replace(manifest, number=2),
        replace(manifest, gaps=(Gap(b"s" * 16, 1, 3, GapReason.LOSS),)),
    ):
        with pytest.raises(UnverifiedError):
            account.check_manifest(wrong)
    with pytest.raises(UnverifiedError):
        replace(account, cuts=(cut._replace(hash=bytes(32)),)).check_manifest(manifest)
    with pytest.raises(UnverifiedError):
        replace(account, gaps=()).check_manifest(manifest)


def test_parts_named_twice_or_out_of_order_are_refused() -> None:
    row = AccountLeaf(b"s" * 16, b"e" * 16, 0, b"h" * 32)
    with pytest.raises(InvalidError, match="leaves"):
        CHAIN.next(60, [row, row._replace(hash=bytes(32))])
    with pytest.raises(InvalidError, match="closed"):
        CHAIN.next(60, [], closed=[Closed(b"e" * 16, 1, bytes(32)), Closed(b"e" * 16, 2, bytes(32))])
    _, manifest, _ = CHAIN.next(60, [row, row._replace(sequence=1)])
    with pytest.raises(InvalidError, match="ascending"):
        replace(manifest, leaves=manifest.leaves[::-1])


@pytest.mark.parametrize("gap", [Gap(b"s", 1, 2, GapReason.LOSS), Gap(b"s" * 16, 2, 1, GapReason.LOSS)])
def test_a_gap_beyond_the_rules_is_refused(gap: Gap) -> None:
    with pytest.raises(InvalidError, match="gap"):
        CHAIN.next(60, [], [gap])


def test_a_row_is_72_bytes_and_nothing_else() -> None:
    row = AccountLeaf(b"s" * 16, b"e" * 16, 3, b"h" * 32)
    assert row.encode() == b"s" * 16 + b"e" * 16 + bytes(7) + b"\x03" + b"h" * 32
    with pytest.raises(InvalidError):
        row._replace(hash=b"short").encode()
    value = parse_canon(CHAIN.next(60, [row])[1].encode())
    with pytest.raises(InvalidError, match="72"):
        parse_manifest(canon({**value, "leaves": "AAAA"}))
    gap = {"from_us": 1, "reason": "coffee", "stream": value["recorder"], "to_us": 2}
    with pytest.raises(InvalidError, match="reason"):
        parse_manifest(canon({**value, "gaps": [gap]}))


@pytest.mark.parametrize(("member", "wrong"), [("number", 0), ("run", -1), ("cuts", {}), ("root", "")])
def test_an_account_with_a_wrong_member_is_refused(member: str, wrong: object) -> None:
    account: Account = CHAIN.next(60, [])[0]
    with pytest.raises(InvalidError):
        parse_account(account.type, {**account.body(), member: wrong})
    with pytest.raises(InvalidError, match="previous_run"):
        parse_account(account.type, {**account.body(), "previous_run": 1})
    with pytest.raises(InvalidError):
        parse_account("custodes/entry/epoch/v1", account.body())


def test_the_reasons_are_those_of_the_page() -> None:
    page = Path(__file__).parents[2] / "docs/formats/accounts.md"
    line = next(line for line in page.read_text().splitlines() if line.startswith("Reasons of gaps"))
    assert tuple(re.findall("`([a-z-]+)`", line)) == tuple(GapReason)
