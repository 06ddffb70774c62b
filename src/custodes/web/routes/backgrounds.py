"""Backgrounds: what was learnt, its picture, and the two signatures by which one is committed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from custodes.base.canon import canon
from custodes.base.clock import MINUTE_US, Clock
from custodes.base.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from custodes.base.ids import HASH_BYTES, parse_hex
from custodes.base.keys import Signed
from custodes.estate.model import Camera
from custodes.estate.rights import Action
from custodes.services.backgrounds import LearnWish, parse_wish
from custodes.services.committing import BackgroundDesk, QueuedBackground
from custodes.services.office import Office
from custodes.services.parcels import Parcel, submit
from custodes.web import wire
from custodes.web.png import png_of_bgr
from custodes.web.problems import PROBLEMS
from custodes.web.states import CameraStates
from custodes.web.visitors import Door, Visitor

LEARN_PICTURES = 120
LEARN_US = 10 * MINUTE_US
MAX_STATEMENT_BYTES = 8192
_LOG = structlog.get_logger("web")
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


def background_routes(
    door: Door, desk: BackgroundDesk, states: CameraStates, office: Office, network: bytes, clock: Clock
) -> APIRouter:
    """GET /backgrounds and /backgrounds/{background}/picture; POST proposal, approval, refusal; learning."""
    router = APIRouter(tags=["backgrounds"], responses=PROBLEMS)
    commit = door.guarded(Action.BACKGROUNDS)

    @router.get("/backgrounds", operation_id="list_backgrounds")
    def list_backgrounds(visitor: Visitor = Depends(commit)) -> wire.Backgrounds:
        """What recorders have learnt, most doubted first, and what they are learning."""
        cameras = {camera.id: camera for camera in visitor.cameras(Action.BACKGROUNDS)}
        queued = [one for one in desk.queue() if one.learnt.camera in cameras]
        return wire.Backgrounds(
            items=[_told(one, cameras[one.learnt.camera]) for one in queued],
            learning=[
                wire.Learning(camera=camera.id.hex(), pictures=at.pictures, wanted=at.wanted, outcome=outcome)
                for camera in cameras.values()
                for at, outcome in states.learning(camera)
            ],
        )

    @router.get(
        "/backgrounds/{background}/picture",
        operation_id="read_background_picture",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    def read_picture(background: Hash, visitor: Visitor = Depends(commit)) -> Response:
        """The background's picture, what is withheld flat in it."""
        file = desk.file(_find(desk, visitor, background).learnt)
        headers = {"cache-control": "private, no-store"}
        png = png_of_bgr(file.width, file.height, file.picture)
        return Response(png, media_type="image/png", headers=headers)

    @router.post("/backgrounds/{background}/proposal", operation_id="propose_background", status_code=204)
    def propose(background: Hash, body: wire.SignedStatement, visitor: Visitor = Depends(commit)) -> Response:
        """Propose a background, or that a committed one be withdrawn, by the first of two signatures."""
        queued = _find(desk, visitor, background)
        desk.propose(queued.learnt.background, _signed(body))
        return Response(status_code=204)

    @router.post("/backgrounds/{background}/approval", operation_id="approve_background")
    async def approve(
        background: Hash, body: wire.SignedStatement, visitor: Visitor = Depends(commit)
    ) -> wire.Entered:
        """Join another person's signature to the proposal and enter it in the ledger."""
        queued = await asyncio.to_thread(_find, desk, visitor, background)
        hash_ = queued.learnt.background
        joined = await asyncio.to_thread(desk.approve, hash_, _signed(body))
        index = await submit(office, Parcel(joined))
        await asyncio.to_thread(desk.entered, hash_)
        _LOG.info("background entered", entry=index)
        return wire.Entered(entry=index)

    @router.post("/backgrounds/{background}/refusal", operation_id="refuse_background", status_code=204)
    def refuse(background: Hash, visitor: Visitor = Depends(commit)) -> Response:
        """Say that a background is not to be committed."""
        queued = _find(desk, visitor, background)
        desk.refuse(queued.learnt.background, visitor.user.name)
        return Response(status_code=204)

    @router.post("/cameras/{camera}/learning/draft", operation_id="draft_learning")
    def draft(camera: str, wish: wire.LearningWish, visitor: Visitor = Depends(commit)) -> wire.Draft:
        """What is to be signed so that the camera's recorder learns."""
        found = visitor.camera(camera, Action.BACKGROUNDS)
        if wish.view not in found.view_names:
            raise InvalidError(f"view: one of {', '.join(found.view_names)}")
        stream, recorder = _veiled(found, states)
        drawn = LearnWish(
            network=network,
            recorder=recorder,
            camera=found.id,
            stream=stream,
            view=wish.view,
            condition=wish.condition,
            withhold=wish.withhold,
            pictures=wish.pictures or LEARN_PICTURES,
            least_us=LEARN_US if wish.least_us is None else wish.least_us,
            made_us=clock.utc_us(),
        )
        return wire.Draft(body=drawn.body())

    @router.post("/cameras/{camera}/learning", operation_id="learn_background", status_code=202)
    async def learn(
        camera: str, body: wire.SignedStatement, visitor: Visitor = Depends(commit)
    ) -> wire.LearningBegun:
        """Pass a signed wish on to the camera's recorder, which checks it."""
        found = visitor.camera(camera, Action.BACKGROUNDS)
        data = canon(_signed(body).to_json())
        _, wish = parse_wish(data)
        if wish.camera != found.id:
            raise ConflictError("the wish is about another camera")
        await office.ask("recorder", "learn", data)
        return wire.LearningBegun(wanted=wish.pictures)

    return router


def _find(desk: BackgroundDesk, visitor: Visitor, background: str) -> QueuedBackground:
    """A background of a camera that the visitor commits for. Errors: NotFoundError, for either alike."""
    try:
        queued = desk.find(parse_hex(background, HASH_BYTES))
        visitor.camera(queued.learnt.camera.hex(), Action.BACKGROUNDS)
    except NotFoundError as error:
        raise NotFoundError("there is no such background") from error
    return queued


def _veiled(camera: Camera, states: CameraStates) -> tuple[bytes, bytes]:
    """The stream that the camera's view is made of, and its recorder. Errors: UnavailableError."""
    for stream in sorted(camera.streams, key=lambda one: one.kind != "sub"):
        recorder = states.recorder_of(stream.id)
        if recorder:
            return stream.id, parse_hex(recorder)
    raise UnavailableError("no recorder that is heard of has this camera")


def _signed(body: wire.SignedStatement) -> Signed:
    value: Any = body.statement
    if len(canon(value)) > MAX_STATEMENT_BYTES:
        raise InvalidError(f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
    return Signed.from_json(value)


def _told(queued: QueuedBackground, camera: Camera) -> wire.Background:
    learnt = queued.learnt
    return wire.Background(
        background=learnt.background.hex(),
        camera=camera.id.hex(),
        camera_name=camera.name,
        stream=learnt.stream.hex(),
        view=learnt.view,
        condition=learnt.condition,
        state=queued.state,  # type: ignore[arg-type]
        doubt_permille=learnt.doubt_permille,
        alarms=learnt.alarms,
        withheld_permille=learnt.withheld_permille,
        exposure_permille=learnt.exposure_permille,
        sharpness_permille=learnt.sharpness_permille,
        pictures=learnt.pictures,
        made_us=learnt.made_us,
        revision=queued.revision,
        proposed_by=queued.proposed_by,
        withdrawing=queued.withdrawing,
    )
