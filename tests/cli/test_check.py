"""`custodes check` and `custodes catalogue rebuild` on a network's folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from keeping.keeper import TownKeeper

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.sql.database import Database
from custodes.base.errors import UnavailableError
from custodes.cli.main import main
from custodes.cli.progress import Terminal
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.deploy.running import serving


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[TownKeeper]:
    """A network's folder whose keeper is open, with two epochs."""
    folder = NetworkFolder(tmp_path / "net")
    folder.root.mkdir()
    store = LocalObjectStore.create(folder.store)
    made = TownKeeper(folder.root, store)
    settings = NetworkSettings(
        network=made.known_network,
        recorder=made.town.recorder_id,
        store_volume=store.volume_id,
        spool_volume=bytes(16),
        http_port=8000,
    )
    folder.settings_file.write_text(settings.to_json(), "utf-8")
    made.record()
    made.record()
    yield made
    made.close()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(words)
    return code, capsys.readouterr().out


@pytest.mark.parametrize("more", [(), ("--quick",)])
def test_a_whole_network_is_checked_while_it_runs(
    keeper: TownKeeper, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    with serving(keeper.network_folder):
        code, out = run(capsys, "check", str(keeper.folder), *more)
    assert code == 0
    assert "2 epochs, 4 reels" in out
    assert out.endswith("nothing is damaged\n")


def test_damage_is_printed_and_is_the_exit_code(
    keeper: TownKeeper, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next(iter(keeper.store.list("streams")))
    file = keeper.network_folder.store / path
    data = bytearray(file.read_bytes())
    data[200] ^= 4
    file.write_bytes(data)
    code, out = run(capsys, "check", str(keeper.folder))
    assert code == 12
    assert f"flipped: {path}: " in out
    assert out.endswith("1 damaged\n")
    assert file.read_bytes() == bytes(data)


def test_a_database_that_cannot_be_read_is_damage_and_the_rest_is_checked(
    keeper: TownKeeper, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper.close()
    keeper.database_file.unlink()
    code, out = run(capsys, "check", str(keeper.folder))
    assert code == 12
    assert "the database cannot be read" in out
    assert "2 epochs, 4 reels" in out
    assert not keeper.database_file.exists()
    assert run(capsys, "catalogue", "rebuild", str(keeper.folder))[0] == 0
    assert run(capsys, "check", str(keeper.folder))[0] == 0
    keeper.restart_from_tiles()


def test_a_rebuild_needs_the_network_stopped(keeper: TownKeeper, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(keeper.network_folder):
        assert run(capsys, "catalogue", "rebuild", str(keeper.folder))[0] == 5
    keeper.close()
    code, out = run(capsys, "catalogue", "rebuild", str(keeper.folder))
    assert code == 0
    assert "2 epochs, 4 reels, 0 renditions, 0 assigned streams" in out
    assert "no stream is assigned" in out
    keeper.restart_from_tiles()


def test_what_is_opened_to_read_cannot_be_written(keeper: TownKeeper) -> None:
    database = Database.open_to_read(keeper.database_file)
    with pytest.raises(UnavailableError), database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM epochs")
    database.close()
    assert len(keeper.catalogue.statuses()) == 2


class _Screen:
    """A terminal that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def test_progress_is_one_line_that_goes() -> None:
    screen = _Screen()
    terminal = Terminal(screen)  # type: ignore[arg-type]
    terminal.progress("epochs", 3, 10)
    terminal.progress("epochs", 4, 10)
    terminal.clear()
    terminal.clear()
    assert screen.text == "\r\x1b[Kepochs: 3 of 10\r\x1b[K"
