"""What a keeper's start found is in its health."""

from __future__ import annotations

from pathlib import Path

import pytest
from casework.network import CaseNetwork

import custodes.custody.client_folder as client_folder
from custodes.base.canon import parse_canon
from custodes.services import ledger_snapshot


async def _alarms(network: CaseNetwork) -> str:
    document = parse_canon(await network.keeper.ledger.ask(network.keeper._document))
    return " ".join(document["alarms"])


async def test_a_kept_ledger_that_is_of_no_use_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    monkeypatch.setattr(ledger_snapshot, "KEEP_EVERY", 4)
    network = CaseNetwork(tmp_path)
    await network.found()
    kept = network.folder.keeper / "ledger"
    network.keeper.sequencer.tend()
    assert kept.stat().st_mode & 0o077 == 0
    network.keeper.ledger.close()
    network.keeper.keystore.close()
    network.start()
    assert "replayed from its beginning" not in await _alarms(network)
    assert network.keeper.sequencer.recovered.replayed < network.keeper.sequencer.state.size
    network.keeper.ledger.close()
    network.keeper.keystore.close()
    data = bytearray(kept.read_bytes())
    data[-3] ^= 1
    kept.write_bytes(data)
    network.start()
    assert "replayed from its beginning" in await _alarms(network)
    assert network.keeper.sequencer.recovered.replayed == network.keeper.sequencer.state.size
    network.close()
