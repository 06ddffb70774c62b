"""What `/api/status` says: the board's documents joined by camera.

Units: `_us` integer microseconds, `_s` and `_hours` may have a fraction. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from custodes.base.clock import HOUR_US, SECOND_US
from custodes.web.board import Heard, View
from custodes.web.guide import Step, next_steps
from custodes.web.health import (
    MAX_GAPS,
    Assurance,
    Gap,
    Health,
    KeeperHealth,
    Kind,
    LedgerHealth,
    Openings,
    RecorderHealth,
    RegisteredCamera,
    StreamHealth,
    StreamState,
)

ShownState = StreamState | Literal["unknown", "not-assigned"]
# From what needs a person most to what needs none; a camera's state is its worst stream's.
WORST_FIRST: tuple[ShownState, ...] = (
    "cannot-seal",
    "away",
    "unknown",
    "not-assigned",
    "connecting",
    "recording",
)


class Shown(BaseModel):
    """A part of the status."""

    model_config = ConfigDict(frozen=True)


class NetworkStatus(Shown):
    """The network; all but its id comes from the keeper."""

    id: str
    name: str | None = None
    custodians: int | None = None
    quorum: int | None = None
    rehearsal: bool | None = None
    slot_s: float | None = None


class StreamStatus(Shown):
    """A stream; `last_picture_s` is how long ago its last picture came.

    `lost_packets` is not known of lower assurance, where nobody counts them.
    """

    stream: str
    kind: Kind
    assurance: Assurance
    state: ShownState
    reason: str
    bitrate_bps: int = 0
    access_units: int = 0
    dropped: int = 0
    lost_packets: int | None = None
    last_picture_us: int = 0
    last_picture_s: float | None = None


class CameraStatus(Shown):
    """A camera of the register, or one that a recorder names and the register, as far as known, does not."""

    camera: str
    name: str
    registered: bool
    state: ShownState
    site: str | None = None
    purpose: str | None = None
    legal_basis: str | None = None
    responsible_body: str | None = None
    review_date: str | None = None
    retention_hours: float | None = None
    streams: list[StreamStatus]


class GapStatus(Shown):
    """A time that was not recorded; `camera` is the name."""

    camera: str
    stream: str
    kind: Kind | None
    from_us: int
    to_us: int
    reason: str


class ProcessStatus(Shown):
    """When a process was last heard of."""

    process: str
    age_s: float
    stale: bool


class Status(Shown):
    """All that the page shows."""

    time_us: int
    network: NetworkStatus
    cameras: list[CameraStatus]
    gaps: list[GapStatus] | None
    ledger: LedgerHealth | None
    openings: Openings | None
    alarms: list[str]
    processes: list[ProcessStatus]
    next: list[Step]


def make_status(view: View, network: bytes, place: str) -> Status:
    """The status; `place` stands for the network's folder in the commands of the guide."""
    streams = dict(_streams(view))
    cameras = _cameras(view, streams)
    keeper = view.keeper.document if view.keeper else None
    states = {camera.state for camera in cameras}
    return Status(
        time_us=view.time_us,
        network=_network(keeper, network),
        cameras=cameras,
        gaps=_gaps(view, cameras) if view.recorders else None,
        ledger=keeper.ledger if keeper else None,
        openings=keeper.openings if keeper else None,
        alarms=list(view.alarms),
        processes=[_process(heard) for heard in (view.keeper, view.discloser, *view.recorders) if heard],
        next=next_steps(network, place, running=_running(view), cameras=len(cameras), states=states),
    )


def _running(view: View) -> bool:
    return view.keeper is not None and not view.keeper.stale


def _network(keeper: KeeperHealth | None, network: bytes) -> NetworkStatus:
    if keeper is None:
        return NetworkStatus(id=network.hex())
    facts = keeper.network
    return NetworkStatus(
        id=network.hex(),
        name=facts.name,
        custodians=facts.custodians,
        quorum=facts.quorum,
        rehearsal=facts.rehearsal,
        slot_s=facts.slot_us / SECOND_US,
    )


def _streams(view: View) -> Iterable[tuple[str, tuple[Heard[RecorderHealth], StreamHealth]]]:
    # While an assignment moves, two recorders name a stream; the one heard of last stands.
    for heard in sorted(view.recorders, key=lambda heard: -heard.age_us):
        for stream in heard.document.streams:
            yield stream.stream, (heard, stream)


def _cameras(
    view: View, streams: dict[str, tuple[Heard[RecorderHealth], StreamHealth]]
) -> list[CameraStatus]:
    registered = view.keeper.document.cameras if view.keeper else []
    rows = {stream: _stream(view, heard, health) for stream, (heard, health) in streams.items()}
    cameras = [_registered(camera, rows, bool(view.recorders)) for camera in registered]
    known = {camera.camera for camera in registered}
    strangers: dict[str, list[StreamHealth]] = {}
    for _, health in streams.values():
        if health.camera not in known:
            strangers.setdefault(health.camera, []).append(health)
    for camera, parts in strangers.items():
        cameras.append(_stranger(camera, parts[0].name, [rows[part.stream] for part in parts]))
    return sorted(cameras, key=lambda camera: (camera.name.casefold(), camera.camera))


def _registered(camera: RegisteredCamera, rows: dict[str, StreamStatus], heard: bool) -> CameraStatus:
    streams = [
        rows.get(stream.stream)
        or StreamStatus(
            stream=stream.stream,
            kind=stream.kind,
            assurance=stream.assurance,
            state="not-assigned" if heard else "unknown",
            reason="no recorder has this stream" if heard else "no recorder has been heard of",
        )
        for stream in camera.streams
    ]
    return CameraStatus(
        camera=camera.camera,
        name=camera.name,
        registered=True,
        state=_worst(streams),
        site=camera.site,
        purpose=camera.purpose,
        legal_basis=camera.legal_basis,
        responsible_body=camera.responsible_body,
        review_date=camera.review_date,
        retention_hours=camera.retention_us / HOUR_US,
        streams=streams,
    )


def _stranger(camera: str, name: str, streams: list[StreamStatus]) -> CameraStatus:
    ordered = sorted(streams, key=lambda stream: (stream.kind, stream.stream))
    return CameraStatus(camera=camera, name=name, registered=False, state=_worst(ordered), streams=ordered)


def _stream(view: View, heard: Heard[RecorderHealth], health: StreamHealth) -> StreamStatus:
    age_us = max(0, heard.document.time_us - health.last_picture_us) + heard.age_us
    silent_s = heard.age_us // SECOND_US
    return StreamStatus(
        stream=health.stream,
        kind=health.kind,
        assurance=health.assurance,
        state="unknown" if heard.stale else health.state,
        reason=f"its recorder has not been heard of for {silent_s} s" if heard.stale else health.reason,
        bitrate_bps=0 if heard.stale else health.bitrate_bps,
        access_units=health.access_units,
        dropped=health.dropped,
        lost_packets=health.lost_packets if health.assurance == "full" else None,
        last_picture_us=health.last_picture_us,
        last_picture_s=age_us / SECOND_US if health.last_picture_us else None,
    )


def _worst(streams: list[StreamStatus]) -> ShownState:
    return min((stream.state for stream in streams), key=WORST_FIRST.index, default="not-assigned")


def _gaps(view: View, cameras: list[CameraStatus]) -> list[GapStatus]:
    known = {stream.stream: (camera.name, stream.kind) for camera in cameras for stream in camera.streams}
    found: list[Gap] = [gap for heard in view.recorders for gap in heard.document.gaps]
    found.sort(key=lambda gap: gap.from_us, reverse=True)
    rows = []
    for gap in found[:MAX_GAPS]:
        name, kind = known.get(gap.stream, (f"stream {gap.stream[:8]}", None))
        rows.append(
            GapStatus(
                camera=name,
                stream=gap.stream,
                kind=kind,
                from_us=gap.from_us,
                to_us=gap.to_us,
                reason=gap.reason,
            )
        )
    return rows


def _process(heard: Heard[Health]) -> ProcessStatus:
    return ProcessStatus(process=heard.process, age_s=heard.age_us / SECOND_US, stale=heard.stale)
