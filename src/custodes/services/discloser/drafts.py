"""Cases on their way: drafts with their one-time keys, and the staff signatures gathered for them.

<folder>/<q>/draft       the request file, the entry as signed so far
<folder>/<q>/opening     the one-time key's seed; overwritten and removed after disclosure
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custodes.adapters.durable_file import flush_folder, replace_file
from custodes.adapters.secrets import read_sealing_key, write_seed
from custodes.base.canon import canon, parse_canon
from custodes.base.errors import CorruptError, InvalidError, NotFoundError
from custodes.base.keys import SEED_BYTES, Signed
from custodes.base.sealing import SealingKey
from custodes.cases.request import RequestFile


@dataclass(frozen=True)
class Draft:
    """A request file and its entry as signed so far."""

    file: RequestFile
    entry: Signed

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canon({"entry": self.entry.to_json(), "file": self.file.to_json()})


def parse_draft(data: bytes) -> Draft:
    """Errors: InvalidError."""
    value: Any = parse_canon(data)
    if not isinstance(value, dict) or set(value) != {"entry", "file"}:
        raise InvalidError("a draft has exactly entry and file")
    return Draft(RequestFile.from_json(value["file"]), Signed.from_json(value["entry"]))


class DraftFolder:
    """The discloser's folder of cases."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, draft: Draft, opening: SealingKey) -> None:
        """Keep a new draft and its one-time key."""
        write_seed(self._opening(draft.file.hash), opening.seed())
        self.save(draft)

    def save(self, draft: Draft) -> None:
        """Keep what was signed since. Durability: as replace_file."""
        replace_file(self._folder(draft.file.hash) / "draft", draft.encode())

    def read(self, request: bytes) -> Draft:
        """Errors: NotFoundError, CorruptError."""
        try:
            return parse_draft((self._folder(request) / "draft").read_bytes())
        except FileNotFoundError as error:
            raise NotFoundError(f"no case with request {request.hex()}") from error
        except InvalidError as error:
            raise CorruptError(f"the draft of request {request.hex()} is damaged") from error

    def requests(self) -> list[bytes]:
        """The requests that have a draft here."""
        return sorted(bytes.fromhex(path.parent.name) for path in self._root.glob("*/draft"))

    def opening_key(self, request: bytes) -> SealingKey:
        """The one-time key. Errors: NotFoundError once it is destroyed."""
        return read_sealing_key(self._opening(request))

    def destroy_opening_key(self, request: bytes) -> None:
        """Overwrite and remove the one-time key; again is no error."""
        path = self._opening(request)
        if not path.exists():
            return
        with path.open("r+b") as file:
            file.write(b"0" * 2 * SEED_BYTES)
            file.flush()
            os.fdatasync(file.fileno())
        path.unlink()
        flush_folder(path.parent)

    def _folder(self, request: bytes) -> Path:
        return self._root / request.hex()

    def _opening(self, request: bytes) -> Path:
        return self._folder(request) / "opening"
