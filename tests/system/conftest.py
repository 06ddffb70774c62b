"""Cameras for all tests of the whole product, and a network of its own for each."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from running.cameras import BUSY, QUIET, two_cameras
from running.network import PERIODS, RunningNetwork

from custodes.cli.demo.cameras import DemoCameras
from custodes.deploy.layout import read_settings


@pytest.fixture(scope="session")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCameras]:
    """A quiet camera and a busy one."""
    with two_cameras(tmp_path_factory.mktemp("clips")) as running:
        yield running


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network as founded, to be copied: making custodians' keys is slow on purpose."""
    network = RunningNetwork(tmp_path_factory.mktemp("founded") / "town", 0, periods=PERIODS)
    network.root.mkdir()
    network.found()
    return network.root


@pytest.fixture
def network(tmp_path: Path, founded: Path, cameras: DemoCameras) -> Iterator[RunningNetwork]:
    """With the quiet camera; not started."""
    network = _copied(founded, tmp_path / "town", QUIET)
    network.add_cameras(cameras)
    yield network
    network.stop()


@pytest.fixture
def busy_network(tmp_path: Path, founded: Path, cameras: DemoCameras) -> Iterator[RunningNetwork]:
    """With the busy camera; not started."""
    network = _copied(founded, tmp_path / "town", BUSY)
    network.add_cameras(cameras)
    yield network
    network.stop()


@pytest.fixture
def own_network(tmp_path: Path, cameras: DemoCameras) -> Iterator[RunningNetwork]:
    """With the quiet camera, and custodians' folders that know where it is; not started."""
    network = RunningNetwork(tmp_path / "town", _free_port(), periods=PERIODS, places=(QUIET,))
    network.root.mkdir()
    network.found()
    network.add_cameras(cameras)
    yield network
    network.stop()


def _copied(founded: Path, root: Path, place: str) -> RunningNetwork:
    shutil.copytree(founded, root, symlinks=True)
    network = RunningNetwork(root, _free_port(), periods=PERIODS, places=(place,))
    settings = replace(read_settings(network.folder), http_port=network.http_port)
    network.folder.settings_file.write_text(settings.to_json(), "utf-8")
    return network


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
