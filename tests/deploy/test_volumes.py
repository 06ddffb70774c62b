"""Volumes that go and come back under running processes."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from custodes.adapters.spool.files import SystemFiles
from custodes.adapters.spool.volume import create_mark
from custodes.deploy.supervisor import Child, Supervisor
from custodes.deploy.volumes import is_shut_out, watch_volumes

_FENCED = """
import sys
from pathlib import Path
from custodes.base.fence.folders import FolderRules, python_folders, restrict_folders
from custodes.deploy.volumes import is_shut_out
root = Path(sys.argv[1])
fence = restrict_folders(FolderRules(read=python_folders(), write=(root,)))
print(fence.applied, is_shut_out([root]), flush=True)
sys.stdin.readline()
print(is_shut_out([root]), flush=True)
"""


async def test_a_volume_that_comes_back_is_told_once_and_another_is_not(tmp_path: Path) -> None:
    root, away = tmp_path / "volume", tmp_path / "away"
    volume_id = create_mark(root, SystemFiles())
    told: list[bool] = []
    watching = asyncio.ensure_future(watch_volumes([(root, volume_id)], lambda: told.append(True), 0.005))
    try:
        root.rename(away)
        create_mark(root, SystemFiles())
        await asyncio.sleep(0.1)
        assert told == []
        root.rename(tmp_path / "another")
        away.rename(root)
        await _until(lambda: bool(told))
        await asyncio.sleep(0.1)
        assert told == [True]
    finally:
        watching.cancel()


def test_a_fence_shuts_out_what_takes_the_folders_place(tmp_path: Path) -> None:
    root = tmp_path / "volume"
    create_mark(root, SystemFiles())
    child = subprocess.Popen(
        [sys.executable, "-c", _FENCED, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    applied, before = child.stdout.readline().split()
    root.rename(tmp_path / "away")
    create_mark(root, SystemFiles())
    after = child.communicate("\n", timeout=30)[0].strip()
    if applied == "False":
        pytest.skip("the kernel has no Landlock")
    assert (before, after) == ("False", "True")


def test_a_volume_that_is_away_shuts_nobody_out(tmp_path: Path) -> None:
    assert not is_shut_out([tmp_path / "nothing"])


async def test_the_supervisor_passes_a_signal_to_its_children(tmp_path: Path) -> None:
    ready, heard = tmp_path / "ready", tmp_path / "heard"
    words = (
        "import pathlib, signal; signal.signal(signal.SIGHUP, lambda *_: pathlib.Path(%r).touch());"
        "pathlib.Path(%r).touch()\nwhile True: signal.pause()"
    )
    child = Child("one", (sys.executable, "-c", words % (str(heard), str(ready))))
    supervisor = Supervisor([child])
    running = asyncio.ensure_future(supervisor.run())
    try:
        await _until(ready.exists)
        supervisor.send(signal.SIGHUP)
        await _until(heard.exists)
        assert child.starts == 1
    finally:
        supervisor.stop()
        await running


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
