"""Recorded views: listed by time, read in ranges, by who may see the camera again and nobody else."""

from __future__ import annotations

import pytest
from recording.views import made_rendition
from watching.network import ConsoleNetwork

from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.custody.accounts import AccountChain
from custodes.custody.paths import manifest_path
from custodes.custody.renditions import Masked, MaskReason, Rendition
from custodes.estate.rights import Reach


def state(net: ConsoleNetwork, *rows: Rendition, masked: tuple[Masked, ...] = ()) -> None:
    """An account that names them."""
    town = net.town
    known = town.state.recorder(town.recorder_id)
    chain = AccountChain(town.network, known.id, known.run or 1, known.number, known.head)
    account, manifest, _ = chain.next(net.clock.utc_us(), (), renditions=rows, masked=masked)
    net.keeper.store.put(manifest_path(known.id, account.number), manifest.encode())
    town.admit("account", **account.body())
    net.follow()


@pytest.fixture
def view(net: ConsoleNetwork) -> tuple[Rendition, bytes]:
    """One object of the sub stream, in the store and in the ledger."""
    row, data = made_rendition(net.town.sub_stream, net.clock.utc_us())
    net.keeper.store.put(row.path, data)
    net.keeper.advance(MINUTE_US)
    state(net, row, masked=(Masked(row.stream, row.start_us, row.end_us, MaskReason.TOO_DARK),))
    net.add_user("otto")
    return row, data


def listing(net: ConsoleNetwork, name: str = "Market") -> str:
    return f"/api/v1/cameras/{net.cameras[name].hex()}/renditions"


def address(row: Rendition) -> str:
    return f"/api/v1/renditions/{row.stream.hex()}/{row.start_us}"


async def test_what_there_is_of_a_time(net: ConsoleNetwork, view: tuple[Rendition, bytes]) -> None:
    row, _ = view
    visit = await net.sign_in("otto")

    async def found(from_us: int, to_us: int) -> list[int]:
        answer = await visit.ask("GET", listing(net), params={"from_us": from_us, "to_us": to_us})
        assert answer.status_code == 200, answer.text
        return [one["start_us"] for one in answer.json()["renditions"]]

    assert await found(row.start_us - HOUR_US, row.start_us + HOUR_US) == [row.start_us]
    assert await found(row.end_us - 1, row.end_us + 1) == [row.start_us]
    assert await found(row.end_us, row.end_us + 1) == []
    assert await found(row.start_us - 1, row.start_us) == []
    params = {"from_us": row.start_us, "to_us": row.end_us}
    (one,) = (await visit.ask("GET", listing(net), params=params)).json()["renditions"]
    assert one == {
        "stream": row.stream.hex(),
        "start_us": row.start_us,
        "end_us": row.end_us,
        "bytes": row.size_bytes,
        "codec": row.codec,
    }
    # What retention took is not listed.
    net.keeper.store.delete(row.path)
    assert await found(row.start_us, row.end_us) == []
    for from_us, to_us in ((5, 5), (0, 8 * DAY_US)):
        answer = await visit.ask("GET", listing(net), params={"from_us": from_us, "to_us": to_us})
        assert answer.status_code == 422


async def test_its_bytes_and_ranges_of_them(net: ConsoleNetwork, view: tuple[Rendition, bytes]) -> None:
    row, data = view
    visit = await net.sign_in("otto")
    whole = await visit.ask("GET", address(row))
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["etag"] == f'"{row.hash.hex()}"'
    assert whole.headers["cache-control"] == "private, no-cache"
    size = len(data)
    for wanted, part in (
        ("bytes=0-9", data[:10]),
        ("bytes=10-", data[10:]),
        (f"bytes={size - 1}-{size + 50}", data[-1:]),
        ("bytes=-20", data[-20:]),
    ):
        answer = await visit.ask("GET", address(row), headers={"range": wanted})
        assert (answer.status_code, answer.content) == (206, part), wanted
        start = size - len(part) if wanted != "bytes=0-9" else 0
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
    answer = await visit.ask("GET", address(row), headers={"range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    answer = await visit.ask("GET", address(row), headers={"if-none-match": whole.headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")
    answer = await visit.ask("GET", address(row), headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert answer.status_code == 200


async def test_what_may_not_be_seen_is_not_there(net: ConsoleNetwork, view: tuple[Rendition, bytes]) -> None:
    row, _ = view
    net.add_user("mona", "administrator")
    net.add_user("gate", reach=Reach(cameras=frozenset({net.cameras["Gate"]})))
    params = {"from_us": row.start_us, "to_us": row.end_us}
    for name in ("mona", "gate"):
        visit = await net.sign_in(name)
        assert (await visit.ask("GET", listing(net), params=params)).status_code == 404
        assert (await visit.ask("GET", address(row))).status_code == 404
    nobody = net.client()
    assert (await nobody.get(address(row))).status_code == 401
    visit = await net.sign_in("otto")
    for path in (f"/api/v1/renditions/{row.stream.hex()}/5", f"/api/v1/renditions/{'ab' * 16}/5"):
        assert (await visit.ask("GET", path)).status_code == 404


async def test_the_timeline_knows_when_it_was_masked(
    net: ConsoleNetwork, view: tuple[Rendition, bytes]
) -> None:
    row, _ = view
    visit = await net.sign_in("otto")
    path = f"/api/v1/cameras/{net.cameras['Market'].hex()}/timeline"
    params = {"from_us": row.start_us + SECOND_US, "to_us": row.end_us + HOUR_US}
    answer = (await visit.ask("GET", path, params=params)).json()
    assert answer["masked"] == [
        {"from_us": row.start_us + SECOND_US, "to_us": row.end_us, "reason": "too-dark"}
    ]
