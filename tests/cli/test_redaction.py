"""Log lines: one an event, fields by name, and no secrets."""

from __future__ import annotations

import pytest
import structlog

from custodes.cli.main import configure_log


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_line_has_its_time_level_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log()
    structlog.get_logger("a").warning("the store is full", free_bytes=12, camera="0a0b")
    line = _line(capsys)
    assert line.startswith("timestamp=20") and 'Z level=warning event="the store is full"' in line
    assert "free_bytes=12" in line and "camera=0a0b" in line


@pytest.mark.parametrize(
    "name", ["password", "console_password", "csrf-token", "Cookie", "session_token", "seed"]
)
def test_what_is_named_like_a_secret_is_hidden(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_log()
    structlog.get_logger("b").info("signed in", **{name: "hunter2", "role": "operator"})
    line = _line(capsys)
    assert "hunter2" not in line and "(hidden)" in line and "role=operator" in line


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("rtsp://admin:hunter2@10.0.0.7:554/main", "rtsp://(hidden)@10.0.0.7:554/main"),
        (
            "cannot open https://hunter2@camera.example/a and rtmp://u:hunter2@b/c",
            "https://(hidden)@camera.example/a",
        ),
        ("office@town.example", "office@town.example"),
        ("rtsp://10.0.0.7/a@b", "rtsp://10.0.0.7/a@b"),
    ],
)
def test_passwords_in_addresses_are_hidden(said: str, kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_log()
    structlog.get_logger("c").info("camera", reason=said)
    line = _line(capsys)
    assert kept in line and "hunter2" not in line


def test_so_are_those_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log()
    try:
        raise OSError("rtsp://admin:hunter2@10.0.0.7/main does not answer")
    except OSError as error:
        structlog.get_logger("d").error("failed", exc_info=error)
    said = capsys.readouterr().err
    assert "does not answer" in said and "hunter2" not in said
