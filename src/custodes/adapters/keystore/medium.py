"""What a folder lies on, as far as overwriting in place depends on it."""

from __future__ import annotations

from pathlib import Path

# These write changed blocks elsewhere and keep the old ones, for a while or in snapshots.
_COPYING = frozenset({"btrfs", "zfs", "bcachefs", "nilfs2", "f2fs"})
_MOUNTS = Path("/proc/self/mountinfo")


def file_system(folder: Path) -> str:
    """The name of the file system that a folder is on, "" where the kernel does not tell.

    Source: proc_pid_mountinfo(5); fields are separated by blanks, the type follows a lone hyphen.
    """
    place = folder.resolve()
    best, found = -1, ""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].encode().decode("unicode_escape"))
        # A later mount on the same point hides the one before.
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), after.split(" ")[0]
    return found


def overwrites_in_place(folder: Path) -> bool:
    """Whether writing over a file's bytes replaces them on the device, as far as can be known."""
    return file_system(folder) not in _COPYING
