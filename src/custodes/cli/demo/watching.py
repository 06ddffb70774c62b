"""Looking at the network as an operator does: signing in, a wall of all cameras, and what its tiles show."""

from __future__ import annotations

import http.client
import io
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import av
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.typing import Origin

from custodes.base.errors import CorruptError, UnavailableError
from custodes.services.live import WHOLE_PERMILLE, LiveKind, ViewState, parse_state, split_init

PATIENCE_S = 30.0
LOOK_S = 4.0
LIVE_WITHIN_S = 25.0
PNG = b"\x89PNG\r\n\x1a\n"
# What an encoder makes of one colour differs by this much at most.
FLAT_WITHIN = 8
_HEAD_BYTES = 10


@dataclass
class Tile:
    """What came for a camera. Seconds: from the wish to the first picture, from arrival to here.

    `masked_permille`: shares of the picture, while the view is live. `reason`: why it is masked at the end.
    """

    camera: str
    name: str
    init: bytes = b""
    fragments: list[bytes] = field(default_factory=list)
    states: set[str] = field(default_factory=set)
    first_picture_s: float | None = None
    latencies_s: list[float] = field(default_factory=list)

    masked_permille: list[int] = field(default_factory=list)
    reason: str = ""

    def is_flat(self) -> bool:
        """Whether every picture is of one colour. Errors: CorruptError where none can be decoded."""
        _, segment = split_init(self.init)
        try:
            with av.open(io.BytesIO(segment + b"".join(self.fragments)), "r") as container:
                pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        except av.FFmpegError as error:
            raise CorruptError(f"the view of camera {self.camera} does not decode") from error
        if not pictures:
            raise CorruptError(f"the view of camera {self.camera} holds no picture")
        return all(int(picture.max()) - int(picture.min()) <= FLAT_WITHIN for picture in pictures)


def watch(port: int, name: str, password: str, look_s: float = LOOK_S) -> list[Tile]:
    """A tile for each camera that the user may see, looked at until all have a picture and a little longer.

    Errors: UnavailableError, CorruptError.
    """
    origin = f"http://127.0.0.1:{port}"
    cookie = _sign_in(port, origin, name, password)
    cameras = _ask(port, "GET", "/api/v1/cameras", {"cookie": cookie})[0]["cameras"]
    tiles = {number: Tile(camera["id"], camera["name"]) for number, camera in enumerate(cameras)}
    try:
        with connect(
            f"ws://127.0.0.1:{port}/api/v1/live", origin=Origin(origin), additional_headers={"Cookie": cookie}
        ) as socket:
            began = time.monotonic()
            socket.send(json.dumps({"watch": [{"tile": n, "camera": t.camera} for n, t in tiles.items()]}))
            while any(tile.first_picture_s is None for tile in tiles.values()):
                if time.monotonic() - began > PATIENCE_S:
                    missing = sum(tile.first_picture_s is None for tile in tiles.values())
                    raise UnavailableError(f"{missing} of {len(tiles)} views show no picture")
                _take(socket, tiles, began)
            end = time.monotonic() + look_s
            while time.monotonic() < end:
                _take(socket, tiles, began)
    except (WebSocketException, OSError) as error:
        raise UnavailableError(f"live view does not answer: {error}") from error
    return list(tiles.values())


def queued(port: int, name: str, password: str) -> dict[str, int]:
    """How many backgrounds the console lists, by state, each with a picture. Errors: UnavailableError, CorruptError."""
    cookie = _sign_in(port, f"http://127.0.0.1:{port}", name, password)
    counts: dict[str, int] = {}
    for item in _ask(port, "GET", "/api/v1/backgrounds", {"cookie": cookie})[0]["items"]:
        path = f"/api/v1/backgrounds/{item['background']}/picture"
        if not _fetch(port, "GET", path, {"cookie": cookie})[0].startswith(PNG):
            raise CorruptError(f"background {item['background']} has no picture")
        counts[item["state"]] = counts.get(item["state"], 0) + 1
    return counts


def watch_live(port: int, password: str, wanted: int) -> list[Tile]:
    """As an operator sees it once so many views should be live: looked at again until they are, for a while."""
    deadline = time.monotonic() + LIVE_WITHIN_S
    while True:
        tiles = watch(port, "operator", password)
        if len(live_views(tiles)) >= wanted or time.monotonic() > deadline:
            return tiles


def is_masked(tiles: list[Tile]) -> bool:
    """Whether nothing but flat pictures came, none of them said to be live. Errors: CorruptError."""
    return all(tile.is_flat() and ViewState.LIVE.value not in tile.states for tile in tiles)


def live_views(tiles: list[Tile]) -> list[Tile]:
    """Those that show something of the scene, not flat pictures alone. Errors: CorruptError."""
    return [tile for tile in tiles if ViewState.LIVE.value in tile.states and not tile.is_flat()]


def summary(masked: list[Tile], tiles: list[Tile]) -> dict[str, Any]:
    """The report's part on the rendition: before any background was committed, and after. Errors: CorruptError."""
    firsts = [tile.first_picture_s for tile in tiles if tile.first_picture_s is not None]
    latencies = sorted(one for tile in tiles for one in tile.latencies_s)
    return {
        "streams_live": len(firsts),
        "views_open": len(live_views(tiles)),
        "masked_until_committed": is_masked(masked),
        "masked_permille": {
            tile.name: int(statistics.median(tile.masked_permille or [WHOLE_PERMILLE])) for tile in tiles
        },
        "masked_whole_by": {tile.name: tile.reason for tile in tiles if tile.reason},
        "pictures": sum(len(tile.fragments) for tile in tiles),
        "first_picture_s": {"median": _rounded(statistics.median(firsts)), "worst": _rounded(max(firsts))},
        "latency_s": {
            "median": _rounded(statistics.median(latencies)) if latencies else None,
            "p95": _rounded(latencies[int(0.95 * (len(latencies) - 1))]) if latencies else None,
        },
    }


def _take(socket: Connection, tiles: dict[int, Tile], began: float) -> None:
    try:
        data = socket.recv(timeout=1.0)
    except TimeoutError:
        return
    if not isinstance(data, bytes) or len(data) < _HEAD_BYTES or data[1] not in tiles:
        raise CorruptError("live view sends what is none of its messages")
    kind, tile, body = data[0], tiles[data[1]], data[_HEAD_BYTES:]
    if kind == LiveKind.INIT:
        tile.init, tile.fragments = body, []
    elif kind in (LiveKind.KEY, LiveKind.FRAGMENT):
        if tile.first_picture_s is None:
            tile.first_picture_s = time.monotonic() - began
        else:
            # The first may be of the group of pictures that was under way, so older than the wish.
            tile.latencies_s.append(time.time() - int.from_bytes(data[2:_HEAD_BYTES], "big") / 1e6)
        tile.fragments.append(body)
    elif kind == LiveKind.STATE:
        state = parse_state(body)
        tile.states.add(state.state.value)
        if state.state is ViewState.LIVE:
            tile.masked_permille.append(state.masked_permille)
        tile.reason = state.reason.value
    else:
        raise CorruptError(f"live view refuses camera {tile.camera}")


def _sign_in(port: int, origin: str, name: str, password: str) -> str:
    wish = json.dumps({"name": name, "password": password})
    headers = {"origin": origin, "content-type": "application/json"}
    _, answer = _ask(port, "POST", "/api/v1/session", headers, wish)
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def _ask(
    port: int, method: str, path: str, headers: dict[str, str], body: str | None = None
) -> tuple[Any, http.client.HTTPResponse]:
    content, answer = _fetch(port, method, path, headers, body)
    return json.loads(content), answer


def _fetch(
    port: int, method: str, path: str, headers: dict[str, str], body: str | None = None
) -> tuple[bytes, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise UnavailableError(f"{path} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise UnavailableError(f"{path} answers {answer.status}")
    return content, answer


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
