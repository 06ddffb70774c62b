"""`custodes hold` and `custodes custodian hold`, as people run them, over the network's folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from casework.network import CAMERA, PASSPHRASE, CaseNetwork

import custodes.custody.client_folder as client_folder
from custodes.adapters.exchange.folder import FolderCounter
from custodes.base.clock import SECOND_US
from custodes.base.sealing import SealingKey
from custodes.cli.main import main
from custodes.cli.options import show_us

RECIPIENT = SealingKey(bytes(range(32)))


@pytest_asyncio.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    (tmp_path / "passphrase").write_text(PASSPHRASE, "utf-8")
    counter = FolderCounter(network.folder.exchange, "keeper", network.keeper.desks())
    task = asyncio.create_task(counter.run())
    yield network
    task.cancel()
    network.close()


async def run(*words: object) -> int:
    return await asyncio.to_thread(main, [str(word) for word in words])


async def test_a_full_hold_is_asked_for_and_shares_are_taken_out(
    town: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    request = await town.ask(RECIPIENT)
    for number in (1, 2):
        client = town.client(number)
        await client.decide(request, (await client.request(request)).file.whole, "to be kept")
    staff = town.folder.staff_key("super")
    assert await run("hold", town.folder.root, "--request", request.hex(), "--staff", staff) == 0
    assert "3 minutes are to be held until" in capsys.readouterr().out
    (hold,) = town.keeper.sequencer.state.facts.holds.values()
    assert hold.kind == "full"
    town.custodians[2].close()
    folder = town.custodians[2].path
    secret = ("--passphrase-file", town.root / "passphrase", "--at", town.folder.root)
    assert await run("custodian", "requests", folder, *secret) == 0
    assert f"Hold {hold.id.hex()} until {show_us(hold.until_us)}" in (out := capsys.readouterr().out)
    assert "your shares wait" in out
    assert await run("custodian", "hold", folder, hold.id.hex()[:6], *secret) == 0
    assert "Took your shares of 3 minutes out" in capsys.readouterr().out
    assert len(hold.shares_of(town.epoch)) == 1
    assert await run("custodian", "hold", folder, *secret) == 0
    assert "No hold waits for your shares." in capsys.readouterr().out
    assert await run("custodian", "requests", folder, *secret) == 0
    assert "your shares are taken out; of the epoch with fewest 1 of 2 needed" in capsys.readouterr().out
    assert await run("custodian", "hold", folder, "ffffffffffff", *secret) != 0


async def test_a_provisional_hold_names_camera_and_times(
    town: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    staff = town.folder.staff_key("super")
    start_us = town.keeper.sequencer.state.epoch(town.epoch).utc0_us
    times = [
        show_us(us).replace(" UTC", "Z").replace(" ", "T")
        for us in (start_us + SECOND_US, start_us + 15 * SECOND_US)
    ]
    words = ["hold", town.folder.root, "--camera", CAMERA, "--staff", staff]
    assert await run(*words, "--from", times[0]) != 0
    assert "needs --camera, --from and --to" in capsys.readouterr().err
    assert await run(*words, "--request", "00" * 32) != 0
    assert "give no camera and no times" in capsys.readouterr().err
    assert await run(*words, "--from", times[0], "--to", times[1]) == 0
    assert "2 minutes are held until" in capsys.readouterr().out
    (hold,) = town.keeper.sequencer.state.facts.holds.values()
    assert (hold.kind, hold.epochs) == ("provisional", (town.epoch,))
