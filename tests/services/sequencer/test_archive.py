"""Which checkpoints are kept for good, and with whose first cosignature."""

from __future__ import annotations

from typing import Any

from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.ledger import tiles
from custodes.ledger.checkpoint import SignedCheckpoint, cosign, keeper_name, parse_checkpoint

ORIGIN = "town.example/log"


def _archived(desk: Any) -> list[int]:
    return [int(path.rpartition("/")[2]) for path in desk.store.list("log/checkpoints")]


def _note(desk: Any, size: int) -> SignedCheckpoint:
    return parse_checkpoint(desk.store.get(tiles.archive_path(size)))


def _cosign(desk: Any, sequencer: Any, name: str, key: Any, note: SignedCheckpoint | None = None) -> None:
    note = note or sequencer.checkpoint
    line = cosign(note.checkpoint, name, key, desk.clock.utc_us() // SECOND_US)
    sequencer.add_cosignature(note.with_signature(line).encode())


def test_a_quiet_log_keeps_the_first_cosignature_once(desk: Any) -> None:
    sequencer = desk.begin()
    sequencer.submit(desk.notes(0, 1))
    first_s = desk.clock.utc_us() // SECOND_US
    for _ in range(24 * 60 // 5):
        desk.clock.advance(5 * MINUTE_US)
        sequencer.tend()
    assert _archived(desk) == [1, 2]
    keeper = (keeper_name(ORIGIN), desk.town.keeper.signing.public)
    assert _note(desk, 2).cosigned_s(*keeper) == first_s
    # What goes on is said anew, and the archive keeps what was said first.
    assert sequencer.checkpoint.cosigned_s(*keeper) == first_s + DAY_US // SECOND_US
    sequencer.submit(desk.notes(1, 2))
    assert _note(desk, 2).cosigned_s(*keeper) == first_s


def test_a_restart_keeps_the_first_cosignature_too(desk: Any) -> None:
    sequencer = desk.begin()
    keeper = (keeper_name(ORIGIN), desk.town.keeper.signing.public)
    first_s = sequencer.checkpoint.cosigned_s(*keeper)
    desk.clock.advance(HOUR_US)
    sequencer = desk.open()
    sequencer.tend()
    assert sequencer.checkpoint.cosigned_s(*keeper) == desk.clock.utc_us() // SECOND_US
    assert _note(desk, 1).cosigned_s(*keeper) == first_s


def test_of_a_witness_one_in_five_minutes_is_kept(desk: Any) -> None:
    sequencer = desk.begin()
    witness, key = next(iter(desk.town.witnesses.items()))
    for number in range(20):
        desk.clock.advance(MINUTE_US)
        sequencer.submit(desk.notes(number, number + 1))
        _cosign(desk, sequencer, witness, key)
    assert _archived(desk) == [1, 2, 7, 12, 17]
    assert all(_note(desk, size).cosigned_s(witness, key.public) for size in (2, 7, 12, 17))


def test_a_witness_that_is_late_is_thinned_out_alike(desk: Any) -> None:
    sequencer = desk.begin()
    witness, key = next(iter(desk.town.witnesses.items()))
    for number in range(20):
        desk.clock.advance(MINUTE_US)
        before = sequencer.checkpoint
        sequencer.submit(desk.notes(number, number + 1))
        _cosign(desk, sequencer, witness, key, before)
    kept = [size for size in _archived(desk) if _note(desk, size).cosigned_s(witness, key.public)]
    assert kept == [1, 6, 11, 16]


def test_what_a_custodian_acted_under_is_always_kept(desk: Any) -> None:
    sequencer = desk.begin()
    name, key = f"{ORIGIN}/custodian/1", desk.town.custodians[0].identity
    for number in range(4):
        desk.clock.advance(SECOND_US)
        sequencer.submit(desk.notes(number, number + 1))
        _cosign(desk, sequencer, name, key)
    sequencer.submit(desk.notes(4, 5))
    assert _archived(desk) == [1, 2, 3, 4, 5]


def test_a_second_cosignature_does_not_replace_the_first(desk: Any) -> None:
    sequencer = desk.begin()
    name, key = f"{ORIGIN}/custodian/1", desk.town.custodians[0].identity
    old, first_s = sequencer.checkpoint, desk.clock.utc_us() // SECOND_US
    sequencer.submit(desk.notes(0, 1))
    for _ in range(2):
        _cosign(desk, sequencer, name, key, old)
        desk.clock.advance(HOUR_US)
    assert _note(desk, 1).cosigned_s(name, key.public) == first_s
