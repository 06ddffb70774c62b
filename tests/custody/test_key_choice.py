"""Whom an epoch is sealed to as keys run out."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.clock import DAY_US
from custodes.base.errors import RefusedError
from custodes.custody.key_choice import KeyHealth, choose_keys

WEEK_US = 7 * DAY_US


@dataclass(frozen=True)
class Term:
    index: int
    number: int
    seals_from_us: int
    seals_until_us: int


def weeks(index: int, first: int, last: int) -> list[Term]:
    return [Term(index, n, (n - 1) * WEEK_US, n * WEEK_US) for n in range(first, last + 1)]


def all_weeks(**last: int) -> list[Term]:
    return [term for name, end in last.items() for term in weeks(int(name[1:]), 1, end)]


def test_everyone_by_the_key_of_this_week_is_green() -> None:
    choice = choose_keys(all_weeks(c1=5, c2=5, c3=5), (1, 2, 3), 2, 3 * WEEK_US + 1)
    assert choice.health is KeyHealth.GREEN
    assert [term.number for term in choice.keys.values()] == [4, 4, 4]
    assert choice.late == choice.left_out == ()


def test_a_key_seals_on_for_fourteen_days_amber() -> None:
    terms = all_weeks(c1=5, c2=5, c3=5, c4=2)
    for when_us in (2 * WEEK_US + 1, 4 * WEEK_US):
        choice = choose_keys(terms, (1, 2, 3, 4), 2, when_us)
        assert (choice.health, choice.late, choice.left_out) == (KeyHealth.AMBER, (4,), ())
        assert choice.keys[4].number == 2


def test_then_its_custodian_is_left_out_while_enough_remain() -> None:
    choice = choose_keys(all_weeks(c1=5, c2=5, c3=5, c4=2), (1, 2, 3, 4), 2, 4 * WEEK_US + 1)
    assert (choice.health, choice.late, choice.left_out) == (KeyHealth.AMBER, (), (4,))
    assert list(choice.keys) == [1, 2, 3]


def test_else_the_latest_of_the_ended_keys_go_on_red_up_to_one_more_than_the_quorum() -> None:
    terms = all_weeks(c1=9, c2=9, c3=2, c4=3)
    choice = choose_keys(terms, (1, 2, 3, 4), 2, 6 * WEEK_US)
    assert choice.health is KeyHealth.RED
    assert list(choice.keys) == [1, 2, 4]
    assert (choice.late, choice.left_out) == ((4,), (3,))


def test_without_enough_keys_nothing_can_be_sealed() -> None:
    with pytest.raises(RefusedError, match="needs 3 custodians"):
        choose_keys(all_weeks(c1=5, c2=5), (1, 2, 3), 2, WEEK_US)
    with pytest.raises(RefusedError):
        choose_keys(all_weeks(c1=5, c2=5) + weeks(3, 4, 5), (1, 2, 3), 2, WEEK_US)


def test_custodians_of_no_roster_are_not_sealed_to() -> None:
    choice = choose_keys(all_weeks(c1=5, c2=5, c3=5, c9=5), (1, 2, 3), 2, WEEK_US)
    assert list(choice.keys) == [1, 2, 3]


def test_a_key_of_this_week_goes_before_a_later_one_that_has_ended() -> None:
    terms = [*all_weeks(c1=5, c2=5), Term(3, 1, 0, 9 * WEEK_US), Term(3, 2, 0, WEEK_US)]
    choice = choose_keys(terms, (1, 2, 3), 2, 2 * WEEK_US)
    assert choice.keys[3].number == 1


@given(
    st.lists(st.builds(weeks, st.integers(1, 6), st.integers(1, 3), st.integers(1, 8)), max_size=6),
    st.integers(2, 4),
    st.integers(0, 12 * WEEK_US),
)
def test_a_choice_always_has_more_than_a_quorum_of_begun_keys(terms, quorum: int, when_us: int) -> None:
    flat = [term for group in terms for term in group]
    try:
        choice = choose_keys(flat, range(1, 7), quorum, when_us)
    except RefusedError:
        assert len({term.index for term in flat if term.seals_from_us <= when_us}) <= quorum
        return
    assert len(choice.keys) > quorum
    assert sorted((*choice.keys, *choice.left_out)) == [1, 2, 3, 4, 5, 6]
    assert all(term.seals_from_us <= when_us for term in choice.keys.values())
    overdue = [i for i, term in choice.keys.items() if when_us > term.seals_until_us + 14 * DAY_US]
    assert not overdue or (choice.health is KeyHealth.RED and len(choice.keys) == quorum + 1)
