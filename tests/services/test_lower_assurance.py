"""A stream over HTTP, from the wire to the verifier: everybody on the way is told what it is worth."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from casework.network import CAMERA, CaseNetwork
from streaming.live import live_server, make_clip

import custodes.custody.client_folder as client_folder
import custodes_verify.main
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import HOUR_US, SECOND_US
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import Signed, sign_body
from custodes.base.sealing import SealingKey
from custodes.cases.bundle import package_path
from custodes.cases.scope import scope_of
from custodes.cli.custodian import request_in_words
from custodes.deploy.enlisting import CameraWish, camera_parcel
from custodes.deploy.layout import read_settings
from custodes.media.mp4.read import read_movie, read_samples
from custodes.services.evidence import unpack_package
from custodes.services.keeper.cameras import ATTACHMENT, CameraEffects
from custodes.services.keeper.health import keeper_document
from custodes.services.ledger_view import LedgerView
from custodes.services.parcels import Parcel, parcel_bytes
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.scoping import scope_of_time
from custodes.services.settings import ASSIGNMENT_TYPE, check_settings

pytestmark = pytest.mark.integration

RECIPIENT = SealingKey(bytes(range(32)))
PERIODS = "slot=2s,slots=4,reel=4s"


async def _until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)
    assert condition(), what


def _view(town: CaseNetwork) -> LedgerView:
    view = LedgerView(town.id, town.keeper.fetching._store.get)
    view.refresh()
    return view


async def _record(town: CaseNetwork) -> None:
    """Record until an epoch has been closed and accounted for, then stop and deliver what is left."""
    process = town.recorder()
    task = asyncio.create_task(process.run())
    await _until(lambda: process.service and process.service.recordings, "a recording")
    assert process.service is not None
    (recording,) = process.service.recordings.values()
    await _until(lambda: recording.stream.counts.access_units > 250, "ten seconds")
    task.cancel()
    await asyncio.wait({task})
    # The next start tells what the last one could not.
    again = asyncio.create_task(town.recorder().run())
    await _until(
        lambda: any((r.run or 0) > 1 for r in _view(town).state.facts.recorders.values()), "the restart"
    )
    again.cancel()
    await asyncio.wait({again})


async def test_a_lower_stream_from_the_wire_to_the_verifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    make_clip()
    with live_server() as live:
        town = CaseNetwork(tmp_path, main=live.url("live"), periods=PERIODS)
        await town.begin()
        await _record(town)

    view = _view(town)
    (camera,) = view.state.facts.cameras.values()
    (stream,) = camera.described.streams
    assert stream.assurance == "lower"
    first = min(view.state.epochs_of(stream.id, 0, 1 << 62), key=lambda epoch: epoch.utc0_us)
    from_us = first.utc0_us + 1
    found = scope_of_time(view, CAMERA, "main", from_us, from_us + 4 * SECOND_US)
    # Of the first epoch alone: a later one may be of another connection, which plays the clip from its beginning.
    scope = scope_of(slot for slot in found.scope if slot.epoch == first.id)
    shown = {
        "camera": CAMERA,
        "from_us": found.from_us,
        "stream": b64u(found.stream),
        "to_us": found.to_us,
    }
    town.epoch = first.id
    draft = await town.draft(RECIPIENT, scope=scope.to_json(), shown=[shown])
    await town.sign(draft, "inv")
    assert "index" in await town.sign(draft, "super")
    request = draft.file.hash

    for number in (1, 2):
        client = town.client(number)
        asked = await client.request(request)
        assert asked.lower == {stream.id}
        words = "\n".join(request_in_words(asked))
        assert f"{CAMERA}: lower assurance: not received over RTSP" in words
        await client.decide(request, asked.file.whole, "needed")
    for number in (1, 2):
        assert await town.client(number).release(request) == scope.count
    await town.disclose(request)

    out = tmp_path / "evidence"
    sealed = town.keeper.fetching._store.get(package_path(draft.file.case, request))
    names = unpack_package(sealed, RECIPIENT, town.id, request, out)
    videos = [name for name in names if name.startswith("video/")]
    assert videos
    assert all(name.endswith("-lower-assurance.mp4") for name in videos)
    samples: list[bytes] = []
    for name in sorted(videos):
        with (out / name).open("rb") as file:
            samples += read_samples(file, read_movie(file))
    pictures = make_clip().pictures
    hashes = [hashlib.sha256(sample).digest() for sample in samples]
    at = pictures.index(hashes[0])
    assert len(hashes) > 40
    assert hashes == list(pictures[at : at + len(hashes)])

    arguments = [str(town.folder.store), "--network", town.id.hex(), "--package", str(out)]
    capsys.readouterr()
    assert custodes_verify.main.main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    claims = {claim["by"]: claim["what"] for claim in report["claimed"] if "LOWER" in claim["what"]}
    assert claims.keys() == {"the recorder", "administrators"}
    assert claims["the recorder"].startswith(
        f"LOWER ASSURANCE of {CAMERA} ({stream.id.hex()[:8]}): not received"
    )
    assert custodes_verify.main.main(["--network", town.id.hex(), "--package", str(out)]) == 0
    assert f"LOWER ASSURANCE of {CAMERA}" in capsys.readouterr().out

    # A name that hides it is found.
    listing = json.loads((out / "package.json").read_bytes())
    for video in listing["videos"]:
        plain = video["name"].replace("-lower-assurance", "")
        (out / video["name"]).rename(out / plain)
        video["name"] = plain
    (out / "package.json").write_bytes(canon(listing))
    assert custodes_verify.main.main([*arguments, "--json"]) == 1
    found_rules = {finding["rule"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert "video" in found_rules

    assert view.note is not None
    document = parse_canon(keeper_document(view.state, view.note, [], 0))
    assert document["cameras"][0]["streams"][0]["assurance"] == "lower"
    town.close()


async def test_an_address_of_another_assurance_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    town = CaseNetwork(tmp_path)
    await town.begin()
    settings = read_settings(town.folder)
    sealing = read_sealing_key(town.folder.recorder(settings.recorder) / "sealing")
    assignments = town.keeper.settings._assignments
    (assigned,) = assignments.all()

    async def check() -> RecorderSettings:
        document = await town.keeper.settings.make(settings.recorder)
        return check_settings(document, settings.network, settings.recorder, sealing, {})

    assert (await check()).assignments[0].assurance == "full"
    with assignments._database.writing() as connection:
        assignments.assign(connection, replace(assigned, url="http://192.0.2.1/main"))
    with pytest.raises(UnverifiedError, match="gives lower assurance where the register says full"):
        await check()

    key = read_signing_key(town.folder.staff_key("admin"))
    wish = CameraWish(
        name="Quay", site="quay", purpose="safety", legal_basis="act", responsible_body="town",
        review_date=datetime.now(UTC).date() + timedelta(days=90), retention_us=24 * HOUR_US, justification="",
        streams={"main": "rtmp://192.0.2.2/live/{password}"}, transport="tcp", username="", priority=5,
        password="canary",
    )  # fmt: skip
    _, parcel = camera_parcel(town.folder, settings, wish, key, town.clock.utc_us())
    assert parcel.statement.body["streams"][0]["assurance"] == "lower"
    assert b"canary" not in parcel_bytes(parcel)
    body = {**Signed.from_json(parse_canon(parcel.attachments[ATTACHMENT])).body}
    body["streams"] = [{**body["streams"][0], "url": "rtsp://192.0.2.2/live"}]
    false = canon(sign_body(ASSIGNMENT_TYPE, body, key).to_json())
    effects = CameraEffects(town.keeper.ledger, assignments._database, assignments, _nobody)
    with pytest.raises(InvalidError, match="gives full assurance where the register says lower"):
        await effects.assign(Parcel(parcel.statement, {ATTACHMENT: false}), 0)
    await effects.assign(parcel, 0)
    assert sum(one.url.startswith("rtmp:") for one in assignments.all()) == 1
    town.close()


async def _nobody(_: bytes) -> None:
    return
