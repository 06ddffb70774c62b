"""`custodes background`, as people run it, over the network's folder; and what the recorder's settings say then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from casework.network import CAMERA, CaseNetwork
from watching.candidates import background_file, lay_out

from custodes.adapters.exchange.folder import FolderCounter
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.cli.main import main
from custodes.deploy.layout import read_settings
from custodes.services.backgrounds import LearntBackground, LearnWish, parse_wish
from custodes.services.settings import check_settings


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[CaseNetwork]:
    network = CaseNetwork(tmp_path)
    await network.begin()
    counter = FolderCounter(network.folder.exchange, "keeper", network.keeper.desks())
    task = asyncio.create_task(counter.run())
    yield network
    task.cancel()
    network.close()


async def run(town: CaseNetwork, act: str, *words: object) -> int:
    return await asyncio.to_thread(
        main, ["background", act, str(town.folder.root), *(str(word) for word in words)]
    )


def candidate(town: CaseNetwork, shade: int = 90, **changes: Any) -> LearntBackground:
    """As if the network's recorder had learnt one."""
    settings = read_settings(town.folder)
    own = town.folder.recorder(settings.recorder)
    (camera,) = town.keeper.sequencer.state.facts.cameras.values()
    made = SimpleNamespace(
        network=settings.network,
        recorder_id=settings.recorder,
        recorder=SimpleNamespace(signing=read_signing_key(own / "signing")),
        camera=camera.described.id,
        stream=camera.described.streams[0].id,
        now_us=town.clock.utc_us(),
    )
    store = LocalObjectStore.open(town.folder.store, settings.store_volume)
    return lay_out(made, store, background_file("home", shade=shade), view="home", **changes)


async def in_settings(town: CaseNetwork) -> list[bytes]:
    """The backgrounds that the keeper's settings prove to the recorder."""
    settings = read_settings(town.folder)
    data = await town.keeper.settings_desk(settings.recorder)
    key = read_sealing_key(town.folder.recorder(settings.recorder) / "sealing")
    found = check_settings(data, settings.network, settings.recorder, key, {})
    return [one.background for one in found.backgrounds]


async def test_two_people_commit_and_withdraw(town: CaseNetwork, capsys: pytest.CaptureFixture[str]) -> None:
    found = candidate(town)
    name = found.background.hex()
    admin, supervisor = (town.folder.staff_key(one) for one in ("admin", "super"))
    assert await run(town, "list") == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{name}\t{CAMERA}\thome\tday\tcandidate\t") and "39.0 % withheld" in line
    assert await run(town, "approve", name, "--staff", admin) != 0
    assert "nobody has proposed" in capsys.readouterr().err
    assert await run(town, "propose", name[:8], "--staff", supervisor) == 0
    assert await run(town, "approve", name, "--staff", supervisor) != 0
    assert "does not approve it, too" in capsys.readouterr().err
    assert await in_settings(town) == []
    assert await run(town, "approve", name, "--staff", admin) == 0
    assert "background committed" in capsys.readouterr().out
    assert await in_settings(town) == [found.background]
    assert await run(town, "refuse", name, "--user", "ada") != 0
    assert await run(town, "withdraw", name, "--staff", admin) == 0
    assert await run(town, "list") == 0
    assert "committed, proposed by admin" in capsys.readouterr().out
    assert await run(town, "approve", name, "--staff", supervisor) == 0
    assert "background withdrawn" in capsys.readouterr().out
    assert await in_settings(town) == []
    newest = town.keeper.sequencer.state.facts.backgrounds[found.stream, "home", "day"]
    assert (newest.revision, newest.background) == (2, b"")


async def test_refusing_and_naming(town: CaseNetwork, capsys: pytest.CaptureFixture[str]) -> None:
    found, all_of_it = candidate(town), candidate(town, 10, withheld_permille=1000)
    admin = town.folder.staff_key("admin")
    assert await run(town, "refuse", found.background.hex(), "--user", "ada") == 0
    assert await run(town, "list") == 0
    assert "\trefused\t" in capsys.readouterr().out
    assert await run(town, "propose", all_of_it.background.hex(), "--staff", admin) != 0
    assert "all of it is withheld" in capsys.readouterr().err
    assert await run(town, "propose", "ffffffff", "--staff", admin) != 0
    assert "0 backgrounds begin with ffffffff" in capsys.readouterr().err
    assert await run(town, "propose", "ff", "--staff", admin) != 0
    assert "8 digits" in capsys.readouterr().err


async def test_a_wish_to_learn_goes_signed_to_the_recorder(
    town: CaseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[LearnWish] = []
    supervisor = town.folder.staff_key("super")

    async def learn(question: bytes) -> bytes:
        signed, wish = parse_wish(question)
        signed.check_signed_by([read_signing_key(supervisor).public])
        asked.append(wish)
        return b"{}"

    task = asyncio.create_task(FolderCounter(town.folder.exchange, "recorder", {"learn": learn}).run())
    words = ("--camera", CAMERA, "--withhold", "--pictures", 30, "--over", "1m", "--staff", supervisor)
    assert await run(town, "learn", *words) == 0
    task.cancel()
    (wish,) = asked
    assert wish.recorder == read_settings(town.folder).recorder
    assert (wish.view, wish.condition, wish.withhold, wish.pictures) == ("home", "day", True, 30)
    assert wish.least_us == 60_000_000
    assert f"learning {CAMERA}, home, day" in capsys.readouterr().out
