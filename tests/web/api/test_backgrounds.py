"""Backgrounds over the API: the queue, the picture, two signatures, refusals, learning."""

import struct
import zlib
from typing import Any

import pytest
from town.people import digest, signing_key
from watching.candidates import background_file, lay_out, learnt
from watching.network import ConsoleNetwork, Visit

from custodes.base.canon import b64u, parse_canon
from custodes.base.errors import RefusedError
from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.estate.rights import Reach
from custodes.ledger.entries.builders import background_body
from custodes.services.backgrounds import LEARN_TYPE, LearntBackground, parse_wish
from custodes.services.committing import BACKGROUND_TYPE
from custodes.services.parcels import answers_bytes, parse_parcels

API = "/api/v1"


class TownOffice:
    """Enters what is submitted into the town's ledger, and keeps wishes to learn."""

    def __init__(self, net: ConsoleNetwork) -> None:
        self.net = net
        self.wishes: list[bytes] = []

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        if (service, subject) == ("recorder", "learn"):
            self.wishes.append(question)
            return b""
        answers: list[Any] = []
        for parcel in parse_parcels(question):
            try:
                answers.append(self.net.town.admit_signed(parcel.statement).index)
            except RefusedError as error:
                answers.append(error)
        self.net.follow()
        return answers_bytes(answers)


@pytest.fixture
def office(net: ConsoleNetwork) -> TownOffice:
    office = TownOffice(net)
    net.office.inner = office
    return office


def entry(net: ConsoleNetwork, found: LearntBackground, *keys: SigningKey, **changes: Any) -> dict[str, Any]:
    """The signed statement that commits a background."""
    body = background_body(
        net.town.network,
        found.camera,
        (found.stream, found.view, found.condition),
        found.background,
        1,
        found.doubt_permille,
        found.withheld_permille,
    )
    return {"statement": sign_body(BACKGROUND_TYPE, {**body, **changes}, *keys).to_json()}


async def items(visit: Visit) -> list[dict[str, Any]]:
    answer = await visit.ask("GET", f"{API}/backgrounds")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def act(visit: Visit, found: LearntBackground, name: str, body: dict[str, Any] | None = None) -> Any:
    return await visit.ask("POST", f"{API}/backgrounds/{found.background.hex()}/{name}", json=body)


async def signed_in(net: ConsoleNetwork, role: str = "supervisor") -> Visit:
    net.add_user(role, role)
    return await net.sign_in(role)


async def test_from_a_candidate_to_a_committed_background_and_its_withdrawal(
    net: ConsoleNetwork, office: TownOffice
) -> None:
    town = net.town
    visit = await signed_in(net)
    found = lay_out(town, net.keeper.store, background_file())
    (item,) = await items(visit)
    assert item == {
        "background": found.background.hex(),
        "camera": town.camera.hex(),
        "camera_name": "Market",
        "stream": town.stream.hex(),
        "view": "crossing",
        "condition": "day",
        "state": "candidate",
        "doubt_permille": 480,
        "alarms": 3,
        "withheld_permille": 390,
        "exposure_permille": 970,
        "sharpness_permille": 300,
        "pictures": 120,
        "made_us": found.made_us,
        "revision": 1,
        "proposed_by": None,
        "withdrawing": False,
    }
    first = entry(net, found, town.supervisor.key)
    assert (await act(visit, found, "approval", first)).status_code == 409
    assert (await act(visit, found, "proposal", first)).status_code == 204
    (item,) = await items(visit)
    assert (item["state"], item["proposed_by"]) == ("proposed", "super-1")
    # The same person's key again is no second person's.
    assert (await act(visit, found, "approval", first)).status_code == 403
    size = town.state.size
    answer = await act(visit, found, "approval", entry(net, found, town.administrator.key))
    assert (answer.status_code, answer.json()) == (200, {"entry": size})
    (item,) = await items(visit)
    assert (item["state"], item["proposed_by"], item["revision"]) == ("committed", None, 1)
    camera = (await visit.ask("GET", f"{API}/cameras/{town.camera.hex()}")).json()
    assert camera["backgrounds"] == [
        {
            "view": "crossing",
            "committed": [
                {
                    "condition": "day",
                    "background": found.background.hex(),
                    "entry": size,
                    "since_us": town.now_us,
                }
            ],
        }
    ]
    assert (await act(visit, found, "refusal")).status_code == 409
    end = {"background": "", "revision": 2, "doubt_permille": 0, "withheld_permille": 0}
    assert (
        await act(visit, found, "proposal", entry(net, found, town.administrator.key, **end))
    ).status_code == 204
    (item,) = await items(visit)
    assert (item["state"], item["withdrawing"]) == ("committed", True)
    answer = await act(visit, found, "approval", entry(net, found, town.supervisor.key, **end))
    assert answer.status_code == 200
    (item,) = await items(visit)
    assert (item["state"], item["revision"]) == ("candidate", 3)
    assert net.console.follower.commitments.of_camera(town.camera) == []


async def test_the_picture_is_the_file_as_png(net: ConsoleNetwork) -> None:
    visit = await signed_in(net)
    found = lay_out(net.town, net.keeper.store, background_file())
    answer = await visit.ask("GET", f"{API}/backgrounds/{found.background.hex()}/picture")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, no-store"
    png = answer.content
    assert struct.unpack(">II", png[16:24]) == (320, 180)
    at = png.index(b"IDAT")
    length = int.from_bytes(png[at - 4 : at], "big")
    rows = zlib.decompress(png[at + 4 : at + 4 + length])
    assert rows[:4] == bytes((0, 92, 91, 90)) and len(rows) == 180 * (1 + 3 * 320)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"revision": 2}, 409),
        ({"doubt_permille": 0}, 403),
        ({"withheld_permille": 0}, 403),
        ({"background": b64u(digest("another"))}, 403),
        ({"condition": "night"}, 403),
        ({"network": b64u(bytes(32))}, 403),
        ({"background": ""}, 409),
        ({"more": 1}, 422),
    ],
)
async def test_what_may_not_be_proposed(
    net: ConsoleNetwork, office: TownOffice, changes: dict[str, Any], status: int
) -> None:
    visit = await signed_in(net)
    found = lay_out(net.town, net.keeper.store, background_file())
    answer = await act(visit, found, "proposal", entry(net, found, net.town.supervisor.key, **changes))
    assert answer.status_code == status, answer.text
    (item,) = await items(visit)
    assert item["state"] == "candidate"


async def test_who_may_not_sign(net: ConsoleNetwork, office: TownOffice) -> None:
    visit = await signed_in(net)
    found = lay_out(net.town, net.keeper.store, background_file())
    town = net.town
    for keys in (
        [town.investigator.key],
        [signing_key("nobody")],
        [town.supervisor.key, town.administrator.key],
    ):
        answer = await act(visit, found, "proposal", entry(net, found, *keys))
        assert answer.status_code in (403, 422), answer.text
    forged = entry(net, found, town.supervisor.key)
    forged["statement"]["body"]["doubt_permille"] = 0
    assert (await act(visit, found, "proposal", forged)).status_code == 422
    assert (await items(visit))[0]["state"] == "candidate"


async def test_what_was_approved_must_be_what_was_proposed(net: ConsoleNetwork, office: TownOffice) -> None:
    visit = await signed_in(net)
    town = net.town
    found = lay_out(town, net.keeper.store, background_file())
    other = lay_out(town, net.keeper.store, background_file(shade=40))
    assert (await act(visit, found, "proposal", entry(net, found, town.supervisor.key))).status_code == 204
    answer = await act(visit, found, "approval", entry(net, other, town.administrator.key))
    assert answer.status_code == 403
    size = town.state.size
    answer = await act(visit, other, "approval", entry(net, other, town.administrator.key))
    assert answer.status_code == 409
    assert town.state.size == size


async def test_what_no_recorder_of_the_network_signed_is_not_there(net: ConsoleNetwork) -> None:
    visit = await signed_in(net)
    store, town = net.keeper.store, net.town
    painted = lay_out(town, store, background_file(shade=1), key=town.supervisor.key)
    lay_out(town, store, background_file(shade=2), network=bytes(32))
    lay_out(town, store, background_file(shade=3), recorder=bytes(16))
    assert await items(visit) == []
    assert (await act(visit, painted, "refusal")).status_code == 404


async def test_a_file_that_is_damaged_is_neither_shown_nor_proposed(net: ConsoleNetwork) -> None:
    visit = await signed_in(net)
    town, store = net.town, net.keeper.store
    found = learnt(town, background_file())
    path = f"backgrounds/{found.stream.hex()}/{found.background.hex()}"
    store.put(path, background_file(shade=91))
    store.put(f"{path}.json", found.sign(town.recorder.signing))
    picture = await visit.ask("GET", f"{API}/backgrounds/{found.background.hex()}/picture")
    assert picture.status_code >= 500
    assert (await act(visit, found, "proposal", entry(net, found, town.supervisor.key))).status_code >= 500
    assert (await items(visit))[0]["state"] == "candidate"


async def test_a_refusal_is_undone_by_a_proposal(net: ConsoleNetwork, office: TownOffice) -> None:
    visit = await signed_in(net)
    found = lay_out(net.town, net.keeper.store, background_file())
    assert (await act(visit, found, "refusal")).status_code == 204
    assert (await items(visit))[0]["state"] == "refused"
    assert (
        await act(visit, found, "proposal", entry(net, found, net.town.supervisor.key))
    ).status_code == 204
    assert (await items(visit))[0]["state"] == "proposed"
    assert (await act(visit, found, "refusal")).status_code == 204
    assert (await items(visit))[0]["state"] == "refused"


async def test_most_doubted_first_and_nothing_beyond_the_reach(net: ConsoleNetwork) -> None:
    town, store = net.town, net.keeper.store
    for shade, doubt in ((1, 10), (2, 900), (3, 300)):
        lay_out(town, store, background_file(shade=shade), doubt_permille=doubt)
    visit = await signed_in(net)
    assert [one["doubt_permille"] for one in await items(visit)] == [900, 300, 10]
    net.add_user("harbour", "supervisor", Reach(sites=frozenset({"Harbour"})))
    other = await net.sign_in("harbour")
    assert await items(other) == []
    answer = await other.ask(
        "GET", f"{API}/backgrounds/{learnt(town, background_file(shade=1)).background.hex()}/picture"
    )
    assert answer.status_code == 404


async def test_a_wish_to_learn_is_drafted_signed_and_passed_on(
    net: ConsoleNetwork, office: TownOffice
) -> None:
    town = net.town
    await net.tell_recording()
    visit = await signed_in(net)
    path = f"{API}/cameras/{town.camera.hex()}/learning"
    wish = {"view": "crossing", "condition": "day", "withhold": True}
    assert (await visit.ask("POST", f"{path}/draft", json={**wish, "view": "sky"})).status_code == 422
    body = (await visit.ask("POST", f"{path}/draft", json=wish)).json()["body"]
    assert (body["withhold"], body["pictures"], body["stream"]) == (True, 120, b64u(town.sub_stream))
    signed = sign_body(LEARN_TYPE, body, town.supervisor.key)
    answer = await visit.ask("POST", path, json={"statement": signed.to_json()})
    assert (answer.status_code, answer.json()) == (202, {"wanted": 120})
    taken, parsed = parse_wish(office.wishes[0])
    assert taken == Signed.from_json(parse_canon(office.wishes[0])) and parsed.camera == town.camera
    other = f"{API}/cameras/{net.cameras['Gate'].hex()}/learning"
    assert (await visit.ask("POST", other, json={"statement": signed.to_json()})).status_code == 409
