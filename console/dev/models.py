"""What the routes speak: the shapes that the console's types are made from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Us = Annotated[int, Field(ge=0)]
Recording = Literal["recording", "connecting", "away", "cannot-seal", "not-assigned", "unknown"]
ViewState = Literal["live", "masked", "away"]


class Part(BaseModel):
    """Exactly its members."""

    model_config = ConfigDict(extra="forbid")


class Reach(Part):
    """The cameras that a user's rights are about."""

    everything: bool
    sites: list[str]
    cameras: list[Id]


class SignIn(Part):
    """What is asked of who signs in."""

    name: str
    password: str


class SignedIn(Part):
    """Who is signed in, and what they may do."""

    name: str
    role: str
    reach: Reach
    rights: list[str]
    csrf_token: str
    expires_us: Us
    time_us: Us
    network: str


class Mount(Part):
    """Where a camera stands. Units: WGS 84 degrees × 10⁷."""

    latitude_e7: int
    longitude_e7: int
    height_cm: int


class View(Part):
    """A fixed direction. Units: hundredths of a degree, clockwise from true north."""

    name: str
    bearing_cdeg: int
    angle_cdeg: int
    range_m: int


class CameraStream(Part):
    """One video of a camera."""

    stream: Id
    kind: Literal["main", "sub"]
    assurance: Literal["full", "lower"]
    state: Recording
    reason: str
    since_us: Us | None


class Network(Part):
    """Which network this is."""

    id: str
    name: str
    rehearsal: bool | None


class ViewNow(Part):
    """What the de-identified view shows now."""

    state: ViewState
    reason: str
    since_us: Us


class Commitment(Part):
    """A background that a view is compared with."""

    condition: str
    background: str
    entry: int
    since_us: Us


class CommittedView(Part):
    """A view, and what is committed for it."""

    view: str
    committed: list[Commitment]


class Camera(Part):
    """A camera of the register, and how it is."""

    id: Id
    name: str
    site: str
    zone: str
    purpose: str
    legal_basis: str
    responsible_body: str
    review_date: str
    retention_us: int
    justification: str
    streams: list[CameraStream]
    mount: Mount | None
    views: list[View]
    state: Recording
    reason: str
    since_us: Us | None
    view: ViewNow | None
    backgrounds: list[CommittedView]


class Cameras(Part):
    """All that the user may see."""

    time_us: Us
    cameras: list[Camera]


class Span(Part):
    """A time."""

    from_us: Us
    to_us: Us


class ReasonedSpan(Span):
    """A time and why."""

    reason: str


class Timeline(Part):
    """What was recorded, what was not and why, what was masked as a whole and why."""

    from_us: Us
    to_us: Us
    stream: Id
    known_until_us: Us | None
    recorded: list[Span]
    gaps: list[ReasonedSpan]
    masked: list[ReasonedSpan] | None


class Rendition(Part):
    """One object of recorded de-identified view."""

    stream: Id
    start_us: Us
    end_us: Us
    bytes: int
    codec: str


class Renditions(Part):
    """Objects by time."""

    renditions: list[Rendition]


class Process(Part):
    """A process and when it was last heard."""

    name: str
    state: Literal["well", "alarm", "silent"]
    heard_us: Us | None


class Alarm(Part):
    """What is wrong, by whom it is said, since when."""

    process: str
    text: str
    since_us: Us | None


class Trouble(Part):
    """A camera that does not record, or whose view is masked as a whole."""

    camera: Id
    name: str
    site: str
    state: Recording
    reason: str
    since_us: Us | None
    view: ViewNow | None


class MaskedShare(Part):
    """How much of the last day a view was masked as a whole, by reason."""

    camera: Id
    name: str
    site: str
    reason: str
    permille: int


class Storage(Part):
    """A place where reels are kept; `days_left`: until it is full at the present rate."""

    name: str
    used_bytes: int
    total_bytes: int
    days_left: float | None


class Index(Part):
    """How far the ledger is followed."""

    entries: int
    behind: int
    missing_manifests: int


class Health(Part):
    """How the network is."""

    time_us: Us
    cameras: int
    recording: int
    troubles: list[Trouble]
    masked: list[MaskedShare] | None
    masked_from_us: Us | None
    storage: list[Storage]
    processes: list[Process]
    alarms: list[Alarm]
    index: Index


class LayoutBody(Part):
    """A wall: how many tiles, and which camera in which."""

    grid: Literal[1, 4, 9, 16]
    tiles: Annotated[list[Id | None], Field(max_length=16)]


class Layout(LayoutBody):
    """A wall that is kept."""

    name: str
    changed_us: Us


class Layouts(Part):
    """A user's walls; `last` is the one that was shown last."""

    layouts: list[Layout]


class Problem(BaseModel):
    """RFC 9457, with the kind of the error."""

    type: str
    title: str
    status: int
    detail: str
    kind: str
    message: str
