"""A witness against logs that grow, go back, fork and lie."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from town.ledger import Town

from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.base.clock import SECOND_US, ManualClock
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
from custodes.base.keys import SigningKey
from custodes.ledger import tiles
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint, sign_checkpoint
from custodes.ledger.growing import GrowingTree
from custodes.services.witness import Sighting, Witness, WitnessFolder

NAME = "witness.example"


class Desk:
    """The keeper's `cosign` desk: keeps what it was handed, or refuses."""

    def __init__(self, witness_folder: Path | None = None) -> None:
        self.notes: list[SignedCheckpoint] = []
        self.warnings: list[SignedCheckpoint] = []
        self.seen_at_ask: list[bytes] = []
        self.refuse: CustodesError | None = None
        self._witness_folder = witness_folder

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        assert (service, subject) == ("keeper", "cosign")
        if self._witness_folder:
            self.seen_at_ask.append((self._witness_folder / "seen").read_bytes())
        if self.refuse:
            raise self.refuse
        note = parse_checkpoint(question)
        cosigned = any(line.name == NAME for line in note.signatures)
        (self.notes if cosigned else self.warnings).append(note)
        return b"{}"


class Publisher:
    """A log's files for a list of entries, at any size."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.store = MemoryObjectStore()

    def publish(self, entries: list[bytes], key: SigningKey | None = None) -> Checkpoint:
        tree = GrowingTree()
        for entry in entries:
            tree.append(entry)
        for level, index, width in tiles.tiles_between(0, tree.size):
            self._write(tiles.tile_path(level, index, width), tree.tile(level, index, width))
        for index, width in tiles.bundles_between(0, tree.size):
            part = entries[index * 256 : index * 256 + width]
            self._write(tiles.bundle_path(index, width), tiles.encode_bundle(part))
        checkpoint = Checkpoint(self.town.origin, tree.size, tree.root())
        self._write(tiles.CHECKPOINT_PATH, sign_checkpoint(checkpoint, key or self.town.log).encode())
        return checkpoint

    def _write(self, path: str, data: bytes) -> None:
        self.store.delete(path)
        self.store.put(path, data)


@pytest.fixture(scope="module")
def town() -> Town:
    grown = Town()
    grown.found()
    return grown


@pytest.fixture
def entries(town: Town) -> list[bytes]:
    """The town's entries and more; a witness reads none but the first, so the rest can be anything."""
    return town.entries + [b'{"filler":%d}' % number for number in range(1000)]


@pytest.fixture
def log(town: Town) -> Publisher:
    return Publisher(town)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[WitnessFolder]:
    opened = WitnessFolder(tmp_path / "witness", NAME)
    yield opened
    opened.close()


@pytest.fixture
def desk(folder: WitnessFolder, tmp_path: Path) -> Desk:
    return Desk(tmp_path / "witness")


@pytest.fixture
def witness(folder: WitnessFolder, log: Publisher, desk: Desk, town: Town, clock: ManualClock) -> Witness:
    return Witness(folder, log.store.get, desk, town.network, clock)


@pytest.mark.parametrize("sizes", [(1, 2, 3), (20, 255, 256, 257), (5, 5, 700), (300, 900)])
async def test_a_log_that_grows_is_cosigned_at_each_size(
    sizes: tuple[int, ...],
    witness: Witness,
    log: Publisher,
    entries: list[bytes],
    desk: Desk,
    folder: WitnessFolder,
    clock: ManualClock,
) -> None:
    for count, size in enumerate(sizes, start=1):
        checkpoint = log.publish(entries[:size])
        clock.advance(SECOND_US)
        sighting = await witness.look()
        assert sighting == Sighting(checkpoint, clock.utc_us() // SECOND_US)
        assert len(desk.notes) == count
        assert desk.notes[-1].checkpoint == checkpoint
        desk.notes[-1].check_log(log.town.origin, log.town.log.public)
        assert desk.notes[-1].cosigned_s(NAME, folder.key.public) == sighting.seconds


async def test_the_memory_is_durable_before_the_signature_leaves(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    desk.refuse = UnavailableError("the keeper is away")
    log.publish(entries[:40])
    with pytest.raises(UnavailableError):
        await witness.look()
    assert b"\\n40\\n" in desk.seen_at_ask[0]
    log.publish(entries[:39])
    with pytest.raises(UnverifiedError, match="rolled back"):
        await witness.look()


async def test_a_smaller_tree_is_refused_also_after_a_restart(
    witness: Witness,
    folder: WitnessFolder,
    log: Publisher,
    entries: list[bytes],
    desk: Desk,
    town: Town,
    clock: ManualClock,
    tmp_path: Path,
) -> None:
    log.publish(entries[:300])
    await witness.look()
    folder.close()
    again = WitnessFolder(tmp_path / "witness")
    assert again.key.public == folder.key.public
    log.publish(entries[:299])
    restarted = Witness(again, log.store.get, desk, town.network, clock)
    with pytest.raises(UnverifiedError, match="299 entries, 300 were seen"):
        await restarted.look()
    assert len(desk.notes) == 1
    # The keeper is shown the larger tree under its own log's signature, so that it can stop.
    (warning,) = desk.warnings
    assert warning.checkpoint.size == 300
    warning.check_log(town.origin, town.log.public)
    log.publish(entries[:300])
    await restarted.look()
    again.close()


@pytest.mark.parametrize("size", [300, 301, 600])
async def test_a_fork_is_refused_and_kept(
    size: int, witness: Witness, log: Publisher, entries: list[bytes], desk: Desk, tmp_path: Path
) -> None:
    log.publish(entries[:300])
    await witness.look()
    forked = [*entries]
    forked[250] = b"something else was here"
    checkpoint = log.publish(forked[:size])
    with pytest.raises(UnverifiedError, match="forked"):
        await witness.look()
    assert len(desk.notes) == 1 and [note.checkpoint.size for note in desk.warnings] == [300]
    kept = parse_checkpoint((tmp_path / "witness" / "conflict").read_bytes())
    assert kept.checkpoint == checkpoint
    log.publish(entries[:600])
    await witness.look()
    assert desk.notes[-1].checkpoint.size == 600


async def test_another_network_or_log_key_is_refused(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    log.publish(entries[:10], key=SigningKey(bytes(32)))
    with pytest.raises(UnverifiedError, match="not signed by the log key"):
        await witness.look()
    other = Town(quorum=3, custodians=5)
    log.publish(other.entries)
    fresh = Witness(witness._folder, log.store.get, desk, log.town.network, ManualClock())
    with pytest.raises(UnverifiedError, match="not that of network"):
        await fresh.look()
    assert not desk.notes


async def test_a_first_checkpoint_must_hold_the_genesis(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    # The bundle has the right first entry, but the tree under the signature has another.
    log.publish([b"not the genesis", *entries[1:10]])
    log._write(tiles.bundle_path(0, 10), tiles.encode_bundle(entries[:10]))
    with pytest.raises(UnverifiedError, match="inclusion path"):
        await witness.look()
    assert not desk.notes


async def test_partial_files_may_be_gone_once_the_full_ones_are_there(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    note_200 = log.publish(entries[:200])
    early = log.store.get(tiles.CHECKPOINT_PATH)
    log.publish(entries[:256])
    log._write(tiles.CHECKPOINT_PATH, early)
    for path in (tiles.tile_path(0, 0, 200), tiles.bundle_path(0, 200)):
        log.store.delete(path)
    assert (await witness.look()).checkpoint == note_200


async def test_damaged_tiles_end_in_an_error_of_that_name(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    log.publish(entries[:20])
    log._write(tiles.tile_path(0, 0, 20), bytes(31))
    with pytest.raises(CorruptError, match="too short"):
        await witness.look()
    log._write(tiles.CHECKPOINT_PATH, b"no checkpoint")
    with pytest.raises(InvalidError):
        await witness.look()
    log.store.delete(tiles.CHECKPOINT_PATH)
    with pytest.raises(NotFoundError):
        await witness.look()
    assert not desk.notes


async def test_it_goes_on_after_a_failure_and_reports_it(
    witness: Witness, log: Publisher, entries: list[bytes], desk: Desk
) -> None:
    reports: asyncio.Queue[Sighting | CustodesError] = asyncio.Queue()
    log.publish(entries[:3])
    desk.refuse = RefusedError("not a witness of this network")
    task = asyncio.create_task(witness.run(reports.put_nowait, interval_s=0.01))
    async with asyncio.timeout(60):
        assert isinstance(await reports.get(), RefusedError)
        desk.refuse = None
        while not isinstance(news := await reports.get(), Sighting):
            pass
    assert news.checkpoint.size == 3
    task.cancel()
    await asyncio.wait({task})


def test_a_folder_has_one_process_one_name_and_one_network(
    folder: WitnessFolder, log: Publisher, town: Town, entries: list[bytes], tmp_path: Path
) -> None:
    with pytest.raises(ConflictError, match="another process"):
        WitnessFolder(tmp_path / "witness")
    log.publish(entries[:2])
    asyncio.run(Witness(folder, log.store.get, Desk(), town.network, ManualClock()).look())
    with pytest.raises(ConflictError, match="network"):
        Witness(folder, log.store.get, Desk(), bytes(32), ManualClock())
    folder.close()
    with pytest.raises(ConflictError, match="not other's"):
        WitnessFolder(tmp_path / "witness", "other")


@pytest.mark.parametrize("name", [None, "", "with space", "plus+sign", "x" * 101])
def test_a_witness_needs_a_name(name: str | None, tmp_path: Path) -> None:
    with pytest.raises(InvalidError):
        WitnessFolder(tmp_path / "new", name)


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_without_its_memory_it_signs_no_more(damage: str, tmp_path: Path) -> None:
    WitnessFolder(tmp_path, NAME).close()
    seen = tmp_path / "seen"
    if damage == "gone":
        seen.unlink()
    else:
        seen.write_bytes(seen.read_bytes()[:-3] if damage == "cut" else b'{"format":"x"}')
    with pytest.raises(CorruptError):
        WitnessFolder(tmp_path, NAME)


async def test_with_a_memory_and_no_key_it_makes_no_new_one(
    witness: Witness, folder: WitnessFolder, log: Publisher, entries: list[bytes], tmp_path: Path
) -> None:
    log.publish(entries[:2])
    await witness.look()
    folder.close()
    (tmp_path / "witness" / "key").rename(tmp_path / "key")
    with pytest.raises(CorruptError, match="lost its key"):
        WitnessFolder(tmp_path / "witness")
    (tmp_path / "key").rename(tmp_path / "witness" / "key")
