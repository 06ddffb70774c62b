"""Backgrounds in the store: each file is what its name says, each statement a recorder's, and none in force is away."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from custodes.base.errors import CustodesError
from custodes.base.ports import ObjectStore
from custodes.ledger.rules.backgrounds import in_force
from custodes.ledger.rules.state import LedgerState
from custodes.services.backgrounds import FOLDER, background_path, parse_statement, statement_path
from custodes.services.checking.findings import Finding, FindingKind

_PATH = re.compile(rf"{FOLDER}/(?P<stream>[0-9a-f]{{32}})/(?P<hash>[0-9a-f]{{64}})(?P<statement>\.json)?")


class BackgroundsCheck:
    """Takes each such object's path in turn; `end` tells what did not come."""

    def __init__(self, store: ObjectStore, state: LedgerState, quick: bool) -> None:
        self._store = store
        self._state = state
        self._quick = quick
        self._files: set[str] = set()
        self._statements: set[str] = set()

    def fits(self, path: str) -> bool:
        """Whether a path is one of these."""
        return _PATH.fullmatch(path) is not None

    def take(self, path: str) -> Iterator[Finding]:
        """What is wrong with one object."""
        match = _PATH.fullmatch(path)
        if match is None or bytes.fromhex(match["stream"]) not in self._state.facts.camera_of_stream:
            yield Finding(FindingKind.ORPHAN, path, "the ledger has no such stream")
        elif match["statement"]:
            self._statements.add(path)
            yield from self._check_statement(path)
        else:
            self._files.add(path)
            if not self._quick and hashlib.sha256(self._store.get(path)).hexdigest() != match["hash"]:
                yield Finding(FindingKind.FLIPPED, path, "it is not the background that its name says")

    def end(self) -> Iterator[Finding]:
        """Statements without their files, and what views are compared with and is not there."""
        for path in sorted(self._files):
            if f"{path}.json" not in self._statements:
                yield Finding(FindingKind.PENDING, path, "its recorder has made no statement of it yet")
        wanted = {path.removesuffix(".json") for path in self._statements}
        for one in in_force(self._state.facts):
            wanted.add(background_path(one.stream, one.background))
            path = statement_path(one.stream, one.background)
            if path not in self._statements:
                yield Finding(FindingKind.MISSING, path, "the statement of a background that is committed")
        for path in sorted(wanted - self._files):
            yield Finding(FindingKind.MISSING, path, "the file of a background")

    def _check_statement(self, path: str) -> Iterator[Finding]:
        try:
            signed, learnt = parse_statement(self._store.get(path))
            recorder = self._state.recorder(learnt.recorder)
            signed.check_signed_by([recorder.signing])
        except CustodesError as error:
            yield Finding(FindingKind.FLIPPED, path, f"it is no statement of a recorder: {error}")
            return
        if path != statement_path(learnt.stream, learnt.background):
            yield Finding(FindingKind.SWAPPED, path, "it is the statement of another background")
