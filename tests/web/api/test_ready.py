"""When requests should come here, and that the document of the routes is the routes'."""

import runpy
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from watching.network import ConsoleNetwork

from custodes.web.gauges import VolumeCollector
from custodes.web.volumes import volume_of

ROOT = Path(__file__).parents[3]


async def test_ready_once_the_ledger_was_read(net: ConsoleNetwork) -> None:
    client = net.client()
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).text == "ready\n"
    net.console.follower.register.clear()
    net.console.follower.standing = type(net.console.follower.standing)()
    answer = await client.get("/readyz")
    assert answer.status_code == 503 and "ledger" in answer.text


async def test_numbers_tell_of_room_and_requests_and_of_no_person(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    await visit.ask("GET", f"/api/v1/cameras/{net.cameras['Gate'].hex()}")
    text = (await net.client().get("/metrics")).text
    assert 'custodes_volume_free_bytes{volume="store"} 400.0' in text
    assert 'custodes_volume_size_bytes{volume="store"} 1000.0' in text
    assert (
        'custodes_web_request_seconds_count{method="GET",route="/cameras/{camera}",status="200"} 1.0' in text
    ), [line for line in text.splitlines() if "request_seconds_count" in line]
    assert "otto" not in text and net.cameras["Gate"].hex() not in text


async def test_a_volume_that_does_not_answer_has_no_numbers(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(VolumeCollector(lambda: [volume_of("store", tmp_path / "gone")]))
    assert "custodes_volume_free_bytes{" not in generate_latest(registry).decode()


def test_the_written_document_is_that_of_the_routes() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "openapi.py"))["document"]()
    assert (ROOT / "console" / "openapi.json").read_text("utf-8") == made, "run `make openapi`"
