"""What members may be."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import b64u, unb64u
from custodes.base.errors import InvalidError
from custodes.ledger.entries import kinds
from custodes.ledger.entries.kinds import Kind

ROW = kinds.object_of({"count": kinds.COUNT, "ids": kinds.list_of(kinds.ID, 1, 2)})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (kinds.ID, b64u(bytes(16)), bytes(16)),
        (kinds.HASH_OR_NOTHING, "", b""),
        (kinds.HASH_OR_NOTHING, b64u(bytes(32)), bytes(32)),
        (kinds.integer(3, 5), 5, 5),
        (kinds.text(0), "", ""),
        (kinds.TEXT, "é" * 500, "é" * 500),
        (kinds.DATE, "2028-02-29", date(2028, 2, 29)),
        (ROW, {"count": 1, "ids": [b64u(bytes(16))]}, {"count": 1, "ids": [bytes(16)]}),
    ],
)
def test_read(kind: Kind, value: Any, expected: Any) -> None:
    assert kind(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (kinds.ID, b64u(bytes(15))),
        (kinds.ID, b64u(bytes(16)) + "="),
        (kinds.ID, 5),
        (kinds.HASH_OR_NOTHING, None),
        (kinds.INSTANT, -1),
        (kinds.INSTANT, True),
        (kinds.INSTANT, 1.0),
        (kinds.INSTANT, 2**53),
        (kinds.COUNT, 0),
        (kinds.CUSTODIAN, 17),
        (kinds.TEXT, ""),
        (kinds.TEXT, "x" * 501),
        (kinds.TEXT, "a\tb"),
        (kinds.TEXT, "a\x9fb"),
        (kinds.TEXT, "\ud800"),
        (kinds.TEXT, 5),
        (kinds.text(1, 100, "[a-z]+"), "ab\n"),
        (kinds.one_of("main"), "other"),
        (kinds.one_of("main"), ["main"]),
        (kinds.DATE, "2027-02-29"),
        (kinds.DATE, "20270101"),
        (kinds.DATE, "2027-W01-1"),
        (ROW, []),
        (ROW, {"count": 1}),
        (ROW, {"count": 1, "ids": [], "more": 1}),
        (ROW, {"count": 1, "ids": []}),
        (ROW, {"count": 1, "ids": [b64u(bytes(16))] * 3}),
        (ROW, {"count": 1, "ids": b64u(bytes(16))}),
    ],
)
def test_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(InvalidError):
        kind(value)


@given(st.integers(0, 40), st.data())
def test_binary_has_one_spelling(length: int, data: st.DataObject) -> None:
    kind = kinds.binary(length)
    value = data.draw(st.binary(min_size=length, max_size=length))
    text = b64u(value)
    assert kind(text) == value
    at = data.draw(st.integers(0, max(0, len(text) - 1)))
    other = text[:at] + data.draw(st.characters(max_codepoint=300)) + text[at + 1 :]
    try:
        expected = unb64u(other, length)
    except InvalidError:
        with pytest.raises(InvalidError):
            kind(other)
    else:
        assert kind(other) == expected


def test_the_member_is_named() -> None:
    with pytest.raises(InvalidError, match=r"^count: must be an integer from 1"):
        ROW({"count": 0, "ids": [b64u(bytes(16))]})
