"""The discloser's word that a case waits for reels: one spelling, one signer, one recorder."""

from dataclasses import replace

import pytest

from custodes.base.canon import b64u, canon, parse_canon
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import SigningKey, sign_body
from custodes.cases.closing import (
    CLOSE_REELS_TYPE,
    CloseReels,
    check_close_reels,
    last_slots,
    parse_reels_closed,
    reels_closed,
)
from custodes.cases.scope import EpochSlots, Slot

DISCLOSER = SigningKey(b"d" * 32)
AFTER = (Slot(b"A" * 16, b"e" * 16, 4), Slot(b"B" * 16, b"f" * 16, 0))
WORD = CloseReels(b"N" * 32, b"R" * 16, b"q" * 32, AFTER)


def _check(data: bytes) -> CloseReels:
    return check_close_reels(data, WORD.network, WORD.recorder, DISCLOSER.public)


def test_the_recorder_reads_what_the_discloser_signed() -> None:
    assert _check(WORD.sign(DISCLOSER)) == WORD


def test_only_the_last_slot_of_an_epoch_is_told() -> None:
    epochs = [EpochSlots(b"A" * 16, b"e" * 16, (1, 2, 4)), EpochSlots(b"B" * 16, b"f" * 16, (0,))]
    assert last_slots(epochs) == AFTER
    assert b'"slot":2' not in WORD.sign(DISCLOSER)


@pytest.mark.parametrize(
    "other", [{"network": b"M" * 32}, {"recorder": b"S" * 16}], ids=["network", "recorder"]
)
def test_a_word_to_another_is_refused(other: dict[str, bytes]) -> None:
    with pytest.raises(UnverifiedError, match="another name or network"):
        _check(replace(WORD, **other).sign(DISCLOSER))


def test_another_signer_or_a_changed_word_is_refused() -> None:
    with pytest.raises(UnverifiedError, match="exactly the keys"):
        _check(WORD.sign(SigningKey(b"k" * 32)))
    signed = parse_canon(WORD.sign(DISCLOSER))
    signed["body"]["after"][0]["slot"] = 5
    with pytest.raises(UnverifiedError, match="does not check"):
        _check(canon(signed))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "x"},
        {"note": 1},
        {"after": []},
        {"after": [{"epoch": b64u(b"e" * 16), "slot": 60, "stream": b64u(b"A" * 16)}]},
        {"after": [{"epoch": b64u(b"e" * 16), "slot": -1, "stream": b64u(b"A" * 16)}]},
        {"after": [{"epoch": b64u(b"e" * 16), "slot": 1, "stream": b64u(b"A" * 16)}] * 2},
        {"recorder": b64u(b"R" * 15)},
    ],
)
def test_a_malformed_word_is_refused(changes: dict[str, object]) -> None:
    body = {**parse_canon(WORD.sign(DISCLOSER))["body"], **changes}
    with pytest.raises(InvalidError):
        _check(canon(sign_body(CLOSE_REELS_TYPE, body, DISCLOSER).to_json()))
    with pytest.raises(InvalidError):
        _check(canon(sign_body("custodes/settings/v1", body, DISCLOSER).to_json()))


def test_the_answer_is_a_count() -> None:
    assert parse_reels_closed(reels_closed(3)) == 3
    for data in (b"{}", canon({"format": "custodes/reels-closed/v1", "waiting": -1}), b"3"):
        with pytest.raises(InvalidError):
            parse_reels_closed(data)
