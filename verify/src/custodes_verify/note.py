"""Checkpoints as signed notes, and who signed them.

Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature; docs/formats/ledger.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from custodes_verify.bytes import signature_holds
from custodes_verify.errors import MalformedError

NOTE_LIMIT = 262_144
"""Bytes of a note this reader takes: room for hundreds of cosignatures."""
_LOG, _COSIGNATURE = 1, 4
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Line:
    """A signature line; `blob` follows the four bytes of `hint`."""

    name: str
    hint: bytes
    blob: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A parsed, not yet verified checkpoint; `text` is what is signed."""

    origin: str
    size: int
    root: bytes
    text: bytes
    lines: tuple[Line, ...]


def _base64(spelling: str) -> bytes:
    try:
        raw = base64.b64decode(spelling, validate=True)
    except (ValueError, binascii.Error) as error:
        raise MalformedError("a note with bad base64") from error
    if base64.b64encode(raw).decode() != spelling:
        raise MalformedError("a note with bad base64")
    return raw


def _read_line(line: str) -> Line:
    head, _, rest = line.partition(" ")
    name, _, spelling = rest.rpartition(" ")
    if head != "—" or not name or " " in name or "+" in name:
        raise MalformedError("a note with a bad signature line")
    raw = _base64(spelling)
    if len(raw) <= 4:
        raise MalformedError("a note with a short signature")
    return Line(name, raw[:4], raw[4:])


def read_checkpoint(data: bytes) -> Checkpoint:
    """Read a checkpoint.

    Errors: MalformedError.
    """
    if len(data) > NOTE_LIMIT:
        raise MalformedError("a note too long to be one")
    try:
        note = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("a note that is not UTF-8") from error
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise MalformedError("not a signed note")
    rows = (text + "\n").split("\n")[:-1]
    if len(rows) < 3 or not rows[0] or not _SIZE.fullmatch(rows[1]):
        raise MalformedError("a note that is no checkpoint")
    root = _base64(rows[2])
    if len(root) != 32:
        raise MalformedError("a checkpoint whose root is not 32 bytes")
    lines = tuple(_read_line(line) for line in signatures[:-1].split("\n"))
    return Checkpoint(rows[0], int(rows[1]), root, (text + "\n").encode(), lines)


def hint(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def is_signed(checkpoint: Checkpoint, name: str, public: bytes) -> bool:
    """Whether the log of this name and key signed it."""
    wanted = hint(name, _LOG, public)
    return any(
        line.name == name and line.hint == wanted and signature_holds(public, line.blob, checkpoint.text)
        for line in checkpoint.lines
    )


def cosigned_at(checkpoint: Checkpoint, name: str, public: bytes) -> int | None:
    """When, in seconds, this cosigner last says it saw the checkpoint; None where it did not."""
    wanted = hint(name, _COSIGNATURE, public)
    times = []
    for line in checkpoint.lines:
        if line.name != name or line.hint != wanted or len(line.blob) != 72:
            continue
        seconds = int.from_bytes(line.blob[:8], "big")
        signed = b"cosignature/v1\ntime %d\n" % seconds + checkpoint.text
        if signature_holds(public, line.blob[8:], signed):
            times.append(seconds)
    return max(times, default=None)
