"""The request file: what is asked of custodians, exactly. Source: docs/formats/open.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from custodes.base.canon import b64u, canon, parse_canon, typed_hash
from custodes.base.clock import DAY_US
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.sealing import SEALING_KEY_BYTES
from custodes.cases.scope import Scope, scope_of
from custodes.custody.members import Members, check_text
from custodes.ledger.entries.bodies import REQUEST_KINDS
from custodes.ledger.rules.people import Roster

REQUEST_FORMAT = "custodes/request/v1"
REQUEST_ENTRY_TYPE = "custodes/entry/request/v1"
MAX_EXPIRY_US = 30 * DAY_US
MAX_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """What one stream's part of the request is, in words and both clocks; camera times 0: none claimed."""

    camera: str
    stream: bytes
    from_us: int
    to_us: int
    camera_from_us: int = 0
    camera_to_us: int = 0


@dataclass(frozen=True)
class RequestFile:
    """A request. `run_in`: slots needed only to decode. Errors: InvalidError from the constructor."""

    network: bytes
    case: bytes
    roster: bytes
    kind: str
    legal_basis: str
    necessity: str
    recipient_name: str
    recipient_key: bytes
    opening_key: bytes
    created_us: int
    expiry_us: int
    decisions_needed: int
    scope: Scope
    run_in: Scope
    shown: tuple[Shown, ...]
    salt: bytes

    def __post_init__(self) -> None:
        for text in (
            self.legal_basis,
            self.necessity,
            self.recipient_name,
            *(one.camera for one in self.shown),
        ):
            check_text(text, "a text of a request")
        if not self.created_us < self.expiry_us <= self.created_us + MAX_EXPIRY_US:
            raise InvalidError("a request expires within 30 days of being made")
        if not self.scope.count:
            raise InvalidError("a request asks for one slot at least")
        if self.whole.count != self.scope.count + self.run_in.count:
            raise InvalidError("a request's scope and run-in have no slot in common")
        if self.kind not in REQUEST_KINDS or self.decisions_needed < 2:
            raise InvalidError("a request is of a listed kind and needs two decisions or more")
        keys = (self.recipient_key, self.opening_key)
        ids = (self.network, self.roster, self.salt)
        if any(len(key) != SEALING_KEY_BYTES for key in keys) or len(self.case) != ID_BYTES:
            raise InvalidError("a request's keys have 1,216 bytes and its case 16")
        if any(len(id_) != HASH_BYTES for id_ in ids) or any(
            shown.from_us >= shown.to_us for shown in self.shown
        ):
            raise InvalidError("a request's hashes have 32 bytes, and what it shows has a length")

    @cached_property
    def whole(self) -> Scope:
        """Scope and run-in together: what a grant grants."""
        return scope_of((*self.scope, *self.run_in))

    @cached_property
    def hash(self) -> bytes:
        """q. Shape: 32 bytes."""
        return typed_hash(REQUEST_FORMAT, canon(self.to_json()))

    @property
    def commitment(self) -> bytes:
        """What the ledger carries instead of the scope. Shape: 32 bytes."""
        return typed_hash("custodes/scope/v1", self.salt, self.scope.encode(), self.run_in.encode())

    def entry_body(self) -> dict[str, Any]:
        """The body of its Request entry."""
        return {
            "commitment": b64u(self.commitment),
            "count": self.whole.count,
            "decisions_needed": self.decisions_needed,
            "epochs": len(self.whole.epochs),
            "expiry_us": self.expiry_us,
            "kind": self.kind,
            "network": b64u(self.network),
            "request": b64u(self.hash),
        }

    def check_entry(self, body: Any) -> None:
        """Errors: UnverifiedError when the entry is not this file's."""
        if body != self.entry_body():
            raise UnverifiedError("the Request entry is not that of the request file")

    def check_roster(self, roster: Roster) -> None:
        """Errors: UnverifiedError when it is made for another roster or needs too few or many decisions."""
        if self.roster != roster.hash:
            raise UnverifiedError("the request is made for another roster")
        if not roster.quorum <= self.decisions_needed <= len(roster.custodians):
            raise UnverifiedError(
                "the request needs fewer decisions than the quorum, or more than there can be"
            )

    def to_json(self) -> dict[str, Any]:
        """The file as JSON."""
        return {
            "case": b64u(self.case),
            "created_us": self.created_us,
            "decisions_needed": self.decisions_needed,
            "expiry_us": self.expiry_us,
            "format": REQUEST_FORMAT,
            "kind": self.kind,
            "legal_basis": self.legal_basis,
            "necessity": self.necessity,
            "network": b64u(self.network),
            "opening_key": b64u(self.opening_key),
            "recipient": {"key": b64u(self.recipient_key), "name": self.recipient_name},
            "roster": b64u(self.roster),
            "run_in": self.run_in.to_json(),
            "salt": b64u(self.salt),
            "scope": self.scope.to_json(),
            "shown": [
                {
                    "camera": shown.camera,
                    "camera_from_us": shown.camera_from_us,
                    "camera_to_us": shown.camera_to_us,
                    "from_us": shown.from_us,
                    "stream": b64u(shown.stream),
                    "to_us": shown.to_us,
                }
                for shown in self.shown
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> RequestFile:
        """Errors: InvalidError."""
        members = Members(value, "request file", _MEMBERS)
        members.literal("format", REQUEST_FORMAT)
        recipient = Members(members.object("recipient"), "recipient", ("key", "name"))
        return cls(
            network=members.hash("network"),
            case=members.id("case"),
            roster=members.hash("roster"),
            kind=members.choice("kind", REQUEST_KINDS),
            legal_basis=members.text("legal_basis"),
            necessity=members.text("necessity"),
            recipient_name=recipient.text("name"),
            recipient_key=recipient.binary("key", SEALING_KEY_BYTES),
            opening_key=members.binary("opening_key", SEALING_KEY_BYTES),
            created_us=members.count("created_us"),
            expiry_us=members.count("expiry_us"),
            decisions_needed=members.count("decisions_needed"),
            scope=Scope.from_json(members.object("scope")),
            run_in=Scope.from_json(members.object("run_in")),
            shown=members.array("shown", _shown, longest=MAX_SHOWN),
            salt=members.hash("salt"),
        )


def parse_request_file(data: bytes) -> RequestFile:
    """Errors: InvalidError, for any other spelling too."""
    return RequestFile.from_json(parse_canon(data))


def case_folder(case: bytes, request: bytes) -> str:
    """Where the objects of a request lie."""
    return f"cases/{case.hex()}/{request.hex()}"


def _shown(value: Any) -> Shown:
    members = Members(value, "what is shown", _SHOWN_MEMBERS)
    return Shown(
        camera=members.text("camera"),
        stream=members.id("stream"),
        from_us=members.count("from_us"),
        to_us=members.count("to_us"),
        camera_from_us=members.count("camera_from_us"),
        camera_to_us=members.count("camera_to_us"),
    )


_SHOWN_MEMBERS = ("camera", "camera_from_us", "camera_to_us", "from_us", "stream", "to_us")
_MEMBERS = (
    "case",
    "created_us",
    "decisions_needed",
    "expiry_us",
    "format",
    "kind",
    "legal_basis",
    "necessity",
    "network",
    "opening_key",
    "recipient",
    "roster",
    "run_in",
    "salt",
    "scope",
    "shown",
)
