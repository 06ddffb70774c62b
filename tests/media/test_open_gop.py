"""Streams whose key frames are not closed, as real encoders make them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import av
import pytest

from custodes.media.gop import KeyPolicy
from custodes.media.mp4.table import tabulate
from custodes.media.mp4.write import write_mp4
from custodes.media.packets import Codec
from custodes.media.timeline import UnitTime, presentation_90k


@pytest.mark.parametrize("codec", list(Codec))
def test_an_open_gop_stream_is_cut_and_plays_from_an_open_key_frame(
    encode: Callable[..., Any], codec: Codec
) -> None:
    sets, units = encode(codec, frames=60, keyint=15, bframes=2, extra=":open-gop=1")
    assert units[0].is_key
    open_keys = [n for n, unit in enumerate(units) if unit.is_open_key]
    assert len(open_keys) == 3
    assert not any(unit.is_key for unit in units[1:])
    policy = KeyPolicy()
    joined = units[5:]
    counted = [n for n, u in enumerate(joined, 5) if policy.counts(u.boot_us, u.is_key, u.is_open_key)]
    assert counted == open_keys[1:]
    tail = units[counted[0] :]
    times = [UnitTime(u.media_90k, u.boot_us, u.is_key) for u in tail]
    keys = [u.is_key or u.is_open_key for u in tail]
    table = tabulate([len(u.data) for u in tail], presentation_90k(times), keys)
    data = b"".join(write_mp4(table, sets, [u.data for u in tail]))
    leading = sum(u.media_90k < tail[0].media_90k for u in tail)
    with av.open(io.BytesIO(data)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [u.data for u in tail]
    with av.open(io.BytesIO(data)) as container:
        assert len(list(container.decode(video=0))) >= len(tail) - leading


def test_a_stream_without_whole_key_frames_is_recognised_by_its_recovery_points(
    encode: Callable[..., Any],
) -> None:
    _, units = encode(Codec.H264, frames=40, keyint=10, extra=":intra-refresh=1")
    assert [n for n, unit in enumerate(units) if unit.is_key] == [0]
    assert len([unit for unit in units if unit.is_open_key]) >= 3
