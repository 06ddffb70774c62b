"""Bytes of a leaf: a signed object and what the sequencer adds to it.

Source: docs/formats/ledger.md (Entry), docs/formats/bytes.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from custodes.base.canon import MAX_SAFE_INTEGER, b64u, canon, typed_hash, typed_message
from custodes.base.errors import InvalidError
from custodes.base.keys import Signature, Signed, parse_signatures

MAX_STATEMENT_BYTES = 65_000
_BODY = b'"body":'
_SIGNATURES = b',"signatures":['
_LATE = b',"late":true'
_WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed object whose body's canonical bytes were made once, for hash, signatures and leaf alike."""

    signed: Signed
    body: bytes
    hash: bytes

    @classmethod
    def of(cls, signed: Signed) -> Statement:
        """Errors: InvalidError when the body has no canonical form or the type is not ASCII."""
        if not signed.type.isascii():
            raise InvalidError("a type is ASCII")
        body = canon(signed.body)
        return cls(signed, body, typed_hash(signed.type, body))

    @property
    def message(self) -> bytes:
        """What is signed; of Genesis, its signatures are over another message."""
        return typed_message(self.signed.type, self.body)

    def encode(self) -> bytes:
        """Canon of the signed object."""
        return b"{" + _BODY + self.body + self._tail()

    def _tail(self) -> bytes:
        signatures = ",".join(map(_spell_signature, self.signed.signatures))
        return _SIGNATURES + f'{signatures}],"type":{json.dumps(self.signed.type)}}}'.encode()


def _spell_signature(signature: Signature) -> str:
    key, bytes_, batch = b64u(signature.key), b64u(signature.signature), signature.batch
    if batch is None:
        return f'{{"key":"{key}","signature":"{bytes_}"}}'
    head = f'{{"index":{batch.index},"key":"{key}","path":"{b64u(batch.path)}"'
    return f'{head},"signature":"{bytes_}","size":{batch.size}}}'


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement as it stands in the ledger."""

    statement: Statement
    admitted_us: int
    late: bool

    def encode(self) -> bytes:
        """The leaf's data."""
        head = b'{"admitted_us":%d,' % self.admitted_us
        late = _LATE if self.late else b""
        return head + _BODY + self.statement.body + late + self.statement._tail()


def parse_entry(data: bytes) -> Entry:
    """An entry of its one spelling; what its body holds is for the rules to check.

    Errors: InvalidError.
    """
    value = _parse(data)
    late = value.get("late", False)
    wanted = {"admitted_us", "body", "signatures", "type"} | ({"late"} if late is True else set())
    if value.keys() != wanted:
        raise InvalidError("an entry has admitted_us, body, signatures and type, and late only when true")
    admitted_us = value["admitted_us"]
    if type(admitted_us) is not int or not 0 <= admitted_us <= MAX_SAFE_INTEGER:
        raise InvalidError("admitted_us is an instant")
    type_ = value["type"]
    if not isinstance(type_, str) or not type_.isascii() or not isinstance(value["body"], dict):
        raise InvalidError("an entry's body is an object and its type an ASCII string")
    signed = Signed(type_, value["body"], parse_signatures(value["signatures"]))
    # In canonical bytes quotes within strings are escaped, so that a mark stands only where a member begins,
    # and neither signatures nor type can hold the last of them.
    start = data.index(_BODY) + len(_BODY)
    body = data[start : data.rindex(_SIGNATURES) - (len(_LATE) if late else 0)]
    return Entry(Statement(signed, body, typed_hash(type_, body)), admitted_us, late)


def spell_checked(value: Any) -> bytes:
    """Canonical bytes of a value that its kind has read, at a fifth of the general writer's cost.

    On ASCII member names, integers and text this spelling and RFC 8785 agree; kinds let nothing else pass.
    Errors: ValueError for text that is not Unicode.
    """
    return _WRITER.encode(value).encode()


def _parse(data: bytes) -> dict[str, Any]:
    # A body that no kind has read yet may hold what the two spellings differ on; its kind then refuses it.
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_refuse_number, parse_constant=_refuse_number)
        spelt = spell_checked(value)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"an entry is not JSON: {error}") from error
    if spelt != data or not isinstance(value, dict):
        raise InvalidError("an entry is not a canonical object (RFC 8785)")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not an integer")
