"""An outside witness: it cosigns a checkpoint only if that continues the largest one it ever saw.

Its folder: `key` (Ed25519 seed), `seen` (name, network, newest checkpoint), `lock`, and `conflict`, the first
checkpoint that did not fit. Source: docs/formats/ledger.md; C2SP tlog-witness, tlog-cosignature (v1).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from custodes.adapters.durable_file import replace_file
from custodes.adapters.secrets import new_signing_key, read_signing_key
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnverifiedError,
)
from custodes.base.keys import SigningKey
from custodes.ledger import merkle, tiles
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, cosign, parse_checkpoint
from custodes.ledger.entries.people import GENESIS
from custodes.ledger.entries.wrapper import parse_entry
from custodes.services.office import Office

ReadObject = Callable[[str], bytes]

LONGEST_INTERVAL_S = 60.0
_FORMAT = "custodes/witness/v1"
_NAME = re.compile(r"[^\s+]{1,100}")


class NotContinuedError(UnverifiedError):
    """A checkpoint of the right log that does not continue what was seen."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a witness must not forget; empty before the first checkpoint."""

    name: str
    network: bytes = b""
    note: SignedCheckpoint | None = None

    def encode(self) -> bytes:
        """Canonical JSON."""
        note = self.note.encode().decode() if self.note else ""
        return canon({"format": _FORMAT, "name": self.name, "network": b64u(self.network), "note": note})

    @classmethod
    def parse(cls, data: bytes) -> Memory:
        """Errors: CorruptError."""
        try:
            value = parse_canon(data)
            if not isinstance(value, dict) or set(value) != {"format", "name", "network", "note"}:
                raise InvalidError("other members")
            note = parse_checkpoint(value["note"].encode()) if value["note"] else None
            if value["format"] != _FORMAT or not _NAME.fullmatch(value["name"]):
                raise InvalidError("another format")
            return cls(value["name"], unb64u(value["network"]), note)
        except (InvalidError, AttributeError, TypeError) as error:
            raise CorruptError("the witness's memory is damaged; it must not sign any more") from error


class WitnessFolder:
    """The key and the memory of one witness, held by one process at a time.

    Errors: ConflictError when another process has it or it has another name; CorruptError.
    """

    def __init__(self, root: Path, name: str | None = None) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.memory = self._open_memory(name)
            self.key = self._open_key()
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConflictError("another process uses this witness's folder") from error
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Give the folder up; again is no error."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def remember(self, network: bytes, note: SignedCheckpoint) -> None:
        """Durability: flushed when the call returns."""
        memory = replace(self.memory, network=network, note=note)
        if memory != self.memory:
            replace_file(self._root / "seen", memory.encode())
            self.memory = memory

    def keep_conflict(self, note: SignedCheckpoint) -> None:
        """Keep the first checkpoint that did not fit: with the one seen it is the evidence."""
        if not (self._root / "conflict").exists():
            replace_file(self._root / "conflict", note.encode())

    def _open_memory(self, name: str | None) -> Memory:
        try:
            memory = Memory.parse((self._root / "seen").read_bytes())
        except FileNotFoundError as error:
            if (self._root / "key").exists():
                raise CorruptError("the witness lost its memory; it must not sign any more") from error
            if name is None or not _NAME.fullmatch(name):
                raise InvalidError("a witness's name has 1 to 100 characters without spaces and +") from error
            memory = Memory(name)
            replace_file(self._root / "seen", memory.encode())
        if name not in (None, memory.name):
            raise ConflictError(f"this folder is the witness {memory.name}'s, not {name}'s")
        return memory

    def _open_key(self) -> SigningKey:
        try:
            return read_signing_key(self._root / "key")
        except NotFoundError as error:
            if self.memory.note is not None:
                raise CorruptError("the witness lost its key; make a new witness") from error
            return new_signing_key(self._root / "key")


@dataclass(frozen=True, slots=True)
class Log:
    """What the pinned genesis fixes of the log."""

    origin: str
    key: bytes
    freshness_us: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Sighting:
    """A checkpoint that was cosigned and handed in, and when."""

    checkpoint: Checkpoint
    seconds: int


class Witness:
    """Looks at one network's log. Errors: ConflictError when the folder belongs to another network's."""

    def __init__(
        self, folder: WitnessFolder, read: ReadObject, office: Office, network: bytes, clock: Clock
    ) -> None:
        if folder.memory.network not in (b"", network):
            raise ConflictError(f"this folder's witness is of network {folder.memory.network.hex()}")
        self._folder = folder
        self._read = read
        self._office = office
        self._network = network
        self._clock = clock
        self._log: Log | None = None

    async def look(self) -> Sighting:
        """Check the newest checkpoint, remember it, cosign it and hand the cosignature to the keeper.

        Errors: UnverifiedError: not this network's, or not signed by its log; NotContinuedError, and then the
        keeper is shown what was seen; what the reader and the office raise.
        """
        try:
            note = await asyncio.to_thread(self._check_newest)
        except NotContinuedError:
            await self._show_what_was_seen()
            raise
        # From here on this witness cannot sign for anything that does not continue the checkpoint.
        await asyncio.to_thread(self._folder.remember, self._network, note)
        seconds = self._clock.utc_us() // SECOND_US
        line = cosign(note.checkpoint, self._folder.memory.name, self._folder.key, seconds)
        await self._office.ask("keeper", "cosign", note.with_signature(line).encode())
        return Sighting(note.checkpoint, seconds)

    async def _show_what_was_seen(self) -> None:
        # A keeper restored from an old copy must stop when it learns of the larger tree. Whatever it answers,
        # nothing is cosigned.
        note = self._folder.memory.note
        if note is not None:
            with contextlib.suppress(CustodesError):
                await self._office.ask("keeper", "cosign", note.encode())

    async def run(
        self, report: Callable[[Sighting | CustodesError], None], interval_s: float | None = None
    ) -> None:
        """Look until cancelled, by default often enough to keep the log fresh; failures are reported."""
        while True:
            try:
                report(await self.look())
            except CustodesError as error:
                report(error)
            await asyncio.sleep(interval_s or self._usual_interval_s())

    def _usual_interval_s(self) -> float:
        if self._log is None:
            return LONGEST_INTERVAL_S
        return min(LONGEST_INTERVAL_S, self._log.freshness_us / SECOND_US / 4)

    def _check_newest(self) -> SignedCheckpoint:
        note = parse_checkpoint(self._read(tiles.CHECKPOINT_PATH))
        if note.checkpoint.size == 0:
            raise UnavailableError("the log has no entry yet")
        if self._log is None:
            self._log = read_log(self._read, note.checkpoint.size, self._network)
        note.check_log(self._log.origin, self._log.key)
        seen = self._folder.memory.note
        if seen is None:
            self._check_first(note.checkpoint, self._log)
        else:
            self._check_continues(seen.checkpoint, note)
        return note

    def _check_first(self, checkpoint: Checkpoint, log: Log) -> None:
        path = tiles.inclusion_path(self._tile, checkpoint.size, 0)
        merkle.check_path(checkpoint.root, checkpoint.size, 0, log.entry, path)

    def _check_continues(self, old: Checkpoint, note: SignedCheckpoint) -> None:
        new = note.checkpoint
        if new.size < old.size:
            raise NotContinuedError(
                f"rolled back: the log shows {new.size} entries, {old.size} were seen before; not cosigned"
            )
        try:
            proof = tiles.consistency_proof(self._tile, old.size, new.size)
            merkle.check_consistency(old.size, old.root, new.size, new.root, proof)
        except UnverifiedError as error:
            self._folder.keep_conflict(note)
            raise NotContinuedError(
                f"forked: the log of {new.size} entries does not continue the one of {old.size} seen before;"
                " not cosigned, and both checkpoints are kept"
            ) from error

    def _tile(self, level: int, index: int, width: int) -> bytes:
        data = _read_wide(self._read, lambda wide: tiles.tile_path(level, index, wide), width)[0]
        if len(data) < width * merkle.HASH_BYTES:
            raise CorruptError(f"the tile {tiles.tile_path(level, index, width)} is too short")
        return data


def read_log(read: ReadObject, size: int, network: bytes) -> Log:
    """The log as the genesis names it, which must be entry 0 and have the network's id as its hash.

    Errors: UnverifiedError; CorruptError, InvalidError for bytes that are no entries; what the reader raises.
    """
    data, width = _read_wide(read, lambda wide: tiles.bundle_path(0, wide), min(size, tiles.TILE_WIDTH))
    first = tiles.decode_bundle(data, width)[0]
    statement = parse_entry(first).statement
    if statement.hash != network:
        raise UnverifiedError(f"the log is not that of network {network.hex()}")
    genesis = GENESIS(statement.signed.body)
    return Log(genesis["log"]["origin"], genesis["log"]["key"], genesis["periods"]["freshness_us"], first)


def _read_wide(read: ReadObject, path: Callable[[int], str], width: int) -> tuple[bytes, int]:
    # A partial file may be gone once the full one is there.
    try:
        return read(path(width)), width
    except NotFoundError:
        if width == tiles.TILE_WIDTH:
            raise
        return read(path(tiles.TILE_WIDTH)), tiles.TILE_WIDTH
