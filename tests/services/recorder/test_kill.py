"""Killed at any moment, a recorder loses no more than the last two seconds, and nothing before is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recording.killing import MAY_BE_LOST_S, kill_often, lost_s, take_stock
from recording.opening import OpenedUnit
from recording.pace import Pace

from custodes_simulator import CameraSpec, Encoding, StreamSpec

pytestmark = pytest.mark.integration

KILLS = 10
CAMERAS = [
    CameraSpec("gate"),
    CameraSpec("yard", (StreamSpec(encoding=Encoding(key_every=50)),)),
]


async def test_at_most_two_seconds_are_lost_each_time(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], tmp_path: Path
) -> None:
    async with fleet_of(CAMERAS) as fleet:

        def are_sending(since_us: int) -> bool:
            return all(any(entry.utc_us > since_us for entry in fleet.truth(spec.name)) for spec in CAMERAS)

        rig = rig_of(fleet, pool_keys=120)
        with Pace(tmp_path / "pace") as pace:
            killed = await kill_often(rig, KILLS, 7, pace, are_sending)
        truth = {spec.name: fleet.truth(spec.name) for spec in CAMERAS}

    left = take_stock(rig, list(truth))
    runs = [kill.run for kill in killed]
    # Killed before anything was written, it begins as it did before; then each start is a run of its own.
    unwritten = runs.count(1) - 1
    assert runs == [1] * unwritten + list(range(1, KILLS - unwritten + 1))
    restarts = [account.run for account in left.stated.accounts if account.previous_run]
    assert restarts == list(range(2, runs[-1] + 2))
    assert left.cuts > 0
    for name, sent in truth.items():
        losses = lost_s(killed, left.units(name), [entry.utc_us for entry in sent], pace)
        assert len(losses) >= KILLS // 2
        assert max(losses) <= MAY_BE_LOST_S, losses
        # Each run has recorded one session from its first picture on, without a hole.
        of_run: dict[int, list[OpenedUnit]] = {}
        for epoch in left.epochs[name]:
            of_run.setdefault(epoch.header.run, []).extend(epoch.units)
        assert sum(1 for units in of_run.values() if units) >= 2
        for units in filter(None, of_run.values()):
            begun_us = units[0].utc_us
            session = max(entry.session for entry in sent if entry.utc_us <= begun_us + 50_000)
            played = [entry.sha256 for entry in sent if entry.session == session]
            assert [unit.sha256 for unit in units] == played[: len(units)]
