"""The independent checker reads the ledger from the web alone."""

import asyncio
from typing import Any

import pytest
from town.ledger import Town

from custodes.ledger import tiles
from custodes.ledger.checkpoint import Checkpoint, cosign, keeper_name, sign_checkpoint
from custodes.web.server import serve
from custodes_verify.main import main as verify


async def test_the_checker_proves_a_ledger_served_here(web: Any, capsys: pytest.CaptureFixture[str]) -> None:
    town = Town()
    town.found()
    tree, entries = town.state.tree, town.entries
    for level, index, width in tiles.tiles_between(0, tree.size):
        web.store.put(tiles.tile_path(level, index, width), tree.tile(level, index, width))
    web.store.put(tiles.bundle_path(0, len(entries)), tiles.encode_bundle(entries))
    checkpoint = Checkpoint(town.origin, tree.size, tree.root())
    line = cosign(checkpoint, keeper_name(town.origin), town.keeper.signing, town.now_us // 1_000_000)
    note = sign_checkpoint(checkpoint, town.log).with_signature(line)
    web.store.swap(tiles.CHECKPOINT_PATH, note.encode(), None)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(web.app, 0, ready.set_result))
    url = await ready
    await asyncio.to_thread(verify, [url, "--network", town.network.hex()])
    told = capsys.readouterr().out
    # The town lives in another year, which the checker minds; all else is as it must be.
    findings = told.partition("FINDINGS\n")[2].splitlines()
    assert [line for line in findings if "clock" not in line] == []
    assert f"{len(entries)} of {len(entries)} entries were admitted by the rules, signatures included" in told
    serving.cancel()
    await asyncio.wait({serving}, timeout=60)
