"""What every veiler needs, loaded and run once before the first is forked."""

from __future__ import annotations

import socket
from collections.abc import Callable

import av.logging
import cv2

from custodes.adapters.av.pictures import PictureDecoder, PictureEncoder
from custodes.base.clock import SystemClock
from custodes.base.fence.report import FenceReport
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.rendition.detector import Detector
from custodes.services.veiler.fenced import run_veiler
from custodes.services.veiler.learning import Gathering
from custodes.services.veiler.masking import MaskVeil, PatientFinder, load_detector
from custodes.services.veiler.whole import flat

WARM_PX = (320, 192)


def warm_up(model: bytes | None) -> tuple[Callable[[socket.socket, FenceReport], None], str]:
    """Send a made-up picture the whole way, so that everything is loaded.

    Returns what runs a veiler then, and why there is no detector (empty where there is one). A detector's memory is
    copied with a fork, and it has no thread of its own, so it works in each veiler as it did here.
    """
    # FFmpeg's words about a stream may hold parts of it.
    av.logging.set_level(None)
    av.logging.set_libav_level(av.logging.PANIC)
    cv2.setNumThreads(1)
    finder = load_detector(model)
    encoder = PictureEncoder(*WARM_PX)
    decoder = PictureDecoder(encoder.sets)
    encoded = encoder.encode(flat(*WARM_PX), 0, True)
    for decoded in decoder.decode(encoded.sample, True, 1):
        picture = decoded.array(max(WARM_PX))
        if isinstance(finder, Detector):
            finder.find(picture, 0)
    init_segment(encoder.sets)
    codec_string(encoder.sets)
    fragment(1, 0, 1, encoded.sample, True)

    def run(line: socket.socket, fences: FenceReport) -> None:
        patient = PatientFinder(finder, SystemClock())
        run_veiler(line, fences, lambda: (MaskVeil(patient), Gathering(patient)))

    return run, "" if isinstance(finder, Detector) else finder.why
