"""What each process may reach: its own folders, the code, and nothing of the others'."""

from __future__ import annotations

from pathlib import Path

from custodes.base.fence.folders import FolderRules, python_folders, python_program, restrict_folders
from custodes.base.fence.process import harden
from custodes.base.fence.report import FenceReport
from custodes.deploy.layout import NetworkFolder, read_settings

# What name look-ups, time zones and certificates need.
_SYSTEM = tuple(map(Path, ("/etc", "/usr/share", "/proc/self", "/proc/swaps")))
# What a process started from here has for its outputs.
_NOWHERE = (Path("/dev/null"),)


def set_fences(role: str, folder: NetworkFolder) -> FenceReport:
    """Harden this process and shut it into what its role needs; before any thread and any further import.

    Errors: NotFoundError when the network's folder lacks what the role needs.
    """
    report = harden()
    return report + restrict_folders(_rules(role, folder))


def _rules(role: str, folder: NetworkFolder) -> FolderRules:
    settings = read_settings(folder)
    read = [*python_folders(), *(path for path in _SYSTEM if path.exists()), folder.settings_file, folder.bus]
    write = {
        "keeper": (
            folder.keeper,
            *folder.keystore,
            folder.store,
            folder.exchange / "keeper",
            folder.founding_folder,
        ),
        "discloser": (folder.discloser, folder.store, folder.exchange / "discloser"),
        "recorder": (
            folder.recorder(settings.recorder),
            folder.store,
            folder.spool,
            folder.exchange / "recorder",
        ),
        "web": (folder.web,),
    }[role]
    for path in write:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if role == "keeper":
        read.append(folder.genesis_file)
    if role == "web":
        read.append(folder.store)
    # FFmpeg runs in processes of its own, which shut themselves in further; no other program can be run.
    run = python_program() if role == "recorder" else ()
    return FolderRules(read=read, write=(*write, *_NOWHERE), run=run, tcp=True, outside=True)
