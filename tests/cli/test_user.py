"""`custodes user`: passwords by file or descriptor, never by argument."""

import os
from pathlib import Path

import pytest

from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.web import open_web_database
from custodes.base.clock import SystemClock
from custodes.base.errors import UnauthenticatedError
from custodes.cli.main import main
from custodes.deploy.layout import NetworkFolder, NetworkSettings
from custodes.services.users import Sessions

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path) -> NetworkFolder:
    folder = NetworkFolder(tmp_path / "network")
    folder.root.mkdir()
    settings = NetworkSettings(bytes(32), b"r" * 16, bytes(16), bytes(16), 0)
    folder.settings_file.write_text(settings.to_json(), "utf-8")
    return folder


def _add(folder: NetworkFolder, name: str, *options: str) -> int:
    file = folder.root / "password"
    file.write_text(PASSWORD + "\n", "utf-8")
    return main(["user", "add", str(folder.root), name, *options, "--password-file", str(file)])


def test_users_come_and_go(folder: NetworkFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add(folder, "ada", "--role", "administrator", "--everything") == 0
    camera = "c1" * 16
    assert _add(folder, "otto", "--role", "operator", "--site", "Market", "--camera", camera) == 0
    assert _add(folder, "otto", "--role", "operator", "--everything") == 5
    capsys.readouterr()
    assert main(["user", "list", str(folder.root)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ada\tadministrator\teverything",
        f"otto\toperator\tsite Market, camera {camera}",
    ]
    assert main(["user", "remove", str(folder.root), "ada"]) == 7
    assert main(["user", "remove", str(folder.root), "otto"]) == 0
    assert main(["user", "remove", str(folder.root), "otto"]) == 4
    assert "ada is the last who manages users" in capsys.readouterr().err


def test_who_was_added_signs_in(folder: NetworkFolder) -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSWORD.encode() + b"\n")
    os.close(writer)
    words = ["user", "add", str(folder.root), "ada", "--role", "administrator", "--everything"]
    assert main([*words, "--password-fd", str(reader)]) == 0
    os.close(reader)
    assert folder.web.stat().st_mode & 0o077 == 0
    database = open_web_database(folder.web_database)
    sessions = Sessions(database, Passwords(), SystemClock())
    assert sessions.sign_in("ada", PASSWORD, "a").user.role == "administrator"
    with pytest.raises(UnauthenticatedError):
        sessions.sign_in("ada", PASSWORD + "\n", "a")
    database.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--role", "operator"], "reach: "),
        (["--role", "operator", "--everything", "--site", "Market"], "reach: "),
        (["--role", "operator", "--camera", "market"], "hex"),
    ],
)
def test_what_makes_nobody(
    folder: NetworkFolder, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert _add(folder, "otto", *options) == 2
    assert said in capsys.readouterr().err
    main(["user", "list", str(folder.root)])
    assert capsys.readouterr().out == ""


def test_a_folder_that_is_no_networks(tmp_path: Path) -> None:
    assert main(["user", "list", str(tmp_path)]) == 4
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_option_for_a_password(folder: NetworkFolder) -> None:
    with pytest.raises(SystemExit):
        main(
            [
                "user",
                "add",
                str(folder.root),
                "a",
                "--role",
                "operator",
                "--everything",
                "--password",
                "x" * 20,
            ]
        )
