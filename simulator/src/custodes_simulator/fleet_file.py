"""Fleet files: TOML to specifications.

Errors: FleetFileError that names the member, what it is, and what it may be.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.library import ClipSource, FileSource
from custodes_simulator.clips.model import AudioCodec
from custodes_simulator.clips.nal import VideoCodec
from custodes_simulator.clips.scene import Condition, SceneSource
from custodes_simulator.errors import ClipError, FleetFileError
from custodes_simulator.misbehaviours.base import Planned, misbehave
from custodes_simulator.rtsp.auth import Scheme
from custodes_simulator.spec import CameraSpec, StreamSpec

Table = dict[str, Any]
Member = Callable[[object, str], Any]
Kind = TypeVar("Kind")
Name = TypeVar("Name", bound=StrEnum)
MAXIMUM_CAMERAS = 10_000


@dataclass(frozen=True, slots=True)
class FleetFile:
    """A fleet as its file describes it; paths are absolute or relative to the file's folder."""

    cameras: tuple[CameraSpec, ...]
    cache: Path | None = None
    truth: Path | None = None


def load_fleet(path: Path) -> FleetFile:
    """Read a fleet file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetFileError(f"{path}: {error}") from error
    return parse_fleet(text, path.parent)


def parse_fleet(text: str, folder: Path) -> FleetFile:
    """Parse a fleet file's text; `folder` is where relative paths begin."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FleetFileError(f"not TOML: {error}") from error
    members: dict[str, Member] = {
        "camera": lambda value, where: _cameras(value, where, folder),
        "cache": lambda value, where: folder / _text(value, where),
        "truth": lambda value, where: folder / _text(value, where),
    }
    read = _read(table, "fleet", members)
    cameras = read.get("camera", ())
    if not cameras:
        raise FleetFileError("fleet: camera is missing; there must be one or more [[camera]]")
    return FleetFile(cameras, read.get("cache"), read.get("truth"))


def _cameras(value: object, where: str, folder: Path) -> tuple[CameraSpec, ...]:
    made: list[CameraSpec] = []
    for index, table in enumerate(_tables(value, where)):
        made += _camera(table, f"camera {table.get('name', index + 1)}", folder)
    if len(made) > MAXIMUM_CAMERAS:
        raise FleetFileError(f"fleet: {len(made)} cameras; there may be {MAXIMUM_CAMERAS}")
    return tuple(made)


def _camera(table: Table, where: str, folder: Path) -> list[CameraSpec]:
    """The cameras of one table: one, or `count` with numbers behind the name and rising ports."""
    members: dict[str, Member] = {
        "name": _text,
        "count": _whole,
        "host": _text,
        "port": _whole,
        "user": _text,
        "password": _text,
        "schemes": lambda value, at: tuple(_one_of(Scheme, item, at) for item in _list(value, at)),
        "session_timeout_s": _whole,
        "rtcp_interval_s": _number,
        "live": _flag,
        "udp": _flag,
        "stream": lambda value, _: tuple(_stream(item, where, folder) for item in _tables(value, where)),
        "misbehaviour": _misbehaviours,
    }
    read = _read(table, where, members)
    if "name" not in read:
        raise FleetFileError(f"{where}: name is missing")
    if "stream" in read:
        read["streams"] = read.pop("stream")
    if "misbehaviour" in read:
        read["misbehaviours"] = read.pop("misbehaviour")
    count = read.pop("count", None)
    if count is None:
        return [_build(CameraSpec, where, read)]
    if not 1 <= count <= MAXIMUM_CAMERAS:
        raise FleetFileError(f"{where}: count is {count}; it must be 1 to {MAXIMUM_CAMERAS}")
    port = read.get("port", 0)
    many = []
    for number in range(count):
        own = {"name": f"{read['name']}-{number + 1}", "port": port + number if port else 0}
        many.append(_build(CameraSpec, where, read | own))
    return many


def _stream(table: Table, where: str, folder: Path) -> StreamSpec:
    where = f"{where}, stream {table.get('name', 'main')}"
    members: dict[str, Member] = {
        "name": _text,
        "file": lambda value, at: FileSource(folder / _text(value, at)),
        "scene": _scene,
        "encoding": _encoding,
        "audio": lambda value, at: _one_of(AudioCodec, value, at),
        "first_rtp_time": _whole,
        "first_sequence": _whole,
        "misbehaviour": _misbehaviours,
    }
    read = _read(table, where, members)
    if "file" in read and "scene" in read:
        raise FleetFileError(f"{where}: file and scene exclude each other")
    source: ClipSource | None = read.pop("file", None) or read.pop("scene", None)
    if source is not None:
        read["source"] = source
    if "misbehaviour" in read:
        read["misbehaviours"] = read.pop("misbehaviour")
    return _build(StreamSpec, where, read)


def _scene(value: object, where: str) -> SceneSource:
    members: dict[str, Member] = {field.name: _whole for field in dataclasses.fields(SceneSource)}
    members["condition"] = lambda item, at: _one_of(Condition, item, at)
    return _build(SceneSource, where, _read(_table(value, where), where, members))


def _encoding(value: object, where: str) -> Encoding:
    members: dict[str, Member] = {field.name: _whole for field in dataclasses.fields(Encoding)}
    members |= {
        "codec": lambda item, at: _one_of(VideoCodec, item, at),
        "open_gop": _flag,
        "preset": _text,
    }
    return _build(Encoding, where, _read(_table(value, where), where, members))


def _misbehaviours(value: object, where: str) -> tuple[Planned, ...]:
    made = []
    for table in _tables(value, where):
        members = dict(table)
        name = _text(members.pop("name", None), f"{where}.name")
        try:
            made.append(misbehave(name, **members))
        except FleetFileError as error:
            raise FleetFileError(f"{where}: {error}") from error
    return tuple(made)


# Members


def _read(table: Table, where: str, members: dict[str, Member]) -> Table:
    """The table's values, each by its member's reader; unknown members are refused."""
    for key in table:
        if key not in members:
            raise FleetFileError(f"{where}: {key} is unknown; there are {', '.join(sorted(members))}")
    return {key: members[key](value, f"{where}: {key}") for key, value in table.items()}


def _build(kind: Callable[..., Kind], where: str, members: Table) -> Kind:
    try:
        return kind(**members)
    except (FleetFileError, ClipError) as error:
        raise FleetFileError(f"{where}: {error}") from error


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise FleetFileError(f"{where} is {value!r}; it must be a text")
    return value


def _whole(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FleetFileError(f"{where} is {value!r}; it must be a whole number")
    return value


def _number(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FleetFileError(f"{where} is {value!r}; it must be a number")
    return float(value)


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise FleetFileError(f"{where} is {value!r}; it must be true or false")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise FleetFileError(f"{where} is {value!r}; it must be a list")
    return value


def _table(value: object, where: str) -> Table:
    if not isinstance(value, dict):
        raise FleetFileError(f"{where} is {value!r}; it must be a table")
    return value


def _tables(value: object, where: str) -> list[Table]:
    return [_table(item, where) for item in _list(value, where)]


def _one_of(kind: type[Name], value: object, where: str) -> Name:
    try:
        return kind(_text(value, where))
    except ValueError as error:
        names = ", ".join(kind)
        raise FleetFileError(f"{where} is {value!r}; it must be one of {names}") from error
