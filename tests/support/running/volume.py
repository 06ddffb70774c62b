"""File systems of their own for a network: small, read-only, taken away. For root alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEBIBYTE = 1 << 20


def why_no_mounts() -> str:
    """Why no file system can be mounted here, "" where one can."""
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    with tempfile.TemporaryDirectory() as folder:
        done = _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
        if done.returncode:
            return f"no file system can be mounted here: {done.stderr.strip()}"
        _must("umount", folder)
    return ""


@contextmanager
def on_small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """The folder, with all that it holds, is a disk of its own of this size while the block runs."""
    before = folder.with_name(f"{folder.name}.before")
    folder.rename(before)
    folder.mkdir()
    _must("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(folder))
    try:
        shutil.copytree(before, folder, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(before)
        yield
    finally:
        _must("umount", "--lazy", str(folder))


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The folder's disk has no byte left while the block runs."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (MEBIBYTE, 4096, 1):
                _fill(file.fileno(), size)
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be opened for writing, made, renamed or removed below the folder while the block runs.

    Files that are open for writing already stay so: a mount that has any cannot be turned read-only in place,
    so the folder is mounted over itself.
    """
    _must("mount", "--bind", str(folder), str(folder))
    try:
        _must("mount", "-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _must("umount", "--lazy", str(folder))


@contextmanager
def swapped_for_empty(folder: Path) -> Iterator[None]:
    """In the folder's place is an empty one while the block runs, as where a disk is not mounted."""
    away = folder.with_name(f"{folder.name}.away")
    folder.rename(away)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        left = list(folder.iterdir())
        if not left:
            folder.rmdir()
            away.rename(folder)
        assert not left, f"written into an empty mount point: {left}"


def _fill(descriptor: int, size: int) -> None:
    data = bytes(size)
    try:
        while os.write(descriptor, data):
            pass
    except OSError:
        return


def _must(*command: str) -> None:
    done = _run(*command)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
