"""What a reader of the ledger keeps on its own disk, that it need not replay all of it each time.

A file is of use only to who wrote it, with the code that wrote it: it is signed with the reader's own key, names
network, size and root, and the hash of the code of the rules. What is not so is thrown away.
Source: docs/formats/client.md. Blocking.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import structlog

from custodes.adapters.durable_file import replace_file
from custodes.base.canon import b64u, typed_message
from custodes.base.errors import CustodesError, InvalidError, UnavailableError, UnverifiedError
from custodes.base.keys import SIGNATURE_BYTES, SigningKey, verify_signature
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.snapshot import state_of_json, state_to_json

FORMAT = "custodes/ledger-snapshot/v1"
MAGIC = b"CSNP/1\n"
# A state is kept when so many entries have come since, or this part of all: replaying either takes seconds.
KEEP_EVERY = 4096
KEEP_EVERY_PART = 64
_CODE = ("custodes.base", "custodes.estate", "custodes.ledger")
_LOG = structlog.get_logger("ledger")


class OtherCodeError(InvalidError):
    """What was kept is of an earlier or later version of the rules."""


def is_worth_keeping(size: int, kept_size: int) -> bool:
    """Whether a state has come far enough from that which is kept."""
    return size - kept_size >= max(KEEP_EVERY, size // KEEP_EVERY_PART)


@dataclass(frozen=True)
class LedgerSnapshot:
    """One file of one reader. `key`: the reader's own."""

    file: Path
    network: bytes
    key: SigningKey

    def load(self) -> LedgerState | None:
        """The state that was kept; None where there is none, or none of use. What is of no use is deleted."""
        try:
            return self.read()
        except UnavailableError as error:
            _LOG.warning("the replayed ledger cannot be read", reason=str(error))
        except CustodesError as error:
            _LOG.warning("the replayed ledger is thrown away", reason=str(error))
            self.forget()
        return None

    def read(self) -> LedgerState | None:
        """The state that was kept; None where there is none.

        Errors: UnavailableError where it cannot be read; OtherCodeError, InvalidError and UnverifiedError where it is
        of no use.
        """
        if not code_hash():
            return None
        try:
            data = self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"{self.file.name}: {error.strerror}") from error
        return self._parse(data)

    def forget(self) -> None:
        """Delete it; what cannot be deleted is of no more use than before."""
        with suppress(OSError):
            self.file.unlink(missing_ok=True)

    def save(self, state: LedgerState) -> None:
        """Keep a state whose root the reader has found in a checkpoint; one that cannot be written is not kept.

        Durability: flushed when the call returns.
        """
        if not code_hash():
            return
        head = {
            "code": code_hash().hex(),
            "format": FORMAT,
            "network": b64u(self.network),
            "root": b64u(state.tree.root()),
            "size": state.size,
        }
        body = json.dumps([head, state_to_json(state)], separators=(",", ":")).encode()
        try:
            replace_file(self.file, MAGIC + self.key.sign(self._message(body)) + body)
        except CustodesError as error:
            _LOG.warning("the replayed ledger is not kept", reason=str(error))

    def _parse(self, data: bytes) -> LedgerState:
        start = len(MAGIC) + SIGNATURE_BYTES
        if not data.startswith(MAGIC) or len(data) <= start:
            raise InvalidError("it is none")
        body = data[start:]
        verify_signature(self.key.public, data[len(MAGIC) : start], self._message(body))
        head, facts = json.loads(body)
        if head["code"] != code_hash().hex():
            raise OtherCodeError("other code made it")
        state = state_of_json(facts)
        if (head["size"], head["root"]) != (state.size, b64u(state.tree.root())):
            raise UnverifiedError("its entries do not lead to its root")
        if state.genesis.network != self.network:
            raise UnverifiedError("it is of another network")
        return state

    def _message(self, body: bytes) -> bytes:
        return typed_message(FORMAT, self.network, hashlib.sha256(body).digest())


@cache
def code_hash() -> bytes:
    """The hash of the code on which a replayed state depends: with other rules it would be another.

    Empty where the code has no sources beside it; nothing is kept then.
    """
    digest = hashlib.sha256()
    for package in _CODE:
        sources = _sources(resources.files(package), package)
        if not sources:
            return b""
        for name, data in sorted(sources):
            digest.update(len(name).to_bytes(4, "big") + name.encode() + hashlib.sha256(data).digest())
    return digest.digest()


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _sources(one, f"{name}.{one.name}")
        elif one.name.endswith(".py"):
            found.append((f"{name}.{one.name}", one.read_bytes()))
    return found
