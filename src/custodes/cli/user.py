"""`custodes user`: who may sign in to the console. It needs the network's folder and no running network."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.web import open_web_database
from custodes.adapters.sql.web.users import SqlUsers
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError
from custodes.base.ids import parse_hex
from custodes.cli.options import add_passphrase, read_passphrase
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.estate.rights import ROLES, Reach
from custodes.estate.users import User
from custodes.services.users import Users


def add_parser(subparsers: Any) -> None:
    """Declare the commands."""
    acts = subparsers.add_parser("user", help="who signs in to the console").add_subparsers(
        dest="act", required=True
    )
    add = acts.add_parser("add", help="let somebody sign in")
    add.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--everything", action="store_true", help="reaches every camera, also those to come")
    add.add_argument("--site", action="append", default=[], help="reaches the cameras of a site, by its name")
    add.add_argument("--camera", action="append", default=[], metavar="ID", help="reaches a camera")
    add_passphrase(add, "password")
    add.set_defaults(run=add_user)
    remove = acts.add_parser("remove", help="end somebody's sessions and let them sign in no more")
    remove.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=remove_user)
    listing = acts.add_parser("list", help="name the users")
    listing.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    listing.set_defaults(run=list_users)


def add_user(options: argparse.Namespace) -> int:
    """Add a user; the password is asked for, or read from a file or descriptor."""
    reach = Reach(
        everything=options.everything,
        sites=frozenset(options.site),
        cameras=frozenset(parse_hex(camera) for camera in options.camera),
    )
    if not (reach.everything or reach.sites or reach.cameras):
        raise InvalidError("reach: give --everything, or --site and --camera")
    user = User(options.name, options.role, reach)
    with _users(options.folder) as users:
        users.add(user, read_passphrase(options, confirm=True, what="password"))
    print(f"{user.name} can sign in as {user.role}")
    return 0


def remove_user(options: argparse.Namespace) -> int:
    """Remove a user."""
    with _users(options.folder) as users:
        users.remove(options.name)
    print(f"{options.name} can no longer sign in")
    return 0


def list_users(options: argparse.Namespace) -> int:
    """A line a user: name, role, reach."""
    with _users(options.folder) as users:
        for user in users.all():
            print(f"{user.name}\t{user.role}\t{_reach(user.reach)}")
    return 0


@contextmanager
def _users(root: Path) -> Iterator[Users]:
    folder = NetworkFolder(root)
    read_settings(folder)
    folder.web.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_web_database(folder.web_database)
    try:
        yield Users(SqlUsers(database), Passwords(), SystemClock())
    finally:
        database.close()


def _reach(reach: Reach) -> str:
    if reach.everything:
        return "everything"
    cameras = sorted(f"camera {camera.hex()}" for camera in reach.cameras)
    return ", ".join([*sorted(f"site {site}" for site in reach.sites), *cameras])
