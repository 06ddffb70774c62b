"""What the API speaks: the shapes that the console's types are made from.

Units: instants are UTC microseconds. Ids are lower-case hex.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.estate.rights import MAX_REACH, Action
from custodes.estate.users import MAX_PASSWORD_BYTES

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Us = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Role = Literal["administrator", "supervisor", "investigator", "data-protection", "operator"]
Recording = Literal["recording", "connecting", "away", "cannot-seal", "not-assigned", "unknown"]
ViewState = Literal["live", "masked", "away"]
LayoutName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
Right = Annotated[str, StringConstraints(pattern="^(" + "|".join(action.value for action in Action) + ")$")]


class Part(BaseModel):
    """Exactly its members."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reach(Part):
    """The cameras that a user's rights are about."""

    everything: bool
    sites: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=MAX_REACH)]
    cameras: Annotated[list[Id], Field(max_length=MAX_REACH)]


class SignIn(Part):
    """What is asked of who signs in."""

    name: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=MAX_PASSWORD_BYTES)]


class SignedIn(Part):
    """Who is signed in, and what they may do; changing requests bring `csrf_token` as X-CSRF-Token."""

    name: str
    role: Role
    reach: Reach
    rights: list[Right]
    csrf_token: str
    expires_us: Us
    time_us: Us
    network: str


class Mount(Part):
    """Where a camera stands. Units: WGS 84 degrees × 10⁷."""

    latitude_e7: int
    longitude_e7: int
    height_cm: int


class Commitment(Part):
    """A background that a view is compared with, by its entry in the ledger."""

    condition: str
    background: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    entry: int
    since_us: Us


class CommittedView(Part):
    """A view by name, `home` where a camera names none, and what is committed for it."""

    view: str
    committed: list[Commitment]


class View(Part):
    """A fixed direction. Units: hundredths of a degree, clockwise from true north."""

    name: str
    bearing_cdeg: int
    angle_cdeg: int
    range_m: int


class Network(Part):
    """Which network this is. `rehearsal`: its periods are shorter than the normal ones; null before that is known."""

    id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    name: str
    rehearsal: bool | None


class ViewNow(Part):
    """What the de-identified view shows now."""

    state: ViewState
    reason: str
    since_us: Us


class CameraStream(Part):
    """One video of a camera, and how it is recorded now."""

    stream: Id
    kind: Literal["main", "sub"]
    assurance: Literal["full", "lower"]
    state: Recording
    reason: str
    since_us: Us | None


class StaffMember(Part):
    """Who may sign, by pseudonym. `key`: id of the public key."""

    pseudonym: str
    role: Role
    key: Id
    usable_from_us: Us


class Staff(Part):
    """All of the ledger, by pseudonym."""

    staff: list[StaffMember]


class HoldWish(Part):
    """Times of a camera that are to be kept, and until when."""

    from_us: Us
    to_us: Us
    until_us: Us


class ScopePart(Part):
    """Slots of an epoch; ids in base64url."""

    stream: str
    epoch: str
    slots: list[int]


class HoldDraft(Part):
    """What a supervisor is to sign: the entry's body, and what its commitment is about.

    `from_us`, `to_us`: what the slots really span.
    """

    type: str
    body: dict[str, Any]
    scope: list[ScopePart]
    salt: str
    from_us: Us
    to_us: Us


class Zone(Part):
    """A part of the picture that is never shown, in thousandths of it; original: the camera masks it itself."""

    name: str
    kind: Literal["view", "original"]
    x0_permille: int
    y0_permille: int
    x1_permille: int
    y1_permille: int


class Camera(Part):
    """A camera of the register, and how it is: its worst stream's state.

    `since_us` is null where the change was not seen, `view` where no recorder has told of one.
    """

    id: Id
    name: str
    site: str
    zone: str
    purpose: str
    legal_basis: str
    responsible_body: str
    review_date: str
    retention_us: Us
    justification: str
    streams: list[CameraStream]
    mount: Mount | None
    views: list[View]
    zones: list[Zone]
    state: Recording
    reason: str
    since_us: Us | None
    view: ViewNow | None
    backgrounds: list[CommittedView]


class Cameras(Part):
    """All that the user may see, by name."""

    time_us: Us
    cameras: list[Camera]


class Span(Part):
    """A time, from inclusive, to exclusive."""

    from_us: Us
    to_us: Us


class ReasonedSpan(Span):
    """A time and why."""

    reason: str


class Timeline(Part):
    """What was recorded of a stream and can still be opened, what was not and why, what was masked as a whole.

    Nothing is known after `known_until_us`; null: no recorder ever had the stream. `masked` is null where no
    recorder has told of the view.
    """

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
    """What is wrong, by whom it is said, since when web has heard it."""

    process: str
    text: str
    since_us: Us | None


class Trouble(Part):
    """A camera that is not recorded, or whose view is masked as a whole."""

    camera: Id
    name: str
    site: str
    state: Recording
    reason: str
    since_us: Us | None
    view: ViewNow | None


class MaskedShare(Part):
    """How much of the time observed a view was masked as a whole, by reason."""

    camera: Id
    name: str
    site: str
    reason: str
    permille: int


class Storage(Part):
    """A volume that holds reels. `days_left`: until it is full at the present rate if nothing went; null: no rate."""

    name: str
    used_bytes: int
    total_bytes: int
    days_left: float | None


class Index(Part):
    """How far web follows the ledger."""

    entries: int
    behind: int
    missing_manifests: int


class Health(Part):
    """How the network is, as far as the user's reach goes; storage, processes, alarms: for who reaches everything.

    `masked` is null where no recorder has told of views.
    """

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
    """A user's walls by name; `last` is the one that was shown last."""

    layouts: list[Layout]


class User(Part):
    """Somebody who signs in."""

    name: str
    role: Role
    reach: Reach


class Users(Part):
    """All users, by name."""

    users: list[User]


class NewUser(Part):
    """Somebody who is to sign in."""

    name: Annotated[str, Field(max_length=64)]
    role: Role
    reach: Reach
    password: Annotated[str, Field(max_length=MAX_PASSWORD_BYTES)]


class UserChange(Part):
    """What is to be otherwise; what is null stays. A new password ends the user's sessions."""

    role: Role | None = None
    reach: Reach | None = None
    password: Annotated[str, Field(max_length=MAX_PASSWORD_BYTES)] | None = None


class Background(Part):
    """A background that a recorder has learnt, and how far it has come. Units: shares in thousandths.

    `revision`: its own where it is committed, else the one that it would get. `proposed_by`: a pseudonym.
    `withdrawing`: it is committed, and what is proposed is to withdraw it.
    """

    background: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    camera: Id
    camera_name: str
    stream: Id
    view: str
    condition: str
    state: Literal["candidate", "proposed", "committed", "refused"]
    doubt_permille: int
    alarms: int
    withheld_permille: int
    exposure_permille: int
    sharpness_permille: int
    pictures: int
    made_us: Us
    revision: int
    proposed_by: str | None
    withdrawing: bool


class Learning(Part):
    """A camera that is learning (`wanted` over 0), or whose last learning came to nothing (`outcome` says why)."""

    camera: Id
    pictures: int
    wanted: int
    outcome: str


class Backgrounds(Part):
    """What recorders have learnt, most doubted first, and what they are learning."""

    items: list[Background]
    learning: list[Learning]


class SignedStatement(Part):
    """A signed object with one signature."""

    statement: dict[str, Any]


class Entered(Part):
    """The index of an entry of the ledger."""

    entry: int


class LearningWish(Part):
    """What is to be learnt; without figures as many pictures over as long as is usual."""

    view: Annotated[str, Field(min_length=1, max_length=64)]
    condition: Annotated[str, Field(min_length=1, max_length=64)]
    withhold: bool
    pictures: Annotated[int, Field(ge=20, le=240)] | None = None
    least_us: Us | None = None


class Draft(Part):
    """A body that is to be signed."""

    body: dict[str, Any]


class LearningBegun(Part):
    """The recorder has begun to gather so many pictures."""

    wanted: int


class Problem(BaseModel):
    """RFC 9457, with the kind of the error."""

    type: str
    title: str
    status: int
    detail: str
    kind: str
    message: str
