"""What recorder and veiler say to each other over their socket pair: the bodies of the frames.

Source: docs/formats/live.md.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, dataclass
from typing import Any

from custodes.base.canon import canon
from custodes.base.clock import HOUR_US
from custodes.base.errors import InvalidError
from custodes.base.fence.report import Fence, FenceReport
from custodes.media.packets import Codec, ParameterSets
from custodes.services.live import WHOLE_PERMILLE, members
from custodes.services.veiler.frames import Frame, FrameKind, frame_head

MAX_TEXT = 500
MAX_FENCES = 16
MAX_HEAD_BYTES = 1 << 16
MAX_BACKGROUNDS = 16
MAX_ZONES = 64
NAME_LIMIT = 64
LEARN_PICTURES_LEAST = 20
LEARN_PICTURES_LIMIT = 240
LEARN_LONGEST_US = 24 * HOUR_US
RATES_HZ = (8, 4, 2, 1)
_UNIT = struct.Struct(">BQ")
_KEY, _OPEN_KEY, _LOSS_BEFORE, _SKIPPED_BEFORE, _ALONE = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class VeilUnit:
    """An access unit for the veiler.

    `skipped_before`: the recorder left pictures out. `is_alone`: the next one is a key frame too, so that its
    picture is wanted without waiting for more.
    """

    data: bytes
    boot_us: int
    is_key: bool
    loss_before: bool = False
    skipped_before: bool = False
    is_alone: bool = False

    def head(self, at_us: int) -> bytes:
        """The frame up to the unit's own bytes, which follow uncopied. Errors: InvalidError when too large."""
        flags = _KEY * self.is_key | _LOSS_BEFORE * self.loss_before
        flags |= _SKIPPED_BEFORE * self.skipped_before | _ALONE * self.is_alone
        head = frame_head(FrameKind.UNIT, at_us, _UNIT.size + len(self.data))
        return head + _UNIT.pack(flags, self.boot_us)


def parse_unit(body: bytes) -> VeilUnit:
    """Errors: InvalidError."""
    if len(body) <= _UNIT.size:
        raise InvalidError("an access unit without bytes")
    flags, boot_us = _UNIT.unpack_from(body)
    if flags & ~(_KEY | _LOSS_BEFORE | _SKIPPED_BEFORE | _ALONE):
        raise InvalidError(f"an access unit with flags {flags}")
    return VeilUnit(
        body[_UNIT.size :],
        boot_us,
        bool(flags & _KEY),
        bool(flags & _LOSS_BEFORE),
        bool(flags & _SKIPPED_BEFORE),
        bool(flags & _ALONE),
    )


def join_sets(sets: ParameterSets) -> bytes:
    """Codec, counts of VPS, SPS and PPS, then each behind its length in two bytes. Errors: InvalidError."""
    kinds = (sets.vps, sets.sps, sets.pps)
    if any(len(kind) > 255 or any(len(nal) > 0xFFFF for nal in kind) for kind in kinds):
        raise InvalidError("more than 255 parameter sets of a kind, or one of more than 65,535 bytes")
    parts = [bytes((sets.codec, *map(len, kinds)))]
    parts += [len(nal).to_bytes(2, "big") + nal for kind in kinds for nal in kind]
    return b"".join(parts)


def split_sets(body: bytes) -> ParameterSets:
    """Errors: InvalidError."""
    if len(body) < 4 or body[0] not in frozenset(Codec):
        raise InvalidError("parameter sets of no codec that is known")
    at, kinds = 4, []
    for count in body[1:4]:
        nals = []
        for _ in range(count):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            if at + 2 > len(body) or end > len(body):
                raise InvalidError("parameter sets end too early")
            nals.append(body[at + 2 : end])
            at = end
        kinds.append(tuple(nals))
    if at != len(body):
        raise InvalidError("bytes behind the last parameter set")
    return ParameterSets(Codec(body[0]), *kinds)


def pace_frame(rate_hz: int) -> Frame:
    """How many pictures a second are wanted."""
    if rate_hz not in RATES_HZ:
        raise InvalidError(f"{rate_hz} pictures a second is none of {RATES_HZ}")
    return Frame(FrameKind.PACE, 0, bytes((rate_hz,)))


def parse_pace(body: bytes) -> int:
    """Errors: InvalidError."""
    if len(body) != 1 or body[0] not in RATES_HZ:
        raise InvalidError(f"a rate that is none of {RATES_HZ}")
    return body[0]


def fenced_frame(report: FenceReport) -> Frame:
    """Which fences hold; sent once, before the first picture is taken."""
    return Frame(FrameKind.FENCED, 0, canon({"fences": report.document()}))


def parse_fenced(body: bytes) -> FenceReport:
    """Errors: InvalidError."""
    return parse_fences(members(body, "fences")["fences"])


def parse_fences(value: object) -> FenceReport:
    """A report out of its JSON. Errors: InvalidError."""
    if not isinstance(value, list) or len(value) > MAX_FENCES:
        raise InvalidError(f"fences are a list of {MAX_FENCES} at most")
    fences = []
    for one in value:
        if not isinstance(one, dict) or one.keys() != {"applied", "detail", "name"}:
            raise InvalidError("a fence has a name, a detail, and is applied or not")
        name, applied, detail = one["name"], one["applied"], one["detail"]
        if not (isinstance(name, str) and isinstance(detail, str) and isinstance(applied, bool)):
            raise InvalidError("a fence has a name, a detail, and is applied or not")
        fences.append(Fence(name[:MAX_TEXT], applied, detail[:MAX_TEXT]))
    return FenceReport(tuple(fences))


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts since the veiler began, its rate of now, and how sharp and well exposed the camera's picture is.

    `decoded`: pictures. `made`: encoded ones, of which `whole` were masked as a whole. `skipped`: access units
    that were not decoded. `late_us`: how long after its arrival the last picture was finished.
    `uncovered`: zones that the camera is to mask itself and did not in the picture last looked at.
    """

    decoded: int = 0
    made: int = 0
    whole: int = 0
    skipped: int = 0
    rate_hz: int = 1
    late_us: int = 0
    sharpness_permille: int = 0
    exposure_permille: int = 0
    uncovered: int = 0

    def frame(self) -> Frame:
        """As a message."""
        return Frame(FrameKind.FIGURES, 0, canon({name: getattr(self, name) for name in _FIGURES}))


_FIGURES = (
    "decoded",
    "exposure_permille",
    "late_us",
    "made",
    "rate_hz",
    "sharpness_permille",
    "skipped",
    "uncovered",
    "whole",
)


def parse_figures(body: bytes) -> Figures:
    """Errors: InvalidError."""
    found = members(body, *_FIGURES)
    if any(type(value) is not int or value < 0 for value in found.values()):
        raise InvalidError("figures are counts")
    return Figures(**found)


def ended_frame(reason: str) -> Frame:
    """Why the veiler ends; nothing follows."""
    return Frame(FrameKind.ENDED, 0, canon({"reason": reason[:MAX_TEXT]}))


def parse_ended(body: bytes) -> str:
    """Errors: InvalidError."""
    reason = members(body, "reason")["reason"]
    if not isinstance(reason, str):
        raise InvalidError("a reason is text")
    return reason[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class Zone:
    """A rectangle of the picture that is never shown. Units: thousandths of width and height, left and top first.

    `original`: the camera is to mask it itself; whether it does is looked at.
    """

    x0_permille: int
    y0_permille: int
    x1_permille: int
    y1_permille: int
    original: bool = False

    def __post_init__(self) -> None:
        x_is_one = 0 <= self.x0_permille < self.x1_permille <= WHOLE_PERMILLE
        if not (x_is_one and 0 <= self.y0_permille < self.y1_permille <= WHOLE_PERMILLE):
            raise InvalidError(f"a zone's corners lie in order within 0 to {WHOLE_PERMILLE}")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a view is compared with: files of committed backgrounds (docs/formats/background.md), and zones."""

    files: tuple[bytes, ...] = ()
    zones: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        if len(self.files) > MAX_BACKGROUNDS or not all(self.files):
            raise InvalidError(f"a ground has {MAX_BACKGROUNDS} backgrounds at most, each of a byte at least")
        if len(self.zones) > MAX_ZONES:
            raise InvalidError(f"a ground has {MAX_ZONES} zones at most, got {len(self.zones)}")


def ground_frame(files: tuple[bytes, ...], zones: tuple[Zone, ...]) -> Frame:
    """What the view is compared with from now on; none is "nothing committed". Errors: InvalidError."""
    ground = Ground(files, zones)
    head = {"backgrounds": [len(file) for file in files], "zones": [asdict(zone) for zone in ground.zones]}
    return Frame(FrameKind.GROUND, 0, _join(head, *files))


def parse_ground(body: bytes) -> Ground:
    """Errors: InvalidError."""
    head, rest = _split(body, "backgrounds", "zones")
    sizes, zones = head["backgrounds"], head["zones"]
    if not isinstance(sizes, list) or not all(type(size) is int and size > 0 for size in sizes):
        raise InvalidError("backgrounds are a list of their bytes")
    if sum(sizes) != len(rest):
        raise InvalidError(f"{len(rest)} bytes of backgrounds where {sum(sizes)} are announced")
    if not isinstance(zones, list):
        raise InvalidError("zones are a list")
    files, at = [], 0
    for size in sizes:
        files.append(rest[at : at + size])
        at += size
    return Ground(tuple(files), tuple(map(_parse_zone, zones)))


def _parse_zone(value: Any) -> Zone:
    original = value.get("original") if isinstance(value, dict) else None
    if not isinstance(original, bool):
        raise InvalidError("a zone says whether the camera is to mask it")
    sides = {name: side for name, side in value.items() if name != "original"}
    return Zone(**_counts(sides, *_ZONE), original=original)


@dataclass(frozen=True, slots=True)
class Learn:
    """Learn a candidate for a view under a condition from that many pictures, over at least that time.

    `withhold`: where the detector sees somebody in it is withheld; else such a candidate is refused.
    """

    view: str
    condition: str
    pictures: int
    least_us: int
    withhold: bool = False

    def __post_init__(self) -> None:
        _check_name("view", self.view)
        _check_name("condition", self.condition)
        if not LEARN_PICTURES_LEAST <= self.pictures <= LEARN_PICTURES_LIMIT:
            raise InvalidError(
                f"pictures: {LEARN_PICTURES_LEAST} to {LEARN_PICTURES_LIMIT}, not {self.pictures}"
            )
        if not 0 <= self.least_us <= LEARN_LONGEST_US:
            raise InvalidError(f"least_us: 0 to {LEARN_LONGEST_US}, not {self.least_us}")


def learn_frame(learn: Learn) -> Frame:
    """Learn; one that is under way is given up."""
    return Frame(FrameKind.LEARN, 0, canon(asdict(learn)))


def parse_learn(body: bytes) -> Learn:
    """Errors: InvalidError."""
    found = members(body, *_LEARN)
    if not isinstance(found["withhold"], bool):
        raise InvalidError("withhold: true or false")
    _check_kinds(found, ("view", "condition"), ("pictures", "least_us"))
    return Learn(**found)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was learnt. `file` is a background's, its withheld blocks flat; empty when the gate refused it.

    `alarms`: places where the detector sees somebody. `exposure_permille`: pixels neither black nor burnt out.
    """

    view: str
    condition: str
    refused: bool
    alarms: int
    doubt_permille: int
    withheld_permille: int
    exposure_permille: int
    sharpness_permille: int
    pictures: int
    file: bytes = b""

    def __post_init__(self) -> None:
        _check_name("view", self.view)
        _check_name("condition", self.condition)
        shares = (
            self.doubt_permille,
            self.withheld_permille,
            self.exposure_permille,
            self.sharpness_permille,
        )
        if not all(0 <= share <= WHOLE_PERMILLE for share in shares):
            raise InvalidError(f"a candidate's shares are 0 to {WHOLE_PERMILLE}")
        if self.alarms < 0 or self.pictures < 0:
            raise InvalidError("a candidate's counts are not negative")
        if self.refused == bool(self.file):
            raise InvalidError("a candidate has a file, unless it is refused")


def candidate_frame(candidate: Candidate) -> Frame:
    """What was learnt. Errors: InvalidError over the limit of a message."""
    head = {name: getattr(candidate, name) for name in _CANDIDATE}
    return Frame(FrameKind.CANDIDATE, 0, _join(head, candidate.file))


def parse_candidate(body: bytes) -> Candidate:
    """Errors: InvalidError."""
    head, file = _split(body, *_CANDIDATE)
    if not isinstance(head["refused"], bool):
        raise InvalidError("refused: true or false")
    _check_kinds(head, ("view", "condition"), tuple(set(_CANDIDATE) - {"view", "condition", "refused"}))
    return Candidate(**head, file=file)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many pictures have been gathered of those wanted."""

    pictures: int
    wanted: int


def progress_frame(progress: Progress) -> Frame:
    """How far learning is; at most once a second."""
    return Frame(FrameKind.PROGRESS, 0, canon(asdict(progress)))


def parse_progress(body: bytes) -> Progress:
    """Errors: InvalidError."""
    return Progress(**_counts(members(body, "pictures", "wanted"), "pictures", "wanted"))


_ZONE = ("x0_permille", "x1_permille", "y0_permille", "y1_permille")
_LEARN = ("condition", "least_us", "pictures", "view", "withhold")
_CANDIDATE = (
    "alarms",
    "condition",
    "doubt_permille",
    "exposure_permille",
    "pictures",
    "refused",
    "sharpness_permille",
    "view",
    "withheld_permille",
)


def _join(head: dict[str, Any], *files: bytes) -> bytes:
    """A head behind its length in four bytes, then the files."""
    spelt = canon(head)
    return b"".join((len(spelt).to_bytes(4, "big"), spelt, *files))


def _split(body: bytes, *names: str) -> tuple[dict[str, Any], bytes]:
    end = 4 + int.from_bytes(body[:4], "big")
    if not 4 < end <= min(len(body), 4 + MAX_HEAD_BYTES):
        raise InvalidError(f"a message's head is longer than it or than {MAX_HEAD_BYTES} bytes")
    return members(body[4:end], *names), body[end:]


def _counts(value: object, *names: str) -> dict[str, int]:
    """An object of exactly these members, each a number that is not negative."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise InvalidError(f"an object of {', '.join(names)} is due")
    if any(type(one) is not int or one < 0 for one in value.values()):
        raise InvalidError(f"{', '.join(names)}: numbers that are not negative")
    return value


def _check_kinds(found: dict[str, Any], words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    if not all(isinstance(found[name], str) for name in words):
        raise InvalidError(f"{', '.join(words)}: text")
    if not all(type(found[name]) is int for name in numbers):
        raise InvalidError(f"{', '.join(sorted(numbers))}: integers")


def _check_name(what: str, name: str) -> None:
    if not (0 < len(name) <= NAME_LIMIT and name.isprintable()):
        raise InvalidError(f"a {what} has 1 to {NAME_LIMIT} printable characters")
