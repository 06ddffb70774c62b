"""A custodian's folder on its own device. Source: docs/formats/client.md."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from custodes.adapters.durable_file import flush_folder, replace_file
from custodes.base.canon import canon, parse_canon
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from custodes.base.keys import Signed, SigningKey
from custodes.base.sealing import SealingKey
from custodes.custody.card import DEFAULT_RETENTION_US, Card, WeeklyKey, parse_card, sign_card, weekly_keys
from custodes.custody.client_folder import (
    HoldKey,
    Seen,
    encode_hold_keys,
    encode_made,
    parse_hold_keys,
    parse_made,
    parse_seen,
    unwrap_seed,
    wrap_seed,
)
from custodes.ledger.checkpoint import Checkpoint
from custodes.ledger.entries.people import WEEKLY_KEYS


class CustodianFolder:
    """A custodian's keys and memory; locked from `create` or `open` until `close`.

    Durability: what a method stores is on disk when it returns. Errors: UnavailableError from the disk.
    """

    def __init__(self, path: Path, passphrase: str, lock: int) -> None:
        self.path = path
        self._passphrase = passphrase
        self._lock = lock
        self._opened: dict[bytes, SealingKey] = {}
        self.identity = SigningKey(unwrap_seed(self._read("identity"), passphrase, "identity"))
        try:
            self.card_signed = Signed.from_json(parse_canon(self._read("card.json")))
            self.card = parse_card(self.card_signed)
            self._made = parse_made(self._read("made"))
            self._holds = parse_hold_keys(self._read("holds")) if (path / "holds").exists() else ()
            self._seen = parse_seen(self._read("seen")) if (path / "seen").exists() else None
        except InvalidError as error:
            raise CorruptError(f"the custodian's folder {path.name} is damaged: {error}") from error

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: str,
        name: str,
        seals_from_us: int,
        period_us: int,
        retention_us: int = DEFAULT_RETENTION_US,
    ) -> CustodianFolder:
        """Make an identity, five weekly keys and the card. Errors: ConflictError when the folder is not empty."""
        if path.exists() and any(path.iterdir()):
            raise ConflictError(f"{path.name} is not empty")
        (path / "keys").mkdir(mode=0o700, parents=True)
        path.chmod(0o700)
        lock = _lock(path)
        try:
            identity = SigningKey.generate()
            sealing = [SealingKey.generate() for _ in range(WEEKLY_KEYS)]
            keys = weekly_keys([key.public for key in sealing], 1, seals_from_us, period_us, retention_us)
            for key in sealing:
                _write_seed(path, _key_name(key.id), key.seed(), passphrase)
            replace_file(path / "made", encode_made(keys))
            card = sign_card(Card(identity.public, name, keys), identity)
            replace_file(path / "card.json", canon(card.to_json()))
            _write_seed(path, "identity", identity.seed(), passphrase)
            return cls(path, passphrase, lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def open(cls, path: Path, passphrase: str) -> CustodianFolder:
        """Errors: NotFoundError, CorruptError, UnauthenticatedError; RefusedError while it is in use."""
        if not path.is_dir():
            raise NotFoundError(f"no custodian's folder {path.name}")
        lock = _lock(path)
        try:
            return cls(path, passphrase, lock)
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Forget the keys and let go of the lock."""
        self._opened.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> CustodianFolder:
        """The folder, closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- memory ----------------------------------------------------------------------------------------

    @property
    def seen(self) -> Seen:
        """What was seen and said. Errors: NotFoundError before `enroll`."""
        if self._seen is None:
            raise NotFoundError(f"{self.path.name} is enrolled in no network yet")
        return self._seen

    @property
    def network(self) -> bytes:
        """The pinned network. Errors: NotFoundError before `enroll`."""
        return self.seen.network

    def enroll(self, network: bytes) -> None:
        """Pin the network. Errors: RefusedError when another one is pinned: one folder, one network."""
        if self._seen is not None and self._seen.network != network:
            raise RefusedError(f"{self.path.name} belongs to network {self._seen.network.hex()}")
        if self._seen is None:
            self._remember(Seen(network, network))

    def restore(self, seen: Seen) -> None:
        """Take a memory rebuilt from the ledger after a loss. Errors: RefusedError when there is one."""
        if self._seen is not None:
            raise RefusedError(f"{self.path.name} has its memory still")
        self._remember(seen)

    def remember(self, seen: Seen) -> None:
        """Store what `seen` has become; to be called before any signature leaves."""
        if seen.network != self.network:
            raise RefusedError("a memory of another network")
        if seen != self._seen:
            self._remember(seen)

    def remember_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a larger checkpoint, known to be consistent. Errors: UnverifiedError for a second tree."""
        self.remember(self.seen.with_checkpoint(checkpoint.size, checkpoint.root))

    def remember_decision(self, request: bytes, statement: bytes, checkpoint: Checkpoint) -> None:
        """Store a Decision before its signature leaves. Errors: RefusedError when another was stored."""
        seen = self.seen.with_checkpoint(checkpoint.size, checkpoint.root)
        self.remember(seen.with_decision(request, statement))

    def remember_release(self, request: bytes, set_hash: bytes, checkpoint: Checkpoint) -> None:
        """Store a Release before its signature leaves. Errors: RefusedError when another set was stored."""
        seen = self.seen.with_checkpoint(checkpoint.size, checkpoint.root)
        self.remember(seen.with_release(request, set_hash))

    # --- keys ------------------------------------------------------------------------------------------

    @property
    def made(self) -> tuple[WeeklyKey, ...]:
        """Every weekly key ever made here, public, destroyed ones too."""
        return self._made

    def key_ids(self) -> tuple[bytes, ...]:
        """Ids of all keys that are or were this custodian's."""
        return tuple(dict.fromkeys((*(key.id for key in self._made), *self.live_keys())))

    def live_keys(self) -> tuple[bytes, ...]:
        """Ids of the weekly and hold keys that are not destroyed."""
        return tuple(
            bytes.fromhex(file.name) for file in sorted((self.path / "keys").iterdir()) if _is_key(file)
        )

    def sealing_key(self, id_: bytes) -> SealingKey:
        """Errors: NotFoundError when it is destroyed or never was; CorruptError, UnauthenticatedError."""
        if id_ not in self._opened:
            name = _key_name(id_)
            key = SealingKey(unwrap_seed(self._read(name), self._passphrase, name))
            if key.id != id_:
                raise CorruptError(f"{name} holds another key")
            self._opened[id_] = key
        return self._opened[id_]

    def make_weekly_keys(self, count: int, period_us: int, retention_us: int = DEFAULT_RETENTION_US) -> None:
        """Make the next weeks' keys, which begin where the last one ends."""
        last = self._made[-1]
        sealing = [SealingKey.generate() for _ in range(count)]
        publics = [key.public for key in sealing]
        for key in sealing:
            _write_seed(self.path, _key_name(key.id), key.seed(), self._passphrase)
        more = weekly_keys(publics, last.number + 1, last.seals_until_us, period_us, retention_us)
        made = (*self._made, *more)
        replace_file(self.path / "made", encode_made(made))
        self._made = made

    def hold_key(self, hold: bytes) -> SealingKey:
        """The key of a hold. Errors: NotFoundError when it is destroyed or never was."""
        for one in self._holds:
            if one.hold == hold:
                return self.sealing_key(one.key)
        raise NotFoundError(f"no key of hold {hold.hex()} in {self.path.name}")

    def make_hold_key(self, hold: bytes, until_us: int) -> SealingKey:
        """The key of a hold, made where there is none yet, to be destroyed when the hold ends."""
        try:
            return self.hold_key(hold)
        except NotFoundError:
            key = SealingKey.generate()
            others = tuple(one for one in self._holds if one.hold != hold)
            # Known before it is there, so that no key is left that nobody would destroy.
            self._remember_holds((*others, HoldKey(hold, key.id, until_us)))
            _write_seed(self.path, _key_name(key.id), key.seed(), self._passphrase)
            self._opened[key.id] = key
            return key

    def destroy_ended_holds(self, now_us: int) -> tuple[bytes, ...]:
        """Destroy the keys of holds that are over; which holds they were."""
        ended = tuple(one for one in self._holds if one.until_us < now_us)
        for one in ended:
            self.destroy_key(one.key)
        if ended:
            self._remember_holds(tuple(one for one in self._holds if one not in ended))
        return tuple(one.hold for one in ended)

    def destroy_key(self, id_: bytes) -> None:
        """Overwrite a key's file, then unlink it; that it is gone already is no error."""
        self._opened.pop(id_, None)
        path = self.path / _key_name(id_)
        try:
            descriptor = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise UnavailableError(f"{path.name} cannot be opened: {error.strerror}") from error
        try:
            os.write(descriptor, bytes(os.fstat(descriptor).st_size))
            os.fsync(descriptor)
            path.unlink()
            flush_folder(path.parent)
        except OSError as error:
            raise UnavailableError(f"{path.name} cannot be destroyed: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def destroy_due(self, now_us: int) -> tuple[bytes, ...]:
        """Destroy the weekly keys whose time has come; which they were."""
        live = set(self.live_keys())
        due = tuple(key.id for key in self._made if key.destroy_after_us <= now_us and key.id in live)
        for id_ in due:
            self.destroy_key(id_)
        return due

    def _remember_holds(self, keys: tuple[HoldKey, ...]) -> None:
        replace_file(self.path / "holds", encode_hold_keys(keys))
        self._holds = keys

    def _remember(self, seen: Seen) -> None:
        replace_file(self.path / "seen", seen.encode())
        self._seen = seen

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"no {name} in {self.path.name}") from error
        except OSError as error:
            raise UnavailableError(f"{name} cannot be read: {error.strerror}") from error


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise RefusedError(f"the custodian's folder {path.name} is in use") from error
    return descriptor


def _key_name(id_: bytes) -> str:
    return f"keys/{id_.hex()}"


def _is_key(file: Path) -> bool:
    return not file.name.startswith(".")


def _write_seed(path: Path, name: str, seed: bytes, passphrase: str) -> None:
    replace_file(path / name, wrap_seed(seed, passphrase, name))
