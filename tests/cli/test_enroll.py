"""Enrolling a custodian from the command line."""

import io
from pathlib import Path

import pytest

from custodes.cli.main import main


def _founded(folder: Path) -> tuple[Path, Path]:
    """A network that nobody has signed, and the folder of its first custodian."""
    passphrase = folder / "passphrase"
    passphrase.write_text("a passphrase", "utf-8")
    cards = []
    for name in ("ombudsman", "court", "privacy"):
        custodian = folder / name
        words = ["custodian", "keygen", str(custodian), "--name", name, "--passphrase-file", str(passphrase)]
        assert main(words) == 0
        cards += ["--custodian", str(custodian / "card.json")]
    town = folder / "town"
    assert main(["init", str(town), "--name", "Harbour Town", "--quorum", "2", *cards]) == 0
    return town, folder / "ombudsman"


@pytest.mark.parametrize(("typed", "code", "words"), [("", 2, "give --yes"), ("no\n", 7, "not signed")])
def test_nothing_is_signed_without_a_yes(
    tmp_path: Path,
    typed: str,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    town, custodian = _founded(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    command = [
        "custodian",
        "enroll",
        str(custodian),
        str(town),
        "--passphrase-file",
        str(tmp_path / "passphrase"),
    ]
    assert main(command) == code
    assert words in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main(command) == 0
