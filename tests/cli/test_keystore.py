"""`custodes keystore rebuild`: a lost copy made anew, never from or with what is destroyed, never over another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from casework.network import CaseNetwork

import custodes.custody.client_folder as client_folder
from custodes.adapters.keystore.copy import FILE_NAME
from custodes.base.clock import HOUR_US
from custodes.cli.main import main
from custodes.deploy.running import serving
from custodes.services.keeper.fetching import shred_id


@pytest_asyncio.fixture
async def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    """A network that has shredded one key, and is stopped."""
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    yield network
    network.close()


async def run(town: CaseNetwork, copy: str) -> int:
    return await asyncio.to_thread(main, ["keystore", "rebuild", str(town.folder.root), "--copy", copy])


def stop(town: CaseNetwork) -> None:
    town.keeper.ledger.close()
    town.keeper.keystore.close()


async def shred_one(town: CaseNetwork) -> bytes:
    """A key goes at its deadline; its id."""
    epoch = town.keeper.sequencer.state.epoch(town.epoch)
    id_ = shred_id(epoch.pool, epoch.key_index)
    await town.advance(25 * HOUR_US)
    assert (await town.keeper.retention.run_once()).keys == 1
    return id_


@pytest.mark.parametrize(("copy", "other"), [("a", "b"), ("b", "a")])
async def test_a_lost_copy_is_made_anew(
    stopped: CaseNetwork, copy: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = len(stopped.keeper.keystore.ids())
    stop(stopped)
    root = stopped.folder.root / "keystore"
    (root / copy / FILE_NAME).unlink()
    assert await run(stopped, copy) == 0
    out = capsys.readouterr().out
    assert f"{root / other}: 0 keys that the ledger says are destroyed were overwritten" in out
    assert f"{root / copy}: made anew with {keys} keys" in out
    stopped.start()
    assert len(stopped.keeper.keystore.ids()) == keys
    assert stopped.keeper.keystore.rejoin(lambda _: False)


async def test_what_the_ledger_shredded_is_purged_before_it_is_copied(
    stopped: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy that is left is one from before the key was shredded."""
    root = stopped.folder.root / "keystore"
    old = (root / "a" / FILE_NAME).read_bytes()
    epoch = stopped.keeper.sequencer.state.epoch(stopped.epoch)
    seed = stopped.keeper.keystore.get(shred_id(epoch.pool, epoch.key_index))
    id_ = await shred_one(stopped)
    stop(stopped)
    (root / "a" / FILE_NAME).write_bytes(old)
    (root / "b" / FILE_NAME).unlink()
    assert seed in old
    assert await run(stopped, "b") == 0
    assert "1 keys that the ledger says are destroyed were overwritten" in capsys.readouterr().out
    assert all(seed not in (root / name / FILE_NAME).read_bytes() for name in ("a", "b"))
    stopped.start()
    assert id_ not in stopped.keeper.keystore.ids()


async def test_nothing_that_is_there_is_replaced(
    stopped: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    stop(stopped)
    file = stopped.folder.root / "keystore" / "a" / FILE_NAME
    before = file.read_bytes()
    assert await run(stopped, "a") != 0
    assert "holds a copy" in capsys.readouterr().err
    assert file.read_bytes() == before


async def test_it_refuses_without_a_folder_without_the_other_and_while_the_network_runs(
    stopped: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    stop(stopped)
    root = stopped.folder.root / "keystore"
    (root / "a" / FILE_NAME).unlink()
    with serving(stopped.folder):
        assert await run(stopped, "a") != 0
    assert "runs already" in capsys.readouterr().err
    (root / "a").rmdir()
    assert await run(stopped, "a") != 0
    assert "mount its disk" in capsys.readouterr().err
    (root / "a").mkdir()
    moved = (root / "b" / FILE_NAME).rename(root / "away")
    assert await run(stopped, "a") != 0
    assert "is away" in capsys.readouterr().err
    assert list((root / "a").iterdir()) == []
    moved.rename(root / "b" / FILE_NAME)


async def test_a_copy_that_lacks_keys_is_said_to(
    stopped: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped.keeper.keystore.destroy(list(stopped.keeper.keystore.ids())[:3])
    stop(stopped)
    root = stopped.folder.root / "keystore"
    (root / "b" / FILE_NAME).unlink()
    # Destroyed and not entered is nothing wrong; not there at all is.
    assert await run(stopped, "b") == 0
    (root / "b" / FILE_NAME).unlink()
    file = root / "a" / FILE_NAME
    data = bytearray(file.read_bytes())
    data[64:192] = bytes(128)
    file.write_bytes(data)
    assert await run(stopped, "b") == 12
    assert "2 keys are not there" in capsys.readouterr().out
