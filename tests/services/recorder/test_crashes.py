"""A crash between any two durable steps: nothing is stated twice, nothing stated is lost, the chain goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recording.opening import check_statements
from recording.rig import Rig, seed

from custodes.adapters import durable_file
from custodes.base.canon import canon
from custodes.base.clock import ManualClock
from custodes.base.errors import UnavailableError
from custodes.base.fence.memory import KeyArena
from custodes.base.keys import SigningKey, sign_body
from custodes.base.ports import ObjectStore
from custodes.custody.accounts import AccountChain, AccountLeaf, Closed, Cut, Gap, GapReason
from custodes.services.recorder import outbox as outbox_module
from custodes.services.recorder import state as state_module
from custodes.services.recorder.accounting import MAX_CLOSED, MAX_CUTS, MAX_REASONS, Ledgerbook, Minute
from custodes.services.recorder.preparing import EpochMaker, EpochWish

STEPS = 16


class CrashError(BaseException):
    """The process is gone."""


class Countdown:
    """Lets the n-th durable step fail: before it is done, or after."""

    def __init__(self, step: int, landed: bool, error: Callable[[], BaseException]) -> None:
        self.left = step
        self._landed = landed
        self._error = error

    def step(self, act: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == 0 and not self._landed:
            raise self._error()
        result = act()
        if self.left == 0:
            raise self._error()
        return result


class CountedStore:
    """An object store whose puts are counted."""

    def __init__(self, store: ObjectStore, countdown: Countdown) -> None:
        self._store = store
        self._countdown = countdown

    def put(self, path: str, data: bytes) -> None:
        self._countdown.step(lambda: self._store.put(path, data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Countdown], None]:
    """Count every file that is replaced."""

    def install(countdown: Countdown) -> None:
        def replace_file(path: Path, data: bytes) -> None:
            countdown.step(lambda: durable_file.replace_file(path, data))

        monkeypatch.setattr(state_module, "replace_file", replace_file)
        monkeypatch.setattr(outbox_module, "replace_file", replace_file)

    return install


def work(rig: Rig, book: Ledgerbook, store: ObjectStore, repeat: bool = False) -> None:
    """Two epochs, three minutes with one envelope each, the last ending both."""
    arena = KeyArena()
    maker = EpochMaker(book, store, arena)
    settings = rig.settings()

    def act(job: Callable[[], Any]) -> Any:
        while True:
            try:
                return job()
            except UnavailableError:
                assert repeat

    epochs = []
    for name in ("a", "b"):
        wish = EpochWish(settings, rig.assignment(name, "rtsp://x"), 0, rig.clock.utc_us(), 2)
        epochs.append(act(maker.job(wish)))
        act(book.settle)
    for sequence in range(3):
        leaves = tuple(
            AccountLeaf(e.sealed.header.stream, e.id, sequence, seed(f"{e.id.hex()}/{sequence}"))
            for e in epochs
        )
        ended = frozenset(e.id for e in epochs) if sequence == 2 else frozenset()
        minute = Minute(rig.clock.utc_us() + sequence, leaves, (), ended)
        act(lambda minute=minute: book.account(minute))
        act(book.settle)
    arena.close()


def everything_stated(rig: Rig, book: Ledgerbook, store: ObjectStore) -> None:
    """What the state says must be in the outbox, each statement's objects in the store."""
    book.settle()
    stated = check_statements(rig, store)
    assert (stated.accounts[-1].number if stated.accounts else 0) == book.state.number
    assert {header.epoch for header in stated.epochs} >= set(book.state.epochs)
    closed = {one.epoch for account in stated.accounts for one in account.closed}
    assert {header.epoch for header in stated.epochs} == set(book.state.epochs) | closed
    taken = [header.shred.index for header in stated.epochs]
    assert sorted(set(taken)) == sorted(taken)
    assert all(store.get(f"{epoch.folder}/shares") for epoch in book.state.epochs.values())


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_crash_at_any_step(
    tmp_path: Path, counted: Callable[[Countdown], None], step: int, landed: bool
) -> None:
    rig = Rig(tmp_path / "network", clock=ManualClock())
    countdown = Countdown(step, landed, CrashError)
    counted(countdown)
    plain = rig.store()
    store: Any = CountedStore(plain, countdown)
    try:
        work(rig, rig.book(store), store)
    except CrashError:
        assert countdown.left == 0
    else:
        # The work has fewer steps: two share sets, five states, three manifests, five items.
        assert step > 15
    countdown.left = -1
    book = rig.book(plain)
    everything_stated(rig, book, plain)
    # And it can go on from there.
    work(rig, book, plain)
    everything_stated(rig, rig.book(plain), plain)


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_failure_at_any_step_is_repeated_and_states_nothing_twice(
    tmp_path: Path, counted: Callable[[Countdown], None], step: int, landed: bool
) -> None:
    rig = Rig(tmp_path / "network", clock=ManualClock())
    countdown = Countdown(step, landed, lambda: UnavailableError("no disk"))
    counted(countdown)
    plain = rig.store()
    store: Any = CountedStore(plain, countdown)
    book = rig.book(store)
    work(rig, book, store, repeat=True)
    everything_stated(rig, book, plain)
    stated = check_statements(rig, plain)
    assert [account.number for account in stated.accounts] == [1, 2, 3]
    assert [account.envelopes for account in stated.accounts] == [2, 2, 2]
    assert len(stated.epochs) == 2
    assert len(list(plain.list("streams"))) == 2


def test_a_minute_too_long_for_one_entry_is_several() -> None:
    def stream(number: int) -> bytes:
        return number.to_bytes(16, "big")

    cuts = [Cut(stream(n), stream(n), 4, 2, seed(f"cut{n}")) for n in range(MAX_CUTS + 50)]
    leaves = [AccountLeaf(*cut[:3], cut.hash) for cut in cuts]
    leaves += [AccountLeaf(cut.stream, cut.epoch, 3, seed("whole")) for cut in cuts]
    gaps = [Gap(stream(n), 1, 2 + m, GapReason.LOSS) for n in range(MAX_REASONS + 50) for m in range(3)]
    ended = frozenset(stream(n) for n in range(2 * MAX_CLOSED + 10))
    minute = Minute(5, tuple(leaves), tuple(gaps), ended, tuple(cuts))
    parts = list(minute.parts())
    assert sorted(leaf for part in parts for leaf in part.leaves) == sorted(leaves)
    assert sorted(cut for part in parts for cut in part.cuts) == sorted(cuts)
    assert sorted(gap for part in parts for gap in part.gaps) == sorted(gaps)
    assert sorted(id_ for part in parts for id_ in part.ended) == sorted(ended)
    told: set[bytes] = set()
    chain = AccountChain(bytes(32), bytes(16), 2**31, 2**40, bytes(32))
    for part in parts:
        closed = [Closed(id_, 900, seed("last")) for id_ in part.ended]
        account, _, _ = chain.next(2**50, part.leaves, part.gaps, part.cuts, closed, 2**32)
        assert len(canon(sign_body(account.type, account.body(), SigningKey(seed("k"))).to_json())) < 65_000
        assert len(part.cuts) <= MAX_CUTS
        assert len(part.ended) <= MAX_CLOSED
        assert len({(gap.stream, gap.reason) for gap in part.gaps}) <= MAX_REASONS
        assert {cut[:3] for cut in part.cuts} <= {leaf[:3] for leaf in part.leaves}
        # An epoch is closed when all its envelopes have been told of.
        told |= {leaf.epoch for leaf in part.leaves if leaf.sequence == 4}
        assert {id_ for id_ in part.ended if int.from_bytes(id_, "big") < len(cuts)} <= told
