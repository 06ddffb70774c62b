"""`custodes background`: what a view is compared with before anything of it is shown; two people of staff commit it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custodes.adapters.exchange.folder import FolderOffice
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.adapters.secrets import read_signing_key
from custodes.adapters.sql.web import open_web_database
from custodes.adapters.sql.web.proposals import SqlProposals
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, NotFoundError
from custodes.base.keys import Signed, sign_body
from custodes.cli.options import duration_us
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.estate.model import Camera
from custodes.ledger.entries.builders import background_body
from custodes.ledger.rules.state import LedgerState
from custodes.services.backgrounds import LearnWish
from custodes.services.committing import BACKGROUND_TYPE, COMMITTED, BackgroundDesk, QueuedBackground
from custodes.services.following.commitments import Commitments
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, submit

_SHORTEST_HASH = 8


def add_parser(subparsers: Any) -> None:
    """Declare the commands."""
    acts = subparsers.add_parser(
        "background",
        help="commit what a view is compared with",
        description="A view shows nothing until two people of staff have committed a background of it.",
    ).add_subparsers(dest="act", required=True)
    _add(acts, "list", list_backgrounds, "name what was learnt, most doubted first", key=False)
    learn = _add(acts, "learn", learn_background, "let a camera's recorder learn a candidate")
    learn.add_argument("--camera", required=True, help="its name in the register")
    learn.add_argument("--view", help="default: the camera's first")
    learn.add_argument("--condition", default="day", help="day, night, wet …; default day")
    learn.add_argument("--withhold", action="store_true", help="never show where somebody may be in it")
    learn.add_argument("--pictures", type=int, default=120, help="20 … 240; default 120")
    learn.add_argument("--over", default="10m", metavar="LENGTH", help="over at least so long; default 10m")
    for name, run, words in (
        ("propose", propose_background, "sign first"),
        ("approve", approve_background, "sign second and enter it"),
        (
            "withdraw",
            withdraw_background,
            "propose that a committed one be withdrawn: the view is then masked",
        ),
    ):
        _add(acts, name, run, words).add_argument("background", metavar="HASH", help="8 digits or more")
    refuse = _add(acts, "refuse", refuse_background, "say that one is not to be committed", key=False)
    refuse.add_argument("background", metavar="HASH", help="8 digits or more")
    refuse.add_argument("--user", required=True, help="who refuses it")


def _add(acts: Any, name: str, run: Any, words: str, key: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=words)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the network's folder")
    if key:
        parser.add_argument(
            "--staff", type=Path, required=True, metavar="KEYFILE", help="an administrator's or supervisor's"
        )
    parser.set_defaults(run=run)
    return parser


@dataclass(frozen=True)
class _Place:
    """A network's folder, its ledger, and the desk over both."""

    folder: NetworkFolder
    network: bytes
    state: LedgerState
    desk: BackgroundDesk


def list_backgrounds(options: argparse.Namespace) -> int:
    """A line a background."""
    with _place(options.folder) as place:
        for one in place.desk.queue():
            learnt = one.learnt
            camera = place.state.camera(learnt.camera).described.name
            proposed = f", proposed by {one.proposed_by}" if one.proposed_by else ""
            print(
                f"{learnt.background.hex()}\t{camera}\t{learnt.view}\t{learnt.condition}\t{one.state}{proposed}"
                f"\tdoubt {learnt.doubt_permille / 1000:.2f}, {learnt.alarms} places,"
                f" {learnt.withheld_permille / 10:.1f} % withheld"
            )
    return 0


def learn_background(options: argparse.Namespace) -> int:
    """Sign the wish and hand it to the recorder."""
    folder = NetworkFolder(options.folder)
    settings = read_settings(folder)
    with _place(options.folder) as place:
        camera = _camera(place.state, options.camera)
    stream = next((one for one in camera.streams if one.kind == "sub"), camera.streams[0])
    wish = LearnWish(
        network=settings.network,
        recorder=settings.recorder,
        camera=camera.id,
        stream=stream.id,
        view=options.view or camera.view_names[0],
        condition=options.condition,
        withhold=options.withhold,
        pictures=options.pictures,
        least_us=duration_us(options.over),
        made_us=SystemClock().utc_us(),
    )
    question = wish.sign(read_signing_key(options.staff))
    asyncio.run(FolderOffice(folder.exchange).ask("recorder", "learn", question))
    print(f"learning {camera.name}, {wish.view}, {wish.condition} from {wish.pictures} pictures")
    return 0


def propose_background(options: argparse.Namespace) -> int:
    """Sign the entry first; another approves."""
    with _place(options.folder) as place:
        queued = _queued(place, options.background)
        place.desk.propose(queued.learnt.background, _statement(options, place, queued, withdraw=False))
    print("proposed; next, another person: custodes background approve")
    return 0


def withdraw_background(options: argparse.Namespace) -> int:
    """Propose the withdrawal of a committed background; another approves."""
    with _place(options.folder) as place:
        queued = _queued(place, options.background)
        place.desk.propose(queued.learnt.background, _statement(options, place, queued, withdraw=True))
    print("its withdrawal is proposed; next, another person: custodes background approve")
    return 0


def approve_background(options: argparse.Namespace) -> int:
    """Sign what was proposed, and enter it with both signatures."""
    with _place(options.folder) as place:
        queued = _queued(place, options.background)
        statement = _statement(options, place, queued, withdraw=queued.withdrawing)
        joined = place.desk.approve(queued.learnt.background, statement)
        index = asyncio.run(submit(FolderOffice(place.folder.exchange), Parcel(joined)))
        place.desk.entered(queued.learnt.background)
    print(f"entry {index}: background {'withdrawn' if queued.withdrawing else 'committed'}")
    return 0


def refuse_background(options: argparse.Namespace) -> int:
    """Take a candidate out of the queue."""
    with _place(options.folder) as place:
        place.desk.refuse(_queued(place, options.background).learnt.background, options.user)
    print("refused")
    return 0


@contextmanager
def _place(root: Path) -> Iterator[_Place]:
    folder = NetworkFolder(root)
    settings = read_settings(folder)
    store = ReadOnlyObjects(folder.store, settings.store_volume)
    view = LedgerView(settings.network, store.get)
    view.refresh()
    folder.web.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_web_database(folder.web_database)
    try:
        desk = BackgroundDesk(
            settings.network,
            store.get,
            store.list,
            SqlProposals(database),
            Commitments.of_state(view.state),
            SystemClock(),
        )
        yield _Place(folder, settings.network, view.state, desk)
    finally:
        database.close()


def _camera(state: LedgerState, name: str) -> Camera:
    found = [one.described for one in state.facts.cameras.values() if one.described.name == name]
    if len(found) != 1:
        raise NotFoundError(f"{len(found)} cameras in the register are called {name!r}")
    return found[0]


def _queued(place: _Place, text: str) -> QueuedBackground:
    if len(text) < _SHORTEST_HASH:
        raise InvalidError(f"a background is named by {_SHORTEST_HASH} digits of its hash or more")
    found = [one for one in place.desk.queue() if one.learnt.background.hex().startswith(text)]
    if len(found) != 1:
        raise NotFoundError(f"{len(found)} backgrounds begin with {text}")
    return found[0]


def _statement(
    options: argparse.Namespace, place: _Place, queued: QueuedBackground, *, withdraw: bool
) -> Signed:
    learnt = queued.learnt
    body = background_body(
        place.network,
        learnt.camera,
        (learnt.stream, learnt.view, learnt.condition),
        b"" if withdraw else learnt.background,
        queued.revision + (queued.state == COMMITTED),
        0 if withdraw else learnt.doubt_permille,
        0 if withdraw else learnt.withheld_permille,
    )
    return sign_body(BACKGROUND_TYPE, body, read_signing_key(options.staff))
