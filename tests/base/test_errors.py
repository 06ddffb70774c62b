"""The error tree, ids and clocks."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, ManualClock, SystemClock
from custodes.base.errors import POLICY, BugError, CustodesError, ErrorKind, InvalidError, by_kind
from custodes.base.ids import ID_BYTES, new_id, parse_hex


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_every_kind_has_one_class_and_one_policy(kind: ErrorKind) -> None:
    classes = [cls for cls in CustodesError.__subclasses__() if cls.kind is kind]
    assert len(classes) == 1
    error = by_kind(kind, "the reason")
    assert type(error) is classes[0]
    assert error.kind is kind
    assert str(error) == "the reason"
    assert error.policy is POLICY[kind]


def test_policies_are_told_apart_by_exit_code() -> None:
    assert POLICY.keys() == set(ErrorKind)
    codes = [policy.exit_code for policy in POLICY.values()]
    assert len(set(codes)) == len(codes)
    # 0 is success, 1 and 3 mean other things to the verifier; shells use 126 and up.
    assert all(1 < code < 126 and code != 3 for code in codes)
    assert all(400 <= policy.http_status < 600 for policy in POLICY.values())
    assert {policy.log_level for policy in POLICY.values()} <= {"info", "warning", "error", "critical"}


def test_only_what_may_pass_by_itself_is_retried() -> None:
    retried = {kind for kind, policy in POLICY.items() if policy.retry}
    assert retried == {ErrorKind.CONFLICT, ErrorKind.PUSHBACK, ErrorKind.UNAVAILABLE, ErrorKind.EXHAUSTED}


def test_a_bare_error_is_a_bug() -> None:
    assert CustodesError("x").kind is ErrorKind.BUG
    assert isinstance(by_kind(ErrorKind.BUG, "x"), BugError)


@given(st.binary(min_size=16, max_size=16))
def test_an_id_comes_back_from_hex(data: bytes) -> None:
    assert parse_hex(data.hex()) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 31,
        "0" * 33,
        "0" * 34,
        "A" * 32,
        "g" * 32,
        " " + "0" * 32,
        "00 " * 16,
        "٠" * 32,
        None,
        b"0" * 32,
    ],
)
def test_false_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse_hex(text)


def test_other_lengths_are_asked_for() -> None:
    assert parse_hex("ab" * 32, 32) == b"\xab" * 32
    with pytest.raises(InvalidError, match="64"):
        parse_hex("ab" * 16, 32)


def test_ids_are_random() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(id_) for id_ in ids} == {ID_BYTES}


def test_the_system_clocks_are_microseconds_and_go_on() -> None:
    clock = SystemClock()
    before_ns = time.time_ns()
    utc_us, boot_us = clock.utc_us(), clock.boot_us()
    after_ns = time.time_ns()
    assert before_ns // 1000 <= utc_us <= after_ns // 1000
    assert clock.boot_us() >= boot_us > 0
    assert boot_us <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def test_a_manual_clock_moves_when_told() -> None:
    clock = ManualClock(utc_us=10, boot_us=20)
    clock.advance(5)
    assert (clock.utc_us(), clock.boot_us()) == (15, 25)
    clock.step_utc(-12)
    assert (clock.utc_us(), clock.boot_us()) == (3, 25)
    assert 24 * 60 * 60 * SECOND_US == 24 * 60 * MINUTE_US == 24 * HOUR_US == DAY_US
