"""What staff sign: keys of two people, holds, a queue of backgrounds. Signatures are checked as the keeper would."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from console.dev.pictures import SCENES, empty_street
from fastapi import FastAPI, HTTPException, Request, Response

from custodes.base.canon import b64u, canon, unb64u
from custodes.base.errors import CustodesError
from custodes.base.keys import Signed, SigningKey
from custodes.cases.hold import HOLD_TYPE, HoldScope
from custodes.cases.scope import EpochSlots, Scope
from custodes.services.backgrounds import LearnWish, parse_wish
from custodes.web import wire
from custodes.web.png import png_of_bgr

STAFF = (("supervisor-1", "supervisor", bytes([1]) * 32), ("admin-1", "administrator", bytes([2]) * 32))
NETWORK = bytes.fromhex("5a" * 32)
SLOT_US = 60_000_000
BACKGROUND_TYPE = "custodes/entry/background/v1"
CANDIDATES = 30
Changing = Callable[[Request], wire.SignedIn]


@dataclass
class Signing:
    """The ledger's next index, what was proposed and by whom, what is being learnt since when."""

    entry: int = 4_711
    items: dict[str, wire.Background] = field(default_factory=dict)
    first: dict[str, bytes] = field(default_factory=dict)
    learning: dict[str, tuple[float, int]] = field(default_factory=dict)

    def enter(self) -> wire.Entered:
        """One more entry."""
        self.entry += 1
        return wire.Entered(entry=self.entry)


def signing_routes(app: FastAPI, cameras: dict[str, wire.Camera], changing: Changing, seen: Changing) -> None:
    """GET /staff, POST holds; GET and POST backgrounds, learning."""
    state = Signing(items={one.background: one for one in _candidates(list(cameras.values()))})
    keys = {SigningKey(seed).id: (name, role, SigningKey(seed).public) for name, role, seed in STAFF}

    def signer(signed: Signed) -> str:
        (signature,) = signed.signatures
        found = keys.get(signature.key)
        if found is None:
            raise HTTPException(422, "signature: the key is of no staff")
        try:
            signed.check_signed_by([found[2]])
        except CustodesError as error:
            raise HTTPException(422, f"signature: {error}") from error
        return found[0]

    @app.get("/api/v1/staff", operation_id="list_staff")
    def list_staff(request: Request) -> wire.Staff:
        seen(request)
        return wire.Staff(
            staff=[
                wire.StaffMember.model_validate(
                    {"pseudonym": name, "role": role, "key": id_.hex(), "usable_from_us": 0}
                )
                for id_, (name, role, _) in keys.items()
            ]
        )

    @app.post("/api/v1/cameras/{camera}/holds/draft", operation_id="draft_hold")
    def draft_hold(request: Request, camera: str, wish: wire.HoldWish) -> wire.HoldDraft:
        changing(request)
        stream = bytes.fromhex(cameras[camera].streams[0].stream)
        count = -(-(wish.to_us - wish.from_us) // SLOT_US)
        kept = HoldScope(os.urandom(32), Scope((EpochSlots(stream, os.urandom(16), tuple(range(count))),)))
        body = {
            **kept.entry_members(), "hold": b64u(os.urandom(16)), "kind": "provisional", "network": b64u(NETWORK),
            "request": "", "until_us": wish.until_us,
        }  # fmt: skip
        scope = [wire.ScopePart(**part) for part in kept.scope.to_json()]
        return wire.HoldDraft(
            type=HOLD_TYPE,
            body=body,
            scope=scope,
            salt=b64u(kept.salt),
            from_us=wish.from_us,
            to_us=wish.to_us,
        )

    @app.post("/api/v1/holds", operation_id="enter_hold")
    def enter_hold(request: Request, given: wire.SignedStatement) -> wire.Entered:
        changing(request)
        if signer(Signed.from_json(given.statement)) != STAFF[0][0]:
            raise HTTPException(403, "signature: a provisional hold is a supervisor's")
        return state.enter()

    _background_routes(app, state, changing, seen, signer)
    _learning_routes(app, state, cameras, changing, signer)


def _background_routes(
    app: FastAPI, state: Signing, changing: Changing, seen: Changing, signer: Callable[[Signed], str]
) -> None:
    @app.get("/api/v1/backgrounds", operation_id="list_backgrounds")
    def list_backgrounds(request: Request) -> wire.Backgrounds:
        seen(request)
        items = sorted(state.items.values(), key=lambda one: -one.doubt_permille)
        learning = [
            wire.Learning(
                camera=camera, pictures=min(wanted, int(8 * (time.time() - since))), wanted=wanted, outcome=""
            )
            for camera, (since, wanted) in state.learning.items()
        ]
        return wire.Backgrounds(items=items, learning=learning)

    @app.get("/api/v1/backgrounds/{background}/picture", operation_id="read_background_picture")
    def read_picture(request: Request, background: str) -> Response:
        seen(request)
        street = empty_street(int(background[:4], 16) % SCENES)
        height, width = street.shape[:2]
        return Response(png_of_bgr(width, height, street[..., ::-1].tobytes()), media_type="image/png")

    @app.post("/api/v1/backgrounds/{background}/proposal", operation_id="propose_background", status_code=204)
    def propose(request: Request, background: str, given: wire.SignedStatement) -> Response:
        changing(request)
        name = _check(state.items[background], given, signer)
        state.items[background] = state.items[background].model_copy(
            update={"state": "proposed", "proposed_by": name}
        )
        return Response(status_code=204)

    @app.post("/api/v1/backgrounds/{background}/approval", operation_id="approve_background")
    def approve(request: Request, background: str, given: wire.SignedStatement) -> wire.Entered:
        changing(request)
        if _check(state.items[background], given, signer) == state.items[background].proposed_by:
            raise HTTPException(403, "who proposed a background does not approve it")
        state.items[background] = state.items[background].model_copy(update={"state": "committed"})
        return state.enter()

    @app.post("/api/v1/backgrounds/{background}/refusal", operation_id="refuse_background", status_code=204)
    def refuse(request: Request, background: str) -> Response:
        changing(request)
        state.items[background] = state.items[background].model_copy(update={"state": "refused"})
        return Response(status_code=204)


def _learning_routes(
    app: FastAPI,
    state: Signing,
    cameras: dict[str, wire.Camera],
    changing: Changing,
    signer: Callable[[Signed], str],
) -> None:
    @app.post("/api/v1/cameras/{camera}/learning/draft", operation_id="draft_learning")
    def draft_learning(request: Request, camera: str, wish: wire.LearningWish) -> wire.Draft:
        changing(request)
        drawn = LearnWish(
            network=NETWORK, recorder=bytes(16), camera=bytes.fromhex(camera),
            stream=bytes.fromhex(cameras[camera].streams[-1].stream), view=wish.view, condition=wish.condition,
            withhold=wish.withhold, pictures=wish.pictures or 120, least_us=wish.least_us or 600_000_000,
            made_us=round(time.time() * 1e6),
        )  # fmt: skip
        return wire.Draft(body=drawn.body())

    @app.post("/api/v1/cameras/{camera}/learning", operation_id="learn_background", status_code=202)
    def learn(request: Request, camera: str, given: wire.SignedStatement) -> wire.LearningBegun:
        changing(request)
        signed = Signed.from_json(given.statement)
        signer(signed)
        _, wish = parse_wish(canon(signed.to_json()))
        state.learning[camera] = (time.time(), wish.pictures)
        return wire.LearningBegun(wanted=wish.pictures)


def _check(one: wire.Background, given: wire.SignedStatement, signer: Callable[[Signed], str]) -> str:
    """The signer of a statement that says of the background what the queue says."""
    signed = Signed.from_json(given.statement)
    body = signed.body
    if signed.type != BACKGROUND_TYPE or unb64u(body["background"]).hex() != one.background:
        raise HTTPException(422, "statement: is not about this background")
    same = ("condition", "doubt_permille", "revision", "view", "withheld_permille")
    if any(body[name] != getattr(one, name) for name in same):
        raise HTTPException(422, "statement: says of the background what its recorder does not say")
    return signer(signed)


def _candidates(cameras: list[wire.Camera]) -> list[wire.Background]:
    found = []
    for number in range(min(CANDIDATES, len(cameras))):
        camera = cameras[number]
        found.append(
            wire.Background(
                background=f"{number * 7919 % 65536:04x}" + camera.id + "00" * 14,
                camera=camera.id,
                camera_name=camera.name,
                stream=camera.streams[-1].stream,
                view=camera.views[0].name if camera.views else "home",
                condition=("day", "night", "infra-red")[number % 3],
                state="candidate",
                doubt_permille=number * 37 % 610,
                alarms=number % 5,
                withheld_permille=number * 53 % 300,
                exposure_permille=number * 11 % 90,
                sharpness_permille=400 + number * 17 % 500,
                pictures=120,
                made_us=1_795_600_000_000_000 + number * 60_000_000,
                revision=1,
                proposed_by=None,
                withdrawing=False,
            )
        )
    return found
