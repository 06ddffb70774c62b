"""A ledger's entries lead everybody to the same state."""

import pytest
from town.ledger import Town

from custodes.base.clock import DAY_US, MINUTE_US
from custodes.base.errors import CustodesError
from custodes.ledger import merkle
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.refusal import rule_of
from custodes.ledger.rules.state import LedgerState


@pytest.fixture(scope="module")
def town() -> Town:
    built = Town(witnesses=2)
    built.found()
    built.open_epoch()
    late = built.make("account")
    built.advance(11 * MINUTE_US)
    built.admit_signed(late)
    built.admit("request")
    built.grant(built.last_request)
    for custodian in (1, 2):
        built.admit("release", custodian=custodian)
    built.admit("disclosure")
    return built


@pytest.mark.parametrize("signatures", [True, False])
def test_replay(town: Town, signatures: bool) -> None:
    state = LedgerState()
    for index, entry in enumerate(town.entries):
        assert state.replay(entry, index, signatures=signatures).entry == entry
    assert state.tree.root() == merkle.root(town.entries) == town.state.tree.root()
    assert state.facts.requests == town.state.facts.requests
    assert state.facts.epochs == town.state.facts.epochs
    assert state.facts.recorders == town.state.facts.recorders


def test_lateness_is_the_rules_own(town: Town) -> None:
    index = next(i for i, entry in enumerate(town.entries) if parse_entry(entry).late)
    altered = town.entries[index].replace(b',"late":true', b"")
    state = LedgerState()
    for i in range(index):
        state.replay(town.entries[i], i)
    with pytest.raises(CustodesError) as caught:
        state.replay(altered, index)
    assert rule_of(caught.value) == "late"


def test_an_altered_entry_is_refused_at_its_place(town: Town) -> None:
    altered = town.entries[2].replace(b"Market", b"Marked")
    assert altered != town.entries[2]
    state = LedgerState()
    for index in range(2):
        state.replay(town.entries[index], index)
    with pytest.raises(CustodesError) as caught:
        state.replay(altered, 2)
    assert rule_of(caught.value) == "signature"
    with pytest.raises(CustodesError) as caught:
        state.replay(b" " + town.entries[2], 2)
    assert rule_of(caught.value) == "members"


def test_witness_policy_comes_from_the_roster(town: Town) -> None:
    policy = town.state.roster.policy(town.state.genesis)
    assert policy.needed == 2
    assert set(policy.witnesses) == set(town.witnesses)
    assert policy.keeper == ("town.example/log/keeper", town.keeper.signing.public)
    assert not town.state.genesis.periods.rehearsal
    assert Town(periods={**town.periods, "staff_wait_us": DAY_US - 1}).state.genesis.periods.rehearsal
