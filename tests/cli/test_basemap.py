"""`custodes basemap`: one file for a network or wherever it is wanted, and words for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping.harbour import write_harbour

from custodes.cli.main import main
from custodes.deploy.layout import NetworkFolder, NetworkSettings, write_settings


def test_it_says_what_it_made_and_whose_data_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract, out = write_harbour(tmp_path / "h.osm.pbf"), tmp_path / "m.pmtiles"
    assert main(["basemap", str(extract), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert out.read_bytes().startswith(b"PMTiles\x03")
    assert "© OpenStreetMap contributors" in said and "54.0000 to 54.0100 north" in said
    assert "2 objects that reach beyond" in said


def test_a_network_has_it_where_web_looks(tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path / "network")
    folder.root.mkdir()
    write_settings(folder, NetworkSettings(bytes(32), bytes(16), bytes(16), bytes(16), 8700))
    assert main(["basemap", str(write_harbour(tmp_path / "h.osm.pbf")), "--network", str(folder.root)]) == 0
    assert folder.basemap.read_bytes().startswith(b"PMTiles\x03")


def test_what_cannot_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract = write_harbour(tmp_path / "h.osm.pbf")
    before = extract.read_bytes()
    for words, code, said in (
        (["--network", str(tmp_path)], 4, "network"),
        (["--out", str(tmp_path / "no" / "m.pmtiles")], 4, "there is no folder"),
        (["--out", str(extract)], 2, "over its extract"),
    ):
        assert main(["basemap", str(extract), *words]) == code
        assert said in capsys.readouterr().err
    assert extract.read_bytes() == before
    with pytest.raises(SystemExit):
        main(["basemap", str(extract)])
