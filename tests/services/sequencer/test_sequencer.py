"""What the sequencer admits and publishes, who may write, and what others say of the log."""

from typing import Any

import pytest
from sqlalchemy import Connection, insert
from town.people import signing_key

from custodes.adapters.objects.memory import Fault
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.rows import CatalogueReel
from custodes.adapters.sql.schema import OUTBOX
from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.keys import Signed
from custodes.ledger import merkle, tiles
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, cosign, parse_checkpoint, sign_checkpoint
from custodes.ledger.entries.wrapper import parse_entry


def test_entries_are_public_when_submit_returns(desk: Any) -> None:
    sequencer = desk.begin()
    assert sequencer.submit(desk.notes(0, 300)) == list(range(1, 301))
    assert sequencer.submit([]) == []
    entries = desk.published()
    assert len(entries) == 301
    checkpoint = sequencer.checkpoint.checkpoint
    assert checkpoint.size == 301
    path = sequencer.inclusion_path(17)
    merkle.check_path(checkpoint.root, 301, 17, entries[17], path)
    with pytest.raises(InvalidError):
        sequencer.inclusion_path(301)


def test_each_statement_has_its_own_answer(desk: Any) -> None:
    sequencer = desk.begin()
    first, second = desk.notes(0, 2)
    forged = Signed(second.type, {**second.body, "hour_us": 9}, second.signatures)
    endless = Signed(second.type, {"hour_us": 1.5}, second.signatures)
    answers = sequencer.submit([first, forged, first, endless, second, desk.town.genesis()])
    assert answers[0] == answers[2] == 1
    assert isinstance(answers[1], UnverifiedError)
    assert isinstance(answers[3], InvalidError)
    assert answers[4:] == [2, 0]
    assert sequencer.submit([second, first]) == [2, 1]
    assert len(desk.published()) == 3


def test_before_genesis(desk: Any) -> None:
    sequencer = desk.open()
    with pytest.raises(NotFoundError):
        _ = sequencer.checkpoint
    sequencer.tend()
    (answer,) = sequencer.submit(desk.notes(0, 1))
    assert isinstance(answer, RefusedError)
    (answer,) = sequencer.submit([desk.town.genesis(log={"key": "", "origin": "x"})])
    assert isinstance(answer, RefusedError)
    (answer,) = sequencer.submit([desk.town.genesis(log=5)])
    assert isinstance(answer, InvalidError)


def test_time_does_not_go_back(desk: Any) -> None:
    sequencer = desk.begin()
    desk.clock.step_utc(-60 * SECOND_US)
    sequencer.submit(desk.notes(0, 1))
    desk.clock.step_utc(90 * SECOND_US)
    sequencer.submit(desk.notes(1, 2))
    times = [parse_entry(entry).admitted_us for entry in desk.published()]
    assert times == [times[0], times[0], times[0] + 30 * SECOND_US]


def test_partial_files_go_when_the_full_ones_are_public(desk: Any) -> None:
    sequencer = desk.begin()
    for start in range(0, 600, 100):
        sequencer.submit(desk.notes(start, start + 100))
    partial = [path for path in desk.store.list("log/tile") if ".p/" in path]
    assert all("/002.p/" in path or "/1/000.p/" in path for path in partial)
    assert len(desk.published()) == 601


def test_changes_are_written_with_their_entries(desk: Any) -> None:
    sequencer = desk.begin()
    catalogue = SqlCatalogue(desk.opened[0])
    reel = CatalogueReel(b"e" * 16, 0, b"s" * 16, "streams/x/0000.reel", 9, 0, 1, 1, 2, bytes(20))
    calls = []

    def note(connection: Connection) -> None:
        calls.append("note")
        catalogue.add_reel(connection, reel)

    notes = desk.notes(0, 2)
    forged = Signed(notes[1].type, {**notes[1].body, "hour_us": 9}, notes[1].signatures)
    sequencer.submit([forged, notes[0]], {0: note, 1: note})
    sequencer.submit([notes[0]], {0: note})
    assert calls == ["note"]
    assert catalogue.reels_of_epoch(reel.epoch) == [reel]


def test_a_failed_transaction_leaves_nothing(desk: Any) -> None:
    sequencer = desk.begin()

    def fail(connection: Connection) -> None:
        raise ConflictError("the catalogue knows another reel there")

    with pytest.raises(ConflictError):
        sequencer.submit(desk.notes(0, 5), {3: fail})
    assert sequencer.state.size == 1
    assert sequencer.submit(desk.notes(3, 5)) == [1, 2]
    assert len(desk.published()) == 3


@pytest.mark.parametrize("fault", [Fault.LANDED, Fault.NOT_LANDED])
@pytest.mark.parametrize("call", range(8))
def test_what_fails_once_is_published_later(desk: Any, fault: Fault, call: int) -> None:
    sequencer = desk.begin()
    desk.clock.advance(11 * MINUTE_US)
    notes = desk.notes(0, 270)
    broken = _BreakAt(desk.store, call, fault)
    sequencer._publisher._store = broken
    with pytest.raises(UnavailableError):
        sequencer.submit(notes)
    sequencer.tend()
    assert sequencer.submit(notes) == list(range(1, 271))
    assert len(desk.published()) == 271
    desk.open()


class _BreakAt:
    """Arms the store's fault for its n-th writing call."""

    def __init__(self, store: Any, call: int, fault: Fault) -> None:
        self._store = store
        self._left = call
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        if name in ("put", "swap", "delete"):
            if self._left == 0:
                self._store.break_(self._fault)
            self._left -= 1
        return getattr(self._store, name)


def test_a_full_store_stops_nothing_for_good(desk: Any) -> None:
    sequencer = desk.begin()
    desk.store.break_(Fault.FULL)
    with pytest.raises(CustodesError):
        sequencer.submit(desk.notes(0, 3))
    with pytest.raises(CustodesError):
        sequencer.tend()
    desk.store.mend()
    sequencer.tend()
    assert len(desk.published()) == 4


def test_a_second_sequencer_takes_over_and_the_first_stops(desk: Any) -> None:
    first = desk.begin()
    second = desk.open()
    with pytest.raises(ConflictError):
        first.submit(desk.notes(0, 3))
    for call in (first.tend, lambda: first.submit([])):
        with pytest.raises(ConflictError):
            call()
    third = desk.open()
    assert third.submit(desk.notes(3, 5)) == [4, 5]
    with pytest.raises(ConflictError):
        second.tend()
        second.submit(desk.notes(5, 6))
    assert len(desk.published()) == 6


def test_two_databases_do_not_make_two_ledgers(desk: Any) -> None:
    first = desk.begin()
    first.submit(desk.notes(0, 3))
    second = desk.open("other")
    assert second.recovered.restored == 4
    second.submit(desk.notes(3, 5))
    desk.clock.advance(SECOND_US)
    with pytest.raises(ConflictError):
        first.submit(desk.notes(5, 6))
    assert len(desk.published()) == 6
    # The first had fixed an order that was never public; it says so rather than fork.
    with pytest.raises(CorruptError):
        desk.open()


def test_another_writer_of_the_database_is_noticed(desk: Any) -> None:
    sequencer = desk.begin()
    with desk.opened[0].writing() as connection:
        row = {"sequence": 1, "statement": bytes(32), "admitted_us": 1, "entry": b"{}"}
        connection.execute(insert(OUTBOX), row)
    for _ in range(2):
        with pytest.raises(ConflictError):
            sequencer.submit(desk.notes(0, 1))


def test_the_keeper_cosigns_anew_every_five_minutes(desk: Any) -> None:
    sequencer = desk.begin()
    name, key = "town.example/log/keeper", desk.town.keeper.signing.public

    def cosigned_s() -> int | None:
        found: int | None = desk.checkpoint().cosigned_s(name, key)
        return found

    began_s = cosigned_s()
    assert began_s is not None
    desk.clock.advance(4 * MINUTE_US)
    sequencer.tend()
    assert cosigned_s() == began_s
    desk.clock.advance(MINUTE_US + SECOND_US)
    sequencer.tend()
    assert cosigned_s() == desk.clock.utc_us() // SECOND_US
    desk.clock.step_utc(-60 * MINUTE_US)
    sequencer.tend()
    assert cosigned_s() == desk.clock.utc_us() // SECOND_US


def _cosigned(desk: Any, note: SignedCheckpoint, name: str, key: Any, ahead_us: int = 0) -> bytes:
    seconds = (desk.clock.utc_us() + ahead_us) // SECOND_US
    return note.with_signature(cosign(note.checkpoint, name, key, seconds)).encode()


def test_cosignatures_of_others(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 1))
    old = sequencer.checkpoint
    witness, key = next(iter(desk.town.witnesses.items()))
    sequencer.add_cosignature(_cosigned(desk, old, witness, key))
    assert desk.checkpoint().cosigned_s(witness, key.public) == desk.clock.utc_us() // SECOND_US
    desk.clock.advance(10 * SECOND_US)
    sequencer.tend()
    sequencer.submit(desk.notes(1, 2))
    assert desk.checkpoint().cosigned_s(witness, key.public) is None
    name, custodian = "town.example/log/custodian/2", desk.town.custodians[1].identity
    sequencer.add_cosignature(_cosigned(desk, old, name, custodian))
    archived = parse_checkpoint(desk.store.get(tiles.archive_path(2)))
    archived.check_log("town.example/log", desk.town.log.public)
    assert archived.cosigned_s(witness, key.public) is not None
    assert archived.cosigned_s(name, custodian.public) is not None
    sequencer.add_cosignature(_cosigned(desk, sequencer.checkpoint, name, custodian))
    assert len(desk.checkpoint().signatures) == 3
    assert sequencer.submit(desk.notes(2, 3)) == [3]


def test_cosignatures_that_are_not_taken(desk: Any) -> None:
    sequencer = desk.begin()
    note = sequencer.checkpoint
    witness, key = next(iter(desk.town.witnesses.items()))
    before = desk.store.get(tiles.CHECKPOINT_PATH)
    foreign = Checkpoint("other.example", 1, note.checkpoint.root)
    unsigned = SignedCheckpoint(Checkpoint(note.checkpoint.origin, 1, bytes(32)), note.signatures)
    for data in (
        note.encode(),
        _cosigned(desk, note, "stranger.example", signing_key("stranger")),
        _cosigned(desk, note, witness, signing_key("stranger")),
        _cosigned(desk, note, witness, key, ahead_us=6 * MINUTE_US),
        _cosigned(desk, SignedCheckpoint(foreign, note.signatures), witness, key),
        _cosigned(desk, unsigned, witness, key),
    ):
        with pytest.raises(UnverifiedError):
            sequencer.add_cosignature(data)
    assert desk.store.get(tiles.CHECKPOINT_PATH) == before
    assert sequencer.submit(desk.notes(0, 1)) == [1]


def test_only_some_checkpoints_are_archived(desk: Any) -> None:
    sequencer = desk.begin()
    for number in range(24):
        desk.clock.advance(MINUTE_US)
        sequencer.submit(desk.notes(number, number + 1))
    sizes = [int(path.rpartition("/")[2]) for path in desk.store.list("log/checkpoints")]
    assert sizes == [1, 11, 21]
    for size in sizes:
        note = parse_checkpoint(desk.store.get(tiles.archive_path(size)))
        assert note.checkpoint.root == sequencer.state.tree.root(size)


@pytest.mark.parametrize(
    ("size", "root", "error"), [(2, bytes(32), RefusedError), (1, bytes(32), CorruptError)]
)
def test_a_larger_tree_or_a_fork_ends_it(
    desk: Any, size: int, root: bytes, error: type[CustodesError]
) -> None:
    sequencer = desk.begin()
    note = sign_checkpoint(Checkpoint("town.example/log", size, root), desk.town.log).encode()
    with pytest.raises(error):
        desk.open(known=[note])
    sequencer = desk.open()
    sequencer.compare(sequencer.checkpoint.encode())
    with pytest.raises(error):
        sequencer.compare(note)
    with pytest.raises(ConflictError):
        sequencer.submit(desk.notes(0, 1))
    with pytest.raises(RefusedError):
        desk.open("empty", store=type(desk.store)(), known=[note])
    assert len(desk.published()) == 1


def test_what_nobody_signed_ends_nothing(desk: Any) -> None:
    sequencer = desk.begin()
    note = sign_checkpoint(Checkpoint("town.example/log", 9, bytes(32)), signing_key("stranger")).encode()
    with pytest.raises(UnverifiedError):
        sequencer.compare(note)
    assert sequencer.submit(desk.notes(0, 1)) == [1]


def test_other_keys_than_the_ledger_names(desk: Any) -> None:
    desk.begin()
    with pytest.raises(UnverifiedError):
        desk.open(log_key=signing_key("other"))
    desk.town.keeper.signing = signing_key("other")
    with pytest.raises(RefusedError):
        desk.open()
