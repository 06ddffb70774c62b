"""Committed backgrounds on a recorder's disk: from the store once, checked each time, masked when in doubt."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recording.rig import Rig
from town.people import signing_key
from watching.candidates import background_file, committed, lay_out

from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.services.backgrounds import LearntBackground
from custodes.services.recorder.grounds import GroundFolder
from custodes.services.recorder.settings import RecorderSettings


class Land:
    """A recorder's settings, its store and its folder."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder / "rig")
        # What `lay_out` asks of a town.
        self.recorder = self.rig
        self.store = MemoryObjectStore()
        self.folder = folder / "backgrounds"
        self.now_us = 1
        self.network, self.recorder_id = self.rig.network, self.rig.recorder
        self.camera, self.stream = bytes(15) + b"c", bytes(15) + b"s"

    def settings(self, *learnt: LearntBackground, **changes: Any) -> RecorderSettings:
        return replace(
            self.rig.settings(),
            backgrounds=tuple(committed(one, **changes) for one in learnt),
            recorders={self.rig.recorder: self.rig.signing.public},
        )

    def load(self, settings: RecorderSettings) -> Any:
        return GroundFolder(self.folder, self.store).load(settings)


@pytest.fixture
def land(tmp_path: Path) -> Land:
    return Land(tmp_path)


def test_files_come_from_the_store_once_and_stay(land: Land) -> None:
    day, night = background_file(), background_file(condition="night", shade=9)
    settings = land.settings(
        lay_out(land, land.store, day), lay_out(land, land.store, night, condition="night")
    )
    grounds = land.load(settings)
    assert grounds.files == {land.stream: (day, night)} and grounds.faults == ()
    # Cut off, and started anew: the store is away.
    land.store = MemoryObjectStore()
    assert land.load(settings).files == {land.stream: (day, night)}


def test_nothing_committed_is_nothing_to_compare_with_and_old_files_go(land: Land) -> None:
    found = lay_out(land, land.store, background_file())
    land.load(land.settings(found))
    assert {file.name for file in land.folder.iterdir()} == {
        found.background.hex(),
        f"{found.background.hex()}.json",
    }
    assert land.load(land.settings()).files == {}
    assert list(land.folder.iterdir()) == []


def test_a_file_damaged_here_is_taken_from_the_store_anew(land: Land) -> None:
    file = background_file()
    found = lay_out(land, land.store, file)
    settings = land.settings(found)
    land.load(settings)
    own = land.folder / found.background.hex()
    own.write_bytes(background_file(shade=91))
    assert land.load(settings).files == {land.stream: (file,)}
    assert own.read_bytes() == file


@pytest.mark.parametrize("fault", ["missing", "damaged", "statement", "shape"])
def test_what_cannot_be_had_masks_and_is_told(land: Land, fault: str) -> None:
    file = background_file() if fault != "shape" else b"custodes background 1\n\0\2{}"
    found = lay_out(land, MemoryObjectStore(), file)
    path = f"backgrounds/{found.stream.hex()}/{hashlib.sha256(file).hexdigest()}"
    if fault != "missing":
        land.store.put(path, file if fault in ("statement", "shape") else background_file(shade=1))
        land.store.put(f"{path}.json", found.sign(land.rig.signing) if fault != "statement" else b"{}")
    grounds = land.load(land.settings(found))
    assert grounds.files == {}
    (told,) = grounds.faults
    assert found.background.hex()[:16] in told


def test_a_picture_that_no_recorder_made_is_refused(land: Land) -> None:
    painted = lay_out(land, land.store, background_file(), key=signing_key("staff"))
    grounds = land.load(land.settings(painted))
    assert grounds.files == {} and "cannot be used" in grounds.faults[0]
    other = lay_out(land, land.store, background_file(shade=7), recorder=bytes(16))
    assert "no recorder of this network" in land.load(land.settings(other)).faults[0]
    foreign = lay_out(land, land.store, background_file(shade=8), network=bytes(32))
    assert "another network" in land.load(land.settings(foreign)).faults[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"doubt_permille": 0},
        {"withheld_permille": 0},
        {"stream": bytes(16)},
        {"view": "x"},
        {"condition": "wet"},
    ],
)
def test_an_entry_that_says_what_its_recorder_does_not_is_refused(
    land: Land, changes: dict[str, Any]
) -> None:
    found = lay_out(land, land.store, background_file())
    if "stream" in changes:
        lay_out(land, land.store, background_file())
        path = f"backgrounds/{bytes(16).hex()}/{found.background.hex()}"
        land.store.put(path, background_file())
        land.store.put(f"{path}.json", found.sign(land.rig.signing))
    assert land.load(land.settings(found, **changes)).files == {}


def test_one_that_fails_leaves_the_others(land: Land) -> None:
    good = lay_out(land, land.store, background_file())
    bad = lay_out(land, MemoryObjectStore(), background_file(condition="night"), condition="night")
    grounds = land.load(land.settings(good, bad))
    assert len(grounds.files[land.stream]) == 1 and len(grounds.faults) == 1
