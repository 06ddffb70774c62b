"""The store is away for a while: recording goes on, and what waited follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from recording.opening import check_closed, check_statements, compare, open_epochs

from custodes.base.errors import UnavailableError
from custodes.base.ports import ObjectStore
from custodes_simulator import CameraSpec

pytestmark = pytest.mark.integration


class LeavingStore:
    """A store that answers nothing while `is_away`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any) -> Any:
            if self.is_away:
                raise UnavailableError("the store is away")
            return method(*arguments)

        return call


async def test_recording_goes_on_while_the_store_is_away(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    async with fleet_of([CameraSpec("gate")]) as fleet:
        rig = rig_of(fleet)
        store: Any = LeavingStore(rig.store())
        service = rig.service(store=store)
        async with running(service):
            await until(lambda: service.book.state.number >= 1, "the first account")
            store.is_away = True
            await until(lambda: "disk" in service.alarms, "the alarm")
            await asyncio.sleep(3)
            store.is_away = False
            number = service.book.state.number
            await until(lambda: service.book.state.number > number + 1, "the next accounts")
            await until(lambda: "disk" not in service.alarms, "the end of the alarm")
        truth = fleet.truth("gate")
    stated = check_statements(rig, rig.store())
    epochs = open_epochs(rig, rig.store(), rig.stream("gate"))
    check_closed(stated, epochs)
    found = compare([unit for epoch in epochs for unit in epoch.units], truth)
    assert (found.missing, found.foreign, found.matched[0]) == ((), (), 0)
    assert stated.reasons(rig.stream("gate")) <= {"restart"}
    assert len(epochs) >= 2
