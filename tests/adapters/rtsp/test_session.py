"""Sessions with a camera that says exactly what a test wants, on both event loops."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from custodes.adapters.rtsp.client import CameraSource, SessionLimits, run_session
from custodes.adapters.rtsp.notices import NoticeKind
from custodes.base.clock import SystemClock
from custodes.base.errors import ExhaustedError, InvalidError, RefusedError, UnavailableError

pytestmark = pytest.mark.integration

SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
Answer = Callable[["ScriptedCamera", str, str, str], "str | bytes | None"]


class ScriptedCamera:
    """Answers as a camera does where the script has nothing else to say.

    `requests`: what it was asked, method and address; `said`: whole requests and answers of the client.
    `frames`: interleaved packets of the client, by channel.
    """

    def __init__(self, script: Answer) -> None:
        self.script = script
        self.requests: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.frames: list[tuple[int, bytes]] = []
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None
        self.client_port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while True:
                first = await reader.readexactly(1)
                if first == b"$":
                    channel, size = struct.unpack("!BH", await reader.readexactly(3))
                    self.frames.append((channel, await reader.readexactly(size)))
                    continue
                text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
                self.said.append(text)
                if not text.startswith("RTSP/"):
                    self.answer(text)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, text: str) -> None:
        method, url = text.split(" ")[:2]
        self.requests.append((method, url))
        cseq = re.findall(r"CSeq: (\d+)", text)[0]
        answer = self.script(self, method, url, text)
        if answer is None:
            answer = self.ordinary(method, text)
        if isinstance(answer, str):
            status, _, rest = answer.partition("\r\n")
            answer = f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{rest}\r\n".encode()
        assert self.writer is not None
        self.writer.write(answer)

    def ordinary(self, method: str, text: str) -> str:
        if method == "OPTIONS":
            return "200 OK\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        if method == "DESCRIBE":
            return described(SDP)
        if method == "SETUP":
            if ports := re.findall(r"client_port=(\d+)", text):
                self.client_port = int(ports[0])
                return f"200 OK\r\nSession: 77\r\nTransport: RTP/AVP;unicast;client_port={ports[0]}\r\n"
            return "200 OK\r\nSession: 77\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"
        return "200 OK\r\nSession: 77\r\n"

    def send(self, *packets: bytes) -> None:
        """Send interleaved packets."""
        assert self.writer is not None
        for packet in packets:
            self.writer.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    def url(self, path: str = "live") -> str:
        return f"rtsp://127.0.0.1:{self.port}/{path}"


def described(sdp: str, head: str = "") -> str:
    return f"200 OK\r\nContent-Type: application/sdp\r\n{head}Content-Length: {len(sdp)}\r\n\r\n{sdp}".removesuffix(
        "\r\n"
    )


@asynccontextmanager
async def scripted(script: Answer = lambda *_: None) -> AsyncIterator[ScriptedCamera]:
    camera = ScriptedCamera(script)
    server = await asyncio.start_server(camera.serve, "127.0.0.1", 0)
    camera.port = server.sockets[0].getsockname()[1]
    try:
        yield camera
    finally:
        server.close()
        if camera.writer is not None:
            camera.writer.close()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Runs a coroutine on one of the event loops."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(coroutine)

    return runner


def session(
    camera: ScriptedCamera, sink: Any, transport: Any = "tcp", path: str = "live", **limits: Any
) -> Any:
    source = CameraSource(camera.url(path), "admin", "secret", transport)
    return run_session(source, sink, SystemClock(), limits=SessionLimits(**limits))


async def until(condition: Callable[[], object], task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            if task.done():
                task.result()
            await asyncio.sleep(0.01)


def test_asks_in_order_and_never_for_sound(run: Any, sink: Any, bench: Any, nals: Any) -> None:
    sdp = "v=0\r\na=control:*\r\nm=audio 0 RTP/AVP 8\r\na=control:sound\r\n" + SDP.removeprefix("v=0\r\n")

    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> str | None:
        if method == "DESCRIBE":
            return described(sdp, f"Content-Base: {camera.url('base/')}\r\n")
        if method == "PLAY":
            # Pictures that come before the answer count.
            camera.send(*bench.camera.picture(nals.idr), *bench.camera.picture(nals.predicted))
        return None

    async def main() -> ScriptedCamera:
        async with scripted(script) as camera:
            task = asyncio.create_task(session(camera, sink))
            await until(lambda: len(sink.units) == 2, task)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
            return camera

    camera = run(main())
    live, base = camera.url(), camera.url("base/")
    expected = [
        ("OPTIONS", live),
        ("DESCRIBE", live),
        ("SETUP", base + "track1"),
        ("PLAY", base),
        ("TEARDOWN", base),
    ]
    assert camera.requests == expected
    assert "Session: 77" in camera.said[-1]


def test_a_deaf_camera_delays_a_cancelled_session_by_a_second_at_most(run: Any, sink: Any) -> None:
    async def main() -> float:
        async with scripted(lambda camera, method, *_: b"" if method == "TEARDOWN" else None) as camera:
            task = asyncio.create_task(session(camera, sink, teardown_s=0.2))
            await until(lambda: ("PLAY", camera.url()) in camera.requests, task)
            await asyncio.sleep(0.05)
            task.cancel()
            begun_s = asyncio.get_running_loop().time()
            async with asyncio.timeout(30):
                await asyncio.wait({task})
            assert task.cancelled()
            return asyncio.get_running_loop().time() - begun_s

    assert run(main()) >= 0.19


@pytest.mark.parametrize("error", [ExhaustedError("full"), ZeroDivisionError("a bug")])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_what_the_sink_raises_ends_the_session(
    run: Any, bench: Any, nals: Any, sink: Any, error: Exception, transport: str
) -> None:
    def refuse(unit: object) -> None:
        raise error

    sink.on_access_unit = refuse
    packets = [*bench.camera.picture(nals.idr), *bench.camera.picture(nals.predicted)]

    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> None:
        if method == "PLAY" and transport == "tcp":
            camera.send(*packets)
        elif method == "PLAY":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for packet in packets:
                    sender.sendto(packet, ("127.0.0.1", camera.client_port))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with scripted(script) as camera:
            await session(camera, sink, transport)

    with pytest.raises(type(error)) as caught:
        run(main())
    assert caught.value is error


def test_packets_of_another_port_are_rejected_where_the_camera_names_none(
    run: Any, bench: Any, nals: Any, sink: Any
) -> None:
    foreign = type(bench.camera)(ssrc=bench.camera.ssrc)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]

    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> None:
        if method == "PLAY":
            for _ in range(5):
                for ours, packets in zip(
                    sockets, (bench.camera.picture(nals.predicted), foreign.picture(nals.idr)), strict=True
                ):
                    ours.sendto(packets[0], ("127.0.0.1", camera.client_port))

    async def main() -> None:
        async with scripted(script) as camera:
            task = asyncio.create_task(session(camera, sink, "udp"))
            await until(lambda: len(sink.units) == 5, task)
            await until(lambda: sink.count(NoticeKind.FOREIGN_SOURCE) > 0, task)
            task.cancel()
            await asyncio.wait({task})

    run(main())
    for each in sockets:
        each.close()
    assert {unit.data[4:] for unit in sink.units} == {nals.predicted}
    assert sink.count(NoticeKind.FOREIGN_SOURCE) == 5


def test_requests_of_the_camera_are_answered(run: Any, sink: Any, bench: Any, nals: Any) -> None:
    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> None:
        if method == "PLAY":
            assert camera.writer is not None
            camera.send(*bench.camera.picture(nals.idr))
            for asked, number in (("OPTIONS", 5), ("ANNOUNCE", 6)):
                camera.writer.write(f"{asked} * RTSP/1.0\r\nCSeq: {number}\r\n\r\n".encode())
            camera.send(*bench.camera.picture(nals.idr))

    async def main() -> ScriptedCamera:
        async with scripted(script) as camera:
            task = asyncio.create_task(session(camera, sink))
            await until(lambda: len(sink.units) == 2 and camera.said[-1].startswith("RTSP/"), task)
            task.cancel()
            await asyncio.wait({task})
            return camera

    answers = [text for text in run(main()).said if text.startswith("RTSP/")]
    assert answers == [
        "RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n",
        "RTSP/1.0 501 Not Implemented\r\nCSeq: 6\r\n\r\n",
    ]


def test_redirects_are_followed_a_few_times_and_the_password_stays_with_its_host(run: Any, sink: Any) -> None:
    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> str | None:
        if method != "DESCRIBE":
            return None
        if url.startswith("rtsp://localhost"):
            return '401 No\r\nWWW-Authenticate: Basic realm="x"\r\n'
        return f"302 Found\r\nLocation: rtsp://localhost:{camera.port}/there\r\n"

    async def other_host() -> list[str]:
        async with scripted(script) as camera:
            with pytest.raises(Exception, match="asks for a user name"):
                await session(camera, sink)
            return camera.said

    assert not any("Authorization" in text for text in run(other_host()))

    async def endless() -> int:
        async with scripted(
            lambda camera, method, *_: "301 Moved\r\nLocation: /x\r\n" if method == "DESCRIBE" else None
        ) as camera:
            with pytest.raises(UnavailableError, match="redirects more than 3 times"):
                await session(camera, sink)
            return len([1 for method, _ in camera.requests if method == "DESCRIBE"])

    assert run(endless()) == 4


def test_play_on_the_track_where_there_is_no_aggregate(run: Any, sink: Any) -> None:
    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> str | None:
        return (
            "459 Aggregate operation not allowed\r\n"
            if method == "PLAY" and not url.endswith("track1")
            else None
        )

    async def main() -> list[tuple[str, str]]:
        async with scripted(script) as camera:
            with pytest.raises(UnavailableError, match="no picture for"):
                await session(camera, sink, silence_s=0.3)
            return camera.requests

    methods = [(method, url.rpartition("/")[2]) for method, url in run(main())]
    assert methods[-3:] == [("PLAY", "live"), ("PLAY", "track1"), ("TEARDOWN", "track1")]


@pytest.mark.parametrize(
    ("answers", "kind", "named"),
    [
        ({"SETUP": "200 OK\r\nTransport: RTP/AVP;unicast;server_port=9-10\r\n"}, UnavailableError, "over UDP"),
        ({"SETUP": "200 OK\r\nTransport: nonsense\r\n"}, InvalidError, "not an RTP transport"),
        ({"DESCRIBE": "404 Not Found\r\n"}, UnavailableError, "404"),
        ({"DESCRIBE": "406 Not Acceptable\r\n"}, RefusedError, "406"),
        ({"DESCRIBE": described("rubbish")}, InvalidError, "no media"),
        ({"DESCRIBE": "302 Found\r\n"}, UnavailableError, "nowhere"),
        ({"DESCRIBE": "302 Found\r\nLocation: http://x/\r\n"}, InvalidError, "rtsp://"),
        ({"PLAY": b"RTSP/1.0 200 OK\r\nx: " + b"y" * 20_000}, InvalidError, "head of more"),
        ({"PLAY": b"TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n"}, UnavailableError, "TEARDOWN"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(
    run: Any, sink: Any, answers: dict[str, Any], kind: type[Exception], named: str
) -> None:
    async def main() -> None:
        async with scripted(lambda camera, method, *_: answers.get(method)) as camera:
            await session(camera, sink, path="live?token=s3cret")

    with pytest.raises(kind, match=named) as caught:
        run(main())
    assert "s3cret" not in str(caught.value)


def test_an_address_that_cannot_be_used_is_refused_at_once(run: Any, sink: Any) -> None:
    with pytest.raises(InvalidError):
        run(run_session(CameraSource("rtsp://u:p@127.0.0.1/"), sink, SystemClock()))


def test_receiver_reports_go_over_the_control_channel(run: Any, sink: Any, bench: Any, nals: Any) -> None:
    def script(camera: ScriptedCamera, method: str, url: str, text: str) -> None:
        if method == "PLAY":
            camera.send(*bench.camera.picture(nals.idr))

    async def main() -> list[tuple[int, bytes]]:
        async with scripted(script) as camera:
            task = asyncio.create_task(session(camera, sink))
            await until(lambda: camera.frames, task)
            task.cancel()
            await asyncio.wait({task})
            return camera.frames

    ((channel, report),) = run(main())
    assert channel == 1
    assert report[1] == 201
    assert int.from_bytes(report[8:12], "big") == bench.camera.ssrc


def test_punch_packets_go_to_the_ports_that_the_camera_names(run: Any, sink: Any) -> None:
    theirs = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for each in theirs:
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
    first, second = (each.getsockname()[1] for each in theirs)
    answer = f"200 OK\r\nSession: 1\r\nTransport: RTP/AVP;unicast;server_port={first}-{second}\r\n"

    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        async with scripted(lambda camera, method, *_: answer if method == "SETUP" else None) as camera:
            task = asyncio.create_task(session(camera, sink, "udp"))
            async with asyncio.timeout(60):
                punches = [await loop.sock_recv(each, 100) for each in theirs]
            task.cancel()
            await asyncio.wait({task})
            return punches

    rtp, rtcp = run(main())
    for each in theirs:
        each.close()
    assert rtp[0] == rtcp[0] == 0x80
    assert (len(rtp), rtcp[1]) == (12, 201)
