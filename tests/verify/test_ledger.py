"""What a server that lies can do, and how it shows."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from custodes_verify.main import main

Check = Callable[..., tuple[int, dict[str, Any]]]


def rules(report: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in report["findings"]]


def grown(network: Any, entries: int) -> Any:
    """The network with so many entries more."""
    for hour in range(entries):
        network.add(
            "access", {"counts": [], "hour_us": 1_000_000 * (len(network.leaves) + hour)}, network.keeper
        )
    return network


@pytest.fixture
def published(network: Any, tmp_path: Path) -> Path:
    """A network of 600 entries, published: three bundles, two of them full."""
    grown(network, 600 - len(network.leaves))
    folder: Path = network.write(tmp_path / "published")
    return folder


def test_a_good_network_is_proven(network: Any, published: Path, check: Check) -> None:
    code, report = check(network, folder=published)
    assert (code, report["findings"]) == (0, [])
    assert "the 600 entries published are the tree of the signed checkpoint" in report["proven"]


def test_without_an_id_it_is_only_consistent(network: Any, published: Path, check: Check) -> None:
    code, report = check(network, folder=published, pin=False)
    assert (code, report["findings"], report["pinned"]) == (3, [], False)


def test_the_log_folder_itself_will_do(network: Any, published: Path, check: Check) -> None:
    assert check(network, folder=published / "log")[0] == 0


def test_another_networks_id_is_refused(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(published), "--network", "00" * 32, "--json"], now_us=0) == 1
    assert rules(json.loads(capsys.readouterr().out)) == ["network-id"]


def test_a_rehearsal_is_said_first(
    make_network: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    periods = make_network().genesis["periods"] | {"slot_us": 1_000_000}
    network = make_network(periods=periods)
    network.begin()
    network.write(tmp_path)
    assert main([str(tmp_path), "--network", network.id.hex()], now_us=network.now_us) == 0
    assert capsys.readouterr().out.startswith("REHEARSAL")


def test_a_replaced_entry_is_found(network: Any, published: Path, check: Check) -> None:
    path = published / "log/tile/entries/001"
    path.write_bytes(path.read_bytes().replace(b'"counts":[]', b'"counts":[]'.replace(b"[]", b"{}"), 1))
    code, report = check(network, folder=published)
    assert code == 1
    assert rules(report) == ["tile", "members", "tile", "root"]
    assert "first at hash 0" in report["findings"][0]["what"]


def test_a_replaced_tile_is_found(network: Any, published: Path, check: Check) -> None:
    path = published / "log/tile/0/001"
    data = bytearray(path.read_bytes())
    data[32 * 7] ^= 1
    path.write_bytes(bytes(data))
    code, report = check(network, folder=published)
    assert (code, rules(report)) == (1, ["tile"])
    assert "hash 7" in report["findings"][0]["what"]


def test_a_replaced_upper_tile_is_found(network: Any, published: Path, check: Check) -> None:
    path = published / "log/tile/1/000.p/2"
    path.write_bytes(bytes(64))
    assert rules(check(network, folder=published)[1]) == ["tile"]


@pytest.mark.parametrize("name", ["entries/001", "entries/002.p/88"])
def test_a_withheld_bundle_is_found(network: Any, published: Path, check: Check, name: str) -> None:
    (published / "log/tile" / name).unlink()
    code, report = check(network, folder=published)
    assert (code, rules(report)) == (1, ["bundle"])


def test_a_cut_bundle_is_found(network: Any, published: Path, check: Check) -> None:
    path = published / "log/tile/entries/002.p/88"
    path.write_bytes(path.read_bytes()[:-1])
    assert "bundle" in rules(check(network, folder=published)[1])


def test_whole_tiles_may_replace_partial_ones(network: Any, published: Path, check: Check) -> None:
    note = (published / "log/checkpoint").read_bytes()
    grown(network, 200).write(published)
    for name in ("entries/002.p", "0/002.p", "1/000.p"):
        shutil.rmtree(published / "log/tile" / name, ignore_errors=name == "1/000.p")
    (published / "log/checkpoint").write_bytes(note)
    network.write(published.parent / "all")
    shutil.copytree(published.parent / "all/log/tile/1", published / "log/tile/1", dirs_exist_ok=True)
    (published / "log/tile/1/000.p").mkdir(exist_ok=True)
    (published / "log/tile/1/000.p/2").write_bytes((published / "log/tile/1/000.p/3").read_bytes()[:64])
    code, report = check(network, folder=published)
    assert (code, report["findings"]) == (0, [])


def test_a_false_root_is_found(network: Any, published: Path, check: Check) -> None:
    (published / "log/checkpoint").write_bytes(network.note(root=bytes(32)))
    assert rules(check(network, folder=published)[1]) == ["root"]


def test_a_strange_log_key_is_found(
    network: Any, make_key: Callable[[str], Any], published: Path, check: Check
) -> None:
    network.log_key = make_key("other log")
    (published / "log/checkpoint").write_bytes(network.note())
    assert rules(check(network, folder=published)[1]) == ["checkpoint"]


def test_missing_witnesses_are_found(network: Any, published: Path, check: Check) -> None:
    (published / "log/checkpoint").write_bytes(network.note(signers=False))
    assert rules(check(network, folder=published)[1]) == ["witnesses"]


def test_a_user_may_only_tighten(
    network: Any, make_key: Callable[[str], Any], published: Path, check: Check, tmp_path: Path
) -> None:
    def policy(public: bytes, needed: int) -> str:
        key = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        file = tmp_path / "witnesses.json"
        file.write_text(json.dumps({"needed": needed, "keys": [{"name": "witness.example", "key": key}]}))
        return str(file)

    stranger = policy(make_key("another").public, 1)
    assert rules(check(network, "--witnesses", stranger, folder=published)[1]) == ["witnesses"]
    assert check(network, "--witnesses", policy(network.witness.public, 1), folder=published)[0] == 0
    (published / "log/checkpoint").write_bytes(network.note(signers=False))
    none = policy(network.witness.public, 0)
    assert rules(check(network, "--witnesses", none, folder=published)[1]) == ["witnesses"]


def test_an_old_checkpoint_is_a_rollback(network: Any, tmp_path: Path, check: Check) -> None:
    seen = str(tmp_path / "seen")
    old = network.write(tmp_path / "old")
    assert check(network, "--seen", seen, folder=old)[0] == 0
    new = grown(network, 3).write(tmp_path / "new")
    code, report = check(network, "--seen", seen, folder=new)
    assert code == 0
    assert any("continues" in proven for proven in report["proven"])
    assert rules(check(network, "--seen", seen, folder=old)[1]) == ["rollback"]
    assert check(network, "--seen", seen, folder=new)[0] == 0


def test_a_fork_is_found(network: Any, tmp_path: Path, check: Check) -> None:
    seen = str(tmp_path / "seen")
    before = list(network.leaves)
    first = grown(network, 2).write(tmp_path / "first")
    assert check(network, "--seen", seen, folder=first)[0] == 0
    network.leaves = before
    network.request()
    second = grown(network, 5).write(tmp_path / "second")
    for _ in range(2):
        assert rules(check(network, "--seen", seen, folder=second)[1]) == ["fork"]


def test_a_checkpoint_that_others_cosigned_must_be_a_prefix(
    network: Any, published: Path, check: Check
) -> None:
    path = published / "log/checkpoints/000000000500"
    path.parent.mkdir()
    path.write_bytes(network.note(500))
    code, report = check(network, folder=published)
    assert (code, report["findings"]) == (0, [])
    path.write_bytes(network.note(500, root=bytes(32)))
    assert rules(check(network, folder=published)[1]) == ["fork"]


def test_an_earlier_size_is_judged_by_its_own_checkpoint(network: Any, published: Path, check: Check) -> None:
    path = published / "log/checkpoints/000000000300"
    path.parent.mkdir()
    path.write_bytes(network.note(300))
    code, report = check(network, "--at-size", "300", folder=published)
    assert (code, report["findings"]) == (0, [])
    assert "300 of 300" in " ".join(report["proven"])
    path.unlink()
    arguments = [str(published), "--at-size", "300", "--network", network.id.hex()]
    assert main(arguments, now_us=network.now_us) == 2


def test_an_empty_ledger_proves_nothing(make_network: Callable[..., Any], check: Check) -> None:
    code, report = check(make_network())
    assert (code, rules(report)) == (1, ["genesis-first"])


def test_a_cosignature_of_the_future_is_doubted(
    network: Any, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(published), "--network", network.id.hex(), "--json"]
    assert main(arguments, now_us=network.now_us - 301_000_000) == 1
    assert rules(json.loads(capsys.readouterr().out)) == ["clock"]


def test_an_old_mirror_is_called_old(
    network: Any, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(published), "--network", network.id.hex(), "--json"]
    assert main(arguments, now_us=network.now_us + 601_000_000) == 0
    assert "not fresh" in " ".join(json.loads(capsys.readouterr().out)["not_checked"])


@pytest.mark.parametrize(
    "arguments",
    [[], ["nowhere"], ["--at-size", "x", "."], [".", "--network", "12"], ["ftp://example.org"], ["--no"]],
)
def test_what_cannot_be_read_is_exit_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments, now_us=0) == 2


@pytest.fixture
def serve(published: Path) -> Iterator[str]:
    """The published network behind a web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    handler = functools.partial(Quiet, directory=str(published))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_is_read(network: Any, serve: str, capsys: pytest.CaptureFixture[str]) -> None:
    for url in (serve, serve + "/log/"):
        assert main([url, "--network", network.id.hex(), "--json"], now_us=network.now_us) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["findings"] == []
        assert any("does not list" in skipped for skipped in report["not_checked"])


def test_many_entries_are_read_by_processes(
    network: Any, published: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custodes_verify.bundles.POOL_ABOVE", 300)
    code, report = check(network, folder=published)
    assert (code, report["findings"]) == (0, [])
    (published / "log/tile/entries/001").unlink()
    assert rules(check(network, folder=published)[1]) == ["bundle"]


@pytest.mark.parametrize("answer", ["cut", "long", "redirect", "error"])
def test_a_server_that_misbehaves_is_exit_2(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    class Misbehaving(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response({"redirect": 302, "error": 500}.get(answer, 200))
            if answer == "redirect":
                self.send_header("Location", "file:///etc/hostname")
            self.send_header("Content-Length", "600000")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"x" * (600_000 if answer == "long" else 10))

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        code = main([f"http://127.0.0.1:{server.server_port}", "--network", "00" * 32], now_us=0)
        server.shutdown()
        thread.join()
    assert code == 2
    assert capsys.readouterr().err.startswith("custodes-verify: ")


def test_committed_backgrounds_are_told_with_their_keys(network: Any, check: Check, make_key: Any) -> None:
    first, second = network.administrator, network.supervisor
    body = {
        "background": base64.urlsafe_b64encode(b"\7" * 32).decode().rstrip("="),
        "camera": base64.urlsafe_b64encode(network.camera).decode().rstrip("="),
        "condition": "day",
        "doubt_permille": 480,
        "revision": 1,
        "stream": base64.urlsafe_b64encode(network.stream).decode().rstrip("="),
        "view": "home",
        "withheld_permille": 390,
    }
    network.add("background", body, first, second)
    code, report = check(network)
    assert (code, report["findings"]) == (0, [])
    (told,) = [line for line in report["proven"] if "is committed" in line]
    assert (b"\7" * 32).hex() in told and "view home, day" in told and "Bridge north" in told
    keys = sorted(network.key_id(key.public).hex() for key in (first, second))
    assert f"by the staff keys {keys[0]} and {keys[1]}" in told
    (claim,) = [one for one in report["claimed"] if "withheld in that background" in one["what"]]
    assert "doubt 480" in claim["what"] and claim["by"].endswith(keys[1])
    network.add("background", {**body, "background": "", "revision": 2}, first, second)
    code, report = check(network)
    assert code == 0 and not [line for line in report["proven"] if "is committed" in line]


def test_a_background_signed_by_one_is_a_finding(network: Any, check: Check) -> None:
    body = {
        "background": base64.urlsafe_b64encode(b"\7" * 32).decode().rstrip("="),
        "camera": base64.urlsafe_b64encode(network.camera).decode().rstrip("="),
        "condition": "day",
        "doubt_permille": 0,
        "revision": 1,
        "stream": base64.urlsafe_b64encode(network.stream).decode().rstrip("="),
        "view": "home",
        "withheld_permille": 0,
    }
    network.add("background", body, network.supervisor)
    code, report = check(network)
    assert code == 1 and rules(report) == ["signature"]
    assert not [line for line in report["proven"] if "is committed" in line]
