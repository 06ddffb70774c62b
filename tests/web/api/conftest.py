"""A console over a town's ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from watching.network import ConsoleNetwork


@pytest.fixture
def net(tmp_path: Path) -> Iterator[ConsoleNetwork]:
    network = ConsoleNetwork(tmp_path)
    yield network
    network.close()
