"""The command line as a whole."""

import pytest
import structlog

from custodes.cli.main import COMMANDS, main


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    words = capsys.readouterr().out
    assert all(command in words for command in COMMANDS)


@pytest.mark.parametrize("command", ["verify", "simulate"])
def test_commands_of_their_own_read_their_own_words(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"custodes-{'simulator' if command == 'simulate' else command}" in capsys.readouterr().out


def test_an_error_has_its_kinds_exit_code_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "/nowhere/at/all"]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_the_log_goes_to_whatever_standard_error_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "/nowhere/at/all"]) == 4
    structlog.get_logger("test").warning("heard", camera="a")
    words = capsys.readouterr()
    assert "event=heard" in words.err and words.out == ""
