"""The demo from beginning to end: found, record, ask, decide, open, refuse, verify."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from custodes.base.errors import CustodesError
from custodes.cli.demo.backgrounds import begin_learning, commit
from custodes.cli.demo.cameras import PLACES, DemoCameras, running_cameras
from custodes.cli.demo.cases import granted_case, refused_case
from custodes.cli.demo.findings import all_gaps, recorded_ratios, search_network, verify_all
from custodes.cli.demo.network import CONSOLE_ROLES, CUSTODIANS, START_S, DemoNetwork
from custodes.cli.demo.report import DemoReport
from custodes.cli.demo.watching import queued, summary, watch, watch_live

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command asks for."""

    folder: Path
    footage: Path
    extract: Path
    seconds: int
    check: bool
    http_port: int


def run_demo(options: DemoOptions, say: Say) -> DemoReport:
    """Run the demo; without `check` it stays until interrupted."""
    report = DemoReport(seconds=options.seconds)
    network = DemoNetwork(options.folder, options.http_port)
    if options.folder.exists():
        shutil.rmtree(options.folder)
    options.folder.mkdir(parents=True)
    interrupted = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: interrupted.set())
    say("Custodes demo: six cameras, three custodians, two of them needed to open anything")
    try:
        with running_cameras(options.footage, options.folder.parent / "clips", say) as cameras:
            report.footage = cameras.clips[0].origin.value
            try:
                _tell(options, network, cameras, report, say)
                if not options.check:
                    _stay(network, interrupted, say)
            finally:
                say("stopping …")
                network.stop()
            if options.check:
                _judge(network, cameras, report, say)
    except CustodesError as error:
        report.failures.append(str(error))
        say(f"failed: {error}")
    except KeyboardInterrupt:
        report.failures.append("interrupted")
    say("stopped; everything is ended")
    return report


def _tell(
    options: DemoOptions, network: DemoNetwork, cameras: DemoCameras, report: DemoReport, say: Say
) -> None:
    say(f"[1/6] founding the network with {', '.join(CUSTODIANS)} …")
    network.found()
    say(f"      map: {network.add_map(options.extract) or 'made from ' + options.extract.name}")
    network.add_cameras(cameras)
    network.add_users()
    say(f"      network id {network.id.hex()}")
    say("[2/6] starting: keeper, discloser, recorder, web, a private bus …")
    network.start()
    network.wait_for("all cameras recorded", network.all_recording, START_S)
    report.cameras = len(PLACES)
    say(f"[3/6] recording, sealed as it arrives: http://127.0.0.1:{options.http_port}")
    began_us = time.time_ns() // 1000
    begin_learning(network, say)
    for left in range(options.seconds, 0, -1):
        if left % 10 == 0:
            say(f"      {left} s to go")
        time.sleep(1)
    password = network.console_password.read_text("utf-8").strip()
    masked = watch(options.http_port, CONSOLE_ROLES[0], password)
    say(f"      an operator sees {len(masked)} views, masked until a background is committed")
    backgrounds = commit(network, say)
    tiles = watch_live(options.http_port, password, len(backgrounds.committed))
    report.rendition = {**summary(masked, tiles), **backgrounds.to_report()}
    report.rendition["listed"] = queued(options.http_port, "supervisor", password)
    say(
        f"      {report.rendition['views_open']} views are open, masked by ‰"
        f" {report.rendition['masked_permille']}; first picture after"
        f" {report.rendition['first_picture_s']['median']} s, {report.rendition['latency_s']['median']} s late"
    )
    say("[4/6] a case: asked for a few minutes, granted in part, opened")
    granted_case(network, cameras, began_us, report, say)
    say("[5/6] a case that the custodians refuse")
    refused_case(network, report, say)
    say("[6/6] verifying from outside, with the independent checker …")
    verify_all(network, report)
    say(f"      network: {report.verify[:300]}; package: {report.verify_package[:300]}")


def _judge(network: DemoNetwork, cameras: DemoCameras, report: DemoReport, say: Say) -> None:
    say("looking for payload bytes in every file of the network …")
    search_network(network, cameras, report)
    report.recorded_ratio = recorded_ratios(network)
    report.gaps = all_gaps(network)
    report.judge(len(PLACES))


def _stay(network: DemoNetwork, interrupted: threading.Event, say: Say) -> None:
    say("")
    page = f"http://127.0.0.1:{network.http_port}"
    say(f"The network goes on. Console: {page}; what is public without signing in: {page}/plain.")
    password = network.console_password.read_text("utf-8").strip()
    say(f"  sign in     {', '.join(CONSOLE_ROLES)}, each with the password {password}")
    say("People act with the keys in their own folders, from another terminal:")
    say(f"  staff       {network.folder.root}/staff/*.key")
    say(f"  custodians  {network.root}/custodians/{{1,2,3}}  (passphrase in {network.root}/passphrase)")
    say(
        f"  try         .venv/bin/custodes custodian requests {network.custodian(1)} {' '.join(network.passphrase)}"
    )
    say(f"  check       .venv/bin/custodes verify {network.folder.store} --network {network.id.hex()}")
    say("Stop with Ctrl-C.")
    while not interrupted.wait(1.0):
        if network.server is not None and network.server.poll() is not None:
            say(f"the network ended; see {network.root / 'serve.log'}")
            return
