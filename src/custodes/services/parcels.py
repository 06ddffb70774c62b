"""Statements on their way to the keeper. Source: docs/formats/client.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import CustodesError, ErrorKind, InvalidError, by_kind
from custodes.base.keys import Signed, SigningKey, sign_together
from custodes.services.office import Office

MAX_PARCELS = 64
MAX_ATTACHMENTS = 64
_FORMAT = "custodes/parcel/v1"


@dataclass(frozen=True)
class Parcel:
    """A signed statement to be entered, with objects that the keeper stores beside it."""

    statement: Signed
    attachments: Mapping[str, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The parcel as JSON."""
        return {
            "attachments": [
                {"data": b64u(data), "name": name} for name, data in sorted(self.attachments.items())
            ],
            "format": _FORMAT,
            "statement": self.statement.to_json(),
        }

    @classmethod
    def from_json(cls, value: Any) -> Parcel:
        """Errors: InvalidError."""
        if not isinstance(value, dict) or set(value) != {"attachments", "format", "statement"}:
            raise InvalidError("a parcel has exactly attachments, format and statement")
        if value["format"] != _FORMAT or not isinstance(value["attachments"], list):
            raise InvalidError(f"not a parcel of format {_FORMAT}")
        if len(value["attachments"]) > MAX_ATTACHMENTS:
            raise InvalidError(f"a parcel has at most {MAX_ATTACHMENTS} attachments")
        attachments = {}
        for member in value["attachments"]:
            if not isinstance(member, dict) or set(member) != {"data", "name"}:
                raise InvalidError("an attachment has exactly data and name")
            attachments[str(member["name"])] = unb64u(member["data"])
        return cls(Signed.from_json(value["statement"]), attachments)


Answer = int | CustodesError


def parcels_bytes(parcels: Sequence[Parcel]) -> bytes:
    """The question that hands parcels in."""
    return canon({"parcels": [parcel.to_json() for parcel in parcels]})


def parcel_bytes(parcel: Parcel) -> bytes:
    """One parcel, as it waits to be sent."""
    return canon(parcel.to_json())


def join_parcels(items: Sequence[bytes]) -> bytes:
    """The question that hands waiting parcels in."""
    return b'{"parcels":[' + b",".join(items) + b"]}"


def join_signed_together(items: Sequence[bytes], key: SigningKey) -> bytes:
    """As `join_parcels`, but what this key alone has signed it signs anew, all of it together.

    Statement hashes stay as they are, so that an item sent again in other company is still taken once.
    Cost: some 200 µs an item. Errors: InvalidError when an item is no parcel.
    """
    if len(items) < 2:
        return join_parcels(items)
    parcels = [Parcel.from_json(parse_canon(item)) for item in items]
    own = [one for one in parcels if [each.key for each in one.statement.signatures] == [key.id]]
    bare = [Signed(one.statement.type, one.statement.body, ()) for one in own]
    anew = {id(one): statement for one, statement in zip(own, sign_together(bare, key), strict=True)}
    return parcels_bytes([replace(one, statement=anew.get(id(one), one.statement)) for one in parcels])


def parse_parcels(data: bytes) -> list[Parcel]:
    """Errors: InvalidError."""
    value = parse_canon(data)
    if not isinstance(value, dict) or set(value) != {"parcels"} or not isinstance(value["parcels"], list):
        raise InvalidError("a submission has exactly parcels")
    if not 1 <= len(value["parcels"]) <= MAX_PARCELS:
        raise InvalidError(f"a submission has 1 to {MAX_PARCELS} parcels")
    return [Parcel.from_json(member) for member in value["parcels"]]


def answers_bytes(answers: Sequence[Answer]) -> bytes:
    """The answer: for each parcel its index in the ledger, or why not."""
    return canon({"answers": [_answer_json(answer) for answer in answers]})


def parse_answers(data: bytes, count: int) -> list[Answer]:
    """Errors: InvalidError."""
    value = parse_canon(data)
    answers = value.get("answers") if isinstance(value, dict) else None
    if not isinstance(answers, list) or len(answers) != count:
        raise InvalidError(f"expected answers for {count} parcels")
    return [_parse_answer(answer) for answer in answers]


async def submit(office: Office, parcel: Parcel, timeout_s: float = 30.0) -> int:
    """Hand one parcel in and wait for its index. Errors: the keeper's refusal, UnavailableError."""
    data = await office.ask("keeper", "submit", parcels_bytes([parcel]), timeout_s)
    (answer,) = parse_answers(data, 1)
    if isinstance(answer, CustodesError):
        raise answer
    return answer


def _answer_json(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, CustodesError):
        return {"kind": answer.kind.value, "message": str(answer)[:2000]}
    return {"index": answer}


def _parse_answer(value: Any) -> Answer:
    if isinstance(value, dict) and set(value) == {"index"} and isinstance(value["index"], int):
        return value["index"]
    if isinstance(value, dict) and set(value) == {"kind", "message"}:
        try:
            return by_kind(ErrorKind(value["kind"]), str(value["message"]))
        except ValueError as error:
            raise InvalidError("an answer names no known kind of error") from error
    raise InvalidError("an answer is an index or a problem")
