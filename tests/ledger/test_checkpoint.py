"""Signed notes, cosignatures and freshness."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import SigningKey, verify_signature
from custodes.ledger import checkpoint as notes
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, WitnessPolicy

ORIGIN = "town.example/log"
LOG, KEEPER, FIRST, SECOND = (SigningKey(bytes([seed]) * 32) for seed in (1, 2, 3, 4))
NOW_S = 1_800_000_000
POINT = Checkpoint(ORIGIN, 1234, bytes(range(32)))


def _policy(needed: int) -> WitnessPolicy:
    return WitnessPolicy(
        {"first.example": FIRST.public, "second.example": SECOND.public},
        needed,
        (notes.keeper_name(ORIGIN), KEEPER.public),
        10 * MINUTE_US,
    )


def _cosigned(*cosigners: tuple[str, SigningKey, int]) -> SignedCheckpoint:
    note = notes.sign_checkpoint(POINT, LOG)
    for name, key, seconds in cosigners:
        note = note.with_signature(notes.cosign(POINT, name, key, seconds))
    return note


def test_the_text() -> None:
    assert POINT.text() == f"{ORIGIN}\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_key_hash_and_signature_as_in_the_go_library() -> None:
    # The example of golang.org/x/mod/sumdb/note.
    key = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    line = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    assert notes.note_key_hash("PeterNeumann", key[:1], key[1:]) == line[:4] == bytes.fromhex("c74f20a3")
    verify_signature(key[1:], line[4:], text.encode())


def test_a_note_comes_back() -> None:
    note = _cosigned((notes.keeper_name(ORIGIN), KEEPER, NOW_S), ("first.example", FIRST, NOW_S))
    data = note.encode()
    assert notes.parse_checkpoint(data) == note
    note.check_log(ORIGIN, LOG.public)
    assert note.cosigned_s("first.example", FIRST.public) == NOW_S
    assert note.cosigned_s("second.example", SECOND.public) is None


def test_a_later_cosignature_takes_the_earlier_ones_place() -> None:
    note = _cosigned(("first.example", FIRST, NOW_S), ("first.example", FIRST, NOW_S + 300))
    assert len(note.signatures) == 2
    assert note.cosigned_s("first.example", FIRST.public) == NOW_S + 300


def test_what_another_log_signed() -> None:
    note = _cosigned()
    with pytest.raises(UnverifiedError):
        note.check_log("other.example/log", LOG.public)
    with pytest.raises(UnverifiedError):
        note.check_log(ORIGIN, KEEPER.public)
    with pytest.raises(UnverifiedError):
        SignedCheckpoint(Checkpoint(ORIGIN, 1235, POINT.root), note.signatures).check_log(ORIGIN, LOG.public)


def test_a_cosignature_of_another_time_or_tree() -> None:
    line = notes.cosign(POINT, "first.example", FIRST, NOW_S)
    moved = notes.NoteSignature(line.name, line.key_hash, (NOW_S + 1).to_bytes(8, "big") + line.payload[8:])
    for checkpoint, signature in ((POINT, moved), (Checkpoint(ORIGIN, 1, POINT.root), line)):
        with pytest.raises(UnverifiedError):
            SignedCheckpoint(checkpoint, (signature,)).cosigned_s("first.example", FIRST.public)


@pytest.mark.parametrize(
    "spelling",
    [
        b"",
        b"town.example/log\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
        POINT.text().encode() + b"\n",
        POINT.text().encode() + b"extension\n\n" + _cosigned().signatures[0].line().encode(),
        _cosigned().encode().removesuffix(b"\n"),
        _cosigned().encode() + b"\n",
        _cosigned().encode().replace(b"1234", b"01234"),
        _cosigned().encode().replace("—".encode(), b"-"),
        _cosigned().encode().replace(b"AAEC", b"\xff\xff"),
        _cosigned().encode() * 500,
    ],
)
def test_other_spellings(spelling: bytes) -> None:
    with pytest.raises(InvalidError):
        notes.parse_checkpoint(spelling)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_what_parses_is_spelt_so(tail: bytes) -> None:
    data = POINT.text().encode() + b"\n" + tail
    try:
        note = notes.parse_checkpoint(data)
    except InvalidError:
        return
    assert note.encode() == data


@pytest.mark.parametrize(
    ("needed", "cosigners", "fresh"),
    [
        (0, [(notes.keeper_name(ORIGIN), KEEPER, NOW_S - 600)], True),
        (0, [(notes.keeper_name(ORIGIN), KEEPER, NOW_S - 601)], False),
        (0, [("first.example", FIRST, NOW_S)], False),
        (0, [(notes.keeper_name(ORIGIN), KEEPER, NOW_S + 301)], False),
        (1, [("second.example", SECOND, NOW_S + 299)], True),
        (1, [(notes.keeper_name(ORIGIN), KEEPER, NOW_S)], False),
        (2, [("first.example", FIRST, NOW_S)], False),
        (2, [("first.example", FIRST, NOW_S), ("second.example", SECOND, NOW_S - 700)], False),
        (2, [("first.example", FIRST, NOW_S), ("second.example", SECOND, NOW_S - 500)], True),
        (1, [("first.example", SECOND, NOW_S)], False),
    ],
)
def test_freshness(needed: int, cosigners: list[tuple[str, SigningKey, int]], fresh: bool) -> None:
    note = _cosigned(*cosigners)
    if fresh:
        _policy(needed).check_fresh(note, NOW_S * SECOND_US)
    else:
        with pytest.raises(UnverifiedError):
            _policy(needed).check_fresh(note, NOW_S * SECOND_US)


def test_a_policy_cannot_need_more_than_it_names() -> None:
    with pytest.raises(InvalidError):
        _policy(3)
