"""Signatures over batches: each member alone, and nothing that is no member."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.batch import MAX_BATCH_SIZE, Batch, Membership
from custodes.base.canon import b64u, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import Signature, Signed, SigningKey, parse_signatures, sign_body, sign_together
from custodes.ledger import merkle

KEY = SigningKey(bytes(32))
OTHER = SigningKey(b"\1" * 32)
TYPE = "custodes/entry/access/v1"


def _statements(count: int) -> list[Signed]:
    return [Signed(TYPE, {"hour_us": number}, ()) for number in range(count)]


def _together(count: int) -> list[Signed]:
    return sign_together(_statements(count), KEY)


@given(st.integers(2, 70))
def test_every_member_can_be_verified_alone_and_comes_back(count: int) -> None:
    for one in _together(count):
        one.check_signed_by([KEY.public])
        assert Signed.from_json(one.to_json()) == one


@given(st.integers(2, 70), st.data())
def test_the_root_and_paths_are_those_of_rfc_6962(count: int, data: st.DataObject) -> None:
    statements = _statements(count)
    hashes = [one.statement_hash() for one in statements]
    batch = Batch.of([one.message() for one in statements])
    root = merkle.root(hashes)
    assert batch.signed == typed_message("custodes/batch/v1", root, count.to_bytes(8, "big"))
    at = data.draw(st.integers(0, count - 1))
    assert batch.members[at] == Membership(at, count, b"".join(merkle.path(hashes, at)))


def test_one_statement_is_signed_singly_and_too_many_in_several_batches() -> None:
    assert _together(1) == [sign_body(TYPE, {"hour_us": 0}, KEY)]
    sizes = [one.signatures[0].batch for one in _together(MAX_BATCH_SIZE + 2)]
    assert [one.size for one in sizes if one is not None] == [MAX_BATCH_SIZE] * MAX_BATCH_SIZE + [2, 2]
    with pytest.raises(InvalidError, match="2 to 1024"):
        Batch.of([b"x"])


def _refused(statement: Signed, signature: Signature) -> None:
    with pytest.raises(UnverifiedError):
        Signed(statement.type, statement.body, (signature,)).check_signed_by([KEY.public])


def _first(count: int = 5) -> tuple[Signed, Signature, Membership]:
    statement = _together(count)[0]
    (signature,) = statement.signatures
    assert signature.batch is not None
    return statement, signature, signature.batch


def test_a_wrong_path() -> None:
    statement, signature, place = _first()
    _refused(statement, replace(signature, batch=replace(place, path=bytes(len(place.path)))))


def test_a_wrong_index() -> None:
    statement, signature, place = _first()
    _refused(statement, replace(signature, batch=replace(place, index=1)))


def test_a_wrong_size() -> None:
    statement, signature, place = _first()
    _refused(statement, replace(signature, batch=replace(place, size=6)))


def test_another_batchs_signature() -> None:
    statement, signature, _ = _first()
    _, foreign, place = _first(6)
    _refused(statement, replace(signature, signature=foreign.signature))
    _refused(statement, replace(foreign, signature=signature.signature, batch=place))


def test_an_altered_member_and_one_that_is_no_member() -> None:
    statements = _together(5)
    _refused(Signed(TYPE, {"hour_us": 99}, ()), statements[0].signatures[0])
    _refused(Signed("custodes/entry/incident/v1", statements[0].body, ()), statements[0].signatures[0])
    _refused(statements[1], statements[0].signatures[0])
    statements[1].check_signed_by([KEY.public])


def test_a_batch_signature_as_a_single_one_and_the_reverse() -> None:
    statement, signature, place = _first()
    _refused(statement, replace(signature, batch=None))
    single = sign_body(TYPE, statement.body, KEY).signatures[0]
    _refused(statement, replace(single, batch=place))


def test_another_key() -> None:
    statement, _, _ = _first()
    with pytest.raises(UnverifiedError):
        statement.check_signed_by([OTHER.public])


def test_a_key_twice_once_alone_and_once_of_a_batch() -> None:
    statement, signature, _ = _first()
    single = sign_body(TYPE, statement.body, KEY).signatures[0]
    with pytest.raises(InvalidError, match="one a key"):
        Signed(TYPE, statement.body, (signature, single))


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1},
        {"size": MAX_BATCH_SIZE + 1},
        {"size": 10},
        {"size": True},
        {"size": "5"},
        {"index": 5},
        {"index": -1},
        {"index": False},
        {"path": ""},
        {"path": b64u(bytes(64))},
        {"path": b64u(bytes(95))},
        {"path": b64u(bytes(128))},
        {"more": 1},
    ],
)
def test_what_no_batch_has_is_malformed(change: dict[str, object]) -> None:
    _, signature, _ = _first()
    assert parse_signatures([signature.to_json()]) == (signature,)
    with pytest.raises(InvalidError):
        parse_signatures([{**signature.to_json(), **change}])


@pytest.mark.parametrize("name", ["index", "path", "size", "key", "signature"])
def test_a_member_is_missing(name: str) -> None:
    value = _first()[1].to_json()
    del value[name]
    with pytest.raises(InvalidError):
        parse_signatures([value])
