"""`custodes case …`: asking for footage, and taking what was granted."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from custodes.adapters.secrets import new_sealing_key, read_sealing_key, read_signing_key
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.clock import SystemClock
from custodes.base.errors import InvalidError, NotFoundError
from custodes.base.ids import HASH_BYTES, parse_hex
from custodes.base.keys import sign_body
from custodes.base.sealing import SEALING_KEY_BYTES
from custodes.cases.bundle import package_path
from custodes.cases.request import REQUEST_ENTRY_TYPE
from custodes.cli.options import duration_us, instant_us, show_us
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.place import Place, reach
from custodes.estate.model import LOWER_ASSURANCE
from custodes.ledger.entries.bodies import REQUEST_KINDS
from custodes.services.discloser.drafts import Draft, parse_draft
from custodes.services.discloser.service import VIEW_TYPE, WISH_TYPE
from custodes.services.evidence import unpack_package
from custodes.services.ledger_view import LedgerView
from custodes.services.scoping import scope_of_time

STAFF_KEY_HELP = "a staff key; two people of two roles sign"


def add_parser(subparsers: Any) -> None:
    """Declare the commands."""
    acts = subparsers.add_parser("case", help="opening footage").add_subparsers(dest="act", required=True)
    key = acts.add_parser("recipient-key", help="make a recipient's key pair")
    key.add_argument(
        "file", type=Path, metavar="FILE", help="the private key's file; FILE.pub is the public half"
    )
    key.set_defaults(run=recipient_key)
    opening = acts.add_parser("open", help="ask for footage")
    _add_network(opening)
    opening.add_argument("--camera", required=True, help="the camera's name in the register")
    opening.add_argument("--stream", choices=("main", "sub"), default="main")
    opening.add_argument(
        "--from", dest="from_", required=True, metavar="TIME", help="as 2026-11-25T14:03:00Z"
    )
    opening.add_argument("--to", required=True, metavar="TIME")
    opening.add_argument("--kind", choices=REQUEST_KINDS, required=True)
    opening.add_argument("--legal-basis", required=True)
    opening.add_argument("--necessity", required=True, help="why it is needed and why nothing less will do")
    opening.add_argument("--recipient", required=True, help="who gets the footage")
    opening.add_argument("--recipient-key", type=Path, required=True, metavar="FILE.pub")
    opening.add_argument("--decisions", type=int, default=0, help="how many custodians; default: the quorum")
    opening.add_argument("--expires", default="7d", help="how long custodians may answer; default 7d")
    opening.add_argument("--staff", type=Path, required=True, metavar="KEYFILE", help=STAFF_KEY_HELP)
    opening.set_defaults(run=open_case)
    for act, run, text in (
        ("approve", approve, "sign a case as the second person"),
        ("status", status, "where a case stands"),
        ("export", export, "take the package apart with the recipient's key"),
    ):
        parser = acts.add_parser(act, help=text)
        _add_network(parser)
        parser.add_argument("request", metavar="REQUEST", help="the request's hash")
        parser.set_defaults(run=run)
        if act == "approve":
            parser.add_argument("--staff", type=Path, required=True, metavar="KEYFILE", help=STAFF_KEY_HELP)
        if act == "export":
            parser.add_argument("--recipient-key", type=Path, required=True, metavar="FILE")
            parser.add_argument(
                "--out", type=Path, required=True, metavar="FOLDER", help="an absent or empty folder"
            )


def recipient_key(options: argparse.Namespace) -> int:
    """Make a key pair."""
    key = new_sealing_key(options.file)
    options.file.with_name(options.file.name + ".pub").write_text(b64u(key.public) + "\n", "ascii")
    print(f"{options.file} opens packages and stays with the recipient; {options.file}.pub goes into cases.")
    return 0


def open_case(options: argparse.Namespace) -> int:
    """Draw a case up and sign it as the first person."""
    place, network = _network(options)
    view = LedgerView(network, place.read)
    view.refresh()
    from_us, to_us = instant_us(options.from_), instant_us(options.to)
    found = scope_of_time(view, options.camera, options.stream, from_us, to_us)
    wish = {
        "decisions_needed": options.decisions,
        "expires_in_us": duration_us(options.expires),
        "kind": options.kind,
        "legal_basis": options.legal_basis,
        "necessity": options.necessity,
        "recipient_key": b64u(_public_key(options.recipient_key)),
        "recipient_name": options.recipient,
        "run_in": [],
        "scope": found.scope.to_json(),
        "shown": [
            {
                "camera": options.camera,
                "from_us": found.from_us,
                "stream": b64u(found.stream),
                "to_us": found.to_us,
            }
        ],
    }
    question = _signed(options.staff, WISH_TYPE, network, {"wish": wish})
    draft = parse_draft(asyncio.run(place.office.ask("discloser", "draft", question)))
    _show(draft, view)
    _sign(place, draft, options.staff)
    print(f"\nRequest {draft.file.hash.hex()}")
    print("Next: a second person of another role runs `custodes case approve`.")
    return 0


def approve(options: argparse.Namespace) -> int:
    """Show a case and sign it as the second person; then it goes to the custodians."""
    place, network = _network(options)
    request = parse_hex(options.request, HASH_BYTES)
    question = _signed(options.staff, VIEW_TYPE, network, {"request": b64u(request)})
    draft = parse_draft(asyncio.run(place.office.ask("discloser", "view", question)))
    view = LedgerView(network, place.read)
    view.refresh()
    _show(draft, view)
    answer = _sign(place, draft, options.staff)
    if "index" in answer:
        print(f"\nEntered in the ledger as entry {answer['index']}; the custodians can now decide.")
    else:
        print(f"\nSigned; still waiting for {answer['waiting']}.")
    return 0


def status(options: argparse.Namespace) -> int:
    """Say where a case stands."""
    place, _ = _network(options)
    request = parse_hex(options.request, HASH_BYTES)
    found = parse_canon(asyncio.run(place.office.ask("discloser", "status", request)))
    print(f"state        {found['state']}")
    print(f"minutes      {found['slots']}")
    print(f"decisions    {found['granting']} grant, {found['refusing']} refuse, {found['needed']} needed")
    print(f"releases     {found['released']}")
    print(f"expires      {show_us(found['expiry_us'])}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Open the package into a folder."""
    place, network = _network(options)
    request = parse_hex(options.request, HASH_BYTES)
    found = parse_canon(asyncio.run(place.office.ask("discloser", "status", request)))
    if found["state"] != "disclosed":
        raise NotFoundError(f"there is no package: the case is {found['state']}")
    sealed = place.read(package_path(unb64u(found["case"]), request))
    names = unpack_package(sealed, read_sealing_key(options.recipient_key), network, request, options.out)
    for name in names:
        print(options.out / name)
    print(f"\nCheck it: custodes verify {options.folder} --network {network.hex()} --package {options.out}")
    return 0


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the network's folder")


def _network(options: argparse.Namespace) -> tuple[Place, bytes]:
    return reach(options.folder), read_settings(NetworkFolder(Path(options.folder))).network


def _public_key(path: Path) -> bytes:
    try:
        return unb64u(path.read_text("ascii").strip(), SEALING_KEY_BYTES)
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"{path} is no recipient's public key; `custodes case recipient-key` makes one"
        ) from error


def _signed(keyfile: Path, type_: str, network: bytes, body: dict[str, Any]) -> bytes:
    now_us = SystemClock().utc_us()
    signed = sign_body(
        type_, {**body, "made_us": now_us, "network": b64u(network)}, read_signing_key(keyfile)
    )
    return canon(signed.to_json())


def _sign(place: Place, draft: Draft, keyfile: Path) -> Any:
    signed = sign_body(REQUEST_ENTRY_TYPE, draft.file.entry_body(), read_signing_key(keyfile))
    return parse_canon(asyncio.run(place.office.ask("discloser", "sign", canon(signed.to_json()))))


def _show(draft: Draft, view: LedgerView) -> None:
    file = draft.file
    print(f"kind         {file.kind}")
    print(f"legal basis  {file.legal_basis}")
    print(f"necessity    {file.necessity}")
    print(f"recipient    {file.recipient_name}")
    for shown in file.shown:
        print(f"camera       {shown.camera}: {show_us(shown.from_us)} to {show_us(shown.to_us)}")
    names = {shown.stream: shown.camera for shown in file.shown}
    for stream in sorted(view.lower_assurance(file.whole)):
        print(f"assurance    {names.get(stream, stream.hex()[:8])}: {LOWER_ASSURANCE}")
    print(f"minutes      {file.whole.count}")
    print(f"decisions    {file.decisions_needed} custodians must grant")
    print(f"expires      {show_us(file.expiry_us)}")
