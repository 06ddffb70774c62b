"""Checkpoints: signed notes over origin, size and root, their cosignatures, and what counts as fresh.

Source: docs/formats/ledger.md; C2SP signed-note, tlog-checkpoint, tlog-cosignature (v1).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import SigningKey, verify_signature
from custodes.ledger.merkle import HASH_BYTES

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 100
MAX_CLOCK_AHEAD_US = 5 * MINUTE_US
LOG_KIND = b"\x01"
COSIGNATURE_KIND = b"\x04"
_KEY_HASH_BYTES = 4
_TIME_BYTES = 8
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, its size and its root at that size."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text, what the log key signs."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature line: name, 4-byte key hash, and the bytes behind it."""

    name: str
    key_hash: bytes
    payload: bytes

    def line(self) -> str:
        """The line as it stands in the note."""
        return f"— {self.name} {_base64(self.key_hash + self.payload)}\n"


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint and its signature lines, known signers or not."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        lines = "".join(signature.line() for signature in self.signatures)
        return f"{self.checkpoint.text()}\n{lines}".encode()

    def with_signature(self, signature: NoteSignature) -> SignedCheckpoint:
        """The same checkpoint with this line in place of an earlier one of that name and key."""
        who = (signature.name, signature.key_hash)
        if who not in ((s.name, s.key_hash) for s in self.signatures):
            return SignedCheckpoint(self.checkpoint, (*self.signatures, signature))
        kept = tuple(signature if (s.name, s.key_hash) == who else s for s in self.signatures)
        return SignedCheckpoint(self.checkpoint, kept)

    def with_earlier(self, signature: NoteSignature) -> SignedCheckpoint:
        """The same with this line, unless that name and key has one here that is not later."""
        own = self._line(signature.name, signature.key_hash)
        # A cosignature begins with its time; two lines of the log key are the same bytes.
        return (
            self if own is not None and own.payload <= signature.payload else self.with_signature(signature)
        )

    def check_log(self, origin: str, log_key: bytes) -> None:
        """Check that it is this log's and that the log key signed it. Errors: UnverifiedError."""
        if self.checkpoint.origin != origin:
            raise UnverifiedError(f"the checkpoint is of {self.checkpoint.origin!r}, not of {origin!r}")
        line = self._line(origin, note_key_hash(origin, LOG_KIND, log_key))
        if line is None:
            raise UnverifiedError(
                f"the checkpoint of size {self.checkpoint.size} is not signed by the log key"
            )
        verify_signature(log_key, line.payload, self.checkpoint.text().encode())

    def cosigned_s(self, name: str, key: bytes) -> int | None:
        """When this cosigner says that it saw the checkpoint, None when it has not cosigned.

        Units: whole seconds of UTC. Errors: UnverifiedError for a line of that key that does not check.
        """
        line = self.cosignature(name, key)
        if line is None:
            return None
        seconds = int.from_bytes(line.payload[:_TIME_BYTES], "big")
        verify_signature(key, line.payload[_TIME_BYTES:], _cosigned_message(self.checkpoint, seconds))
        return seconds

    def cosignature(self, name: str, key: bytes) -> NoteSignature | None:
        """The line of this cosigner, unchecked."""
        return self._line(name, note_key_hash(name, COSIGNATURE_KIND, key))

    def _line(self, name: str, key_hash: bytes) -> NoteSignature | None:
        for signature in self.signatures:
            if signature.name == name and signature.key_hash == key_hash:
                return signature
        return None


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """Whose cosignature makes a checkpoint fresh: `needed` of the outside witnesses, or with 0 the keeper."""

    witnesses: Mapping[str, bytes]
    needed: int
    keeper: tuple[str, bytes]
    freshness_us: int

    def __post_init__(self) -> None:
        if not 0 <= self.needed <= len(self.witnesses):
            raise InvalidError(f"{self.needed} witnesses are needed, {len(self.witnesses)} are named")

    def check_fresh(self, note: SignedCheckpoint, now_us: int) -> None:
        """Check cosignatures and their age; consistency with earlier checkpoints is the reader's own part.

        Errors: UnverifiedError: too few or too old, or this clock and the cosignatures are apart.
        """
        named = self.witnesses.items() if self.needed else (self.keeper,)
        times_us = [
            seconds * SECOND_US
            for seconds in (note.cosigned_s(name, key) for name, key in named)
            if seconds is not None
        ]
        youngest_us = max(times_us, default=0)
        if times_us and youngest_us > now_us + MAX_CLOCK_AHEAD_US:
            raise UnverifiedError("this clock is over 5 minutes behind the youngest cosignature")
        fresh = sum(now_us - time_us <= self.freshness_us for time_us in times_us)
        if fresh < max(self.needed, 1):
            raise UnverifiedError(
                f"the checkpoint of size {note.checkpoint.size} has {fresh} fresh cosignatures,"
                f" {max(self.needed, 1)} needed; this clock may be ahead of the youngest"
            )


def keeper_name(origin: str) -> str:
    """The name under which the log's own keeper cosigns."""
    return f"{origin}/keeper"


def custodian_names(origin: str) -> str:
    """What the names of all custodians begin with."""
    return f"{origin}/custodian/"


def custodian_name(origin: str, index: int) -> str:
    """The name under which a custodian cosigns."""
    return f"{custodian_names(origin)}{index}"


def note_key_hash(name: str, kind: bytes, key: bytes) -> bytes:
    """The 4 bytes that stand for a key of that name and kind in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:_KEY_HASH_BYTES]


def sign_checkpoint(checkpoint: Checkpoint, log_key: SigningKey) -> SignedCheckpoint:
    """The note with the log key's signature alone."""
    return SignedCheckpoint(
        checkpoint,
        (
            NoteSignature(
                checkpoint.origin,
                note_key_hash(checkpoint.origin, LOG_KIND, log_key.public),
                log_key.sign(checkpoint.text().encode()),
            ),
        ),
    )


def cosign(checkpoint: Checkpoint, name: str, key: SigningKey, seconds: int) -> NoteSignature:
    """A cosignature of that time."""
    signature = key.sign(_cosigned_message(checkpoint, seconds))
    payload = seconds.to_bytes(_TIME_BYTES, "big") + signature
    return NoteSignature(name, note_key_hash(name, COSIGNATURE_KIND, key.public), payload)


def parse_checkpoint(data: bytes) -> SignedCheckpoint:
    """A note's checkpoint and lines; signatures are not checked here.

    Errors: InvalidError for anything but the one spelling, for extension lines, and over the limits.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise InvalidError(f"a checkpoint has at most {MAX_NOTE_BYTES} bytes")
    try:
        text, separator, lines = data.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError as error:
        raise InvalidError("a checkpoint is UTF-8") from error
    rows = text.split("\n")
    if not separator or len(rows) != 3 or not rows[0] or not _SIZE.fullmatch(rows[1]):
        raise InvalidError("a checkpoint has origin, size and root, a blank line, and signatures")
    checkpoint = Checkpoint(rows[0], int(rows[1]), _unbase64(rows[2], HASH_BYTES))
    return SignedCheckpoint(checkpoint, tuple(_parse_lines(lines)))


def _parse_lines(lines: str) -> Iterable[NoteSignature]:
    rows = lines.split("\n")
    if rows.pop() != "" or not 0 < len(rows) <= MAX_SIGNATURES:
        raise InvalidError(f"a checkpoint has 1 to {MAX_SIGNATURES} whole signature lines")
    for row in rows:
        match = _SIGNATURE_LINE.fullmatch(row)
        if match is None:
            raise InvalidError("a signature line is '— name base64'")
        payload = _unbase64(match[2], None)
        if len(payload) < _KEY_HASH_BYTES + 1:
            raise InvalidError("a signature line is too short")
        yield NoteSignature(match[1], payload[:_KEY_HASH_BYTES], payload[_KEY_HASH_BYTES:])


def _cosigned_message(checkpoint: Checkpoint, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{checkpoint.text()}".encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str, length: int | None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidError("not standard base64") from error
    if _base64(data) != text or (length is not None and len(data) != length):
        raise InvalidError("not standard base64 of the right length, in its one spelling")
    return data
