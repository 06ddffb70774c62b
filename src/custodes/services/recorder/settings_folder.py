"""A recorder's settings on its own disk: the last good document, and the pages of shred keys that it names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from custodes.adapters.durable_file import replace_file
from custodes.base.errors import CustodesError, InvalidError, UnavailableError, UnverifiedError
from custodes.base.ports import ObjectStore
from custodes.base.sealing import SealingKey
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.settings import check_settings, pool_path, pools_named


class SettingsFolder:
    """Takes documents that are good and newer than the last good one. Every method blocks."""

    def __init__(
        self, folder: Path, store: ObjectStore, network: bytes, recorder: bytes, key: SealingKey
    ) -> None:
        self._file = folder / "settings"
        self._pages = folder / "pools"
        self._store = store
        self._network = network
        self._recorder = recorder
        self._key = key
        self._last: RecorderSettings | None = None

    def load(self) -> RecorderSettings | None:
        """The last good settings; None where there are none.

        Errors: InvalidError, UnverifiedError when what is there is not good; UnavailableError.
        """
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"the settings cannot be read: {error.strerror}") from error
        self._last = self._check(data, None)
        return self._last

    def take(self, data: bytes) -> RecorderSettings:
        """Make a document the last good one. Durability: flushed when the call returns.

        Errors: InvalidError, UnverifiedError, RefusedError: the last good one stands; UnavailableError.
        """
        settings = self._check(data, self._last)
        replace_file(self._file, data)
        self._last = settings
        self._forget_pages(settings.pools)
        return settings

    def _check(self, data: bytes, last: RecorderSettings | None) -> RecorderSettings:
        pages = {pool: page for pool in pools_named(data) if (page := self._page(pool)) is not None}
        try:
            settings = check_settings(data, self._network, self._recorder, self._key, pages, last)
        except (InvalidError, UnverifiedError):
            # It may be a page here that is damaged; the store has it still.
            self._forget_pages(frozenset())
            raise
        for pool, page in pages.items():
            file = self._pages / pool.hex()
            if not file.exists():
                replace_file(file, page)
        return settings

    def _page(self, pool: bytes) -> bytes | None:
        """A page, from here or from the store; None while it is not to be had: its pool is then left out."""
        file = self._pages / pool.hex()
        try:
            return file.read_bytes() if file.exists() else self._store.get(pool_path(pool))
        except (CustodesError, OSError):
            return None

    def _forget_pages(self, named: Collection[bytes]) -> None:
        kept = {pool.hex() for pool in named}
        for file in self._pages.glob("*"):
            if file.name not in kept:
                file.unlink(missing_ok=True)
