"""What cameras do in the field, simulated, each with what is expected of us.

All cameras run at once, each until it has sent enough; the tests look at what came of them.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import pytest

from custodes.adapters.rtsp.client import CameraSource, SessionLimits, run_session
from custodes.adapters.rtsp.notices import NoticeKind
from custodes.base.clock import SystemClock
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)
from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.model import AudioCodec
from custodes_simulator.clips.nal import VideoCodec
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.misbehaviours.base import CameraMisbehaviour, misbehave
from custodes_simulator.rtsp.auth import Scheme
from custodes_simulator.spec import CameraSpec, StreamSpec
from custodes_simulator.truth import TruthEntry

pytestmark = pytest.mark.integration

# Short, but longer than a busy machine makes all these cameras wait when they begin at once.
QUICK = SessionLimits(response_s=4.0, silence_s=4.0)
ALL_SCHEMES = (Scheme.BASIC, Scheme.DIGEST_MD5, Scheme.DIGEST_SHA256)


@dataclass(frozen=True)
class Case:
    """A camera and how long to watch it. `sessions`: how often to connect again after an error."""

    name: str
    faults: tuple[tuple[str, dict[str, Any]], ...] = ()
    transport: Literal["tcp", "udp"] = "tcp"
    units: int = 40
    encoding: Encoding = field(default_factory=Encoding)
    audio: AudioCodec | None = None
    camera: dict[str, Any] = field(default_factory=dict)
    password: str = ""
    limits: SessionLimits = field(default_factory=SessionLimits)
    sessions: int = 1

    def spec(self) -> CameraSpec:
        planned = [misbehave(name, **parameters) for name, parameters in self.faults]
        ours = tuple(each for each in planned if not isinstance(each.misbehaviour, CameraMisbehaviour))
        theirs = tuple(each for each in planned if isinstance(each.misbehaviour, CameraMisbehaviour))
        stream = StreamSpec(encoding=self.encoding, audio=self.audio, misbehaviours=ours)
        options = {"rtcp_interval_s": 0.5, **self.camera}
        return CameraSpec(self.name, (stream,), misbehaviours=theirs, **options)


def fault(name: str, **parameters: Any) -> tuple[tuple[str, dict[str, Any]], ...]:
    return ((name, parameters),)


H265 = Encoding(codec=VideoCodec.H265)
GUARDED = {"password": "secret", "schemes": ALL_SCHEMES}
# Over two of the camera's time-outs are watched.
SHORT = {"session_timeout_s": 2}
BEYOND_SHORT = 125

CASES = [
    Case("plain"),
    Case("plain-h265", encoding=H265),
    Case("plain-h265-udp", encoding=H265, transport="udp"),
    Case("01", fault("rtp-time-step", after_s=1.0, times=1)),
    Case("02", (*fault("rtp-time-from-zero"), *fault("close-connection", after_s=0.8)), sessions=3),
    Case("03", fault("rtp-time-jitter", track="audio", share=0.5), audio=AudioCodec.PCMA),
    Case("04", fault("b-frames")),
    Case("04-h265", fault("b-frames"), encoding=H265),
    Case("05", fault("size-change", after_s=0.5)),
    Case("06", fault("sdp-no-sprop", no_fmtp=True)),
    Case("06-out-of-band", fault("sets-out-of-band")),
    Case("07", (*fault("sdp-garbage-sprop"), *fault("start-codes", how="joined"))),
    Case("07-trailing", fault("start-codes", how="trailing")),
    Case("07-h265", (*fault("sdp-garbage-sprop"), *fault("start-codes", how="joined")), encoding=H265),
    Case("08-no-control", fault("sdp-no-control"), units=5),
    Case("08-no-origin", fault("sdp-no-origin"), units=5),
    Case("08-empty-attribute", fault("sdp-empty-attribute"), units=5),
    Case("08-empty-connection", fault("sdp-empty-connection"), units=5),
    Case("08-bare-newlines", fault("sdp-bare-newlines"), units=5),
    Case("08-absolute-control", fault("sdp-absolute-control"), units=5),
    Case("08-no-content-base", fault("no-content-base"), units=5),
    Case("08-extra-track", fault("sdp-extra-track", place="first"), units=5),
    Case("09", fault("transport-order"), units=10),
    Case("10", fault("swap-packets", share=0.1), transport="udp", units=60),
    Case("12", fault("sequence-hole", after_s=0.5, times=1)),
    Case("13", audio=AudioCodec.PCMA),
    Case("14", audio=AudioCodec.MP2, units=10),
    Case("15-get-parameter", fault("keep-alive-only"), camera=SHORT, units=BEYOND_SHORT),
    Case("15-options", fault("keep-alive-only", method="OPTIONS"), camera=SHORT, units=BEYOND_SHORT),
    Case(
        "15-unlisted",
        fault("keep-alive-only", method="OPTIONS", listed=False),
        camera=SHORT,
        units=BEYOND_SHORT,
    ),
    Case("15-udp", fault("keep-alive-only"), camera=SHORT, transport="udp", units=BEYOND_SHORT),
    Case("16-connection", fault("nonce-one-time"), camera=GUARDED, password="secret", units=5),
    Case("16-request", fault("nonce-one-time", per="request"), camera=GUARDED, password="secret", units=5),
    Case("16-wrong", camera=GUARDED, password="wrong"),
    Case("16-none", camera=GUARDED),
    Case(
        "16-stale",
        fault("nonce-stale", every_s=0.2),
        camera={**GUARDED, **SHORT},
        password="secret",
        units=60,
    ),
    Case("16-basic", camera={**GUARDED, "schemes": (Scheme.BASIC,)}, password="secret", units=5),
    Case("17", fault("no-rtcp")),
    Case("18", fault("burst"), units=150),
    Case("19-refused", fault("refuse-connections")),
    Case("19-silent", fault("accept-then-silence"), limits=QUICK),
    Case("20", fault("reboot", after_s=0.7, times=1, for_s=30)),
    Case("slices", fault("slices")),
    Case("slices-marked", (*fault("slices"), *fault("marker-always"))),
    Case("marker-missing", fault("marker-missing")),
    Case("marker-always", fault("marker-always")),
    Case("stuck", fault("rtp-time-stuck", after_s=0.3)),
    Case("open-gop", fault("open-gop")),
    Case("open-gop-h265", fault("open-gop"), encoding=H265),
    Case("giant", fault("giant-key-frame"), units=30),
    Case("junk", fault("junk-between-frames", share=0.2)),
    Case("foreign-tcp", fault("foreign-packets", share=0.3)),
    Case("foreign-udp", fault("foreign-packets", share=0.3), transport="udp"),
    Case("foreign-port", fault("foreign-packets", share=0.3, same_ssrc=True), transport="udp"),
    Case("dropped-udp", fault("drop-packets", share=0.1), transport="udp", units=60),
    Case("doubled", fault("duplicate-packets", share=0.3)),
    Case("source-changed", fault("ssrc-change", after_s=0.7, times=1), units=60),
    Case("extension", fault("header-extension")),
    Case("empty", fault("empty-packets", share=0.3)),
    Case("sets-change", fault("parameter-sets-change", after_s=0.5)),
    Case("odd-headers", fault("odd-headers"), units=5),
    Case("wrong-cseq", fault("wrong-cseq"), units=5),
    Case("no-cseq", fault("wrong-cseq", by=0), units=5),
    Case("redirect", fault("redirect"), units=5),
    Case("late-play", fault("late-answer"), units=20),
    Case("unset-clock", fault("rtcp-time-unset")),
    Case("wrong-report", fault("rtcp-wrong-ssrc")),
    Case("bye", fault("rtcp-bye", after_s=0.5, times=1), units=60),
    Case("unsupported-transport", fault("error-answer", method="SETUP", status=461)),
    Case("forbidden", fault("error-answer", method="DESCRIBE", status=403)),
    Case("no-answer", fault("no-answer", method="PLAY"), limits=QUICK),
    Case("stalled", fault("stall", after_s=0.5), limits=QUICK, units=10_000),
    Case("unknown-codec", fault("sdp-unknown-codec")),
]


@dataclass
class Outcome:
    """What came of a camera: a sink and an error for each session, and what it sent of video and sound."""

    sinks: list[Any]
    errors: list[CustodesError]
    sent: list[TruthEntry]
    sound: list[TruthEntry]

    @property
    def sink(self) -> Any:
        """The sink of the first session."""
        return self.sinks[0]

    @property
    def kinds(self) -> set[NoticeKind]:
        """Which notices came."""
        return set().union(*(sink.kinds() for sink in self.sinks))

    @property
    def loss(self) -> int:
        """Packets that access units say are missing."""
        return sum(unit.loss_before for sink in self.sinks for unit in sink.units)

    def pairs(self) -> list[tuple[Any, TruthEntry]]:
        """Each access unit of the first session with what was sent; they must be the same byte for byte."""
        units, delivered = (
            self.sink.units,
            [entry for entry in self.sent if entry.delivered and entry.session == 1],
        )
        hashes = [hashlib.sha256(unit.data).hexdigest() for unit in units]
        assert hashes == [entry.sha256 for entry in delivered][: len(hashes)]
        assert units, self.errors
        return list(zip(units, delivered, strict=False))

    def assert_exact(self) -> None:
        """Everything arrived as it was sent, with its flags and times."""
        for unit, entry in self.pairs():
            assert (unit.is_key, unit.is_open_key) == (entry.is_key, entry.is_open_key)
            assert unit.media_90k % 2**32 == entry.rtp_time


async def watch(case: Case, fleet: SimulatedFleet, make_sink: Any) -> Outcome:
    sinks, errors = [], []
    user = "admin" if case.password else ""
    source = CameraSource(fleet.url(case.name), user, case.password, case.transport)
    for _ in range(case.sessions):
        sinks.append(sink := make_sink())
        task = asyncio.create_task(run_session(source, sink, SystemClock(), limits=case.limits))
        async with asyncio.timeout(120):
            while not task.done() and len(sink.units) < case.units:
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, CustodesError), repr(error)
            errors.append(error)
    return Outcome(sinks, errors, fleet.truth(case.name), fleet.truth(case.name, track="audio"))


async def watch_all(make_sink: Any, cache: Any) -> dict[str, Outcome]:
    async with SimulatedFleet([case.spec() for case in CASES], cache=cache) as fleet:
        outcomes = await asyncio.gather(*(watch(case, fleet, make_sink) for case in CASES))
    return {case.name: outcome for case, outcome in zip(CASES, outcomes, strict=True)}


@pytest.fixture(scope="module")
def outcomes(sink_type: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return asyncio.run(watch_all(sink_type, tmp_path_factory.mktemp("clips")))


def falls(media: list[int]) -> list[int]:
    return [index for index, pair in enumerate(pairwise(media)) if pair[1] <= pair[0]]


@pytest.mark.parametrize("name", ["plain", "plain-h265", "plain-h265-udp"])
def test_a_camera_that_behaves(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].kinds == set()
    assert outcomes[name].loss == 0


def test_field_case_01_time_falls_back_five_hours(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["01"]
    outcome.pairs()
    media = [unit.media_90k for unit in outcome.sink.units]
    assert falls(media) == []
    assert media[-1] - media[0] < 10 * 90_000
    assert outcome.sink.count(NoticeKind.TIME_STEP) == 1
    assert outcome.loss == 0


def test_field_case_02_time_from_zero_on_every_connection(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["02"]
    assert len(outcome.errors) >= 2
    assert all(isinstance(error, UnavailableError) for error in outcome.errors)
    for sink in outcome.sinks:
        media = [unit.media_90k for unit in sink.units]
        assert media[0] == 2**32
        assert falls(media) == []


def test_field_case_03_sound_out_of_order(outcomes: dict[str, Outcome]) -> None:
    outcomes["03"].assert_exact()
    assert outcomes["03"].kinds == set()


@pytest.mark.parametrize("name", ["04", "04-h265"])
def test_field_case_04_b_frames(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert falls([unit.media_90k for unit in outcomes[name].sink.units])
    assert outcomes[name].kinds == set()


def test_field_case_05_resolution_changes(outcomes: dict[str, Outcome]) -> None:
    sink = outcomes["05"].sink
    outcomes["05"].assert_exact()
    assert len(sink.sets) == 2
    assert sink.sets[0].sps != sink.sets[1].sps
    change = sink.calls.index("sets", sink.calls.index("unit"))
    first_changed = sink.units[sink.calls[:change].count("unit")]
    assert first_changed.is_key and sink.sets[1].sps[0] in first_changed.data


def test_field_case_06_parameter_sets_in_one_place_only(outcomes: dict[str, Outcome]) -> None:
    for name in ("06", "06-out-of-band"):
        outcomes[name].assert_exact()
        assert len(outcomes[name].sink.sets) == 1
        assert outcomes[name].sink.calls[0] == "sets"


@pytest.mark.parametrize("name", ["07", "07-trailing", "07-h265"])
def test_field_case_07_garbage_sets_and_start_codes(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert NoticeKind.START_CODES in outcomes[name].kinds
    assert (NoticeKind.PARAMETER_SETS_IGNORED in outcomes[name].kinds) == (name != "07-trailing")
    assert len(outcomes[name].sink.sets) == 1
    assert outcomes[name].loss == 0


@pytest.mark.parametrize("name", [case.name for case in CASES if case.name.startswith("08-")])
def test_field_case_08_odd_descriptions(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()


def test_field_case_09_transport_in_another_order_and_on_other_channels(outcomes: dict[str, Outcome]) -> None:
    outcomes["09"].assert_exact()


def test_field_case_10_swapped_packets(outcomes: dict[str, Outcome]) -> None:
    outcomes["10"].assert_exact()
    assert outcomes["10"].loss == 0
    assert outcomes["10"].kinds == {NoticeKind.REORDERED}


def test_field_case_12_holes_over_tcp(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["12"]
    outcome.pairs()
    assert outcome.loss > 0
    assert outcome.sink.count(NoticeKind.LOSS) == outcome.loss


@pytest.mark.parametrize("name", ["13", "14"])
def test_field_case_13_sound_is_never_set_up(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].sound == []


@pytest.mark.parametrize("name", ["15-get-parameter", "15-options", "15-unlisted", "15-udp"])
def test_field_case_15_the_keep_alive_that_the_camera_takes(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].errors == []
    assert (NoticeKind.KEEP_ALIVE_REFUSED in outcomes[name].kinds) == (name == "15-unlisted")


@pytest.mark.parametrize("name", ["16-connection", "16-request", "16-stale", "16-basic"])
def test_field_case_16_nonces_used_once(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].errors == []


@pytest.mark.parametrize("name", ["16-wrong", "16-none"])
def test_field_case_16_no_password_no_video(outcomes: dict[str, Outcome], name: str) -> None:
    assert isinstance(outcomes[name].errors[0], UnauthenticatedError)


def test_field_case_17_no_reports(outcomes: dict[str, Outcome]) -> None:
    outcomes["17"].assert_exact()
    assert {unit.camera_utc_us for unit in outcomes["17"].sink.units} == {0}


def test_field_case_18_a_burst_of_the_past(outcomes: dict[str, Outcome]) -> None:
    outcomes["18"].assert_exact()
    assert outcomes["18"].kinds == set()
    assert outcomes["18"].loss == 0


@pytest.mark.parametrize("name", ["19-refused", "19-silent"])
def test_field_case_19_a_dead_camera(outcomes: dict[str, Outcome], name: str) -> None:
    assert isinstance(outcomes[name].errors[0], UnavailableError)
    assert outcomes[name].sink.notices == []


def test_field_case_20_a_camera_reboots(outcomes: dict[str, Outcome]) -> None:
    outcomes["20"].assert_exact()
    assert isinstance(outcomes["20"].errors[0], UnavailableError)


@pytest.mark.parametrize(
    "name",
    ["slices", "marker-missing", "marker-always", "open-gop", "open-gop-h265", "giant", "extension", "empty",
     "sets-change", "odd-headers", "wrong-cseq", "no-cseq", "redirect", "late-play"],
)  # fmt: skip
def test_oddities_that_change_nothing(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].kinds == set()
    assert outcomes[name].loss == 0


def test_markers_on_every_slice(outcomes: dict[str, Outcome]) -> None:
    outcomes["slices-marked"].assert_exact()


def test_time_that_does_not_move(outcomes: dict[str, Outcome]) -> None:
    outcomes["stuck"].pairs()
    media = [unit.media_90k for unit in outcomes["stuck"].sink.units]
    assert media == sorted(media)
    assert NoticeKind.TIME_STEP in outcomes["stuck"].kinds or len(media) < 40


def test_junk_between_frames_is_reported_and_costs_nothing(outcomes: dict[str, Outcome]) -> None:
    outcomes["junk"].assert_exact()
    assert outcomes["junk"].kinds == {NoticeKind.JUNK}


@pytest.mark.parametrize("name", ["foreign-tcp", "foreign-udp", "foreign-port"])
def test_packets_of_others_never_get_in(outcomes: dict[str, Outcome], name: str) -> None:
    outcomes[name].assert_exact()
    assert outcomes[name].kinds == {NoticeKind.FOREIGN_SOURCE}
    assert outcomes[name].loss == 0


def test_lost_packets_are_counted(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["dropped-udp"]
    received = set(outcome.sink.hashes())
    # A picture of several units may arrive without one of them; every other picture is as it was sent.
    damaged = sum(unit.loss_before > 0 for unit in outcome.sink.units)
    assert len(received - {entry.sha256 for entry in outcome.sent}) <= damaged
    assert 0 < outcome.loss <= outcome.sink.count(NoticeKind.LOSS)
    last = max(entry.index for entry in outcome.sent if entry.sha256 in received)
    whole = [entry for entry in outcome.sent if entry.delivered and entry.index < last]
    assert {entry.sha256 for entry in whole} <= received


def test_doubled_packets_are_dropped(outcomes: dict[str, Outcome]) -> None:
    outcomes["doubled"].assert_exact()
    assert outcomes["doubled"].kinds == {NoticeKind.DUPLICATE}


def test_another_source_of_the_same_camera_is_followed(outcomes: dict[str, Outcome]) -> None:
    outcomes["source-changed"].pairs()
    assert NoticeKind.SOURCE_CHANGED in outcomes["source-changed"].kinds
    assert falls([unit.media_90k for unit in outcomes["source-changed"].sink.units]) == []


def test_a_clock_that_was_never_set_is_no_claim(outcomes: dict[str, Outcome]) -> None:
    for name in ("unset-clock", "wrong-report"):
        assert {unit.camera_utc_us for unit in outcomes[name].sink.units} == {0}
    assert outcomes["unset-clock"].kinds == {NoticeKind.CLOCK_CLAIM}
    assert outcomes["wrong-report"].kinds == {NoticeKind.FOREIGN_SOURCE}


def test_a_goodbye_that_is_not_meant(outcomes: dict[str, Outcome]) -> None:
    outcomes["bye"].assert_exact()
    assert outcomes["bye"].kinds == {NoticeKind.GOODBYE}


@pytest.mark.parametrize(
    ("name", "kind", "named"),
    [
        ("unsupported-transport", UnavailableError, "SETUP with 461"),
        ("forbidden", RefusedError, "DESCRIBE with 403"),
        ("no-answer", UnavailableError, "did not answer PLAY within 4 s"),
        ("stalled", UnavailableError, "no picture for 4 s"),
        ("unknown-codec", InvalidError, "AV1/90000"),
    ],
)
def test_errors_say_what_the_camera_did(
    outcomes: dict[str, Outcome], name: str, kind: type[CustodesError], named: str
) -> None:
    (error,) = outcomes[name].errors
    assert isinstance(error, kind)
    assert named in str(error)
