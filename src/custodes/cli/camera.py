"""`custodes camera add`: a camera in the public register, and how its streams are reached."""

from __future__ import annotations

import argparse
import asyncio
from datetime import date
from pathlib import Path
from typing import Any

from custodes.adapters.exchange.folder import FolderOffice
from custodes.adapters.secrets import read_signing_key
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, NotFoundError
from custodes.cli.options import duration_us, mount_of, view_of, zone_of
from custodes.deploy.enlisting import CameraWish, camera_parcel, leave_for_start
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.running import is_running
from custodes.estate.model import LOWER_ASSURANCE
from custodes.estate.rules import assurance_of
from custodes.services.parcels import submit


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    camera = subparsers.add_parser("camera", help="cameras of a network")
    parser = camera.add_subparsers(dest="act", required=True).add_parser("add", help="add a camera")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--name", required=True)
    parser.add_argument("--site", required=True, help="where it stands")
    parser.add_argument("--purpose", required=True, help="what it is for; residents read it")
    parser.add_argument("--legal-basis", required=True)
    parser.add_argument("--responsible-body", required=True)
    parser.add_argument(
        "--review-date", required=True, metavar="YYYY-MM-DD", help="when the need is judged again"
    )
    parser.add_argument("--retention", default="72h", help="how long footage is kept; default 72h")
    parser.add_argument("--justification", default="", help="why longer than 72 hours; residents read it")
    parser.add_argument(
        "--at", metavar="LAT,LON", help="where it stands, in degrees: --at=54.1234567,-7.1234567"
    )
    parser.add_argument("--height-m", default="0", metavar="M", help="how high above the ground")
    parser.add_argument(
        "--view",
        action="append",
        default=[],
        metavar="NAME:BEARING:ANGLE:RANGE",
        help="what it sees: degrees clockwise from north, degrees wide, metres far, as quay:135:60:80",
    )
    parser.add_argument(
        "--zone",
        action="append",
        default=[],
        metavar="NAME:KIND:X0,Y0,X1,Y1",
        help="what nobody is to see, in thousandths of the picture, as windows:view:0,100,250,400; kind original:"
        " the camera masks it itself, and is not recorded where it does not",
    )
    parser.add_argument(
        "--main",
        required=True,
        metavar="URL",
        help="main stream; rtsp, or http(s), rtmp(s): lower assurance",
    )
    parser.add_argument("--sub", metavar="URL", help="address of the sub stream")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--username", default="")
    parser.add_argument(
        "--password-file",
        type=Path,
        help="never an argument; goes where an address says {password}",
    )
    parser.add_argument("--priority", type=int, default=5, help="0 … 9: what is kept longest under overload")
    parser.add_argument(
        "--staff", type=Path, metavar="KEYFILE", help="an administrator's key; default staff/admin.key"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Sign the camera and hand it in; before the first start it waits in the folder."""
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    key = read_signing_key(options.staff or folder.staff_key("admin"))
    wish = CameraWish(
        name=options.name,
        site=options.site,
        purpose=options.purpose,
        legal_basis=options.legal_basis,
        responsible_body=options.responsible_body,
        review_date=_date(options.review_date),
        retention_us=duration_us(options.retention),
        justification=options.justification,
        streams={"main": options.main, **({"sub": options.sub} if options.sub else {})},
        transport=options.transport,
        username=options.username,
        password=_password(options.password_file),
        priority=options.priority,
        mount=mount_of(options.at, options.height_m),
        views=tuple(view_of(text) for text in options.view),
        zones=tuple(zone_of(text) for text in options.zone),
    )
    camera, parcel = camera_parcel(folder, settings, wish, key, SystemClock().utc_us())
    for kind, url in wish.streams.items():
        if assurance_of(url) == "lower":
            print(f"{kind} stream: {LOWER_ASSURANCE}")
    if is_running(folder):
        index = asyncio.run(submit(FolderOffice(folder.exchange), parcel))
        print(f"camera {camera.hex()} is entry {index} of the ledger")
    else:
        leave_for_start(folder, f"camera-{camera.hex()}", parcel)
        print(f"camera {camera.hex()} will be entered when the network starts")
    return 0


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"review-date: not a date: {text!r}; write it as 2027-06-30") from error


def _password(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError as error:
        raise NotFoundError(f"no password file {path}") from error
