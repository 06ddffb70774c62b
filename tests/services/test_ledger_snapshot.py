"""A reader goes on from what it kept, and from nothing that it did not keep itself."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from town.story import Story

from custodes.base.canon import b64u
from custodes.base.errors import NotFoundError, UnavailableError, UnverifiedError
from custodes.base.keys import SigningKey
from custodes.ledger import publication
from custodes.ledger.checkpoint import Checkpoint, sign_checkpoint
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import CHECKPOINT_PATH
from custodes.services import ledger_snapshot
from custodes.services.ledger_snapshot import MAGIC, LedgerSnapshot
from custodes.services.ledger_view import LedgerView

KEY = SigningKey(b"k" * 32)


@dataclass
class Log:
    """The story's log as files, at any size; which of them were read."""

    story: Story = field(default_factory=Story)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, size: int) -> None:
        town, entries = self.story.town, self.story.town.entries
        for path, data in publication.objects_to_write(town.state.tree, lambda a, b: entries[a:b], 0, size):
            self.files[path] = data
        note = publication.note(
            town.state.tree, size, town.origin, town.log, town.keeper.signing, town.now_us
        )
        self.files[CHECKPOINT_PATH] = note.encode()

    def read(self, path: str) -> bytes:
        self.asked.append(path)
        if path not in self.files:
            raise NotFoundError(path)
        return self.files[path]

    @property
    def size(self) -> int:
        return len(self.story.town.entries)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def view_of(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LedgerView]:
    monkeypatch.setattr(ledger_snapshot, "KEEP_EVERY", 8)

    def make(key: SigningKey = KEY, network: bytes = log.story.town.network) -> LedgerView:
        kept = LedgerSnapshot(tmp_path / "ledger", network, key)
        return LedgerView(network, log.read, snapshot=kept)

    return make


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indexes that are replayed."""
    found: list[int] = []
    real = LedgerState.replay

    def replay(self: LedgerState, data: bytes, index: int, **options: Any) -> Any:
        found.append(index)
        return real(self, data, index, **options)

    monkeypatch.setattr(LedgerState, "replay", replay)
    return found


def test_a_second_reading_replays_what_is_new_alone(
    log: Log, view_of: Callable[..., LedgerView], replays: list[int]
) -> None:
    log.publish(20)
    view_of().refresh()
    assert replays == list(range(20))
    replays.clear()
    log.publish(log.size)
    view = view_of()
    view.refresh()
    assert replays == list(range(20, log.size))
    assert view.state.tree.root() == log.story.town.state.tree.root()
    assert list(view.entries) == log.story.town.entries
    assert view.entries[-1] == log.story.town.entries[-1]
    assert view.entries[3:5] == log.story.town.entries[3:5]
    with pytest.raises(IndexError):
        view.entries[log.size]


def test_it_is_kept_only_when_enough_is_new_and_checked(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path
) -> None:
    log.publish(7)
    view = view_of()
    view.refresh()
    assert not (tmp_path / "ledger").exists()
    good = dict(log.files)
    log.publish(20)
    town = log.story.town
    log.files[CHECKPOINT_PATH] = sign_checkpoint(Checkpoint(town.origin, 20, bytes(32)), town.log).encode()
    with pytest.raises(UnverifiedError, match="do not lead to its root"):
        view.refresh()
    assert not (tmp_path / "ledger").exists()
    log.files = good
    log.publish(20)
    view_of().refresh()
    assert (tmp_path / "ledger").exists()
    assert (tmp_path / "ledger").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("where", ["magic", "signature", "head", "middle", "cut", "empty"])
def test_a_damaged_one_is_thrown_away_and_all_is_replayed(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path, replays: list[int], where: str
) -> None:
    log.publish(20)
    view_of().refresh()
    file = tmp_path / "ledger"
    data = bytearray(file.read_bytes())
    place = {"magic": 0, "signature": 30, "head": 90, "middle": len(data) // 2}.get(where)
    if place is not None:
        data[place] ^= 1
    file.write_bytes(data[:-7] if where == "cut" else b"" if where == "empty" else bytes(data))
    replays.clear()
    view = view_of()
    view.refresh()
    assert replays == list(range(20))
    # What was replayed is kept again.
    replays.clear()
    view_of().refresh()
    assert replays == []


def test_anothers_or_of_another_network_is_of_no_use(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path, replays: list[int]
) -> None:
    log.publish(20)
    view_of().refresh()
    kept = (tmp_path / "ledger").read_bytes()
    replays.clear()
    view_of(key=SigningKey(b"x" * 32)).refresh()
    assert replays == list(range(20))
    (tmp_path / "ledger").write_bytes(kept)
    assert LedgerSnapshot(tmp_path / "ledger", b"n" * 32, KEY).load() is None
    assert not (tmp_path / "ledger").exists()


def _sign(head: dict[str, Any], facts: Any, network: bytes) -> bytes:
    body = json.dumps([head, facts]).encode()
    return MAGIC + KEY.sign(LedgerSnapshot(Path(), network, KEY)._message(body)) + body


def test_one_by_other_code_or_of_another_root_is_of_no_use(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path
) -> None:
    log.publish(20)
    view_of().refresh()
    file, network = tmp_path / "ledger", log.story.town.network
    head, facts = json.loads(file.read_bytes()[len(MAGIC) + 64 :])
    kept = LedgerSnapshot(file, network, KEY)
    file.write_bytes(_sign(head, facts, network))
    assert kept.load() is not None
    for changes in ({"code": "00" * 32}, {"root": b64u(bytes(32))}, {"size": 19}):
        file.write_bytes(_sign({**head, **changes}, facts, network))
        assert kept.load() is None
        assert not file.exists()
    file.write_bytes(_sign(head, facts[:-1], network))
    assert kept.load() is None
    # The same facts under another network's name are signed rightly, and are still of this one.
    file.write_bytes(_sign(head, facts, b"n" * 32))
    assert LedgerSnapshot(file, b"n" * 32, KEY).load() is None


def test_a_fork_or_a_log_that_went_back_is_seen_from_there(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path
) -> None:
    log.publish(20)
    view_of().refresh()
    log.publish(19)
    with pytest.raises(UnverifiedError, match="went back from 20 to 19"):
        view_of().refresh()
    other = Log()
    town = other.story.town
    town.state, genesis = LedgerState(), parse_entry(town.entries[0]).statement.signed
    town.entries.clear()
    town.admit_signed(genesis)
    for hour in range(24):
        town.admit("access", hour_us=hour)
    other.publish(25)
    log.files = other.files
    with pytest.raises(UnverifiedError, match="do not lead to its root"):
        view_of().refresh()
    assert (tmp_path / "ledger").exists()


def test_an_entry_that_is_another_now_is_not_taken(log: Log, view_of: Callable[..., LedgerView]) -> None:
    log.publish(20)
    view_of().refresh()
    view = view_of()
    view.refresh()
    (path,) = (path for path in log.files if "entries" in path)
    good = log.files[path]
    for bad in (good.replace(b'"admitted_us"', b'"admitted_uz"'), good[:-1], b""):
        log.files[path] = bad
        with pytest.raises(UnverifiedError):
            view.entries[3]
    log.files[path] = good
    assert view.entries[3] == log.story.town.entries[3]


def test_without_sources_nothing_is_kept_or_taken(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.publish(20)
    view_of().refresh()
    monkeypatch.setattr(ledger_snapshot, "code_hash", lambda: b"")
    assert view_of().snapshot.load() is None
    (tmp_path / "ledger").unlink()
    view_of().refresh()
    assert not (tmp_path / "ledger").exists()


def test_the_code_of_the_rules_is_what_counts() -> None:
    names = [
        name for name, _ in ledger_snapshot._sources(resources.files("custodes.ledger"), "custodes.ledger")
    ]
    assert "custodes.ledger.rules.epochs.py" in names
    assert "custodes.ledger.snapshot.py" in names
    assert len(ledger_snapshot.code_hash()) == 32


def test_a_disk_that_takes_nothing_costs_time_alone(
    log: Log, view_of: Callable[..., LedgerView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise UnavailableError(f"{path.name} cannot be written: {errno.ENOSPC}")

    monkeypatch.setattr(ledger_snapshot, "replace_file", full)
    log.publish(20)
    assert view_of().refresh().checkpoint.size == 20
    (tmp_path / "ledger").mkdir()
    assert view_of().refresh().checkpoint.size == 20
