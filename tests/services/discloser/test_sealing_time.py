"""The first checkpoints of a package: of each sort of cosigner, from the archive, and of this log alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from casework.network import CaseNetwork
from town.ledger import START_US, Town

import custodes.custody.client_folder as client_folder
import custodes_verify.main
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.canon import parse_canon, unb64u
from custodes.base.clock import MINUTE_US, SECOND_US, ManualClock
from custodes.base.errors import UnverifiedError
from custodes.base.sealing import SealingKey
from custodes.cases.bundle import package_path
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, cosign, parse_checkpoint, sign_checkpoint
from custodes.ledger.merkle import check_consistency
from custodes.ledger.tiles import archive_path
from custodes.services.discloser.sealing_time import first_checkpoints
from custodes.services.evidence import unpack_package
from custodes.services.ledger_view import LedgerView
from custodes.services.sequencer import Sequencer

RECIPIENT = SealingKey(bytes(range(32)))
ORIGIN = "town.example/log"


@dataclass
class Log:
    """A town's log, an entry a minute; of some sizes somebody cosigns the checkpoint."""

    folder: Path
    town: Town = field(default_factory=lambda: Town(witnesses=1))
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_US))

    def __post_init__(self) -> None:
        self.database = Database.open_file(self.folder / "log.sqlite")
        self.sequencer = Sequencer.open(
            self.store, SqlOutbox(self.database), self.town.log, self.town.keeper.signing, self.clock
        )
        assert self.sequencer.submit([self.town.genesis()]) == [0]

    def grow(self, size: int, cosigned: dict[int, str]) -> None:
        witness, witness_key = next(iter(self.town.witnesses.items()))
        keys = {"witness": (witness, witness_key)}
        keys["custodian"] = (f"{ORIGIN}/custodian/2", self.town.custodians[1].identity)
        for number in range(self.sequencer.state.size, size):
            self.clock.advance(MINUTE_US)
            self.sequencer.submit([self.town.make("access", hour_us=number)])
            if number + 1 in cosigned:
                name, key = keys[cosigned[number + 1]]
                note = self.sequencer.checkpoint
                line = cosign(note.checkpoint, name, key, self.clock.utc_us() // SECOND_US)
                self.sequencer.add_cosignature(note.with_signature(line).encode())

    def found(self, size: int) -> list[SignedCheckpoint]:
        view = LedgerView(self.town.network, self.store.get)
        view.refresh()
        return first_checkpoints(view, self.store, size)

    def sizes(self, size: int) -> list[int]:
        return [note.checkpoint.size for note in self.found(size)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    made.database.close()


def test_the_first_of_each_sort_of_cosigner(log: Log) -> None:
    log.grow(40, {5: "witness", 20: "custodian", 25: "witness", 30: "custodian"})
    # The keeper's own were archived at 1, 11, 20 (with the custodian's), 30, …
    assert log.sizes(2) == [5, 20]
    assert log.sizes(6) == [15, 20, 25]
    assert log.sizes(21) == [25, 30]
    # Where there is none any more, the present one is the first, and a package has it anyway.
    assert log.sizes(40) == []
    assert log.sizes(31) == []


def test_damaged_ones_are_left_out_and_a_fork_is_not(log: Log) -> None:
    log.grow(13, {5: "witness", 11: "witness"})
    good = log.sizes(2)
    assert good == [5]
    note = log.store.get(archive_path(5))
    log.store.delete(archive_path(5))
    log.store.put(archive_path(5), b"garbage")
    log.store.put(archive_path(4), parse_checkpoint(note).checkpoint.text().encode())
    assert log.sizes(2) == [11]
    forked = sign_checkpoint(Checkpoint(ORIGIN, 6, bytes(32)), log.town.log)
    log.store.put(archive_path(6), forked.encode())
    with pytest.raises(UnverifiedError, match="another tree of 6"):
        log.found(2)
    assert log.sizes(7) == [11]


@pytest_asyncio.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    yield network
    network.close()


async def test_a_package_says_since_when_it_is_sealed_and_by_whose_clock(
    town: CaseNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = await town.ask(RECIPIENT)
    for number in (1, 2):
        client = town.client(number)
        await client.decide(request, (await client.request(request)).file.whole, "needed")
    for number in (1, 2):
        await town.client(number).release(request)
    await town.disclose(request)
    case = (await town.client(1).request(request)).case
    sealed = town.discloser.store.get(package_path(case, request))
    out = tmp_path / "evidence"
    unpack_package(sealed, RECIPIENT, town.id, request, out)
    listing: Any = parse_canon((out / "package.json").read_bytes())
    last = parse_checkpoint((out / "checkpoint").read_bytes()).checkpoint
    account = max(one["account"] for one in listing["envelopes"])
    firsts = [parse_checkpoint(unb64u(one["note"])) for one in listing["first_checkpoints"]]
    assert firsts
    for note, one in zip(firsts, listing["first_checkpoints"], strict=True):
        first = note.checkpoint
        assert account < first.size < last.size
        proof = [unb64u(step) for step in one["consistency"]]
        check_consistency(first.size, first.root, last.size, last.root, proof)
    arguments = ["--network", town.id.hex(), "--package", str(out), "--json"]
    capsys.readouterr()
    assert custodes_verify.main.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    by = {one["by"] for one in report["claimed"] if "sealed no later" in one["what"]}
    assert {who.rstrip("123") for who in by} == {"the clock of custodian ", "the clock of the log itself"}
