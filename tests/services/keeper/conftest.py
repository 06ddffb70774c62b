"""A founded keeper a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from keeping.keeper import TownKeeper


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[TownKeeper]:
    made = TownKeeper(tmp_path)
    yield made
    made.close()
