"""Taking a package apart, on the recipient's device. Source: docs/formats/package.md."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from custodes.base.errors import ConflictError, UnverifiedError
from custodes.base.sealing import SealingKey
from custodes.cases.archive import read_archive
from custodes.cases.package import open_package

_PIECE = 1 << 20


def unpack_package(sealed: bytes, key: SealingKey, network: bytes, request: bytes, out: Path) -> list[str]:
    """Write the package's files into an absent or empty folder; their names.

    They are written under another name first: a package that is altered or cut leaves nothing.
    Errors: ConflictError when the folder is not empty; UnverifiedError.
    """
    if out.exists() and any(out.iterdir()):
        raise ConflictError(f"{out} is not empty")
    head, archive = open_package(_pieces(sealed), key)
    if head.network != network or head.request != request:
        raise UnverifiedError("the package is of another network or request")
    part = out.with_name(f".{out.name}.part")
    if part.exists():
        shutil.rmtree(part)
    names = []
    try:
        for member in read_archive(archive):
            target = part / _safe(member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for chunk in member.chunks:
                    file.write(chunk)
            names.append(member.name)
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return names


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UnverifiedError(f"the package has a file that would lie outside its folder: {name!r}")
    return path


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))
