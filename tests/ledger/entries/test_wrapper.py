"""Bytes of an entry: one spelling, and the quick writer against the general one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from town.people import signing_key

from custodes.base.canon import b64u, canon
from custodes.base.errors import InvalidError
from custodes.base.keys import Signed, sign_body
from custodes.ledger.entries.wrapper import Entry, Statement, parse_entry, spell_checked

KEYS = [signing_key("a"), signing_key("b")]
names = st.text(alphabet=st.characters(max_codepoint=127), max_size=8)
values = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_the_quick_writer_spells_as_rfc_8785(value: Any) -> None:
    assert spell_checked(value) == canon(value)


def _entry(body: dict[str, Any], late: bool, count: int = 2) -> Entry:
    signed = sign_body("custodes/entry/access/v1", body, *KEYS[:count])
    return Entry(Statement.of(signed), 1_800_000_000_000_000, late)


@given(st.dictionaries(names, values, max_size=4), st.booleans(), st.integers(0, 2))
def test_an_entry_comes_back(body: dict[str, Any], late: bool, count: int) -> None:
    entry = _entry(body, late, count)
    data = entry.encode()
    wrapped = {"admitted_us": entry.admitted_us, **entry.statement.signed.to_json()}
    assert data == canon({**wrapped, "late": True} if late else wrapped)
    assert entry.statement.encode() == canon(entry.statement.signed.to_json())
    found = parse_entry(data)
    assert found == entry
    assert found.statement.hash == entry.statement.signed.statement_hash()
    assert found.statement.message == entry.statement.signed.message()


def test_a_body_may_hold_what_looks_like_a_mark() -> None:
    body = {"body": {"signatures": [], "z": ',"signatures":['}, "signatures": [{"late": True}]}
    entry = _entry(body, True)
    assert parse_entry(entry.encode()) == entry


def test_a_type_is_ascii() -> None:
    with pytest.raises(InvalidError):
        Statement.of(Signed("custodes/entry/é/v1", {}, ()))


GOOD = _entry({"a": 1}, True).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        GOOD + b"\n",
        GOOD.replace(b'{"a":1}', b'{"a": 1}'),
        GOOD.replace(b'{"a":1}', b'{"a":1.0}'),
        GOOD.replace(b'{"a":1}', b'{"a":NaN}'),
        GOOD.replace(b'{"a":1}', b'{"a":1,"a":1}'),
        GOOD.replace(b'{"a":1}', b'{"a":"\\ud800"}'),
        GOOD.replace(b'{"a":1}', b'"a"'),
        GOOD.replace(b'"late":true', b'"late":false'),
        GOOD.replace(b'"late":true', b'"late":1'),
        GOOD.replace(b"1800000000000000", b"true"),
        GOOD.replace(b"1800000000000000", b"-1"),
        GOOD.replace(b'"type":"custodes/entry/access/v1"', b'"type":7'),
        GOOD.replace(b'"type"', b'"typo"'),
        GOOD.replace(b'"signature":"', b'"signature":"A'),
    ],
)
def test_other_spellings(data: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_entry(data)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_parses_is_spelt_so(tail: bytes) -> None:
    for data in (tail, GOOD[:20] + tail + GOOD[20:], GOOD[:-40] + tail):
        try:
            entry = parse_entry(data)
        except InvalidError:
            continue
        assert entry.encode() == data


def test_two_signers_stand_by_key_id() -> None:
    ids = [signature.key for signature in parse_entry(GOOD).statement.signed.signatures]
    assert ids == sorted(ids)
    assert b64u(ids[0]).encode() in GOOD
