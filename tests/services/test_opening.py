"""Opening, whole and refused: what each party does when the other lies, errs or is late."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from casework.network import CaseNetwork, LocalOffice

import custodes.custody.client_folder as client_folder
import custodes_verify.main
from custodes.base.canon import b64u, canon, unb64u
from custodes.base.clock import MINUTE_US
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnverifiedError,
)
from custodes.base.keys import sign_body
from custodes.base.sealing import SealingKey
from custodes.cases.bundle import package_path
from custodes.cases.decision import DECISION_TYPE
from custodes.cases.scope import scope_of
from custodes.ledger.tiles import CHECKPOINT_PATH
from custodes.media.mp4.read import read_movie, read_samples
from custodes.services.custodian import CustodianClient
from custodes.services.evidence import unpack_package
from custodes.services.parcels import Parcel, submit

RECIPIENT = SealingKey(bytes(range(32)))


@pytest_asyncio.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    yield network
    network.close()


async def _grant(town: CaseNetwork, number: int, request: bytes, slots: int | None = None) -> None:
    client = town.client(number)
    shown = await client.request(request)
    granted = shown.file.whole if slots is None else scope_of(list(shown.file.whole)[:slots])
    await client.decide(request, granted, "needed")


# --- the whole way -------------------------------------------------------------------------------------------


async def test_part_of_a_request_is_opened_and_verified(town: CaseNetwork, tmp_path: Path) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request, slots=2)
    await _grant(town, 3, request)
    assert await town.client(3).release(request) == 2
    assert await town.client(1).release(request) == 2
    await town.disclose(request)
    case = (await town.client(1).request(request)).case
    sealed = town.keeper.fetching._store.get(package_path(case, request))
    out = tmp_path / "evidence"
    names = unpack_package(sealed, RECIPIENT, town.id, request, out)
    videos = [name for name in names if name.startswith("video/")]
    with (out / videos[0]).open("rb") as file:
        samples = list(read_samples(file, read_movie(file)))
    assert samples == [unit for slot in town.units[:2] for unit in slot]
    assert sum(name.startswith("envelopes/") for name in names) == 2
    assert (
        custodes_verify.main.main([str(town.folder.store), "--network", town.id.hex(), "--package", str(out)])
        == 0
    )
    with pytest.raises(NotFoundError):
        town.discloser.drafts.opening_key(request)


async def test_the_discloser_goes_on_after_a_crash_and_the_package_stays_the_same(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    for number in (1, 2):
        await _grant(town, number, request)
    for number in (1, 2):
        await town.client(number).release(request)
    file = town.discloser.drafts.read(request).file
    opening = town.discloser.drafts.opening_key(request)
    await town.discloser.desks()["status"](request)
    from custodes.services.discloser.opening import CaseOpening

    work = CaseOpening(town.discloser.view, town.discloser.store, file, town.discloser.sealing, opening)
    body = town.discloser._write_package(work, file)
    first = town.discloser.store.get(package_path(file.case, request))
    town.start_discloser()  # before the Disclosure was entered
    await town.disclose(request)
    assert town.discloser.store.get(package_path(file.case, request)) == first
    assert unb64u(body["package"]) == hashlib.sha256(first).digest()
    town.start_discloser()  # after it
    await town.disclose(request)
    assert town.discloser.view.state.request(request).disclosed


# --- too few, too late, the wrong ones -----------------------------------------------------------------------


async def test_one_custodian_alone_releases_nothing(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request)
    with pytest.raises(RefusedError, match="1 granting decisions of 2"):
        await town.client(1).release(request)
    with pytest.raises(RefusedError, match="1 granting decisions of 2"):
        await town.client(2).release(request)
    await town.disclose(request)
    assert not town.discloser.view.state.request(request).disclosed


async def test_a_second_different_decision_is_refused_on_the_own_device(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request)
    with pytest.raises(RefusedError, match="another decision"):
        await town.client(1).decide(request, None, "changed my mind")


async def test_a_decision_by_another_key_is_refused_by_the_ledger(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request)
    entry = town.keeper.sequencer.state.request(request).decisions[town.custodians[0].identity.public]
    body = dict(await _signed_body(town, entry.index))
    body["custodian"] = 2
    forged = sign_body(DECISION_TYPE, body, town.custodians[0].identity)
    with pytest.raises(CustodesError, match="signature"):
        await submit(LocalOffice(town), Parcel(forged))


async def test_an_expired_request_is_decided_by_nobody(town: CaseNetwork) -> None:
    draft = await town.draft(RECIPIENT, expires_in_us=2 * MINUTE_US)
    await town.sign(draft, "inv")
    await town.sign(draft, "super")
    town.clock.offset_us = 3 * MINUTE_US
    with pytest.raises(RefusedError, match="expired"):
        await town.client(1).decide(draft.file.hash, None, "late")


async def test_a_slot_outside_the_request_cannot_be_granted(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    shown = await town.client(1).request(request)
    outside = scope_of(slot._replace(slot=3) for slot in list(shown.file.whole)[:1])
    with pytest.raises(UnverifiedError, match="not asked for"):
        await town.client(1).decide(request, outside, "too much")


async def test_shares_are_taken_out_three_times_at_most(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request)
    await _grant(town, 2, request)
    client = town.client(1)
    view, index = await client._view()
    _, file = await client._file(view, view.state.request(request))
    for _ in range(2):
        await client._fetch(view, index, file)
    with pytest.raises(RefusedError, match="unwrap-thrice"):
        await client._fetch(view, index, file)


# --- staff ---------------------------------------------------------------------------------------------------


async def test_a_request_needs_two_people_of_two_roles(town: CaseNetwork) -> None:
    draft = await town.draft(RECIPIENT, who="super")
    assert "waiting" in await town.sign(draft, "super")
    assert "waiting" in await town.sign(draft, "super2")
    assert "index" in await town.sign(draft, "inv")


async def test_only_staff_asks_for_cases_or_reads_them(town: CaseNetwork) -> None:
    draft = await town.draft(RECIPIENT)
    assert (
        await town.discloser.desks()["view"](town.view_question("super", draft.file.hash))
    ) == draft.encode()
    stranger = town.custodians[0].identity
    body = {"made_us": town.clock.utc_us(), "network": b64u(town.id), "request": b64u(draft.file.hash)}
    with pytest.raises(RefusedError, match="no member of staff"):
        await town.discloser.desks()["view"](
            canon(sign_body("custodes/case-view/v1", body, stranger).to_json())
        )
    old = town.view_question("super", draft.file.hash)
    town.clock.offset_us = 6 * MINUTE_US
    with pytest.raises(RefusedError, match="5 minutes"):
        await town.discloser.desks()["view"](old)
    with pytest.raises(InvalidError):
        await town.discloser.desks()["view"](draft.file.hash)


# --- a lying server ------------------------------------------------------------------------------------------


def _lying(town: CaseNetwork, lies: dict[str, bytes]) -> CustodianClient:
    read = town.keeper.fetching._store.get
    return CustodianClient(
        town.custodians[0], LocalOffice(town), lambda path: lies.get(path) or read(path), town.clock
    )


async def test_an_old_checkpoint_is_seen(town: CaseNetwork) -> None:
    old = town.keeper.fetching._store.get(CHECKPOINT_PATH)
    request = await town.ask(RECIPIENT)
    await town.client(1).request(request)
    with pytest.raises(UnverifiedError, match="were seen before"):
        await _lying(town, {CHECKPOINT_PATH: old}).request(request)


async def test_a_checkpoint_that_is_not_fresh_is_refused(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    town.clock.offset_us = 11 * MINUTE_US
    with pytest.raises(UnverifiedError, match="fresh"):
        await town.client(1).request(request)
    town.clock.offset_us = -6 * MINUTE_US
    with pytest.raises(UnverifiedError, match="5 minutes behind"):
        await town.client(1).request(request)


async def test_another_networks_log_is_refused(
    town: CaseNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = CaseNetwork(tmp_path / "other")
    (tmp_path / "other").mkdir()
    await other.found()
    try:
        client = CustodianClient(
            town.custodians[0], LocalOffice(town), other.keeper.fetching._store.get, town.clock
        )
        with pytest.raises(UnverifiedError, match="not that of the pinned network"):
            await client.requests()
    finally:
        other.close()


async def test_an_altered_case_is_refused(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    case = (await town.client(1).request(request)).case
    store = town.keeper.fetching._store
    paths = [path for path in store.list(f"cases/{case.hex()}/{request.hex()}") if "/file." in path]
    altered = {path: store.get(path)[:-1] + bytes([store.get(path)[-1] ^ 1]) for path in paths}
    with pytest.raises(UnverifiedError):
        await _lying(town, altered).request(request)


async def test_a_case_with_the_servers_own_one_time_key_is_another_request(town: CaseNetwork) -> None:
    from dataclasses import replace

    from custodes.base.sealing import PublicSealingKey
    from custodes.cases.bundle import file_path, seal_file

    request = await town.ask(RECIPIENT)
    shown = await town.client(1).request(request)
    forged = replace(shown.file, opening_key=SealingKey.generate().public)
    key = PublicSealingKey(town.custodians[0].sealing_key(town.custodians[0].live_keys()[0]).public)
    live = [
        PublicSealingKey(town.custodians[0].sealing_key(id_).public) for id_ in town.custodians[0].live_keys()
    ]
    lies = {file_path(shown.case, request, one.id): seal_file(forged, (), one) for one in live}
    assert key.id in {one.id for one in live}
    with pytest.raises(UnverifiedError):
        await _lying(town, lies).request(request)


@pytest.mark.parametrize("kind", ["garbage", "cut", "of another epoch"])
async def test_a_false_answer_to_a_fetch_is_refused(town: CaseNetwork, kind: str) -> None:
    request = await town.ask(RECIPIENT)
    client = town.client(1)
    shown = await client.request(request)
    assert isinstance(client.office, LocalOffice)

    def change(question: bytes, answer: bytes) -> bytes:
        return {"garbage": bytes(len(answer)), "cut": answer[:-5], "of another epoch": answer[::-1]}[kind]

    client.office.tampered["keeper", "fetch"] = change
    with pytest.raises(UnverifiedError):
        await client.decide(request, shown.file.whole, "needed")
    assert not town.keeper.sequencer.state.request(request).decisions


async def test_a_lost_answer_is_followed_by_the_same_bytes(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    client = town.client(1)
    shown = await client.request(request)

    def lose(question: bytes, answer: bytes) -> bytes:
        raise NotFoundError("the answer was lost")

    assert isinstance(client.office, LocalOffice)
    client.office.tampered["keeper", "submit"] = lose
    with pytest.raises(NotFoundError):
        await client.decide(request, shown.file.whole, "needed")
    del client.office.tampered["keeper", "submit"]
    await client._send_again(request, "decision")
    assert len(town.keeper.sequencer.state.request(request).decisions) == 1


# --- what comes with statements ------------------------------------------------------------------------------


async def test_attachments_lie_in_their_own_case_alone(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    await _grant(town, 1, request)
    entry = town.keeper.sequencer.state.request(request).decisions[town.custodians[0].identity.public]
    body = await _signed_body(town, entry.index)
    statement = sign_body(DECISION_TYPE, body, town.custodians[0].identity)
    other = "0" * 64
    for path in (
        f"cases/{'a' * 32}/{request.hex()}/../../log/checkpoint",
        "log/checkpoint",
        f"cases/{'a' * 32}/{other}/opening.1.{'b' * 32}",
        f"cases/{'a' * 32}/{request.hex()}/release.1",
    ):
        with pytest.raises((InvalidError, RefusedError)):
            await submit(LocalOffice(town), Parcel(statement, {path: b"x"}))


async def test_a_release_comes_with_the_set_that_it_names(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    for number in (1, 2):
        await _grant(town, number, request)
    client = town.client(1)
    case = (await client.request(request)).case
    body = {
        "count": 3, "custodian": 1, "decisions": b64u(bytes(32)), "network": b64u(town.id),
        "request": b64u(request), "set": b64u(hashlib.sha256(b"right").digest()),
    }  # fmt: skip
    statement = sign_body("custodes/entry/release/v1", body, town.custodians[0].identity)
    path = f"cases/{case.hex()}/{request.hex()}/release.1"
    with pytest.raises(RefusedError, match="set that it names"):
        await submit(client.office, Parcel(statement, {path: b"wrong"}))
    with pytest.raises(RefusedError, match="release-decisions"):
        await submit(client.office, Parcel(statement, {path: b"right"}))


async def _signed_body(town: CaseNetwork, index: int) -> dict[str, object]:
    from custodes.ledger.entries.wrapper import parse_entry

    client = town.client(1)
    view, _ = await client._view()
    return dict(parse_entry(view.entries[index]).statement.signed.body)
