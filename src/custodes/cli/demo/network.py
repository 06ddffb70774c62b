"""The demo's network: founded, served and asked through the command line's own functions."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custodes.base.errors import CorruptError, CustodesError, UnavailableError
from custodes.cli import main as command
from custodes.cli.demo.cameras import ON_THE_MAP, PASSWORD, PLACES, TOWN, DemoCameras
from custodes.deploy.layout import NetworkFolder, read_settings

CUSTODIANS = ("Ombudsman", "Court clerk", "Data-protection officer")
CONSOLE_ROLES = ("operator", "supervisor", "administrator")
PERIODS = "slot=10s,slots=6,reel=20s"
START_S = 60.0
STOP_S = 30.0


@dataclass
class DemoNetwork:
    """A folder for the network and one for each custodian, which stands for that person's own device."""

    root: Path
    http_port: int
    periods: str = PERIODS
    places: Sequence[str] = PLACES
    on_the_map: bool = False
    server: subprocess.Popen[bytes] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def folder(self) -> NetworkFolder:
        """The network's folder."""
        return NetworkFolder(self.root / "network")

    @property
    def id(self) -> bytes:
        """The network's id."""
        return read_settings(self.folder).network

    def custodian(self, number: int) -> Path:
        """A custodian's folder, from 1."""
        return self.root / "custodians" / str(number)

    @property
    def passphrase(self) -> list[str]:
        """The option that gives the demo's passphrase."""
        return ["--passphrase-file", str(self.root / "passphrase")]

    def found(self) -> None:
        """keygen for each custodian, init, enroll for each."""
        (self.root / "passphrase").write_text("for the demo alone\n", "utf-8")
        cards: list[str] = []
        for number, name in enumerate(CUSTODIANS, 1):
            custodes("custodian", "keygen", self.custodian(number), "--name", name, *self.passphrase)
            cards += ["--custodian", str(self.custodian(number) / "card.json")]
        custodes(
            "init", self.folder.root, "--name", "Harbour Town (demo)", "--quorum", "2", *cards,
            *(["--rehearsal", self.periods] if self.periods else []), "--http-port", str(self.http_port),
        )  # fmt: skip
        for number in range(1, len(CUSTODIANS) + 1):
            custodes(
                "custodian", "enroll", self.custodian(number), self.folder.root, "--yes", *self.passphrase
            )

    def add_map(self, extract: Path) -> str:
        """Make the map of an extract, so that cameras stand on it; why there is none, "" when there is."""
        if not extract.is_file():
            return f"no extract at {extract}: plain ground"
        code, said = try_custodes("basemap", extract, "--network", self.folder.root)
        self.on_the_map = code == 0
        return "" if self.on_the_map else said.strip()

    def add_cameras(self, cameras: DemoCameras) -> None:
        """A register entry for each camera, with its lawful grounds."""
        password = self.root / "camera-password"
        password.write_text(PASSWORD + "\n", "utf-8")
        review = (datetime.now(UTC).date() + timedelta(days=365)).isoformat()
        for place in self.places:
            at, height_m, views = TOWN[place]
            at = ON_THE_MAP[place] if self.on_the_map else at
            custodes(
                "camera", "add", self.folder.root, "--name", place, "--site", place,
                "--purpose", "Safety of a busy public place",
                "--legal-basis", "Municipal act on public order, section 12",
                "--responsible-body", "Harbour Town, Department of Public Safety", "--review-date", review,
                "--at", at, "--height-m", height_m, *(word for view in views for word in ("--view", view)),
                "--retention", "24h",
                *(word for kind in cameras.streams(place) for word in (f"--{kind}", cameras.url(place, kind))),
                "--username", "recorder", "--password-file", password,
            )  # fmt: skip

    @property
    def console_password(self) -> Path:
        """The password of the demo's users, made anew each time."""
        return self.root / "console-password"

    def add_users(self) -> None:
        """An operator, a supervisor and an administrator, who reach every camera."""
        file = self.console_password
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(12) + "\n", "utf-8")
        for role in CONSOLE_ROLES:
            custodes(
                "user", "add", self.folder.root, role, "--role", role, "--everything",
                "--password-file", file,
            )  # fmt: skip

    def start(self) -> None:
        """`custodes serve` as a process of its own."""
        log = (self.root / "serve.log").open("ab")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "custodes.cli.main", "serve", str(self.folder.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()

    def stop(self) -> None:
        """Interrupt it and wait for its end."""
        if self.server is None:
            return
        self.server.send_signal(signal.SIGINT)
        try:
            self.server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise UnavailableError("the network did not stop in time") from None
        finally:
            self.server = None

    def status(self) -> Any:
        """What the page shows. Errors: UnavailableError while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/api/status", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise UnavailableError(f"the page does not answer: {error}") from error

    def wait_for(self, what: str, condition: Callable[[], bool], within_s: float) -> None:
        """Wait until it holds. Errors: UnavailableError when it does not in time, or the network ended."""
        deadline = time.monotonic() + within_s
        while True:
            with contextlib.suppress(CustodesError):
                if condition():
                    return
            if self.server is not None and self.server.poll() is not None:
                raise UnavailableError(
                    f"the network ended with {self.server.returncode}; see {self.root / 'serve.log'}"
                )
            if time.monotonic() > deadline:
                raise UnavailableError(f"{what}: not within {within_s:g} s; see {self.root / 'serve.log'}")
            time.sleep(0.25)

    def all_recording(self) -> bool:
        """Whether every camera is recorded now."""
        cameras = self.status()["cameras"]
        return len(cameras) == len(self.places) and all(
            camera["streams"] and all(stream["state"] == "recording" for stream in camera["streams"])
            for camera in cameras
        )


def custodes(*arguments: object) -> str:
    """Run a command in this process; what it printed. Errors: CorruptError when it fails, with its words."""
    code, out = try_custodes(*arguments)
    if code != 0:
        raise CorruptError(f"custodes {' '.join(map(str, arguments))} failed with {code}: {out.strip()}")
    return out


def try_custodes(*arguments: object) -> tuple[int, str]:
    """Run a command in this process; its exit code and what it printed."""
    out = io.StringIO()
    words: Sequence[str] = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = command.main(words)
    return code, out.getvalue()
