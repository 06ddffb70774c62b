"""Damage anywhere in sealed bytes, manifests or packages is a finding, never a crash."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from custodes_verify.errors import MalformedError
from custodes_verify.main import main
from custodes_verify.mp4 import read_track


@pytest.mark.parametrize("part", range(8))
def test_no_bit_of_a_reel_can_be_changed_unseen(recorded: Any, deep: Callable[..., Any], part: int) -> None:
    store, header, _ = recorded
    path = store.place(header) / "0001.reel"
    good = path.read_bytes()
    choose = random.Random(part)
    for _ in range(12):
        data = bytearray(good)
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        path.write_bytes(bytes(data))
        code, report = deep(store)
        assert code == 1
        assert report["findings"]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_objects_never_crash_the_check(recorded: Any, deep: Callable[..., Any], seed: int) -> None:
    store, _, _ = recorded
    files = sorted(path for name in ("streams", "accounts") for path in (store.folder / name).rglob("*"))
    path = [path for path in files if path.is_file()][seed % 5]
    good = path.read_bytes()
    path.write_bytes(scrambled(good, seed))
    assert deep(store)[0] == 1


def scrambled(data: bytes, seed: int) -> bytes:
    choose = random.Random(seed)
    at, to = sorted(choose.randrange(len(data)) for _ in range(2))
    return choose.choice(
        [
            data[:at] + data[to + 1 :],
            data[:at] + choose.randbytes(to - at + 1) + data[to + 1 :],
            data[:to] + data[at:] + b"!",
            b"",
        ]
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_package_never_crashes_the_check(
    package: Any, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    folder, network = package.write(), package.network
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[seed % len(files)]
    good = path.read_bytes()
    damaged = scrambled(good, seed)
    path.write_bytes(damaged)
    arguments = ["--package", str(folder), "--network", network.id.hex(), "--json"]
    assert main(arguments, now_us=network.now_us) == 1
    assert json.loads(capsys.readouterr().out)["findings"]


@pytest.mark.parametrize("seed", range(150))
def test_a_damaged_mp4_is_read_or_refused(package: Any, seed: int) -> None:
    data = bytearray(package.files["video/bridge-00000000-1.mp4"])
    choose = random.Random(seed)
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(min(len(data), 900))
        data[at : at + 4] = choose.choice(
            [b"\0\0\0\0", b"\xff\xff\xff\xff", choose.randbytes(4), b"\0\0\0\1"]
        )
    try:
        track = read_track(memoryview(bytes(data)))
    except MalformedError:
        return
    assert all(at + size <= len(data) for at, size in track.samples)
