"""What recorder, staff and web say about backgrounds: candidates, wishes to learn, and the file as bytes.

Source: docs/formats/background.md. Nothing here decodes video, and nothing needs a library for pictures.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.errors import CorruptError, InvalidError, UnverifiedError
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.custody.members import Members
from custodes.ledger.entries.bodies import MAX_BACKGROUND_NAME
from custodes.services.live import WHOLE_PERMILLE

CANDIDATE_TYPE = "custodes/candidate/v1"
LEARN_TYPE = "custodes/learn/v1"
FOLDER = "backgrounds"
MAX_FILE_BYTES = 8 << 20
_MAGIC = b"custodes background 1\n"
_HEAD_LIMIT_BYTES = 1024
_SIDES_PX = (64, 4096)
_COMPARED_PX = 320
_CELL_PX = 4
_SHARES = ("doubt_permille", "exposure_permille", "sharpness_permille", "withheld_permille")
_CANDIDATE = (
    "alarms",
    "background",
    "camera",
    "condition",
    *_SHARES,
    "made_us",
    "network",
    "pictures",
    "recorder",
    "stream",
    "view",
)
_LEARN = (
    "camera",
    "condition",
    "least_us",
    "made_us",
    "network",
    "pictures",
    "recorder",
    "stream",
    "view",
    "withhold",
)


def background_path(stream: bytes, background: bytes) -> str:
    """Where a background's file lies in the store."""
    return f"{FOLDER}/{stream.hex()}/{background.hex()}"


def statement_path(stream: bytes, background: bytes) -> str:
    """Where the recorder's statement of it lies; written after the file."""
    return f"{background_path(stream, background)}.json"


@dataclass(frozen=True, slots=True)
class LearntBackground:
    """What a recorder states of a background that it has learnt. Units: shares in thousandths."""

    background: bytes
    network: bytes
    recorder: bytes
    camera: bytes
    stream: bytes
    view: str
    condition: str
    made_us: int
    pictures: int
    alarms: int
    doubt_permille: int
    withheld_permille: int
    exposure_permille: int
    sharpness_permille: int

    def sign(self, recorder: SigningKey) -> bytes:
        """The statement's bytes."""
        body = {name: getattr(self, name) for name in _CANDIDATE}
        for name in ("background", "camera", "network", "recorder", "stream"):
            body[name] = b64u(body[name])
        return canon(sign_body(CANDIDATE_TYPE, body, recorder).to_json())


def parse_statement(data: bytes) -> tuple[Signed, LearntBackground]:
    """A recorder's statement; its signature is still to be checked. Errors: InvalidError."""
    signed = Signed.from_json(parse_canon(data))
    if signed.type != CANDIDATE_TYPE:
        raise InvalidError(f"a candidate's statement is a {CANDIDATE_TYPE}")
    members = Members(signed.body, "candidate", _CANDIDATE)
    return signed, LearntBackground(
        background=members.hash("background"),
        network=members.hash("network"),
        recorder=members.id("recorder"),
        camera=members.id("camera"),
        stream=members.id("stream"),
        view=members.text("view", MAX_BACKGROUND_NAME),
        condition=members.text("condition", MAX_BACKGROUND_NAME),
        made_us=members.count("made_us"),
        pictures=members.count("pictures"),
        alarms=members.count("alarms"),
        **{name: members.count(name, 0, WHOLE_PERMILLE) for name in _SHARES},
    )


@dataclass(frozen=True, slots=True)
class LearnWish:
    """Staff's wish that a recorder learn a candidate of a stream's view. Bounds: docs/formats/live.md."""

    network: bytes
    recorder: bytes
    camera: bytes
    stream: bytes
    view: str
    condition: str
    withhold: bool
    pictures: int
    least_us: int
    made_us: int

    def body(self) -> dict[str, Any]:
        """What is signed under LEARN_TYPE."""
        body = {name: getattr(self, name) for name in _LEARN}
        for name in ("camera", "network", "recorder", "stream"):
            body[name] = b64u(body[name])
        return body

    def sign(self, staff: SigningKey) -> bytes:
        """The signed wish's bytes."""
        return canon(sign_body(LEARN_TYPE, self.body(), staff).to_json())


def parse_wish(data: bytes) -> tuple[Signed, LearnWish]:
    """A wish to learn; who signed it is still to be checked. Errors: InvalidError."""
    signed = Signed.from_json(parse_canon(data))
    if signed.type != LEARN_TYPE:
        raise InvalidError(f"learning is asked for by a {LEARN_TYPE}")
    members = Members(signed.body, "wish to learn", _LEARN)
    withhold = signed.body["withhold"]
    if not isinstance(withhold, bool):
        raise InvalidError("wish to learn: withhold must be true or false")
    return signed, LearnWish(
        network=members.hash("network"),
        recorder=members.id("recorder"),
        camera=members.id("camera"),
        stream=members.id("stream"),
        view=members.text("view", MAX_BACKGROUND_NAME),
        condition=members.text("condition", MAX_BACKGROUND_NAME),
        withhold=withhold,
        pictures=members.count("pictures"),
        least_us=members.count("least_us"),
        made_us=members.count("made_us"),
    )


@dataclass(frozen=True, slots=True)
class BackgroundFile:
    """A background's file, taken apart. `picture`: rows of blue, green, red. Units: compared pixels, blocks."""

    view: str
    condition: str
    width: int
    height: int
    columns: int
    rows: int
    withheld: bytes
    picture: bytes

    def is_withheld(self, row: int, column: int) -> bool:
        """Whether a block is never shown."""
        at = row * self.columns + column
        return bool(self.withheld[at // 8] & (0x80 >> at % 8))


def parse_file(data: bytes) -> BackgroundFile:
    """Errors: CorruptError."""
    start = len(_MAGIC) + 2
    if len(data) > MAX_FILE_BYTES or data[: len(_MAGIC)] != _MAGIC or len(data) < start:
        raise CorruptError("it is no background of version 1")
    end = start + int.from_bytes(data[len(_MAGIC) : start], "big")
    if end - start > _HEAD_LIMIT_BYTES or end > len(data):
        raise CorruptError("a background's head is cut off or too long")
    try:
        head = Members(
            parse_canon(data[start:end]), "background", ("condition", "height_px", "view", "width_px")
        )
        width_px = head.count("width_px", *_SIDES_PX)
        height_px = head.count("height_px", *_SIDES_PX)
        view, condition = (head.text(name, MAX_BACKGROUND_NAME) for name in ("view", "condition"))
    except InvalidError as error:
        raise CorruptError(f"it is no background: {error}") from error
    scale = max(1, round(width_px / _COMPARED_PX))
    block_px = _CELL_PX * scale
    if width_px % block_px or height_px % block_px:
        raise CorruptError("a background's sides are no multiples of a block")
    columns, rows = width_px // block_px, height_px // block_px
    width, height = width_px // scale, height_px // scale
    picture_at = end + -(-rows * columns // 8)
    if len(data) != picture_at + width * height * 3:
        raise CorruptError(f"{len(data)} bytes do not hold a background of {width_px}x{height_px}")
    return BackgroundFile(
        view, condition, width, height, columns, rows, data[end:picture_at], data[picture_at:]
    )


@dataclass(frozen=True, slots=True)
class Committed:
    """What a Background entry in force says."""

    camera: bytes
    stream: bytes
    view: str
    condition: str
    background: bytes
    revision: int
    doubt_permille: int
    withheld_permille: int

    @property
    def place(self) -> tuple[bytes, str, str]:
        """What it is the background of."""
        return self.stream, self.view, self.condition


def check_background(
    committed: Committed, data: bytes, statement: bytes, network: bytes, recorders: dict[bytes, bytes]
) -> None:
    """Check a file against its entry, and that a recorder of the network made it and says the same of it.

    `recorders`: signing keys by recorder's id.
    Errors: CorruptError for a damaged file; InvalidError; UnverifiedError for a picture that no recorder made.
    """
    if hashlib.sha256(data).digest() != committed.background:
        raise CorruptError("the background's file is not the one that was committed")
    file = parse_file(data)
    signed, stated = parse_statement(statement)
    key = recorders.get(stated.recorder)
    if key is None:
        raise UnverifiedError("the background was made by no recorder of this network")
    signed.check_signed_by([key])
    if stated.network != network:
        raise UnverifiedError("the background was made in another network")
    same = ("background", "camera", "condition", "doubt_permille", "stream", "view", "withheld_permille")
    if any(getattr(stated, name) != getattr(committed, name) for name in same):
        raise UnverifiedError("the entry says of the background what its recorder does not say")
    if (file.view, file.condition) != (committed.view, committed.condition):
        raise UnverifiedError("the background's file is of another view or condition than its entry")
