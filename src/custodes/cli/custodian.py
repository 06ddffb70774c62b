"""`custodes custodian …`: the installed client of a custodian, on the custodian's own device."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, NotFoundError, RefusedError
from custodes.base.ids import HASH_BYTES, parse_hex
from custodes.cases.scope import Scope, scope_of
from custodes.cli.options import add_passphrase, duration_us, ordinals, read_passphrase, show_us
from custodes.custody.roster import genesis_in_words
from custodes.deploy.enrolment import enroll, enroll_at
from custodes.deploy.place import reach
from custodes.estate.model import LOWER_ASSURANCE
from custodes.ledger.rules.people import NORMAL_PERIODS
from custodes.services.custodian import ShownRequest
from custodes.services.custodian_holds import HoldingClient, ShownHold

ACTS: dict[str, str] = {
    "keygen": "make an identity, five weekly keys and the card",
    "enroll": "check the genesis, sign it, pin the network",
    "requests": "show open requests",
    "decide": "grant, grant in part, or refuse a request",
    "release": "release the shares of what enough custodians granted",
    "hold": "take your shares of held minutes out, before the old key goes",
    "rotate": "certify new weekly keys, destroy those that are due",
}


def add_parser(subparsers: Any) -> None:
    """Declare the commands."""
    acts = subparsers.add_parser("custodian", help="a custodian's client").add_subparsers(
        dest="act", required=True
    )
    parsers = {}
    for act, text in ACTS.items():
        parser = parsers[act] = acts.add_parser(act, help=text)
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="the custodian's own folder")
        add_passphrase(parser)
        parser.set_defaults(run=_RUNS[act])
    parsers["keygen"].add_argument("--name", required=True, help="the office, such as 'Ombudsman'")
    parsers["keygen"].add_argument("--period", default="7d", help="how long a key seals; default 7d")
    parsers["keygen"].add_argument(
        "--retention", default="30d", help="the longest retention that there will be"
    )
    parsers["enroll"].add_argument(
        "where",
        metavar="DIR|URL",
        help="the network's folder, or its address while `custodes serve --founding` runs",
    )
    parsers["enroll"].add_argument(
        "--yes", action="store_true", help="do not ask; the genesis was read before"
    )
    parsers["hold"].add_argument(
        "hold",
        nargs="?",
        default="",
        metavar="HOLD",
        help="the hold's id, or its beginning; default: every one",
    )
    for act in ("requests", "decide", "release", "hold", "rotate"):
        parsers[act].add_argument(
            "--at", metavar="DIR|URL", help="where the network is; default: where enrolled"
        )
    for act in ("decide", "release"):
        parsers[act].add_argument("request", metavar="REQUEST", help="the request's hash, or its beginning")
    decide_options = parsers["decide"]
    verdict = decide_options.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--grant", action="store_true", help="grant all that is asked")
    verdict.add_argument("--part", metavar="NUMBERS", help="grant these minutes by number, as 1-3,5")
    verdict.add_argument("--refuse", action="store_true", help="refuse")
    decide_options.add_argument(
        "--reason", required=True, help="why; custodians, discloser and recipient see it"
    )
    decide_options.add_argument(
        "--no-release", action="store_true", help="do not release even if you are the last"
    )


def keygen(options: argparse.Namespace) -> int:
    """Make the folder and print the card."""
    folder = CustodianFolder.create(
        options.folder,
        read_passphrase(options, confirm=True),
        options.name,
        SystemClock().utc_us(),
        duration_us(options.period),
        duration_us(options.retention),
    )
    with folder:
        print(
            f"Made {options.folder} for {options.name}. It stays on this device; the passphrase is not kept."
        )
        print(f"Card, to be given to whoever founds the network: {options.folder / 'card.json'}")
        print(f"Identity key: {folder.identity.public.hex()}")
    return 0


def enroll_in(options: argparse.Namespace) -> int:
    """Show the genesis in words, check the own card in it, sign, pin."""
    with CustodianFolder.open(options.folder, read_passphrase(options)) as folder:
        where = options.where
        if where.startswith(("http://", "https://")):
            index, missing = enroll_at(where, folder, lambda body: _confirm(body, options.yes))
            print(f"Taken. Not signed yet by {', '.join(missing)}." if missing else "Taken. All have signed.")
        else:
            _, index = enroll(Path(where), folder, lambda body: _confirm(body, options.yes))
            where = str(Path(where).resolve())
        (options.folder / "place").write_text(where, "utf-8")
        print(f"Signed as custodian {index}. This folder is pinned to network {folder.network.hex()}.")
    return 0


def requests(options: argparse.Namespace) -> int:
    """Show what is asked, in words."""

    async def act(client: HoldingClient) -> int:
        shown = await client.requests()
        if not shown:
            print("No open request.")
        for one in shown:
            print("\n".join(request_in_words(one)), end="\n\n")
        for hold in await client.holds():
            print(hold_in_words(hold))
        return 0

    return _with_client(options, act)


def decide(options: argparse.Namespace) -> int:
    """Judge a request; the last of enough granting custodians releases at once."""

    async def act(client: HoldingClient) -> int:
        one = await _find(client, options.request)
        print("\n".join(request_in_words(one)))
        decision = await client.decide(one.request, _granted(options, one), options.reason)
        print(f"\nSigned: {decision.verdict.value}, {decision.count} of {one.file.whole.count} minutes.")
        if decision.grants and not options.no_release:
            try:
                count = await client.release(one.request)
                print(f"You were the last needed: your shares of {count} minutes are released.")
            except RefusedError as error:
                print(f"No share has left: {error}.")
        return 0

    return _with_client(options, act)


def release(options: argparse.Namespace) -> int:
    """Release shares once enough have granted."""

    async def act(client: HoldingClient) -> int:
        one = await _find(client, options.request)
        print(f"Released your shares of {await client.release(one.request)} minutes, and no others.")
        return 0

    return _with_client(options, act)


def hold(options: argparse.Namespace) -> int:
    """Take the own shares of held minutes out."""

    async def act(client: HoldingClient) -> int:
        named = [one for one in await client.holds() if one.hold.hex().startswith(options.hold)]
        if options.hold and len(named) != 1:
            raise NotFoundError(f"{len(named)} full holds begin with {options.hold!r}")
        waiting = [one for one in named if one.mine < one.epochs or options.hold]
        if not waiting:
            print("No hold waits for your shares.")
        for one in waiting:
            print("\n".join(request_in_words(await client.request(one.request))))
            count = await client.hold(one.hold)
            print(f"Took your shares of {count} minutes out for hold {one.hold.hex()}, and no others.")
            print(f"They open to you alone, until {show_us(one.until_us)}; then their key is destroyed.")
        return 0

    return _with_client(options, act)


def rotate(options: argparse.Namespace) -> int:
    """Certify new weekly keys and destroy those whose time has come."""

    async def act(client: HoldingClient) -> int:
        certified, destroyed = await client.rotate(NORMAL_PERIODS.custodian_key_us)
        print(
            f"Certified {certified} new keys; destroyed {destroyed} whose time had come, and said so in the ledger."
        )
        return 0

    return _with_client(options, act)


def request_in_words(one: ShownRequest) -> list[str]:
    """A request as lines for a person who is to judge it; minutes are numbered."""
    file = one.file
    lines = [
        f"Request {one.request.hex()}",
        f"  kind         {file.kind}",
        f"  legal basis  {file.legal_basis}",
        f"  necessity    {file.necessity}",
        f"  recipient    {file.recipient_name}",
        f"  expires      {show_us(file.expiry_us)}",
        f"  decisions    {one.granting} grant, {file.decisions_needed} needed",
    ]
    for shown in file.shown:
        lines.append(f"  camera       {shown.camera}: {show_us(shown.from_us)} to {show_us(shown.to_us)}")
    run_in = set(file.run_in)
    names = {shown.stream: shown.camera for shown in file.shown}
    for stream in sorted(one.lower):
        lines.append(f"  assurance    {names.get(stream, stream.hex()[:8])}: {LOWER_ASSURANCE}")
    for number, (slot, start_us) in enumerate(zip(file.whole, one.starts_us, strict=True), 1):
        note = ", needed only to decode" if slot in run_in else ""
        when = show_us(start_us) if start_us else "its key is destroyed: nothing opens it any more"
        lines.append(f"  {number:>4}. {names.get(slot.stream, slot.stream.hex()[:8])}: {when}{note}")
    if one.decided:
        lines.append(f"  your answer  {one.decided}{', released' if one.released else ''}")
    return lines


def hold_in_words(one: ShownHold) -> str:
    """A hold as a line for a person who holds shares."""
    line = f"Hold {one.hold.hex()} until {show_us(one.until_us)}, of request {one.request.hex()[:8]}: "
    if one.mine == one.epochs:
        return (
            f"{line}your shares are taken out; of the epoch with fewest {one.fewest} of {one.quorum} needed"
        )
    return f"{line}your shares wait; run `custodes custodian hold`"


def _granted(options: argparse.Namespace, one: ShownRequest) -> Scope | None:
    whole = one.file.whole
    if options.refuse:
        return None
    if options.grant:
        return whole
    chosen = ordinals(options.part, whole.count)
    slots = list(whole)
    return scope_of(slots[number - 1] for number in chosen)


async def _find(client: HoldingClient, beginning: str) -> ShownRequest:
    if len(beginning) == 2 * HASH_BYTES:
        return await client.request(parse_hex(beginning, HASH_BYTES))
    found = [one for one in await client.requests() if one.request.hex().startswith(beginning)]
    if len(found) != 1:
        raise NotFoundError(f"{len(found)} open requests begin with {beginning!r}")
    return found[0]


def _with_client(
    options: argparse.Namespace, act: Callable[[HoldingClient], Coroutine[Any, Any, int]]
) -> int:
    with CustodianFolder.open(options.folder, read_passphrase(options)) as folder:
        place = reach(options.at or _place(options.folder))
        return asyncio.run(act(HoldingClient(folder, place.office, place.read, SystemClock())))


def _place(folder: Path) -> str:
    try:
        return (folder / "place").read_text("utf-8")
    except FileNotFoundError as error:
        raise InvalidError("not enrolled from here; say where the network is with --at DIR|URL") from error


def _confirm(body: Any, yes: bool) -> None:
    print("\n".join(genesis_in_words(body)))
    if yes:
        return
    try:
        answer = input("Sign this? Type yes: ")
    except EOFError as error:
        raise InvalidError("nobody is there to answer; read the genesis and give --yes") from error
    if answer.strip().lower() != "yes":
        raise RefusedError("not signed")


_RUNS = {
    "keygen": keygen,
    "enroll": enroll_in,
    "requests": requests,
    "decide": decide,
    "release": release,
    "hold": hold,
    "rotate": rotate,
}
