"""A package proves what it holds, and every change of it is found."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from custodes_verify.main import main

Verify = Callable[..., tuple[int, dict[str, Any]]]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Write a package and verify it; with its ledger where asked for."""

    def run(package: Any, *, ledger: bool = False) -> tuple[int, dict[str, Any]]:
        folder, network = package.write(), package.network
        arguments = ["--package", str(folder), "--network", network.id.hex(), "--json"]
        if ledger:
            arguments.insert(0, str(network.write(package.store.folder)))
        code = main(arguments, now_us=network.now_us)
        return code, json.loads(capsys.readouterr().out)

    return run


def rules(report: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in report["findings"]]


@pytest.mark.parametrize("ledger", [False, True])
def test_a_sound_package_is_proven(package: Any, verify: Verify, ledger: bool) -> None:
    code, report = verify(package, ledger=ledger)
    assert (code, report["findings"]) == (0, [])
    assert "4 of 4 envelopes are unchanged since the seal and open" in report["proven"]
    assert any("1 videos are the sealed access units" in proven for proven in report["proven"])
    assert any("sealed no later than" in claim["what"] for claim in report["claimed"])


def test_without_an_id_a_package_is_only_consistent(package: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--package", str(package.write())], now_us=package.network.now_us) == 3
    assert "SELF-CONSISTENT ONLY" in capsys.readouterr().out


def test_an_altered_picture_is_found(package: Any, verify: Verify) -> None:
    name = "video/bridge-00000000-1.mp4"
    data = bytearray(package.files[name])
    data[-5] ^= 1
    package.files[name] = bytes(data)
    assert rules(verify(package)[1]) == ["video"]
    package.list["videos"][0]["sha256"] = b64(hashlib.sha256(data).digest())
    report = verify(package)[1]
    assert [finding["what"] for finding in report["findings"]] == [
        "sample 15 is not the access unit that was sealed"
    ]


def restamped(package: Any, data: bytes) -> None:
    package.files["video/bridge-00000000-1.mp4"] = data
    package.list["videos"][0]["sha256"] = b64(hashlib.sha256(data).digest())


def test_an_altered_tempo_is_found(package: Any, verify: Verify) -> None:
    data = package.files["video/bridge-00000000-1.mp4"]
    restamped(package, data.replace((90_000).to_bytes(4, "big"), (45_000).to_bytes(4, "big")))
    assert "times" in verify(package)[1]["findings"][0]["what"]


def test_other_parameter_sets_are_found(package: Any, verify: Verify) -> None:
    data = package.files["video/bridge-00000000-1.mp4"]
    at = data.index(b"avcC")
    restamped(package, data[: at + 16] + bytes([data[at + 16] ^ 1]) + data[at + 17 :])
    assert "parameter sets" in verify(package)[1]["findings"][0]["what"]


def test_a_flipped_envelope_is_found(package: Any, verify: Verify) -> None:
    name = package.envelope_name(package.sealed[1])
    data = bytearray(package.files[name])
    data[-1] ^= 1
    package.files[name] = bytes(data)
    assert rules(verify(package)[1]) == ["flipped", "video"]


def test_a_resealed_envelope_is_found(package: Any, verify: Verify) -> None:
    again = package.store.seal(package.header, 2, elapsed_us=3)[1]
    package.files[package.envelope_name(again)] = again.bytes
    report = verify(package)[1]
    assert "not the envelope that was accounted for" in report["findings"][0]["what"]


def test_a_withheld_envelope_is_found(package: Any, verify: Verify) -> None:
    package.files.pop(package.envelope_name(package.sealed[1]))
    assert rules(verify(package)[1]) == ["envelope", "video"]


def test_an_envelope_outside_the_grant_is_found(package: Any, verify: Verify) -> None:
    extra = package.sealed[4]
    package.list["envelopes"].append(package.envelope_row(extra))
    package.files[package.envelope_name(extra)] = extra.bytes
    report = verify(package)[1]
    assert "slot 2, which was not granted" in report["findings"][0]["what"]


def test_a_key_outside_the_grant_is_found(package: Any, verify: Verify) -> None:
    package.slots.append(2)
    package.list["keys"] = [package.key_row()]
    assert rules(verify(package)[1]) == ["grant"]


def test_a_false_slot_key_is_found(package: Any, verify: Verify) -> None:
    package.list["keys"][0]["slots"][0]["key"] = b64(bytes(32))
    assert rules(verify(package)[1])[0] == "slot-key"
    package.list["keys"] = [package.key_row()]
    package.list["keys"][0]["commitments"] = b64(bytes(64))
    assert rules(verify(package)[1])[0] == "slot-key"


def test_only_what_enough_granted_counts(make_package: Callable[[], Any], verify: Verify) -> None:
    package = make_package()
    package.enter({1: [0, 1], 2: [0]})
    package.slots = [0]
    assert verify(package.build())[1]["findings"] == []
    package.slots = [0, 1]
    assert rules(verify(package.build())[1])[0] == "grant"


def test_a_false_opening_counts_as_no_grant(package: Any, verify: Verify) -> None:
    package.list["openings"][0]["salt"] = b64(bytes(32))
    found = rules(verify(package)[1])
    assert found[:3] == ["opening", "grant", "grant"]


def test_another_request_file_is_found(package: Any, verify: Verify) -> None:
    package.list["request"]["necessity"] = "Something else."
    assert "request" in rules(verify(package)[1])


def test_another_scope_than_the_ledgers_is_found(make_package: Callable[[], Any], verify: Verify) -> None:
    package = make_package()
    package.enter({1: [0, 1], 2: [0, 1]}, commitment=b64(bytes(32)))
    assert "request" in rules(verify(package.build())[1])


def test_missing_releases_are_found(package: Any, verify: Verify) -> None:
    package.list["entries"].pop()
    assert rules(verify(package)[1]) == ["release-decisions"]


def test_a_false_path_is_found(package: Any, verify: Verify) -> None:
    package.list["entries"][2]["path"][0] = b64(bytes(32))
    assert "inclusion" in rules(verify(package)[1])


def test_a_forked_checkpoint_is_found(package: Any, verify: Verify) -> None:
    network = package.network
    kept, network.leaves = network.leaves, [*network.leaves[:-1]]
    network.disclose(envelopes=77)
    network.leaves, package.network.leaves = kept, network.leaves
    forked = package.build()
    report = verify(forked)[1]
    assert report["findings"] == []
    network.leaves = kept
    forked.write()
    assert "fork" in rules(verify(forked, ledger=True)[1])


def test_a_package_without_disclosure_is_found(package: Any, verify: Verify) -> None:
    package.network.leaves.pop()
    package.build()
    assert "disclosure-missing" in rules(verify(package, ledger=True)[1])


def test_a_missing_cosignature_is_found(package: Any, verify: Verify) -> None:
    package.note = package.network.note(signers=False)
    assert rules(verify(package)[1]) == ["witnesses"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"entries":' * 500])
def test_a_strange_list_is_a_finding(package: Any, verify: Verify, data: bytes) -> None:
    folder = package.write()
    package.files["package.json"] = data
    package.files["checkpoint"] = package.note
    assert rules(verify(package)[1]) == ["package"]
    assert folder.exists()


def test_no_package_there_is_exit_2(tmp_path: Any) -> None:
    assert main(["--package", str(tmp_path)], now_us=0) == 2
