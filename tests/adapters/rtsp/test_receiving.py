"""Against simulated cameras that behave: every picture arrives, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from custodes.adapters.rtsp.client import CameraSource
from custodes.media.packets import Codec
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.spec import CameraSpec

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_every_picture_arrives_as_it_was_sent(receiving: Any, transport: Any) -> None:
    async with (
        SimulatedFleet([CameraSpec("gate")]) as fleet,
        receiving(CameraSource(fleet.url("gate"), transport=transport)) as session,
    ):
        units = await session.units(60)
        sent = fleet.truth("gate")
        hashes = session.sink.hashes()

    assert hashes == [entry.sha256 for entry in sent][: len(hashes)]
    for unit, entry in zip(units, sent, strict=False):
        assert (unit.is_key, unit.is_open_key) == (entry.is_key, entry.is_open_key)
        assert unit.media_90k % 2**32 == entry.rtp_time
        assert abs(unit.camera_utc_us - entry.capture_utc_us) < 50_000
        assert unit.loss_before == 0
    assert session.sink.kinds() == set()
    assert session.sink.calls[0] == "sets"
    assert session.sink.sets[0].codec is Codec.H264
    assert len(session.sink.sets) == 1
