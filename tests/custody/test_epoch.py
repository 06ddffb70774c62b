"""Epochs: what custodians can open, what binds them to the header, what breaks that."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import CustodesError, InvalidError, UnverifiedError
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.custody.header import Header, deadline_us
from custodes.custody.shamir import combine
from custodes.custody.share_set import (
    open_message,
    pack_messages,
    parse_share_set,
    share_info,
    share_set_hash,
    shred_info,
    unwrap,
)
from custodes.custody.slots import fill_cells, new_cells, slot_commitment, wipe_cells


def test_a_quorum_gets_every_slot_key_and_nobody_else_does(made) -> None:
    share_set = parse_share_set(made.sealed.share_set)
    messages = unwrap(share_set, made.shred)
    shares = {
        index: open_message(share_set.header, index, messages[index], key)
        for index, key in made.custodians.items()
    }
    for chosen in combinations(shares, 3):
        for slot in range(made.plan.slots):
            key = combine({index: shares[index][slot] for index in chosen})
            assert key == bytes(made.cells[slot])
            share_set.check_key(slot, key)
    for chosen in combinations(shares, 2):
        with pytest.raises(UnverifiedError):
            share_set.check_key(0, combine({index: shares[index][0] for index in chosen}))


def test_shares_of_some_slots_open_those_and_nothing_else(made) -> None:
    share_set = parse_share_set(made.sealed.share_set)
    messages = unwrap(share_set, made.shred)
    shares = {
        index: open_message(share_set.header, index, messages[index], made.custodians[index])
        for index in (1, 2, 4)
    }
    for slot in range(made.plan.slots):
        key = combine({index: shares[index][slot] for index in shares})
        for other in range(made.plan.slots):
            if other == slot:
                share_set.check_key(other, key)
                continue
            with pytest.raises(UnverifiedError, match=f"slot {other}"):
                share_set.check_key(other, key)
    mixed = combine({1: shares[1][0], 2: shares[2][0], 4: shares[4][1]})
    for slot in range(made.plan.slots):
        with pytest.raises(UnverifiedError):
            share_set.check_key(slot, mixed)


def test_shares_of_another_epoch_do_not_pass(made, make_test_epoch) -> None:
    other = make_test_epoch()
    header = made.sealed.header
    foreign = unwrap(parse_share_set(other.sealed.share_set), other.shred)[1]
    with pytest.raises(UnverifiedError):
        open_message(header, 1, foreign, made.custodians[1])


def test_a_share_set_is_one_spelling(made) -> None:
    share_set = parse_share_set(made.sealed.share_set)
    assert share_set.header == made.sealed.header
    assert share_set.encode() == made.sealed.share_set
    assert made.sealed.entry_body()["set"] == b64u(share_set_hash(made.sealed.share_set))


@settings(max_examples=150)
@given(st.data())
def test_a_flipped_bit_of_a_share_set_is_found(made, data: st.DataObject) -> None:
    damaged = bytearray(made.sealed.share_set)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CustodesError):
        share_set = parse_share_set(bytes(damaged))
        for index, message in unwrap(share_set, made.shred).items():
            open_message(share_set.header, index, message, made.custodians[index])


def test_the_wrong_key_opens_nothing(made) -> None:
    share_set = parse_share_set(made.sealed.share_set)
    with pytest.raises(UnverifiedError):
        unwrap(share_set, SealingKey(b"\x01" * 32))
    messages = unwrap(share_set, made.shred)
    with pytest.raises(UnverifiedError, match="another key"):
        open_message(share_set.header, 1, messages[1], made.custodians[2])
    with pytest.raises(InvalidError, match="not sealed to custodian 3"):
        open_message(share_set.header, 3, messages[1], made.custodians[1])
    with pytest.raises(UnverifiedError):
        open_message(share_set.header, 1, messages[2], made.custodians[1])


def test_false_shares_are_refused_though_sealed_rightly(made) -> None:
    header = made.sealed.header
    public = PublicSealingKey(made.custodians[1].public)
    false = public.seal(bytes(32 * header.slots), share_info(header, 1))
    with pytest.raises(UnverifiedError, match="root in the header"):
        open_message(header, 1, false, made.custodians[1])
    with pytest.raises(UnverifiedError, match="one share a slot"):
        open_message(header, 1, public.seal(bytes(32), share_info(header, 1)), made.custodians[1])


def test_messages_of_other_custodians_than_the_header_s_are_refused(made) -> None:
    share_set = parse_share_set(made.sealed.share_set)
    messages = unwrap(share_set, made.shred)
    public = PublicSealingKey(made.shred.public)
    for wrong in (
        {**{index: messages[index] for index in (1, 2, 4)}, 6: messages[5]},
        {index: messages[index] for index in (1, 2, 4)},
        {**messages, 6: messages[5]},
    ):
        sealed = public.seal(pack_messages(wrong), shred_info(share_set.header))
        with pytest.raises(InvalidError):
            unwrap(replace(share_set, sealed=sealed), made.shred)


def test_false_commitments_are_refused(made) -> None:
    value = parse_canon(made.sealed.share_set)
    commitments = bytearray(unb64u(value["commitments"]))
    commitments[5] ^= 1
    value["commitments"] = b64u(bytes(commitments))
    with pytest.raises(UnverifiedError, match="slot commitments"):
        parse_share_set(canon(value))


@pytest.mark.parametrize(
    "changes",
    [
        {"quorum": 1},
        {"quorum": 4},
        {"slots": 0},
        {"slots": 61},
        {"slot_us": 60_000_001},
        {"slot_us": 0},
        {"deadline_us": 1_800_000_000_000_000},
        {"run": -1},
        {"network": b"short"},
        {"roster": b""},
        {"stream": bytes(17)},
    ],
)
def test_a_header_beyond_the_limits_does_not_exist(made, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        replace(made.sealed.header, **changes)


@pytest.mark.parametrize("member", ["camera", "custodians", "run", "shred", "utc0_us", "format"])
def test_a_header_with_members_missing_or_unknown_is_refused(made, member: str) -> None:
    value = made.sealed.header.to_json()
    with pytest.raises(InvalidError, match="members"):
        Header.from_json({**value, "note": "x"})
    del value[member]
    with pytest.raises(InvalidError, match=member):
        Header.from_json(value)


@pytest.mark.parametrize(
    ("member", "wrong"),
    [
        ("run", True),
        ("run", "1"),
        ("camera", "AA"),
        ("utc0_us", -1),
        ("format", "custodes/header/v2"),
        ("custodians", {}),
        ("shred", []),
        ("quorum", 2**53),
    ],
)
def test_a_header_with_a_wrong_member_is_refused(made, member: str, wrong: object) -> None:
    with pytest.raises(InvalidError):
        Header.from_json({**made.sealed.header.to_json(), member: wrong})


def test_custodians_stand_ascending_and_once(made) -> None:
    header = made.sealed.header
    for custodians in (header.custodians[::-1], (*header.custodians[:2], *header.custodians[1:])):
        with pytest.raises(InvalidError, match="ascending"):
            replace(header, custodians=custodians)


def test_cells_are_filled_and_wiped_in_place() -> None:
    cells = new_cells(3)
    fill_cells(cells, lambda length: b"k" * length)
    assert [bytes(cell) for cell in cells] == [b"k" * 32] * 3
    assert slot_commitment(b"e" * 16, 0, cells[0]) != slot_commitment(b"e" * 16, 1, cells[1])
    wipe_cells(cells)
    assert bytes(cells[0].obj) == bytes(96)
    with pytest.raises(InvalidError):
        fill_cells([memoryview(bytearray(31))])


def test_an_epoch_needs_a_cell_a_slot(make_test_epoch, made) -> None:
    from custodes.custody.epoch import make_epoch

    with pytest.raises(InvalidError, match="cells"):
        make_epoch(made.plan, new_cells(4))


def test_a_deadline_is_that_of_a_whole_epoch() -> None:
    assert deadline_us(10, 60_000_000, 60, 72 * 3_600_000_000) == 10 + 73 * 3_600_000_000
