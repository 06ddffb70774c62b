"""Many simulated cameras in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from custodes_simulator.camera import Camera
from custodes_simulator.clips.library import ClipLibrary
from custodes_simulator.errors import FleetFileError
from custodes_simulator.play.shelf import ClipShelf
from custodes_simulator.spec import CameraSpec
from custodes_simulator.truth import DEFAULT_LIMIT, TruthEntry, TruthLog


class SimulatedFleet:
    """Cameras that listen while the fleet is entered as a context.

    `cache`: folder for clips that had to be encoded. `truth_file`: JSON lines of everything sent.
    `truth_limit`: entries kept in memory per track. `probe_every`: see TruthLog.
    Errors: FleetFileError for two cameras of one name; ClipError and OSError on entering.
    """

    def __init__(
        self,
        specs: Iterable[CameraSpec],
        *,
        cache: Path | None = None,
        truth_file: Path | None = None,
        truth_limit: int = DEFAULT_LIMIT,
        probe_every: int = 0,
    ) -> None:
        self._truth = TruthLog(truth_file, truth_limit, probe_every)
        self._clips = ClipShelf(ClipLibrary(cache))
        self._cameras: dict[str, Camera] = {}
        for spec in specs:
            if spec.name in self._cameras:
                raise FleetFileError(f"camera {spec.name} is there twice")
            self._cameras[spec.name] = Camera(spec, self._clips, self._truth)

    async def __aenter__(self) -> SimulatedFleet:
        """Encode what must be encoded, then start every camera."""
        try:
            for camera in self._cameras.values():
                await asyncio.to_thread(self._clips.prepare, camera.spec)
            for camera in self._cameras.values():
                await camera.start()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every camera."""
        self.close()
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop every camera for good and close the truth file."""
        for camera in self._cameras.values():
            camera.close()
        self._truth.close()

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All cameras, in order."""
        return tuple(self._cameras.values())

    def camera(self, name: str) -> Camera:
        """The camera of this name.

        Errors: KeyError.
        """
        return self._cameras[name]

    def url(self, camera: str, stream: str = "main", *, credentials: bool = False) -> str:
        """The RTSP URL of a stream, with user and password in it where asked for."""
        found = self._cameras[camera]
        if stream not in found.streams:
            raise KeyError(stream)
        spec = found.spec
        who = f"{quote(spec.user, safe='')}:{quote(spec.password, safe='')}@" if credentials else ""
        return f"rtsp://{who}{spec.host}:{found.port}/{spec.name}/{stream}"

    def truth(self, camera: str, stream: str = "main", track: str = "video") -> list[TruthEntry]:
        """What was sent on a track, in order; `track` is "video" or "audio"."""
        return self._truth.entries(camera, stream, track)

    def probes(self, camera: str, stream: str = "main") -> list[bytes]:
        """Samples of payload bytes that were sent; needs `probe_every`."""
        return self._truth.probes(camera, stream)
