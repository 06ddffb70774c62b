"""How a stream is received: by the own RTSP client, or with lower assurance through FFmpeg."""

from __future__ import annotations

from custodes.adapters.av.client import run_av_session
from custodes.adapters.rtsp.client import CameraSource, SessionLimits, Sink, run_session
from custodes.base.clock import Clock
from custodes.services.recorder.settings import StreamAssignment


async def receive(assignment: StreamAssignment, sink: Sink, clock: Clock, limits: SessionLimits) -> None:
    """One session of a stream, as its assurance says, which is that of its address.

    Errors: as `rtsp.client.run_session`.
    """
    source = CameraSource(assignment.url, assignment.username, assignment.password, assignment.transport)
    if assignment.assurance == "full":
        await run_session(source, sink, clock, limits=limits)
    else:
        await run_av_session(source, sink, clock, limits=limits)
