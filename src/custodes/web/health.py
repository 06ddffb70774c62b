"""What each process says of itself once a second, as the page and its alarms need it.

Source: docs/design/0005-health.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.base.errors import InvalidError

MAX_HEALTH_BYTES = 1 << 20
MAX_TEXT = 500
MAX_GAPS = 50
MAX_STREAMS = 1000
MAX_CAMERAS = 2000
MAX_ALARMS = 200

_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=_PLAIN)]
Reason = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_PLAIN)]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Kind = Literal["main", "sub"]
Assurance = Literal["full", "lower"]
StreamState = Literal["connecting", "recording", "away", "cannot-seal"]
ViewState = Literal["live", "masked", "away"]
Permille = Annotated[int, Field(ge=0, le=1000)]
Alarms = Annotated[list[Text], Field(max_length=MAX_ALARMS)]


class Part(BaseModel):
    """A part of a health document: exactly its members, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Fence(Part):
    """One fence of a process, and whether the kernel has it."""

    applied: bool
    detail: Reason
    name: Text


class Gap(Part):
    """A time that was not recorded; a clock that was set back within it leaves its end before its start."""

    from_us: Count
    reason: Text
    stream: Id
    to_us: Count


class StreamHealth(Part):
    """A stream as its recorder sees it; `last_picture_us` 0: none yet. `name` is the camera's."""

    access_units: Count
    assurance: Assurance
    bitrate_bps: Count
    camera: Id
    dropped: Count
    kind: Kind
    last_picture_us: Count
    lost_packets: Count
    name: Text
    reason: Reason
    state: StreamState
    stream: Id


class Learning(Part):
    """How far learning a candidate has come; nothing is wanted where none is learnt."""

    pictures: Count
    wanted: Count


class RenditionHealth(Part):
    """The de-identified view of a camera; `stream` is the one that it is made of, by which it goes on the bus.

    `keys_only`: of a camera without a sub stream, of whose main stream key frames alone are taken.
    `masked_permille`: of the time observed, that in which nothing could be seen; `masked_by` the same by reason.
    `fences`: those that the veiler has proven; `missing_fences`: those that the kernel lacks. `sharpness_permille`,
    `exposure_permille`: of the camera's picture itself, by which it is focused and cleaned without a clear view.
    """

    backgrounds: Count
    camera: Id
    error: Reason
    exposure_permille: Permille
    fences: Annotated[list[Text], Field(max_length=16)]
    keys_only: bool
    learning: Learning
    learnt: Reason
    masked_by: Annotated[dict[str, Permille], Field(max_length=32)]
    masked_permille: Permille
    missing_fences: Annotated[list[Text], Field(max_length=16)]
    observed_us: Count
    rate_millihertz: Count
    reason: Reason
    sharpness_permille: Permille
    skipped: Count
    starts: Count
    state: ViewState
    stream: Id


class RecorderHealth(Part):
    """`health.recorder-<id>`; gaps of the last day, newest first."""

    alarms: Alarms
    fences: Annotated[list[Fence], Field(max_length=50)]
    gaps: Annotated[list[Gap], Field(max_length=MAX_GAPS)]
    outbox: Count
    process: Literal["recorder"]
    renditions: Annotated[list[RenditionHealth], Field(max_length=MAX_STREAMS)]
    streams: Annotated[list[StreamHealth], Field(max_length=MAX_STREAMS)]
    time_us: Count


class RegisteredStream(Part):
    """A stream that a Camera entry names."""

    assurance: Assurance
    kind: Kind
    stream: Id


class RegisteredCamera(Part):
    """A camera as its newest entry has it."""

    camera: Id
    legal_basis: Text
    name: Text
    purpose: Text
    responsible_body: Text
    retention_us: Count
    review_date: Day
    site: Text
    streams: Annotated[list[RegisteredStream], Field(max_length=8)]


class LedgerHealth(Part):
    """The newest published checkpoint; `witnesses` says in words who has cosigned it."""

    cosigned_us: Count
    origin: Text
    root: Hash
    size: Count
    witnesses: Text


class NetworkFacts(Part):
    """What the genesis and the roster in force fix."""

    custodians: Annotated[int, Field(ge=1, le=16)]
    id: Hash
    name: Text
    quorum: Annotated[int, Field(ge=1, le=16)]
    rehearsal: bool
    slot_us: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]


class Openings(Part):
    """How often footage was asked for, refused and opened, and how many slots were."""

    disclosed: Count
    refused: Count
    requests: Count
    slots: Count


class KeeperHealth(Part):
    """`health.keeper`."""

    alarms: Alarms
    cameras: Annotated[list[RegisteredCamera], Field(max_length=MAX_CAMERAS)]
    ledger: LedgerHealth
    network: NetworkFacts
    openings: Openings
    process: Literal["keeper"]
    time_us: Count


class DiscloserHealth(Part):
    """`health.discloser`."""

    alarms: Alarms
    process: Literal["discloser"]
    time_us: Count


Health = RecorderHealth | KeeperHealth | DiscloserHealth
MODELS: dict[str, type[RecorderHealth] | type[KeeperHealth] | type[DiscloserHealth]] = {
    "recorder": RecorderHealth,
    "keeper": KeeperHealth,
    "discloser": DiscloserHealth,
}


def parse_health(process: str, data: bytes) -> Health:
    """The document of a process `recorder`, `keeper` or `discloser`.

    Errors: InvalidError, which names the first member that is not as it must be.
    """
    model = MODELS.get(process)
    if model is None:
        raise InvalidError(f"a process {process!r} has no health document")
    if len(data) > MAX_HEALTH_BYTES:
        raise InvalidError(f"a health document has at most {MAX_HEALTH_BYTES} bytes")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the document"
        raise InvalidError(f"{where}: {first['msg']}") from error
