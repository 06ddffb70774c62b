"""Live view from the bus to pages: wishes, late joiners, slow pages, and rights that end."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from watching.network import ConsoleNetwork
from watching.pages import PageSocket

from custodes.adapters.bus.memory import MemoryBus
from custodes.adapters.sql.web.access import SqlAccess
from custodes.base.clock import SECOND_US
from custodes.base.ids import parse_hex
from custodes.estate.rights import EVERYTHING, Reach
from custodes.estate.users import User
from custodes.services.live import LiveFlags, LiveKind, LiveMessage
from custodes.services.users import IDLE_US
from custodes.web.routes.live import MAX_SOCKETS_OF_USER

LIVE_JSON = b'{"masked_permille":30,"reason":"","state":"live"}'


class Recorder:
    """What a recorder publishes of the cameras' views, and hears of what is watched."""

    def __init__(self, net: ConsoleNetwork) -> None:
        self.bus = MemoryBus(net.broker)
        self.net = net
        self.told: list[dict[str, list[str]]] = []

    def stream(self, camera: str) -> bytes:
        streams = self.net.console.follower.register.camera(self.net.cameras[camera]).streams
        return next((one.id for one in streams if one.kind == "sub"), streams[0].id)

    async def say(self, camera: str, kind: LiveKind, body: bytes, at_us: int = 7) -> None:
        message = LiveMessage(kind, at_us, body).encode()
        await self.bus.publish(f"live.{self.stream(camera).hex()}", message)
        # Delivery is a task of its own.
        for _ in range(5):
            await asyncio.sleep(0)

    async def picture(self, camera: str, number: int, size: int = 0) -> None:
        """Pictures by number, every fourth a key frame behind its init segment."""
        body = b"picture %d" % number + bytes(size)
        if number % 4 == 0:
            await self.say(camera, LiveKind.INIT, b"\x04avc1init")
        await self.say(camera, LiveKind.FRAGMENT if number % 4 else LiveKind.KEY, body, number)

    async def repeat(self, camera: str, number: int, *more: tuple[LiveKind, bytes]) -> None:
        """What a recorder sends again for who begins to watch."""
        begin = ((LiveKind.INIT, b"\x04avc1init"), (LiveKind.KEY, b"picture %d" % number))
        for kind, body in (*begin, *more):
            message = LiveMessage(kind, number, body, LiveFlags.AGAIN).encode()
            await self.bus.publish(f"live.{self.stream(camera).hex()}", message)
        await asyncio.sleep(0.02)

    async def hear(self, recorder: str) -> None:
        async def heard(_subject: str, data: bytes) -> None:
            self.told.append(json.loads(data))

        await self.bus.subscribe(f"watch.{recorder}", heard)


@pytest.fixture
async def recorder(net: ConsoleNetwork) -> AsyncIterator[Recorder]:
    made = Recorder(net)
    yield made
    await made.bus.close()


Open = Callable[[str], Awaitable[PageSocket]]


@pytest.fixture
async def watch(net: ConsoleNetwork) -> AsyncIterator[Open]:
    """Opens a page of a user, who is added where there is none."""
    pages: list[PageSocket] = []

    async def open_page(name: str) -> PageSocket:
        if name not in {user.name for user in net.console.users.all()}:
            net.add_user(name)
        page = PageSocket(net.app, (await net.sign_in(name)).cookies)
        assert await page.open()
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        await page.leave()


async def _joined(net: ConsoleNetwork, streams: int, tiles: int | None = None) -> None:
    """Wait until so many streams are followed, in so many tiles of all pages."""
    async with asyncio.timeout(20):
        while (
            net.console.hub.streams != streams
            or len(net.broker.subscriptions) < streams
            or (tiles is not None and net.registry.get_sample_value("custodes_web_live_tiles") != tiles)
        ):
            await asyncio.sleep(0.01)


async def test_a_page_gets_what_it_wishes_for(net: ConsoleNetwork, recorder: Recorder, watch: Open) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"], None, net.cameras["Pier"])
    await _joined(net, 2)
    await recorder.say("Gate", LiveKind.STATE, LIVE_JSON, 5)
    got = await page.get()
    assert (got.kind, got.tile, got.capture_us) == (LiveKind.STATE, 0, 5) and got.json["state"] == "live"
    for number in range(3):
        await recorder.picture("Pier", number)
    kinds = [(got.kind, got.tile, got.body) for got in [await page.get() for _ in range(4)]]
    assert kinds == [
        (LiveKind.INIT, 2, b"\x04avc1init"),
        (LiveKind.KEY, 2, b"picture 0"),
        (LiveKind.FRAGMENT, 2, b"picture 1"),
        (LiveKind.FRAGMENT, 2, b"picture 2"),
    ]
    await recorder.picture("Market", 0)
    assert await page.nothing_comes()
    page.wish(None, net.cameras["Pier"])
    await _joined(net, 1)
    # The same camera in another tile begins with what a late joiner needs.
    assert [(await page.get()).body for _ in range(4)] == [kind[2] for kind in kinds]
    await recorder.picture("Gate", 0)
    assert await page.nothing_comes()
    page.say('{"watch": []}')
    await _joined(net, 0)


async def test_a_late_joiner_gets_init_and_the_group_of_now(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    first, late = await watch("otto"), await watch("ilse")
    first.wish(net.cameras["Gate"])
    await _joined(net, 1)
    await recorder.say("Gate", LiveKind.STATE, LIVE_JSON)
    for number in range(7):
        await recorder.picture("Gate", number)
    late.wish(net.cameras["Gate"])
    got = [await late.get() for _ in range(5)]
    assert [one.kind for one in got] == [
        LiveKind.STATE,
        LiveKind.INIT,
        LiveKind.KEY,
        LiveKind.FRAGMENT,
        LiveKind.FRAGMENT,
    ]
    assert [one.body for one in got[2:]] == [b"picture 4", b"picture 5", b"picture 6"]
    assert net.console.hub.streams == 1 and len(net.broker.subscriptions) == 1
    await first.leave()
    await recorder.picture("Gate", 7)
    assert (await late.get()).body == b"picture 7"


async def test_pictures_without_their_key_frame_are_not_sent(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    for number in (1, 2, 3):
        await recorder.picture("Gate", number)
    assert await page.nothing_comes()
    await recorder.picture("Gate", 4)
    assert [(await page.get()).kind for _ in range(2)] == [LiveKind.INIT, LiveKind.KEY]


async def test_a_slow_page_is_cut_to_the_next_key_frame(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page, quick = await watch("otto"), await watch("ilse")
    page.wish(net.cameras["Gate"])
    quick.wish(net.cameras["Gate"])
    await _joined(net, 1, tiles=2)
    await recorder.picture("Gate", 0)
    assert [(await page.get()).body for _ in range(2)][1] == b"picture 0"
    page.taking.clear()
    for number in range(1, 50):
        net.clock.advance(SECOND_US // 4)
        await recorder.picture("Gate", number)
    await recorder.say("Gate", LiveKind.STATE, LIVE_JSON)
    page.taking.set()
    late = [await page.get()]
    while late[-1].kind != LiveKind.STATE:
        late.append(await page.get())
    pictures = [got.capture_us for got in late if got.kind in (LiveKind.KEY, LiveKind.FRAGMENT)]
    # One was on its way when the page stopped; of the rest, what is at most a second old, from a key frame on.
    assert pictures[0] == 1 and len(pictures) <= 7
    assert pictures[1] % 4 == 0 and pictures[1] >= 44 and pictures[1:] == list(range(pictures[1], 50))
    got = [await quick.get() for _ in range(52)]
    assert [one.capture_us for one in got if one.kind in (2, 3)] == list(range(50))
    assert "custodes_web_live_cuts_total 0.0" not in (await net.client().get("/metrics")).text


async def test_a_silent_recorder_is_away_and_its_old_pictures_are_gone(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    await recorder.picture("Gate", 0)
    assert [(await page.get()).kind for _ in range(2)] == [LiveKind.INIT, LiveKind.KEY]
    net.clock.advance(2 * SECOND_US)
    net.console.hub.look()
    assert await page.nothing_comes()
    net.clock.advance(2 * SECOND_US)
    net.console.hub.look()
    net.console.hub.look()
    got = await page.get()
    assert got.kind == LiveKind.STATE
    assert got.json == {"masked_permille": 1000, "reason": "no-connection", "state": "away"}
    assert await page.nothing_comes()
    late = await watch("ilse")
    late.wish(net.cameras["Gate"])
    assert (await late.get()).json["state"] == "away"
    await recorder.picture("Gate", 1)
    assert await page.nothing_comes() and await late.nothing_comes()
    await recorder.picture("Gate", 4)
    assert (await page.get()).kind == LiveKind.KEY
    assert [(await late.get()).kind for _ in range(2)] == [LiveKind.INIT, LiveKind.KEY]


async def test_recorders_hear_what_is_watched(net: ConsoleNetwork, recorder: Recorder, watch: Open) -> None:
    stream = recorder.stream("Gate")
    health = {
        "access_units": 0,
        "assurance": "full",
        "bitrate_bps": 0,
        "camera": net.cameras["Gate"].hex(),
        "dropped": 0,
    }
    health |= {"kind": "main", "last_picture_us": 0, "lost_packets": 0, "name": "Gate", "reason": ""}
    health |= {"state": "recording", "stream": stream.hex()}
    document = {"alarms": [], "fences": [], "gaps": [], "outbox": 0, "process": "recorder", "renditions": []}
    await net.tell("recorder-0a", {**document, "streams": [health], "time_us": 5})
    await recorder.hear("0a")
    page = await watch("otto")
    page.wish(net.cameras["Gate"], net.cameras["Pier"])
    await _joined(net, 2)
    await net.console.hub.tell()
    await recorder.picture("Gate", 0)
    await net.console.hub.tell()
    page.wish(net.cameras["Pier"])
    await _joined(net, 1)
    await net.console.hub.tell()
    await net.console.hub.tell()
    await asyncio.sleep(0.05)
    # Nothing watched is said once; then there is nothing to say.
    hex_ = stream.hex()
    assert recorder.told == [
        {"again": [hex_], "streams": [hex_]},
        {"again": [], "streams": [hex_]},
        {"again": [], "streams": []},
    ]


async def test_what_is_repeated_for_others_is_not_shown_again(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    await recorder.repeat("Gate", 4)
    await recorder.picture("Gate", 5)
    await recorder.repeat("Gate", 4)
    await recorder.picture("Gate", 6)
    assert [(await page.get()).body for _ in range(4)][1:] == [b"picture 4", b"picture 5", b"picture 6"]
    assert await page.nothing_comes()


async def test_the_end_of_a_session_ends_its_page(net: ConsoleNetwork, watch: Open) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    page = PageSocket(net.app, visit.cookies)
    assert await page.open()
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    await visit.ask("DELETE", "/api/v1/session")
    assert await page.get_close() == 4401
    await _joined(net, 0)


async def test_watching_alone_does_not_keep_a_session(net: ConsoleNetwork, watch: Open) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    net.clock.advance(IDLE_US)
    assert await page.get_close() == 4401


async def test_a_user_who_is_removed_watches_no_more(net: ConsoleNetwork, watch: Open) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    net.console.users.remove("otto")
    assert await page.get_close() == 4401


async def test_rights_that_are_taken_close_their_tiles(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"], net.cameras["Market"])
    await _joined(net, 2)
    net.console.users.change(User("otto", "operator", Reach(sites=frozenset({"Harbour"}))))
    got = await page.get()
    assert (got.kind, got.tile, got.json["status"]) == (LiveKind.REFUSED, 1, 404)
    await _joined(net, 1)
    await recorder.picture("Market", 0)
    await recorder.picture("Gate", 0)
    assert {(await page.get()).tile for _ in range(2)} == {0}
    # The site decides, as it is in the register now.
    net.town.admit("camera", **_moved(net))
    net.follow()
    got = await page.get()
    assert (got.kind, got.tile) == (LiveKind.REFUSED, 0)
    net.console.users.change(User("otto", "operator", EVERYTHING))
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)


def _moved(net: ConsoleNetwork) -> dict[str, object]:
    from custodes.ledger.entries.builders import camera_body

    known = net.console.follower.register.camera(net.cameras["Gate"])
    return {**camera_body(net.town.network, known), "revision": 2, "site": "Elsewhere"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 1008),
        ("[]", 1008),
        ('{"watch": 1}', 1008),
        ('{"watch": [1]}', 1008),
        ('{"watch": [{"tile": 16, "camera": "%s"}]}' % ("ab" * 16), 1008),
        ('{"watch": [{"tile": true, "camera": "%s"}]}' % ("ab" * 16), 1008),
        ('{"watch": [{"tile": 0, "camera": "gate"}]}', 1008),
        ('{"watch": [{"tile": 0, "camera": 5}]}', 1008),
        ('{"watch": [], "clear": true}', 1008),
        ('{"watch": []}' + " " * 5000, 1008),
        ("[" * 4000, 1008),
    ],
)
async def test_what_is_no_wish_ends_the_page(watch: Open, text: str, code: int) -> None:
    page = await watch("otto")
    page.say(text)
    assert await page.get_close() == code


async def test_bytes_and_floods_end_the_page(watch: Open) -> None:
    page = await watch("otto")
    page.say_bytes(b"x")
    assert await page.get_close() == 1008
    page = await watch("otto")
    for _ in range(60):
        page.say('{"watch": []}')
    assert await page.get_close() == 4429


async def test_a_tile_named_twice(net: ConsoleNetwork, watch: Open) -> None:
    page = await watch("otto")
    one = {"tile": 0, "camera": net.cameras["Gate"].hex()}
    page.say(json.dumps({"watch": [one, one]}))
    assert await page.get_close() == 1008


@pytest.mark.parametrize("origin", [None, "null", "https://127.0.0.1", "http://evil.example"])
async def test_a_socket_of_another_origin_is_refused(net: ConsoleNetwork, origin: str | None) -> None:
    net.add_user("otto")
    page = PageSocket(net.app, (await net.sign_in("otto")).cookies, origin)
    assert not await page.open() and page.status == 403


async def test_a_user_has_so_many_pages(net: ConsoleNetwork, watch: Open) -> None:
    pages = [await watch("otto") for _ in range(MAX_SOCKETS_OF_USER)]
    one_more = PageSocket(net.app, (await net.sign_in("otto")).cookies)
    assert not await one_more.open() and one_more.status == 429
    await watch("ilse")
    await pages[0].leave()
    await watch("otto")


async def test_what_is_no_live_message_is_passed_over(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    subject = f"live.{recorder.stream('Gate').hex()}"
    for data in (
        b"",
        b"\x01",
        struct.pack(">BBQ", 5, 0, 7),
        struct.pack(">BBQ", 9, 0, 7),
        b"\x02\x00" + b"\xff" * 8,
    ):
        await recorder.bus.publish(subject, data)
    assert await page.nothing_comes()
    await recorder.picture("Gate", 0)
    assert (await page.get()).kind == LiveKind.INIT


async def test_a_camera_is_watched_by_its_sub_stream(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Market"])
    await _joined(net, 1)
    assert net.console.hub._channels.keys() == {net.town.sub_stream}
    assert parse_hex(net.town.sub_stream.hex()) == recorder.stream("Market")


async def test_all_that_is_repeated_reaches_who_begins_to_watch(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    more = ((LiveKind.FRAGMENT, b"picture 5"), (LiveKind.FRAGMENT, b"picture 6"), (LiveKind.STATE, LIVE_JSON))
    await recorder.repeat("Gate", 4, *more)
    # Without the pictures in between, the next would be decoded from what is not there.
    await recorder.say("Gate", LiveKind.FRAGMENT, b"picture 7")
    kinds = [LiveKind.INIT, LiveKind.KEY, LiveKind.FRAGMENT, LiveKind.FRAGMENT, LiveKind.STATE]
    assert [(await page.get()).kind for _ in range(6)] == [*kinds, LiveKind.FRAGMENT]
    # For somebody else of another web process.
    await recorder.repeat("Gate", 4, *more)
    assert await page.nothing_comes()


async def test_each_camera_that_begins_to_be_watched_is_counted(
    net: ConsoleNetwork, recorder: Recorder, watch: Open
) -> None:
    page = await watch("otto")
    page.wish(net.cameras["Gate"], net.cameras["Pier"])
    await _joined(net, 2)
    page.wish(net.cameras["Gate"])
    await _joined(net, 1)
    counts = SqlAccess(net.web)
    (hour_us,) = counts.hours()
    assert counts.of(hour_us) == {"operator": 2}
