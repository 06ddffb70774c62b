"""Enrolling over the web, before the network has started: what is taken, and what is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import custodes.custody.client_folder as client_folder
from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.exchange.http import HttpOffice
from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.clock import SystemClock
from custodes.base.errors import CustodesError, InvalidError, NotFoundError, RefusedError, UnverifiedError
from custodes.base.keys import SigningKey, sign_body
from custodes.cli.options import periods_of
from custodes.custody.roster import network_id, sign_genesis
from custodes.deploy.embedded import check_signed, found
from custodes.deploy.enlisting import read_genesis, waiting_parcels
from custodes.deploy.enrolment import enroll, enroll_at
from custodes.deploy.founding import Founding, found_network
from custodes.deploy.founding_desk import ENROLMENT_FORMAT, KEY_CERT_TYPE
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.running import serving

pytestmark = pytest.mark.integration

PASSPHRASE = "for tests alone"
NAMES = ("Court", "Ombudsman", "Privacy")
DAY_US = 86_400_000_000


def agree(_: Any) -> None:
    return


@pytest.fixture
def custodians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CustodianFolder]]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    made = [
        CustodianFolder.create(tmp_path / name, PASSPHRASE, name, SystemClock().utc_us(), 7 * DAY_US)
        for name in NAMES
    ]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def town(tmp_path: Path, custodians: list[CustodianFolder]) -> NetworkFolder:
    founding = Founding(
        name="Town", quorum=2, cards=tuple(one.path / "card.json" for one in custodians), origin=None,
        staff=(("admin", "administrator"), ("super", "supervisor"), ("inv", "investigator")), witnesses={},
        witnesses_needed=0, periods=periods_of(None), http_port=0,
    )  # fmt: skip
    found_network(tmp_path / "town", founding, SystemClock())
    return NetworkFolder(tmp_path / "town")


@asynccontextmanager
async def founded(town: NetworkFolder) -> AsyncIterator[tuple[str, list[str], asyncio.Task[bool]]]:
    """The desk at work; its address, who was missing, and the task."""
    ready: asyncio.Future[tuple[str, list[str]]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(found(town, lambda url, missing: ready.set_result((url, missing))))
    async with asyncio.timeout(60):
        url, missing = await ready
    try:
        yield url, missing, task
    finally:
        task.cancel()
        await asyncio.wait({task})


def enrolment(town: NetworkFolder, custodian: CustodianFolder, index: int) -> dict[str, Any]:
    """What a good client sends."""
    body = read_genesis(town).body
    signature = sign_genesis(body, custodian.identity)
    certs = [
        sign_body(KEY_CERT_TYPE, key.cert_body(network_id(body), index), custodian.identity)
        for key in custodian.card.keys
    ]
    return {
        "card": custodian.card_signed.to_json(),
        "certs": [cert.to_json() for cert in certs],
        "format": ENROLMENT_FORMAT,
        "signatures": [{"key": b64u(signature.key), "signature": b64u(signature.signature)}],
    }


async def test_all_sign_from_elsewhere_and_the_desk_closes(
    town: NetworkFolder, custodians: list[CustodianFolder], tmp_path: Path
) -> None:
    shown: list[Any] = []
    async with founded(town) as (url, missing, task):
        assert missing == list(NAMES)
        with pytest.raises(InvalidError, match="not signed by Court, Ombudsman, Privacy"):
            check_signed(town)
        assert await asyncio.to_thread(enroll_at, url, custodians[1], shown.append) == (
            2,
            ["Court", "Privacy"],
        )
        # The same again changes nothing; another may come by the folder.
        assert await asyncio.to_thread(enroll_at, url, custodians[1], agree) == (2, ["Court", "Privacy"])
        enroll(town.root, custodians[0], agree)
        assert await asyncio.to_thread(enroll_at, url, custodians[2], agree) == (3, [])
        async with asyncio.timeout(30):
            assert await task
    network = read_settings(town).network
    assert network_id(shown[0]) == network
    assert {one.network for one in custodians} == {network}
    check_signed(town)
    genesis = read_genesis(town)
    assert len(genesis.signatures) == 4
    # Exactly what enrolling by the folder leaves: five certificates each, and the recorder.
    names = [path.name for path, _ in waiting_parcels(town)]
    assert len(names) == 16
    assert await found(town, lambda url, missing: None), "nothing is left to do"


async def test_who_does_not_agree_signs_nothing(
    town: NetworkFolder, custodians: list[CustodianFolder]
) -> None:
    def refuse(_: Any) -> None:
        raise RefusedError("not signed")

    async with founded(town) as (url, _, _task):
        with pytest.raises(RefusedError):
            await asyncio.to_thread(enroll_at, url, custodians[0], refuse)
    assert len(read_genesis(town).signatures) == 1
    with pytest.raises(NotFoundError, match="enrolled in no network"):
        _ = custodians[0].network


async def test_a_card_that_was_altered_is_not_signed(
    town: NetworkFolder, custodians: list[CustodianFolder]
) -> None:
    genesis = json.loads(town.genesis_file.read_bytes())
    genesis["body"]["custodians"][0]["name"] = "Count"
    town.genesis_file.write_bytes(canon(genesis))
    async with founded(town) as (url, _, _task):
        with pytest.raises(UnverifiedError, match="not those of its card"):
            await asyncio.to_thread(enroll_at, url, custodians[0], agree)
    with pytest.raises(NotFoundError, match="enrolled in no network"):
        _ = custodians[0].network


async def test_what_is_not_a_custodians_own_is_not_taken(
    town: NetworkFolder, custodians: list[CustodianFolder], tmp_path: Path
) -> None:
    before = town.genesis_file.read_bytes()
    good = enrolment(town, custodians[0], 1)
    other = enrolment(town, custodians[1], 2)
    stranger = CustodianFolder.create(tmp_path / "x", PASSPHRASE, "Court", SystemClock().utc_us(), 7 * DAY_US)
    body = read_genesis(town).body
    late = {**custodians[0].card.keys[0].cert_body(network_id(body), 1), "destroy_after_us": 1 << 50}
    own = custodians[0].identity
    false: list[tuple[Any, type[CustodesError]]] = [
        ({**good, "signatures": other["signatures"]}, UnverifiedError),
        ({**good, "signatures": []}, UnverifiedError),
        (
            {
                **good,
                "signatures": [{**good["signatures"][0], "signature": other["signatures"][0]["signature"]}],
            },
            UnverifiedError,
        ),
        ({**good, "certs": other["certs"]}, InvalidError),
        ({**good, "certs": good["certs"][:4]}, InvalidError),
        (
            {**good, "certs": [sign_body(KEY_CERT_TYPE, late, own).to_json(), *good["certs"][1:]]},
            InvalidError,
        ),
        (
            {
                **good,
                "certs": [
                    sign_body(KEY_CERT_TYPE, good["certs"][0]["body"], SigningKey.generate()).to_json(),
                    *good["certs"][1:],
                ],
            },
            UnverifiedError,
        ),
        ({**good, "card": {**good["card"], "signatures": other["card"]["signatures"]}}, UnverifiedError),
        (enrolment(town, stranger, 1), UnverifiedError),
        ({**good, "format": "custodes/enrolment/v2"}, InvalidError),
        ({**good, "more": 1}, InvalidError),
        ([], InvalidError),
    ]
    async with founded(town) as (url, _, task):
        office = HttpOffice(url)
        for document, kind in false:
            with pytest.raises(kind):
                await office.ask("founding", "sign", canon(document))
        with pytest.raises(InvalidError):
            await office.ask("founding", "sign", b"{")
        for service, subject in (("keeper", "submit"), ("founding", "other")):
            with pytest.raises(NotFoundError):
                await office.ask(service, subject, b"")
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            for path in ("/", "/api/status", "/log/checkpoint", "/store/genesis.json", "/genesis.json"):
                assert (await client.get(path)).status_code == 404
        assert not task.done()
        assert town.genesis_file.read_bytes() == before
        assert [path.name for path, _ in waiting_parcels(town)] == ["recorder.json"]
        answer = parse_canon(await office.ask("founding", "sign", canon(good)))
        assert answer == {"missing": ["Ombudsman", "Privacy"]}
    stranger.close()


async def test_a_running_network_is_not_founded_again(town: NetworkFolder) -> None:
    with serving(town), pytest.raises(CustodesError, match="runs already"):
        await found(town, lambda url, missing: None)
