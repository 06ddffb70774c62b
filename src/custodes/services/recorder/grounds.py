"""The files of committed backgrounds on a recorder's own disk: taken from the store once, checked each time.

Every method blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from custodes.adapters.durable_file import replace_file
from custodes.base.errors import CustodesError, UnavailableError
from custodes.base.ports import ObjectStore
from custodes.services.backgrounds import Committed, background_path, check_background, statement_path
from custodes.services.recorder.settings import RecorderSettings


@dataclass(frozen=True)
class Grounds:
    """By stream the files that its view is compared with; `faults`: what is committed and cannot be used, why."""

    files: Mapping[bytes, tuple[bytes, ...]]
    faults: tuple[str, ...] = ()


class GroundFolder:
    """Each background's file and its recorder's statement, by hash."""

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self._folder = folder
        self._store = store

    def load(self, settings: RecorderSettings) -> Grounds:
        """What the settings commit, one view a stream: the first that the camera names and that has any.

        What is missing or damaged is left out and told of: a view without any background is masked.
        """
        files: dict[bytes, tuple[bytes, ...]] = {}
        faults: list[str] = []
        for committed in settings.backgrounds:
            try:
                data = self._file(committed, settings)
            except CustodesError as error:
                faults.append(
                    f"background {committed.background.hex()[:16]} of stream {committed.stream.hex()[:8]}"
                    f" ({committed.view}, {committed.condition}) cannot be used: {error}"
                )
                continue
            files[committed.stream] = (*files.get(committed.stream, ()), data)
        self._forget(settings.backgrounds)
        return Grounds(files, tuple(faults))

    def _file(self, committed: Committed, settings: RecorderSettings) -> bytes:
        own = self._folder / committed.background.hex()
        own_statement = own.with_suffix(".json")
        try:
            data, statement = own.read_bytes(), own_statement.read_bytes()
            check_background(committed, data, statement, settings.network, dict(settings.recorders))
        except (OSError, CustodesError):
            # Not here yet, or damaged here; the store has it still.
            place = committed.stream, committed.background
            data = self._store.get(background_path(*place))
            statement = self._store.get(statement_path(*place))
            check_background(committed, data, statement, settings.network, dict(settings.recorders))
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise UnavailableError(f"backgrounds cannot be kept: {error.strerror}") from error
            replace_file(own, data)
            replace_file(own_statement, statement)
        return data

    def _forget(self, committed: Sequence[Committed]) -> None:
        kept = {one.background.hex() for one in committed}
        for file in self._folder.glob("*"):
            if file.stem not in kept:
                file.unlink(missing_ok=True)
