"""Statements that leave together are signed together; what they say stays as it is."""

from custodes.base.keys import Signed, SigningKey, sign_body
from custodes.services.parcels import Parcel, join_signed_together, parcel_bytes, parse_parcels

KEY = SigningKey(b"\1" * 32)
OTHER = SigningKey(b"\2" * 32)
TYPE = "custodes/entry/lost/v1"


def _statement(number: int, *keys: SigningKey) -> Signed:
    return sign_body(TYPE, {"number": number}, *keys)


def _joined(*statements: Signed) -> list[Signed]:
    items = [parcel_bytes(Parcel(one)) for one in statements]
    return [parcel.statement for parcel in parse_parcels(join_signed_together(items, KEY))]


def test_what_leaves_together_is_one_batch_of_the_same_statements() -> None:
    before = [_statement(number, KEY) for number in range(5)]
    after = _joined(*before)
    assert [one.statement_hash() for one in after] == [one.statement_hash() for one in before]
    assert len({one.signatures[0].signature for one in after}) == 1
    places = [one.signatures[0].batch for one in after]
    assert [(place.index, place.size) for place in places if place] == [(number, 5) for number in range(5)]
    for one in after:
        one.check_signed_by([KEY.public])


def test_one_alone_stays_as_it_was_signed() -> None:
    assert _joined(_statement(1, KEY)) == [_statement(1, KEY)]


def test_what_left_in_one_batch_can_leave_again_in_another() -> None:
    first = _joined(_statement(1, KEY), _statement(2, KEY))
    again = _joined(*first, _statement(3, KEY))
    assert [one.signatures[0].batch.size for one in again if one.signatures[0].batch] == [3, 3, 3]
    for one in again:
        one.check_signed_by([KEY.public])


def test_what_others_signed_is_left_alone() -> None:
    foreign, both = _statement(2, OTHER), _statement(3, KEY, OTHER)
    after = _joined(_statement(1, KEY), foreign, both, _statement(4, KEY))
    assert after[1:3] == [foreign, both]
    assert [bool(one.signatures[0].batch) for one in (after[0], after[3])] == [True, True]


def test_attachments_go_with_their_statement() -> None:
    items = [parcel_bytes(Parcel(_statement(number, KEY), {"a": bytes([number])})) for number in range(2)]
    after = parse_parcels(join_signed_together(items, KEY))
    assert [parcel.attachments for parcel in after] == [{"a": b"\0"}, {"a": b"\1"}]
