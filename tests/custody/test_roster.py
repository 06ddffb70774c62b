"""Cards, genesis, rosters: who must sign, what is refused, how the chain is walked."""

from dataclasses import replace

import pytest

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.custody.card import CARD_TYPE, Card, parse_card, sign_card, weekly_keys
from custodes.custody.roster import (
    FirstStaff,
    RosterChain,
    RosterDraft,
    check_card_named,
    check_genesis_body,
    genesis_body,
    genesis_in_words,
    network_id,
    roster_body,
    sign_genesis,
)
from custodes.ledger.entries.people import GENESIS_TYPE, ROSTER_TYPE
from custodes.ledger.rules.people import NORMAL_PERIODS, Actor

START_US = 1_800_000_000_000_000
WEEK_US = 7 * DAY_US
NAMES = ("Ombudsman", "Court clerk", "Works council", "Residents")


def signing(seed: int) -> SigningKey:
    return SigningKey(bytes([seed]) * 32)


def card_of(seed: int, name: str = "Ombudsman") -> Card:
    publics = [bytes([seed, week]) * 608 for week in range(5)]
    return Card(signing(seed).public, name, weekly_keys(publics, 1, START_US, WEEK_US))


def actor(seed: int) -> Actor:
    return Actor(signing(seed).public, bytes([seed]) * 1216)


CARDS = [card_of(seed, name) for seed, name in enumerate(NAMES[:3], 1)]
CUSTODIANS = [card.custodian(index) for index, card in enumerate(CARDS, 1)]
DRAFT = RosterDraft(CUSTODIANS, 2, actor(20), actor(21), actor(22), {"w": signing(30).public}, 1)
STAFF = (
    FirstStaff(signing(40).public, "alder", "administrator"),
    FirstStaff(signing(41).public, "birch", "supervisor"),
)


def body_of(draft: RosterDraft = DRAFT, **changes: object) -> dict[str, object]:
    defaults = {
        "name": "Testford",
        "created_us": START_US,
        "origin": "testford.example/log",
        "log_key": signing(50).public,
        "staff": STAFF,
    }
    return genesis_body(draft=draft, **{**defaults, **changes})


def signed_genesis(signers: tuple[int, ...] = (1, 2, 3, 20)) -> Signed:
    body = body_of()
    return Signed(GENESIS_TYPE, body, ()).with_signatures(sign_genesis(body, signing(s)) for s in signers)


def test_a_card_reads_back() -> None:
    card = card_of(1)
    assert parse_card(Signed.from_json(sign_card(card, signing(1)).to_json())) == card
    assert card.keys[1].seals_from_us == START_US + WEEK_US
    assert card.keys[4].destroy_after_us == START_US + 5 * WEEK_US + 38 * DAY_US
    assert card.keys[2].cert_body(b"N" * 32, 4)["custodian"] == 4


def test_a_card_signed_by_another_is_refused() -> None:
    card = card_of(1)
    body = sign_card(card, signing(1)).body
    with pytest.raises(InvalidError):
        sign_card(card, signing(2))
    for keys in ((signing(2),), (signing(1), signing(2)), ()):
        with pytest.raises(UnverifiedError):
            parse_card(sign_body(CARD_TYPE, body, *keys))
    with pytest.raises(InvalidError):
        parse_card(sign_body("custodes/card/v2", body, signing(1)))


def test_a_card_has_five_keys_one_week_after_the_other() -> None:
    card = card_of(1)
    first, *rest = card.keys
    for keys in (
        card.keys[:4],
        card.keys[::-1],
        (replace(first, seals_from_us=first.seals_from_us - 1), *rest),
        (replace(first, destroy_after_us=first.destroy_after_us + 1), *rest),
        (replace(first, key=rest[0].key), *rest),
        tuple(replace(key, seals_from_us=START_US, seals_until_us=START_US + 1) for key in card.keys),
        tuple(replace(key, destroy_after_us=key.seals_until_us) for key in card.keys),
    ):
        with pytest.raises(InvalidError):
            replace(card, keys=keys)


def test_genesis_is_signed_by_all_custodians_and_the_operator() -> None:
    genesis = signed_genesis()
    chain = RosterChain(genesis, network_id(genesis.body))
    assert chain.genesis.name == "Testford"
    assert chain.roster.custodians == tuple(CUSTODIANS)
    assert chain.hashes == (network_id(genesis.body),)
    for signers in ((1, 2, 20), (1, 2, 3), (1, 2, 3, 20, 21), ()):
        with pytest.raises(UnverifiedError):
            RosterChain(signed_genesis(signers))
    with pytest.raises(UnverifiedError, match="pinned"):
        RosterChain(genesis, bytes(32))
    with pytest.raises(InvalidError):
        RosterChain(sign_body(ROSTER_TYPE, {}, signing(1)))


def test_installed_clients_are_all_decisions_but_one_where_not_said() -> None:
    assert body_of()["installed_clients"] == 1
    assert body_of(replace(DRAFT, installed_clients=2))["installed_clients"] == 2


@pytest.mark.parametrize(
    "draft",
    [
        replace(DRAFT, quorum=1),
        replace(DRAFT, quorum=3),
        replace(DRAFT, custodians=[*CUSTODIANS, card_of(4).custodian(4)]),
        replace(DRAFT, custodians=CUSTODIANS[::-1]),
        replace(DRAFT, custodians=[*CUSTODIANS[:2], replace(CUSTODIANS[0], index=3)]),
        replace(DRAFT, keeper=DRAFT.operator),
        replace(DRAFT, witnesses_needed=2),
        replace(DRAFT, installed_clients=3),
    ],
)
def test_a_roster_beyond_the_limits_is_refused(draft: RosterDraft) -> None:
    with pytest.raises(CustodesError):
        body_of(draft)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"origin": "https://x"},
        {"log_key": signing(1).public},
        {"staff": STAFF[:1]},
        {"staff": (STAFF[1], replace(STAFF[1], key=signing(42).public, pseudonym="cedar"))},
        {"periods": replace(NORMAL_PERIODS, slot_us=60_000_001)},
    ],
)
def test_a_genesis_beyond_the_limits_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises((InvalidError, RefusedError)):
        body_of(**changes)


def test_a_rehearsal_says_so_first() -> None:
    body = body_of(periods=replace(NORMAL_PERIODS, slot_us=1_000_000))
    assert genesis_in_words(body)[0].startswith("REHEARSAL")
    words = genesis_in_words(body_of())
    assert words[0] == f"Network Testford, {network_id(body_of()).hex()}"
    assert "  2. Court clerk" in words


def test_a_custodian_finds_its_card_unaltered_or_alarms() -> None:
    body = body_of()
    assert check_card_named(body, CARDS[1]) == 2
    for card in (
        card_of(9),
        replace(CARDS[1], name="Other"),
        replace(card_of(7), identity=CARDS[1].identity),
    ):
        with pytest.raises(UnverifiedError):
            check_card_named(body, card)


def test_rosters_are_walked_from_genesis() -> None:
    genesis = signed_genesis()
    network = network_id(genesis.body)
    chain = RosterChain(genesis)
    newcomer = card_of(4, NAMES[3]).custodian(3)
    draft = replace(DRAFT, custodians=[*CUSTODIANS[:2], newcomer])
    body = roster_body(network, chain.roster, draft)
    for signers in ((1, 4, 20), (1, 2, 20), (1, 2, 4), (1, 2, 4, 20, 30), (3, 4, 20)):
        with pytest.raises(UnverifiedError, match="signature"):
            chain.follow(sign_body(ROSTER_TYPE, body, *map(signing, signers)))
    agreed = (1, 3, 4, 20)
    for wrong in (
        {**body, "number": 2},
        {**body, "previous": b64u(bytes(32))},
        {**body, "network": b64u(bytes(32))},
    ):
        with pytest.raises(RefusedError):
            chain.follow(sign_body(ROSTER_TYPE, wrong, *map(signing, agreed)))
    assert chain.roster.number == 0
    signed = sign_body(ROSTER_TYPE, body, *map(signing, agreed))
    chain.follow(signed)
    assert chain.roster.custodians[2] == newcomer
    assert chain.hashes == (network, signed.statement_hash())
    assert chain.of(network).number == 0
    with pytest.raises(NotFoundError):
        chain.of(bytes(32))
    with pytest.raises(CustodesError):
        chain.follow(signed)
    with pytest.raises(InvalidError):
        chain.follow(genesis)


def test_a_body_is_checked_before_anybody_signs() -> None:
    check_genesis_body(body_of())
    with pytest.raises(InvalidError):
        check_genesis_body({**body_of(), "note": "x"})
