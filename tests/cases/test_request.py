"""Scopes and request files: one spelling, limits, commitments."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import b64u, canon, parse_canon, typed_hash
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.cases.request import RequestFile, parse_request_file
from custodes.cases.scope import EpochSlots, Scope, Slot, scope_of, slots_in_at_least
from custodes.ledger.entries.bodies import BODIES
from custodes.ledger.rules.people import Actor, Custodian, Roster

streams = st.sampled_from([bytes([n]) * 16 for n in range(3)])
slots = st.builds(
    lambda stream, epoch, slot: Slot(stream, stream[:1] + bytes([epoch]) * 15, slot),
    streams,
    st.integers(0, 3),
    st.integers(0, 59),
)


@given(st.sets(slots, max_size=30))
def test_a_scope_holds_its_slots_in_one_spelling(chosen: set[Slot]) -> None:
    scope = scope_of(chosen)
    assert list(scope) == sorted(chosen)
    assert scope.count == len(chosen)
    assert Scope.from_json(parse_canon(scope.encode())) == scope


@given(st.lists(st.sets(slots, max_size=10), max_size=4), st.integers(1, 4))
def test_slots_that_enough_scopes_contain(chosen: list[set[Slot]], needed: int) -> None:
    together = slots_in_at_least(map(scope_of, chosen), needed)
    expected = {slot for slot in set().union(*chosen) if sum(slot in one for one in chosen) >= needed}
    assert set(together) == expected


@pytest.mark.parametrize(
    "epochs",
    [
        (EpochSlots(b"a" * 16, b"e" * 16, ()),),
        (EpochSlots(b"a" * 16, b"e" * 16, (60,)),),
        (EpochSlots(b"a" * 16, b"e" * 16, (-1,)),),
        (EpochSlots(b"a" * 16, b"e" * 16, (2, 1)),),
        (EpochSlots(b"a" * 16, b"e" * 16, (1, 1)),),
        (EpochSlots(b"a", b"e" * 16, (1,)),),
        (EpochSlots(b"b" * 16, b"e" * 16, (1,)), EpochSlots(b"a" * 16, b"f" * 16, (1,))),
        (EpochSlots(b"a" * 16, b"e" * 16, (1,)), EpochSlots(b"b" * 16, b"e" * 16, (1,))),
        tuple(EpochSlots(b"a" * 16, n.to_bytes(16, "big"), (1,)) for n in range(501)),
    ],
)
def test_a_scope_beyond_the_limits_does_not_exist(epochs: tuple[EpochSlots, ...]) -> None:
    with pytest.raises(InvalidError):
        Scope(epochs)


@pytest.mark.parametrize("slot", [True, "1", 1.5, None])
def test_a_slot_is_an_integer(slot: object) -> None:
    with pytest.raises(InvalidError):
        Scope.from_json([{"epoch": b64u(bytes(16)), "slots": [slot], "stream": b64u(bytes(16))}])


def test_a_request_file_has_one_spelling_and_its_hash_is_q(case) -> None:
    data = canon(case.file.to_json())
    assert parse_request_file(data) == case.file
    assert case.file.hash == typed_hash("custodes/request/v1", data)
    with pytest.raises(InvalidError):
        parse_request_file(data + b" ")
    for changes in ({"format": "x"}, {"note": 1}, {"scope": {}}, {"recipient": {"key": "AA"}}, {"case": 1}):
        with pytest.raises(InvalidError):
            RequestFile.from_json({**case.file.to_json(), **changes})


def test_the_entry_commits_to_the_scope_and_counts_the_run_in(case) -> None:
    file = case.file
    body = file.entry_body()
    assert (body["count"], body["epochs"]) == (5, 2)
    assert file.whole.count == 5
    expected = typed_hash(
        "custodes/scope/v1", file.salt, canon(file.scope.to_json()), canon(file.run_in.to_json())
    )
    assert body["commitment"] == b64u(expected)
    BODIES["custodes/entry/request/v1"][1](body)
    file.check_entry(body)
    with pytest.raises(UnverifiedError):
        replace(file, salt=bytes(32)).check_entry(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"expiry_us": 1_800_000_000_000_000},
        {"expiry_us": 1_800_000_000_000_000 + 30 * 86_400_000_000 + 1},
        {"scope": Scope()},
        {"kind": "curiosity"},
        {"decisions_needed": 1},
        {"necessity": ""},
        {"necessity": "a\nb"},
        {"legal_basis": "x" * 501},
        {"recipient_key": b""},
        {"salt": b""},
        {"case": b""},
    ],
)
def test_a_request_beyond_the_limits_does_not_exist(case, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        replace(case.file, **changes)


def test_a_slot_is_not_both_asked_for_and_run_in(case) -> None:
    with pytest.raises(InvalidError, match="in common"):
        replace(case.file, run_in=case.file.scope)


def test_what_is_shown_has_a_length(case) -> None:
    shown = replace(case.file.shown[0], to_us=case.file.shown[0].from_us)
    with pytest.raises(InvalidError):
        replace(case.file, shown=(shown,))


def test_a_request_fits_its_roster(case) -> None:
    actor = Actor(b"k" * 32, b"s" * 1216)
    custodians = tuple(Custodian(i, bytes([i]) * 32, "c", ()) for i in (1, 2, 3))
    roster = Roster(case.file.roster, 0, 2, custodians, 1, actor, actor, actor, {}, 0)
    case.file.check_roster(roster)
    replace(case.file, decisions_needed=3).check_roster(roster)
    for file, wrong in (
        (replace(case.file, decisions_needed=4), roster),
        (case.file, replace(roster, quorum=3)),
        (case.file, replace(roster, hash=bytes(32))),
    ):
        with pytest.raises(UnverifiedError):
            file.check_roster(wrong)
