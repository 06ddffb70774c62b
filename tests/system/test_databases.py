"""The database of a network is lost, or is yesterday's: nothing is deleted, and it can be made anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from running.network import Kept, RunningNetwork, served

from custodes.cli.demo.network import custodes, try_custodes

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_deleted_database_is_made_anew_with_equal_rows(network: RunningNetwork) -> None:
    with served(network):
        network.wait_for("a reel", lambda: bool(_reels(network)), 30)
    before, kept = _rows(network), Kept(network)
    for file in network.folder.keeper.glob("database.sqlite*"):
        file.unlink()
    custodes("catalogue", "rebuild", network.folder.root)
    after = _rows(network)
    # A recorded view that ended with the recorder is told of at its next start; the rebuild knows it from the manifest.
    assert set(before.pop("renditions")) <= set(after.pop("renditions"))
    assert after == before and before["reels"] and before["assignments"]
    network.check()
    with served(network):
        network.wait_quiet()
    kept.check()
    network.verify()
    network.check()
    assert network.gap_reasons() == {"restart"}


def test_a_database_of_yesterday_deletes_nothing_and_is_made_anew(
    network: RunningNetwork, tmp_path: Path
) -> None:
    database, yesterday = network.folder.keeper / "database.sqlite", tmp_path / "yesterday"
    with served(network):
        _back_up(database, yesterday)
        network.wait_for("reels", lambda: len(_reels(network)) >= 2, 40)
    before, kept = _rows(network), Kept(network)
    assert len(before["outbox"]) > len(_rows(network, yesterday)["outbox"])
    for file in network.folder.keeper.glob("database.sqlite*"):
        file.unlink()
    yesterday.rename(database)
    code, words = try_custodes("check", network.folder.root)
    assert code == 12 and "catalogue: " in words, words
    # Somebody starts it all the same.
    with served(network):
        assert "run `custodes catalogue rebuild`" in network.wait_alarm("retention", "catalogue")
    kept.check()
    network.verify()
    custodes("catalogue", "rebuild", network.folder.root)
    after = _rows(network)
    missing = {table: set(before[table]) - set(after[table]) for table in ("outbox", "reels", "assignments")}
    assert not any(missing.values()), missing
    network.check()
    kept.check()
    assert network.gap_reasons() == {"restart"}


def _back_up(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def _reels(network: RunningNetwork) -> list[Path]:
    return list((network.folder.store / "streams").rglob("*.reel"))


def _rows(network: RunningNetwork, database: Path | None = None) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with closing(sqlite3.connect(database or network.folder.keeper / "database.sqlite")) as connection:
        tables = [
            str(name) for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
        ]
        return {table: sorted(connection.execute(f"select * from {table}"), key=repr) for table in tables}
