"""The case bundle: the request file and the custodians' openings, sealed to each who must see them.

Source: docs/formats/open.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, typed_hash, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES
from custodes.base.keys import Signature, Signed, parse_signatures
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.cases.request import REQUEST_ENTRY_TYPE, RequestFile, case_folder
from custodes.cases.scope import Scope
from custodes.custody.members import Members, check_text

BUNDLE_FORMAT = "custodes/bundle/v1"
OPENING_FORMAT = "custodes/opening/v1"


@dataclass(frozen=True)
class Opening:
    """What a custodian granted and why, behind the commitment of its Decision."""

    reason: str
    salt: bytes
    scope: Scope

    def __post_init__(self) -> None:
        check_text(self.reason, "the reason of a decision")
        if len(self.salt) != HASH_BYTES:
            raise InvalidError("a salt has 32 bytes")

    @property
    def commitment(self) -> bytes:
        """What the Decision carries instead. Shape: 32 bytes."""
        return typed_hash("custodes/grant/v1", self.salt, self.scope.encode())

    def to_json(self) -> dict[str, Any]:
        """The opening as JSON."""
        return {
            "format": OPENING_FORMAT,
            "reason": self.reason,
            "salt": b64u(self.salt),
            "scope": self.scope.to_json(),
        }

    @classmethod
    def from_json(cls, value: Any) -> Opening:
        """Errors: InvalidError."""
        members = Members(value, "decision opening", ("format", "reason", "salt", "scope"))
        members.literal("format", OPENING_FORMAT)
        return cls(members.text("reason"), members.hash("salt"), Scope.from_json(members.object("scope")))


def file_path(case: bytes, request: bytes, key: bytes) -> str:
    """The request file sealed to the key of that id."""
    return f"{case_folder(case, request)}/file.{key.hex()}"


def opening_path(case: bytes, request: bytes, custodian: int, key: bytes) -> str:
    """A custodian's opening sealed to the key of that id."""
    return f"{case_folder(case, request)}/opening.{custodian}.{key.hex()}"


def release_path(case: bytes, request: bytes, custodian: int) -> str:
    """A custodian's released set."""
    return f"{case_folder(case, request)}/release.{custodian}"


def package_path(case: bytes, request: bytes) -> str:
    """The sealed package."""
    return f"{case_folder(case, request)}/package"


def seal_file(file: RequestFile, signatures: Sequence[Signature], key: PublicSealingKey) -> bytes:
    """The request file with the signatures of its entry, for one reader."""
    entry = Signed(REQUEST_ENTRY_TYPE, file.entry_body(), tuple(signatures))
    content = {
        "file": file.to_json(),
        "format": BUNDLE_FORMAT,
        "signatures": entry.to_json()["signatures"],
    }
    return key.seal(canon(content), _file_info(file.hash))


def open_file(sealed: bytes, key: SealingKey, request: bytes) -> tuple[RequestFile, Signed]:
    """The request file and its entry as signed; who signed is for the caller to check.

    Errors: UnverifiedError when it does not open or is not the file of that q; InvalidError.
    """
    content = parse_canon(key.open(sealed, _file_info(request)))
    members = Members(content, "case bundle", ("file", "format", "signatures"))
    members.literal("format", BUNDLE_FORMAT)
    file = RequestFile.from_json(members.object("file"))
    if file.hash != request:
        raise UnverifiedError(f"the bundle's file is not that of request {request.hex()}")
    signatures = parse_signatures(members.object("signatures"))
    return file, Signed(REQUEST_ENTRY_TYPE, file.entry_body(), signatures)


def seal_opening(opening: Opening, request: bytes, custodian: int, key: PublicSealingKey) -> bytes:
    """A custodian's opening, for one reader."""
    return key.seal(canon(opening.to_json()), _opening_info(request, custodian))


def open_opening(sealed: bytes, request: bytes, custodian: int, key: SealingKey) -> Opening:
    """Errors: UnverifiedError when it is not that custodian's for that request; InvalidError."""
    return Opening.from_json(parse_canon(key.open(sealed, _opening_info(request, custodian))))


def _file_info(request: bytes) -> bytes:
    return typed_message(BUNDLE_FORMAT, request)


def _opening_info(request: bytes, custodian: int) -> bytes:
    if custodian < 1:
        raise InvalidError("a custodian's index is from 1")
    return typed_message(OPENING_FORMAT, request, custodian.to_bytes(2, "big"))
