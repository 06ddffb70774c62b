"""Cameras for all tests of the whole product, and a network of its own for each."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from running.cameras import BUSY, QUIET, two_cameras
from running.network import PERIODS, RunningNetwork

from custodes.cli.demo.cameras import DemoCameras


@pytest.fixture(scope="session")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCameras]:
    """A quiet camera and a busy one."""
    with two_cameras(tmp_path_factory.mktemp("clips")) as running:
        yield running


@pytest.fixture
def network(tmp_path: Path, cameras: DemoCameras) -> Iterator[RunningNetwork]:
    """Founded, with the quiet camera; not started."""
    network = _founded(tmp_path / "town", cameras, QUIET)
    yield network
    network.stop()


@pytest.fixture
def busy_network(tmp_path: Path, cameras: DemoCameras) -> Iterator[RunningNetwork]:
    """Founded, with the busy camera; not started."""
    network = _founded(tmp_path / "town", cameras, BUSY)
    yield network
    network.stop()


def _founded(root: Path, cameras: DemoCameras, place: str) -> RunningNetwork:
    network = RunningNetwork(root, _free_port(), periods=PERIODS, places=(place,))
    root.mkdir()
    network.found()
    network.add_cameras(cameras)
    return network


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
