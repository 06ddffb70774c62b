"""When requests should come here, and that the document of the routes is the routes'."""

import runpy
from pathlib import Path

from watching.network import ConsoleNetwork

ROOT = Path(__file__).parents[3]


async def test_ready_once_the_ledger_was_read(net: ConsoleNetwork) -> None:
    client = net.client()
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).text == "ready\n"
    net.console.follower.register.clear()
    net.console.follower.standing = type(net.console.follower.standing)()
    answer = await client.get("/readyz")
    assert answer.status_code == 503 and "ledger" in answer.text


def test_the_written_document_is_that_of_the_routes() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "openapi.py"))["document"]()
    assert (ROOT / "console" / "openapi.json").read_text("utf-8") == made, "run `make openapi`"
