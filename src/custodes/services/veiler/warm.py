"""What every veiler needs, loaded and run once before the first is forked."""

from __future__ import annotations

import socket
from collections.abc import Callable

import av.logging

from custodes.adapters.av.pictures import PictureDecoder, PictureEncoder
from custodes.base.fence.report import FenceReport
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.services.veiler.fenced import run_veiler
from custodes.services.veiler.ports import MakeVeil
from custodes.services.veiler.whole import WholeVeil, flat

WARM_PX = (320, 192)
# The veil of every camera; whatever else is to mask is made here.
MAKE_VEIL: MakeVeil = WholeVeil


def warm_up(make_veil: MakeVeil = MAKE_VEIL) -> Callable[[socket.socket, FenceReport], None]:
    """Send a made-up picture the whole way, so that everything is loaded; what runs a veiler then."""
    # FFmpeg's words about a stream may hold parts of it.
    av.logging.set_level(None)
    av.logging.set_libav_level(av.logging.PANIC)
    encoder = PictureEncoder(*WARM_PX)
    decoder = PictureDecoder(encoder.sets)
    encoded = encoder.encode(flat(*WARM_PX), 0, True)
    for decoded in decoder.decode(encoded.sample, True, 1):
        make_veil().veil(decoded.array(max(WARM_PX)), 0)
    init_segment(encoder.sets)
    codec_string(encoder.sets)
    fragment(1, 0, 1, encoded.sample, True)
    return lambda line, fences: run_veiler(line, fences, make_veil)
