"""A start goes on from what was kept where it fits, and from nothing that does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from custodes.base.canon import b64u
from custodes.base.clock import SECOND_US
from custodes.base.errors import CorruptError, RefusedError, UnavailableError
from custodes.base.keys import SIGNATURE_BYTES, SigningKey
from custodes.ledger import tiles
from custodes.ledger.rules.state import LedgerState
from custodes.services import ledger_snapshot
from custodes.services.ledger_snapshot import MAGIC, LedgerSnapshot
from custodes.services.sequencer import Sequencer


@pytest.fixture
def kept(desk: Any, monkeypatch: pytest.MonkeyPatch) -> LedgerSnapshot:
    monkeypatch.setattr(ledger_snapshot, "KEEP_EVERY", 20)
    return snapshot_of(desk)


def snapshot_of(desk: Any, network: bytes = b"", key: SigningKey | None = None) -> LedgerSnapshot:
    # A founder's first genesis gives the network its id.
    return LedgerSnapshot(desk.folder / "ledger", network or _network(desk), key or desk.town.keeper.signing)


def _network(desk: Any) -> bytes:
    state = LedgerState()
    state.admit(desk.town.genesis(), desk.clock.utc_us(), 0)
    return state.genesis.network


def _grown(desk: Any, kept: LedgerSnapshot, count: int = 50) -> Sequencer:
    """A log of a genesis and so many notes, its state kept."""
    sequencer = desk.open(kept=kept)
    assert sequencer.submit([desk.town.genesis()]) == [0]
    sequencer.submit(desk.notes(0, count))
    sequencer.tend()
    return sequencer


def _start(desk: Any, kept: LedgerSnapshot, name: str = "main") -> Sequencer:
    desk.clock.advance(SECOND_US)
    return desk.open(name, kept=kept)


def _goes_on(desk: Any, sequencer: Sequencer) -> None:
    """It admits what is new, refuses what was there and what the rules refuse, and all of it is provable."""
    size = sequencer.state.size
    assert sequencer.submit(desk.notes(size - 2, size + 3)) == list(range(size - 1, size + 4))
    (refused,) = sequencer.submit([desk.town.make("access", hour_us=1, counts=[])])
    assert isinstance(refused, RefusedError)
    assert len(desk.published()) == size + 4
    sequencer.tend()


def _facts(state: LedgerState) -> dict[str, Any]:
    return {**vars(state.facts), "tree": state.tree.rows()}


def test_a_start_replays_what_came_after_alone(desk: Any, kept: LedgerSnapshot) -> None:
    sequencer = _grown(desk, kept)
    again = _start(desk, kept)
    assert (again.recovered.replayed, again.recovered.kept_refused) == (0, "")
    again.submit(desk.notes(50, 57))
    later = _start(desk, kept)
    assert (later.recovered.replayed, later.recovered.kept_refused) == (7, "")
    whole = desk.open()
    assert whole.recovered.replayed == 58
    assert _facts(later.state) == _facts(whole.state)
    assert sequencer.state.size == 51
    _goes_on(desk, _start(desk, kept))


def test_it_is_kept_when_enough_has_come_and_is_public(desk: Any, kept: LedgerSnapshot) -> None:
    sequencer = _grown(desk, kept, 18)
    assert not kept.file.exists()
    sequencer.submit(desk.notes(18, 30))
    sequencer.tend()
    assert kept.read().size == 31  # type: ignore[union-attr]
    sequencer.submit(desk.notes(30, 45))
    sequencer.tend()
    assert kept.read().size == 31  # type: ignore[union-attr]
    assert kept.file.stat().st_mode & 0o077 == 0


def test_what_is_not_public_is_not_kept(
    desk: Any, kept: LedgerSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = _grown(desk, kept, 5)

    def away(*_: Any) -> None:
        raise UnavailableError("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "swap", away)
        for act in (lambda: sequencer.submit(desk.notes(5, 60)), sequencer.tend):
            with pytest.raises(UnavailableError):
                act()
    assert not kept.file.exists()
    sequencer.tend()
    assert kept.read().size == 61  # type: ignore[union-attr]


@pytest.mark.parametrize("where", ["magic", "signature", "head", "middle", "cut", "empty"])
def test_an_altered_one_is_refused_and_named(desk: Any, kept: LedgerSnapshot, where: str) -> None:
    _grown(desk, kept)
    data = bytearray(kept.file.read_bytes())
    place = {"magic": 0, "signature": 30, "head": 90, "middle": len(data) // 2}.get(where)
    if place is not None:
        data[place] ^= 1
    kept.file.write_bytes(data[:-7] if where == "cut" else b"" if where == "empty" else bytes(data))
    again = _start(desk, kept)
    assert again.recovered.replayed == 51
    assert "replayed from its beginning" in again.recovered.kept_refused
    _goes_on(desk, again)
    # What was replayed is kept again.
    assert _start(desk, kept).recovered.replayed == 0


def test_anothers_and_another_networks_are_refused(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    good = kept.file.read_bytes()
    other_key = _start(desk, snapshot_of(desk, key=SigningKey(b"x" * 32)))
    assert other_key.recovered.replayed == 51 and other_key.recovered.kept_refused
    kept.file.write_bytes(good)
    other_network = _start(desk, snapshot_of(desk, network=b"n" * 32))
    assert other_network.recovered.replayed == 51 and other_network.recovered.kept_refused


def _signed_anew(kept: LedgerSnapshot, **changes: Any) -> bytes:
    head, facts = json.loads(kept.file.read_bytes()[len(MAGIC) + SIGNATURE_BYTES :])
    body = json.dumps([{**head, **changes}, facts]).encode()
    return MAGIC + kept.key.sign(kept._message(body)) + body


def test_one_of_other_code_is_left_without_an_alarm(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    kept.file.write_bytes(_signed_anew(kept, code="00" * 32))
    again = _start(desk, kept)
    assert (again.recovered.replayed, again.recovered.kept_refused) == (51, "")
    again.tend()
    assert _start(desk, kept).recovered.replayed == 0


def test_one_whose_root_is_not_its_own_is_refused(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    kept.file.write_bytes(_signed_anew(kept, root=b64u(bytes(32))))
    again = _start(desk, kept)
    assert again.recovered.replayed == 51 and "root" in again.recovered.kept_refused


def test_one_beyond_the_database_is_refused(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept, 30)
    desk.close()
    shutil.copy(desk.folder / "main.sqlite", desk.folder / "old.sqlite")
    again = _start(desk, kept)
    again.submit(desk.notes(30, 90))
    again.tend()
    restored = _start(desk, kept, "old")
    assert restored.recovered.restored == 60
    assert restored.recovered.replayed == 31
    assert "of 91 entries and the database has 31" in restored.recovered.kept_refused
    _goes_on(desk, restored)


def test_a_database_and_a_log_put_back_together_are_named(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept, 30)
    desk.close()
    shutil.copy(desk.folder / "main.sqlite", desk.folder / "old.sqlite")
    store = type(desk.store)()
    for path in desk.store.list(""):
        store.put(path, desk.store.get(path))
    again = _start(desk, kept)
    again.submit(desk.notes(30, 90))
    again.tend()
    desk.store = store
    back = _start(desk, kept, "old")
    assert back.state.size == 31
    assert "of 91 entries" in back.recovered.kept_refused


def test_a_log_rebuilt_from_tiles_is_replayed_from_there(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    again = _start(desk, kept, "new")
    assert again.recovered.restored == 51
    assert "the database has 0" in again.recovered.kept_refused
    _goes_on(desk, again)
    assert _start(desk, kept, "new").recovered.replayed == 0


def test_a_database_behind_the_log_and_not_behind_what_was_kept_is_brought_forward(
    desk: Any, kept: LedgerSnapshot
) -> None:
    _grown(desk, kept)
    desk.close()
    shutil.copy(desk.folder / "main.sqlite", desk.folder / "old.sqlite")
    good = kept.file.read_bytes()
    again = _start(desk, kept)
    again.submit(desk.notes(50, 80))
    again.tend()
    kept.file.write_bytes(good)
    restored = _start(desk, kept, "old")
    assert (restored.recovered.replayed, restored.recovered.restored) == (0, 30)
    assert restored.recovered.kept_refused == ""
    _goes_on(desk, restored)


def test_an_entry_altered_in_the_database_is_found_as_by_a_replay(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    desk.close()
    import sqlite3

    connection = sqlite3.connect(desk.folder / "main.sqlite")
    (entry,) = connection.execute("select entry from outbox where sequence = 7").fetchone()
    altered = bytes(entry).replace(b'"hour_us":6', b'"hour_us":9')
    assert altered != entry
    connection.execute("update outbox set entry = ? where sequence = 7", (altered,))
    connection.commit()
    connection.close()
    with pytest.raises(CorruptError):
        _start(desk, kept)


def test_a_checkpoint_of_another_ledger_is_found_from_there(desk: Any, kept: LedgerSnapshot) -> None:
    _grown(desk, kept)
    stranger = type(desk)(desk.folder, desk.town, clock=desk.clock)
    other = stranger.open("stranger")
    other.submit([desk.town.genesis(), *desk.notes(900, 990)])
    desk.store.swap(
        tiles.CHECKPOINT_PATH,
        stranger.store.get(tiles.CHECKPOINT_PATH),
        desk.store.get(tiles.CHECKPOINT_PATH),
    )
    with pytest.raises(CorruptError):
        _start(desk, kept)
    stranger.close()


def test_a_transaction_that_fails_leads_back_to_what_was_kept(
    desk: Any, kept: LedgerSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = _grown(desk, kept)

    def full(*_: Any) -> None:
        raise UnavailableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(sequencer._outbox, "append", full)
        with pytest.raises(UnavailableError):
            sequencer.submit(desk.notes(50, 60))
    assert sequencer.state.size == 51
    assert sequencer._kept.replayed == 0
    _goes_on(desk, sequencer)


def test_what_cannot_be_read_or_written_costs_time_alone(desk: Any, kept: LedgerSnapshot) -> None:
    kept.file.mkdir()
    _grown(desk, kept)
    again = _start(desk, kept)
    assert again.recovered.replayed == 51 and again.recovered.kept_refused
    _goes_on(desk, again)
    assert isinstance(kept.file, Path) and kept.file.is_dir()
