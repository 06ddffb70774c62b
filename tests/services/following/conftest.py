"""A keeper's town, and who follows its ledger."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keeping.keeper import TownKeeper

from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.index.index import SqlIndex
from custodes.services.following.follower import LedgerFollower

Follow = Callable[[], LedgerFollower]


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[TownKeeper]:
    keeper = TownKeeper(tmp_path / "network")
    yield keeper
    keeper.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqlIndex]:
    database = open_index_database(tmp_path / "index.sqlite")
    yield SqlIndex(database)
    database.close()


@pytest.fixture
def follow(keeper: TownKeeper, index: SqlIndex) -> Follow:
    """A follower as after a start, with the index as it is."""

    def make() -> LedgerFollower:
        follower = LedgerFollower(keeper.town.network, keeper.store.get, index, keeper.clock)
        follower.open()
        return follower

    return make
