"""Statements made at the command line: a camera with its assignment; what waits for the first start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from custodes.adapters.durable_file import replace_file
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import CorruptError, InvalidError
from custodes.base.ids import new_id
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.base.sealing import PublicSealingKey
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.estate.model import Assignment, Camera, Mount, Stream, StreamKind, Transport, View, Zone
from custodes.estate.rules import assurance_of, check_assignment, check_camera
from custodes.ledger.entries.builders import camera_body
from custodes.services.keeper.cameras import ATTACHMENT
from custodes.services.parcels import Parcel, parcel_bytes
from custodes.services.settings import ASSIGNMENT_TYPE, seal_password

CAMERA_TYPE = "custodes/entry/camera/v1"


@dataclass(frozen=True)
class CameraWish:
    """A camera as whoever adds it describes it. `streams`: address by kind."""

    name: str
    site: str
    purpose: str
    legal_basis: str
    responsible_body: str
    review_date: date
    retention_us: int
    justification: str
    streams: Mapping[StreamKind, str]
    transport: Transport
    username: str
    priority: int
    mount: Mount | None = None
    views: tuple[View, ...] = ()
    zones: tuple[Zone, ...] = ()
    password: str = field(default="", repr=False)


def camera_parcel(
    folder: NetworkFolder, settings: NetworkSettings, wish: CameraWish, key: SigningKey, now_us: int
) -> tuple[bytes, Parcel]:
    """A new camera's id, and its Camera entry with the assignment, signed by an administrator.

    The password is sealed to the recorder and the operator; whoever carries the parcel cannot read it.
    Errors: InvalidError naming the member that is missing or beyond its limit.
    """
    streams = tuple(Stream(new_id(), kind, assurance_of(url)) for kind, url in wish.streams.items())
    camera = Camera(
        id=new_id(),
        revision=1,
        name=wish.name,
        site=wish.site,
        purpose=wish.purpose,
        legal_basis=wish.legal_basis,
        responsible_body=wish.responsible_body,
        review_date=wish.review_date,
        retention_us=wish.retention_us,
        streams=streams,
        justification=wish.justification,
        mount=wish.mount,
        views=wish.views,
        zones=wish.zones,
    )
    check_camera(camera, now_us)
    assignments = [
        Assignment(
            camera=camera.id,
            stream=stream.id,
            recorder=settings.recorder,
            url=wish.streams[stream.kind],
            transport=wish.transport,
            username=wish.username,
            priority=wish.priority,
        )
        for stream in streams
    ]
    for assignment in assignments:
        check_assignment(assignment, camera)
    sealed = _sealed_password(folder, settings, wish, camera.id)
    document = sign_body(
        ASSIGNMENT_TYPE,
        {
            "camera": b64u(camera.id),
            "network": b64u(settings.network),
            "recorder": b64u(settings.recorder),
            "streams": [_stream_json(assignment, sealed) for assignment in assignments],
        },
        key,
    )
    entry = sign_body(CAMERA_TYPE, camera_body(settings.network, camera), key)
    return camera.id, Parcel(entry, {ATTACHMENT: canon(document.to_json())})


def leave_for_start(folder: NetworkFolder, name: str, parcel: Parcel) -> None:
    """Keep a parcel for the network's next start, which hands it in."""
    replace_file(folder.founding_file(name), parcel_bytes(parcel))


def waiting_parcels(folder: NetworkFolder) -> list[tuple[Path, Parcel]]:
    """What waits for the start, KeyCerts and the recorder first, then cameras. Errors: CorruptError."""
    found = []
    for path in sorted(folder.founding_folder.glob("*.json"), key=_founding_order):
        try:
            found.append((path, Parcel.from_json(parse_canon(path.read_bytes()))))
        except InvalidError as error:
            raise CorruptError(f"the waiting statement {path.name} is damaged: {error}") from error
    return found


def read_genesis(folder: NetworkFolder) -> Signed:
    """The genesis with the signatures gathered so far. Errors: CorruptError."""
    try:
        return Signed.from_json(parse_canon(folder.genesis_file.read_bytes()))
    except (InvalidError, FileNotFoundError) as error:
        raise CorruptError(f"{folder.genesis_file.name} is damaged or missing") from error


def _founding_order(path: Path) -> tuple[int, str]:
    order = ("key-cert", "recorder", "camera")
    return next(
        (place for place, name in enumerate(order) if path.name.startswith(name)), len(order)
    ), path.name


def _sealed_password(
    folder: NetworkFolder, settings: NetworkSettings, wish: CameraWish, camera: bytes
) -> dict[str, str]:
    if not wish.password:
        return {}
    genesis = read_genesis(folder).body
    recorder = PublicSealingKey(unb64u(_recorder_entry(folder)["sealing"]))
    operator = PublicSealingKey(unb64u(genesis["operator"]["sealing"]))
    return seal_password(wish.password, settings.network, camera, (recorder, operator))


def _recorder_entry(folder: NetworkFolder) -> Mapping[str, Any]:
    value = parse_canon((folder.root / "recorder.json").read_bytes())
    body: Mapping[str, Any] = Signed.from_json(value).body
    return body


def _stream_json(assignment: Assignment, sealed: Mapping[str, str]) -> dict[str, Any]:
    return {
        "password": dict(sealed),
        "priority": assignment.priority,
        "stream": b64u(assignment.stream),
        "transport": assignment.transport,
        "url": assignment.url,
        "username": assignment.username,
    }
