"""The discloser tells recorders which reels a request waits for, and nobody before or after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from casework.network import CaseNetwork

import custodes.custody.client_folder as client_folder
from custodes.base.clock import HOUR_US
from custodes.base.errors import RefusedError, UnavailableError
from custodes.base.sealing import SealingKey
from custodes.cases.closing import CloseReels, check_close_reels, reels_closed
from custodes.deploy.layout import read_settings

RECIPIENT = SealingKey(bytes(range(32)))


@pytest.fixture
def is_recording(request: pytest.FixtureRequest) -> bool:
    return getattr(request, "param", True)


@pytest_asyncio.fixture
async def town(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_recording: bool
) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path, is_recording=is_recording)
    await network.found()
    yield network
    network.close()


def _word(town: CaseNetwork, recorder: bytes, question: bytes) -> CloseReels:
    return check_close_reels(question, town.id, recorder, town.discloser.signing.public)


async def test_a_recorder_is_asked_until_the_reels_are_closed(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    town.recorder_answers = [reels_closed(1), UnavailableError("away"), reels_closed(0)]
    for _ in range(5):
        await town.discloser._close_reels(request)
    assert len(town.told) == 3
    assert town.recorder_answers == []
    recorder, question = town.told[0]
    assert recorder == read_settings(town.folder).recorder
    word = _word(town, recorder, question)
    assert word.request == request
    # Three slots are asked for; only the last of them is told.
    assert [(slot.epoch, slot.slot) for slot in word.after] == [(town.epoch, 2)]
    assert town.discloser.closing.is_settled(request)
    assert town.discloser.alarms == {}


async def test_a_request_that_is_not_in_the_ledger_closes_nothing(town: CaseNetwork) -> None:
    draft = await town.draft(RECIPIENT)
    await town.sign(draft, "inv")
    await town.discloser._close_reels(draft.file.hash)
    assert town.told == []
    town.recorder_answers = [reels_closed(0)]
    await town.sign(draft, "super")
    await town.discloser._close_reels(draft.file.hash)
    assert len(town.told) == 1


async def test_what_a_recorder_refuses_is_an_alarm_until_it_does_not(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    town.recorder_answers = [RefusedError("not you"), b"{}", reels_closed(1)]
    await town.discloser._close_reels(request)
    (alarm,) = town.discloser.alarms.values()
    assert "closes no reel for a case: not you" in alarm
    await town.discloser._close_reels(request)
    assert len(town.discloser.alarms) == 1
    await town.discloser._close_reels(request)
    assert town.discloser.alarms == {}


async def test_an_expired_request_closes_nothing(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    town.clock.offset_us = 2 * HOUR_US
    await town.discloser._close_reels(request)
    assert town.told == []


@pytest.mark.parametrize("is_recording", [False], indirect=True)
async def test_epochs_that_are_closed_need_no_word(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await town.discloser._close_reels(request)
    assert town.told == []
    assert town.discloser.closing.is_settled(request)
