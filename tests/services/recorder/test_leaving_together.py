"""An epoch made ahead waits for the minute's account, and leaves the recorder before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from custodes.base.clock import HOUR_US
from custodes.services.parcels import Parcel, join_signed_together, parse_parcels
from custodes_simulator import CameraSpec

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("first", [False, True])
async def test_an_epoch_made_ahead_waits_for_the_account(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, first: bool
) -> None:
    async with fleet_of([CameraSpec("plain")]) as fleet:
        rig = rig_of(fleet)
        service = rig.service()
        made: list[Any] = []
        (assignment,) = service.settings.assignments
        ahead_us = 0 if first else HOUR_US
        service.prepare(
            assignment, service.clock.boot_us() + ahead_us, first, lambda *result: made.append(result)
        )
        await until(lambda: made and not service.registrar.waiting, "the epoch")
        items = sorted((rig.own / "outbox").glob("*.submit"))
        assert (len(items), service.book.outbox.waiting) == (1, 1 if first else 0)
        async with running(service):
            await until(lambda: service.book.state.number >= 1, "the first account")
            await until(lambda: service.book.outbox.waiting >= 2, "both in line")
    items = sorted((rig.own / "outbox").glob("*.submit"))
    question = join_signed_together([item.read_bytes() for item in items], rig.signing)
    statements: list[Parcel] = parse_parcels(question)
    assert statements[0].statement.type.endswith("/epoch/v1")
    for parcel in statements:
        parcel.statement.check_signed_by([rig.signing.public])
