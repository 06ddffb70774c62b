"""Fleet files and the command that runs them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from custodes_simulator import AudioCodec, Condition, FileSource, FleetFileError, Scheme, VideoCodec
from custodes_simulator.__main__ import main
from custodes_simulator.fleet_file import load_fleet, parse_fleet

EXAMPLES = Path(__file__).parents[2] / "simulator" / "examples"
WHOLE = """
cache = "clips"
truth = "sent.jsonl"
[[camera]]
name = "a"
host = "127.0.0.2"
user = "u"
password = "p"
schemes = ["digest-sha256", "basic"]
rtcp_interval_s = 1
[[camera.misbehaviour]]
name = "redirect"
[[camera.stream]]
file = "x.mp4"
audio = "aac"
first_sequence = 65530
[[camera.stream]]
name = "sub"
scene = { condition = "night", width = 320, height = 180 }
encoding = { codec = "h265", b_frames = 2 }
[[camera.stream.misbehaviour]]
name = "stall"
then = "lost"
after_s = 3
every_s = 10
for_s = 2.5
[[camera]]
name = "many"
count = 3
port = 9000
"""


def test_every_member_arrives(tmp_path: Path) -> None:
    fleet = parse_fleet(WHOLE, tmp_path)
    first, *many = fleet.cameras
    assert (fleet.cache, fleet.truth) == (tmp_path / "clips", tmp_path / "sent.jsonl")
    assert first.schemes == (Scheme.DIGEST_SHA256, Scheme.BASIC) and first.host == "127.0.0.2"
    assert first.misbehaviours[0].name == "redirect"
    main_stream, sub = first.streams
    assert main_stream.source == FileSource(tmp_path / "x.mp4") and main_stream.audio is AudioCodec.AAC
    assert sub.encoding is not None and sub.encoding.codec is VideoCodec.H265
    assert getattr(sub.source, "condition", None) is Condition.NIGHT
    schedule = sub.misbehaviours[0].schedule
    assert (schedule.after_s, schedule.every_s, schedule.for_s) == (3, 10, 2.5)
    assert [(spec.name, spec.port) for spec in many] == [("many-1", 9000), ("many-2", 9001), ("many-3", 9002)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there must be one or more"),
        ("x = [", "not TOML"),
        ("[[camera]]\nport = 1", "name is missing"),
        ("[[camera]]\nname = 'a'\nspeed = 1", "camera a: speed is unknown"),
        ("[[camera]]\nname = 'a'\nport = 70000", "port is 70000; it must be 0 to 65535"),
        ("[[camera]]\nname = 'a'\nlive = 1", "live is 1; it must be true or false"),
        ("[[camera]]\nname = 'a b'", "must be 1 to 63 letters"),
        ("[[camera]]\nname = 'a'\ncount = 0", "count is 0"),
        ("[[camera]]\nname = 'a'\nschemes = ['ntlm']", "must be one of basic, digest-md5, digest-sha256"),
        ("[[camera]]\nname = 'a'\n[[camera.stream]]\naudio = 'mp3'", "stream main: audio is 'mp3'"),
        ("[[camera]]\nname = 'a'\n[[camera.stream]]\nscene = { width = 3 }", "not an even size"),
        ("[[camera]]\nname = 'a'\n[[camera.stream]]\nencoding = { speed = 3 }", "speed is unknown"),
        ("[[camera]]\nname = 'a'\n[[camera.misbehaviour]]\nname = 'x'", "misbehaviour 'x' is unknown"),
        ("[[camera]]\nname = 'a'\n[[camera.stream]]\n[[camera.stream]]", "must be different"),
    ],
)
def test_what_is_wrong_is_named_with_its_limit(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        parse_fleet(text, tmp_path)
    assert says in str(caught.value)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_examples_are_right(path: Path) -> None:
    assert load_fleet(path).cameras


def test_command_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[[camera]]\nname = 'a'\nspeed = 1\n")
    assert main([str(bad)]) == 2
    assert "speed is unknown" in capsys.readouterr().err
    assert main(["--misbehaviours"]) == 0
    assert "rtp-time-step" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_urls_and_stops_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(
        "truth = 'sent.jsonl'\n[[camera]]\nname = 'a'\n[[camera.stream]]\n"
        "scene = { width = 160, height = 90, duration_s = 1 }\n"
    )
    command = [sys.executable, "-m", "custodes_simulator", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("rtsp://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(30) == 0
    assert (tmp_path / "sent.jsonl").exists()
