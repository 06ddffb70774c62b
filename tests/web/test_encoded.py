"""Answers encoded once for all who ask: compressed, tagged, made anew when something is another."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest
from watching.network import ConsoleNetwork, Visit

from custodes.base.clock import SECOND_US
from custodes.estate.rights import Reach
from custodes.web import encoded
from custodes.web.encoded import Answers, Encoded, tag_of

CAMERAS = "/api/v1/cameras"


@pytest.fixture
def net(tmp_path: Any) -> Any:
    network = ConsoleNetwork(tmp_path)
    yield network
    network.close()


async def _list(visit: Visit, **headers: str) -> Any:
    return await visit.ask("GET", CAMERAS, headers=headers)


async def test_the_list_is_told_once_and_again_when_it_is_another(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    first = await _list(visit)
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    same = await _list(visit, **{"if-none-match": tag})
    assert same.status_code == 304 and same.content == b""
    net.clock.advance(5 * SECOND_US)
    assert (await _list(visit, **{"if-none-match": tag})).status_code == 304, "time alone is no change"
    net.add_camera("Harbour", "Crane")
    net.follow()
    other = await _list(visit, **{"if-none-match": tag})
    assert other.status_code == 200 and "Crane" in other.text and other.headers["etag"] != tag
    assert other.json()["time_us"] == net.clock.utc_us()


async def test_who_reaches_less_gets_another_answer_under_another_tag(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    net.add_user("pia", reach=Reach(sites=frozenset({"Harbour"})))
    otto, pia = await net.sign_in("otto"), await net.sign_in("pia")
    all_of_them = await _list(otto)
    assert len(all_of_them.json()["cameras"]) == 4
    hers = await _list(pia, **{"if-none-match": all_of_them.headers["etag"]})
    assert hers.status_code == 200
    assert {camera["site"] for camera in hers.json()["cameras"]} == {"Harbour"}
    health = (await pia.ask("GET", "/api/v1/health")).json()
    assert health["cameras"] == 2 and health["storage"] == []
    assert (await otto.ask("GET", "/api/v1/health")).json()["cameras"] == 4


async def test_a_change_of_reach_holds_at_once(net: ConsoleNetwork) -> None:
    user = net.add_user("pia")
    visit = await net.sign_in("pia")
    assert len((await _list(visit)).json()["cameras"]) == 4
    net.console.users.change(type(user)("pia", "operator", Reach(sites=frozenset({"Station"}))), None)
    assert len((await _list(visit)).json()["cameras"]) == 1


async def test_it_is_compressed_for_who_takes_that(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    packed = await _list(visit, **{"accept-encoding": "gzip, br"})
    plain = await _list(visit, **{"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.json() == plain.json() and "Accept-Encoding" in plain.headers["vary"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])


def test_of_many_at_once_one_encodes() -> None:
    answers, made = Answers(), []
    begin = threading.Barrier(8)

    def encode(before: Encoded | None) -> Encoded:
        made.append(before)
        return Encoded.of(b'"x"' * 1000, tag_of(b"x"))

    def ask() -> None:
        begin.wait(10)
        found = answers.get("everything", 1, encode)
        assert gzip.decompress(found.packed) == found.plain

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert made == [None]
    answers.get("everything", 2, encode)
    assert len(made) == 2 and made[1] is not None


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "MAX_KEPT", 2)
    answers, made = Answers(), []

    def ask(key: str) -> None:
        def encode(before: Encoded | None) -> Encoded:
            made.append(key)
            return Encoded.of(b"1", tag_of(b"1"))

        assert answers.get(key, 1, encode).packed == b"", "what is small is not compressed"

    for key in ("a", "b", "a", "c", "a", "b"):
        ask(key)
    assert made == ["a", "b", "c", "b"]
