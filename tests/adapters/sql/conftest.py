"""A fresh SQLite database a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from custodes.adapters.sql.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open_file(tmp_path / "custodes.sqlite")
    yield opened
    opened.close()
