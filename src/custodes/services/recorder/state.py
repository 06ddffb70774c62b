"""What a recorder must know after a crash: its account chain, and the epochs that it has not closed.

One file, replaced whole. It is written before anything that it allows is sent, so no number is signed twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from custodes.adapters.durable_file import replace_file
from custodes.base.canon import b64u, canon, parse_canon, unb64u
from custodes.base.errors import CorruptError, InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES

_FORMAT = "custodes/recorder-state/v1"


@dataclass(frozen=True, slots=True)
class EpochState:
    """An epoch not yet closed by an account: where it lies and how far accounts have spoken of it.

    `accounted`: envelopes spoken of; `last`: hash of the last of them, H(header) for none.
    """

    stream: bytes
    folder: str
    accounted: int
    last: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """A signed statement on its way to the outbox; an account comes with its number and its manifest."""

    parcel: bytes
    number: int = 0
    manifest: bytes = b""


@dataclass(frozen=True)
class RecorderState:
    """`number` and `head`: the last account signed and its hash; at first 0 and the Recorder entry's hash.

    `minute_us`: the time that account speaks of, 0 before the first. `pools`: how many keys of each pool are
    taken, in order. `pending`: statements signed by then, which may or may not have reached the outbox.
    """

    run: int
    number: int
    head: bytes
    epochs: dict[bytes, EpochState] = field(default_factory=dict)
    pools: dict[bytes, int] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    minute_us: int = 0


def state_bytes(state: RecorderState) -> bytes:
    """Canonical JSON."""
    return canon(
        {
            "epochs": [
                {
                    "accounted": epoch.accounted,
                    "epoch": b64u(id_),
                    "folder": epoch.folder,
                    "last": b64u(epoch.last),
                    "stream": b64u(epoch.stream),
                }
                for id_, epoch in sorted(state.epochs.items())
            ],
            "format": _FORMAT,
            "head": b64u(state.head),
            "minute_us": state.minute_us,
            "number": state.number,
            "pending": [
                {"manifest": b64u(one.manifest), "number": one.number, "parcel": b64u(one.parcel)}
                for one in state.pending
            ],
            "pools": [{"pool": b64u(pool), "taken": taken} for pool, taken in sorted(state.pools.items())],
            "run": state.run,
        }
    )


def parse_state(data: bytes) -> RecorderState:
    """Errors: CorruptError."""
    try:
        value = parse_canon(data)
        if value["format"] != _FORMAT:
            raise InvalidError("another format")
        return RecorderState(
            run=int(value["run"]),
            number=int(value["number"]),
            head=unb64u(value["head"], HASH_BYTES),
            epochs=dict(_parse_epoch(member) for member in value["epochs"]),
            minute_us=int(value["minute_us"]),
            pending=tuple(
                Pending(unb64u(one["parcel"]), int(one["number"]), unb64u(one["manifest"]))
                for one in value["pending"]
            ),
            pools={unb64u(member["pool"], ID_BYTES): int(member["taken"]) for member in value["pools"]},
        )
    except (InvalidError, KeyError, TypeError, ValueError) as error:
        raise CorruptError(f"the recorder's state is damaged: {error}") from error


def _parse_epoch(value: Any) -> tuple[bytes, EpochState]:
    return unb64u(value["epoch"], ID_BYTES), EpochState(
        stream=unb64u(value["stream"], ID_BYTES),
        folder=str(value["folder"]),
        accounted=int(value["accounted"]),
        last=unb64u(value["last"], HASH_BYTES),
    )


class StateFile:
    """The state on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> RecorderState | None:
        """None before the first tenure. Errors: CorruptError."""
        try:
            return parse_state(self._path.read_bytes())
        except FileNotFoundError:
            return None

    def write(self, state: RecorderState) -> None:
        """Durability: as replace_file. Errors: UnavailableError."""
        replace_file(self._path, state_bytes(state))
