"""`custodes witness` against a network's folder and against its web."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from town.ledger import Town

from custodes.adapters.exchange.folder import FolderCounter, FolderOffice
from custodes.adapters.objects.local import LocalObjectStore
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.cli import witness
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.ledger import tiles
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint, sign_checkpoint
from custodes.ledger.growing import GrowingTree
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.server import serve


def _run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    witness.add_parser(parser.add_subparsers())
    options = parser.parse_args(["witness", *map(str, words)])
    code: int = options.run(options)
    return code


def _publish(store: LocalObjectStore, town: Town, size: int) -> None:
    tree = GrowingTree()
    for entry in town.entries[:size]:
        tree.append(entry)
    store.put(tiles.tile_path(0, 0, size), tree.tile(0, 0, size))
    store.put(tiles.bundle_path(0, size), tiles.encode_bundle(town.entries[:size]))
    store.delete(tiles.CHECKPOINT_PATH)
    note = sign_checkpoint(Checkpoint(town.origin, size, tree.root()), town.log)
    store.swap(tiles.CHECKPOINT_PATH, note.encode(), None)


class Network:
    """A town's folder with a keeper that takes cosignatures."""

    def __init__(self, root: Path) -> None:
        self.town = Town()
        self.town.found()
        self.folder = NetworkFolder(root)
        self.folder.store.mkdir(parents=True)
        self.store = LocalObjectStore.create(self.folder.store)
        settings = NetworkSettings(self.town.network, bytes(16), self.store.volume_id, bytes(16), 0)
        self.folder.settings_file.write_text(settings.to_json())
        self.notes: list[SignedCheckpoint] = []

    async def cosign(self, question: bytes) -> bytes:
        self.notes.append(parse_checkpoint(question))
        return b"{}"


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    made = Network(tmp_path / "net")
    counter = FolderCounter(made.folder.exchange, "keeper", {"cosign": made.cosign})
    task = asyncio.create_task(counter.run())
    yield made
    task.cancel()
    await asyncio.wait({task})
    made.store.close()


async def test_the_key_is_made_before_there_is_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path / "w", "--name", "notary.example") == 0
    name, key = capsys.readouterr().out.split()[1].split(":")
    assert name == "notary.example" and len(bytes.fromhex(key)) == 32
    assert _run(tmp_path / "w") == 0
    assert capsys.readouterr().out.split()[1] == f"{name}:{key}"


@pytest.mark.parametrize(
    "words",
    [
        ("net", "--name", "n"),
        ("--network", "00" * 32, "--name", "n"),
        ("net", "--network", "00", "--name", "n"),
        ("net", "--network", "00" * 32, "--name", "n", "--interval", "0"),
        ("net", "--network", "00" * 32),
    ],
)
def test_what_does_not_go_together(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(InvalidError):
        _run(tmp_path / "w", *words)


@pytest.mark.parametrize("by_web", [False, True])
async def test_once_cosigns_and_refuses_a_rollback(
    by_web: bool, network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, serving = str(network.folder.root), None
    if by_web:
        office = FolderOffice(network.folder.exchange)
        board = HealthBoard(SystemClock(), ())
        app = create_app(board, office, network.store, network.town.network, {"keeper": ("cosign",)})
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(app, 0, ready.set_result))
        where = await ready
    words = (
        tmp_path / "w",
        where,
        "--network",
        network.town.network.hex(),
        "--name",
        "notary.example",
        "--once",
    )
    _publish(network.store, network.town, 6)
    assert await asyncio.to_thread(_run, *words) == 0
    key = bytes.fromhex(capsys.readouterr().out.splitlines()[0].rsplit(":", 1)[1])
    (note,) = network.notes
    assert note.checkpoint.size == 6 and note.cosigned_s("notary.example", key) is not None
    _publish(network.store, network.town, 4)
    with pytest.raises(UnverifiedError, match="rolled back"):
        await asyncio.to_thread(_run, *words)
    assert all(note.checkpoint.size == 6 for note in network.notes)
    if serving is not None:
        serving.cancel()
        await asyncio.wait({serving}, timeout=60)
