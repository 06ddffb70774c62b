"""Canonical bytes: RFC 8785's own examples, what is refused, and that one value has one spelling."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from custodes.base.canon import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    b64u,
    canon,
    hash_body,
    parse_canon,
    typed_hash,
    typed_message,
    unb64u,
)
from custodes.base.errors import InvalidError

safe_integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
texts = st.text()  # hypothesis leaves lone surrogates out of it
values = st.recursive(
    st.booleans() | safe_integers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def test_members_stand_in_order_of_utf16_units() -> None:
    # RFC 8785 section 3.2.3; the emoji's first unit, a surrogate, is below U+FB33.
    body = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = [str(name) for name in json.loads(canon(body))]
    assert order == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(values)
def test_both_encoders_write_the_same(value: Any) -> None:
    assert canon(value) == rfc8785.dumps(value)


def test_members_of_inner_objects_are_ordered_too() -> None:
    assert canon({"b": {"z": 1, "a": [{"y": 2, "x": 3}]}, "a": ""}) == (
        b'{"a":"","b":{"a":[{"x":3,"y":2}],"z":1}}'
    )


def test_strings_are_escaped_as_little_as_may_be() -> None:
    # RFC 8785 section 3.2.2.2 and its sample string.
    assert canon('\u20ac$\u000f\nA\'B"\\\\"/') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()
    assert canon("\b\t\n\f\r\x00\x1f\x7f\u2028") == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\u2028"'.encode()


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (0, b"0"),
        (-1, b"-1"),
        (MAX_SAFE_INTEGER, b"9007199254740991"),
        (-MAX_SAFE_INTEGER, b"-9007199254740991"),
        (True, b"true"),
        (False, b"false"),
        ("", b'""'),
        ([], b"[]"),
        ({}, b"{}"),
        ((1, (2,)), b"[1,[2]]"),
    ],
)
def test_small_values(value: Any, spelling: bytes) -> None:
    assert canon(value) == spelling


@pytest.mark.parametrize(
    "value",
    [
        None,
        0.0,
        1.5,
        float("nan"),
        MAX_SAFE_INTEGER + 1,
        -MAX_SAFE_INTEGER - 1,
        10**400,
        b"bytes",
        {1, 2},
        {1: "one"},
        {None: "none"},
        "\ud800",
        {"\udfff": 1},
        [{"deep": [None]}],
        object(),
    ],
)
def test_values_without_a_form_are_refused(value: Any) -> None:
    with pytest.raises(InvalidError):
        canon(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"1\n",
        b"01",
        b"+1",
        b"-0",
        b"1.0",
        b"1e3",
        b"1E3",
        b"9007199254740992",
        b"9" * 10_000,
        b"NaN",
        b"Infinity",
        b"null",
        b"[null]",
        b'{"a":null}',
        b"True",
        b"[1, 2]",
        b"[1,]",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u000a"',
        b'"\\u000F"',
        b'"\\ud83d\\ude00"',
        b'"\\ud800"',
        b'"\n"',
        b"'a'",
        b"\xef\xbb\xbf1",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        '"a"'.encode("utf-16"),
        '"a"'.encode("utf-32-be"),
        b"1 2",
        b'{"a":1',
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidError):
        parse_canon(data)


def test_depth_is_limited_on_both_sides() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert parse_canon(canon(deep)) == deep
    for too_deep in ([deep], {"a": deep}):
        with pytest.raises(InvalidError, match="inside each other"):
            canon(too_deep)
    with pytest.raises(InvalidError, match="inside each other"):
        parse_canon(b"[" + canon(deep) + b"]")
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidError):
        canon(endless)


@given(values)
@example({"\ufb33": 1, "\U0001f600": 2})
def test_a_value_comes_back(value: Any) -> None:
    assert parse_canon(canon(value)) == value


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(value: Any, random: Any) -> None:
    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            members = [(name, shuffled(member)) for name, member in part.items()]
            random.shuffle(members)
            return dict(members)
        return [shuffled(member) for member in part] if isinstance(part, list) else part

    assert canon(shuffled(value)) == canon(value)


@given(st.one_of(st.binary(max_size=64), values.map(lambda v: json.dumps(v).encode())))
def test_what_parses_re_encodes_to_the_same_bytes(data: bytes) -> None:
    try:
        value = parse_canon(data)
    except InvalidError:
        return
    assert canon(value) == data


@given(values, st.data())
def test_one_changed_byte_is_refused_or_another_value(value: Any, data: st.DataObject) -> None:
    spelling = bytearray(canon(value))
    place = data.draw(st.integers(0, len(spelling) - 1))
    spelling[place] ^= data.draw(st.integers(1, 255))
    try:
        other = parse_canon(bytes(spelling))
    except InvalidError:
        return
    assert canon(other) == bytes(spelling) != canon(value)


def test_typed_hash_separates_types_from_fields() -> None:
    assert typed_message("a", b"b", b"c") == b"a\0bc"
    assert typed_hash("a", b"b", b"c") == hashlib.sha256(b"a\0bc").digest()
    assert typed_hash("ab") != typed_hash("a", b"b")
    assert hash_body("t", {"b": 1, "a": 2}) == hashlib.sha256(b't\0{"a":2,"b":1}').digest()


@given(st.binary(max_size=80))
def test_base64url_comes_back(data: bytes) -> None:
    text = b64u(data)
    assert not set(text) & set("+/=")
    assert unb64u(text) == data
    assert unb64u(text, len(data)) == data
    with pytest.raises(InvalidError, match=str(len(data) + 1)):
        unb64u(text, len(data) + 1)


@given(st.text(alphabet="ABZaz09-_+/= \n\u00e9", max_size=12))
def test_base64url_has_one_spelling(text: str) -> None:
    try:
        data = unb64u(text)
    except InvalidError:
        return
    assert b64u(data) == text


@pytest.mark.parametrize("text", ["AA==", "A", "AB", "AAB", "AA\n", " AA", "+/", "é", None, 5, b"AA"])
def test_false_base64url_is_refused(text: Any) -> None:
    with pytest.raises(InvalidError):
        unb64u(text)


@given(texts, texts)
def test_different_strings_have_different_bytes(one: str, other: str) -> None:
    assume(one != other)
    assert canon(one) != canon(other)
