"""What an entry means for the index: a camera, an epoch that begins or ends, times that were not recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from custodes.adapters.sql.index.index import GapRow, IndexWriter, SpanRow
from custodes.base.canon import canon, typed_hash, unb64u
from custodes.base.clock import DAY_US, HOUR_US
from custodes.base.errors import InvalidError, NotFoundError, UnverifiedError
from custodes.base.ids import ID_BYTES
from custodes.custody.accounts import MANIFEST_FORMAT, Manifest, parse_account, parse_manifest
from custodes.custody.paths import manifest_path
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.ledger.entries.wrapper import Entry

# A manifest's rows are looked at for epochs that may still be open; the end of an older one is in its closing.
RECENT_US = 3 * HOUR_US
# Longer than any footage is kept; before that there are neither renditions nor gaps to know of.
VIEWS_KEPT_US = 400 * DAY_US
_LOG = structlog.get_logger("web")


class Intake:
    """Takes entries into one transaction. `cameras`: bodies met; `missing`: manifests that could not be used."""

    def __init__(self, read: Callable[[str], bytes], writer: IndexWriter, now_us: int) -> None:
        self._read = read
        self._writer = writer
        self._now_us = now_us
        self.cameras: list[Mapping[str, Any]] = []
        self.missing = 0

    def take(self, entry: Entry) -> None:
        """Entries of other kinds say nothing that the index holds.

        Errors: UnverifiedError for an entry that no log would have admitted.
        """
        signed = entry.statement.signed
        act = _ACTS.get(signed.type)
        if act is None:
            return
        try:
            BODIES[signed.type][1](signed.body)
        except InvalidError as error:
            raise UnverifiedError(f"the log holds an entry that is none: {error}") from error
        act(self, signed.type, signed.body)

    def _camera(self, _type: str, body: Mapping[str, Any]) -> None:
        self.cameras.append(body)
        self._writer.put_camera(unb64u(body["camera"], ID_BYTES), canon(body))

    def _epoch(self, _type: str, body: Mapping[str, Any]) -> None:
        header = body["header"]
        begins_us = header["utc0_us"]
        span = SpanRow(
            stream=unb64u(header["stream"], ID_BYTES),
            begins_us=begins_us,
            epoch=unb64u(header["epoch"], ID_BYTES),
            ends_us=begins_us,
            most_us=begins_us + header["slots"] * header["slot_us"],
        )
        self._writer.open_span(span, unb64u(header["recorder"], ID_BYTES))

    def _account(self, type_: str, body: Mapping[str, Any]) -> None:
        account = parse_account(type_, body)
        self._writer.account(account.recorder, account.minute_us)
        if account.minute_us > self._now_us - VIEWS_KEPT_US:
            manifest = self._manifest(account.recorder, account.number, account.manifest)
            if manifest is not None:
                if account.minute_us > self._now_us - RECENT_US:
                    self._writer.extend({leaf.epoch for leaf in manifest.leaves}, account.minute_us)
                for rendition in manifest.renditions:
                    self._writer.add_rendition(rendition)
                for time in manifest.masked:
                    row = GapRow(time.stream, time.from_us, time.to_us, time.reason.value)
                    self._writer.add_masked(row)
                for gap in manifest.gaps:
                    self._writer.add_gap(GapRow(gap.stream, gap.from_us, gap.to_us, gap.reason.value))
        for closed in account.closed:
            self._writer.close(closed.epoch, account.minute_us, closed.envelopes)

    def _shred(self, _type: str, body: Mapping[str, Any]) -> None:
        self._writer.forget(unb64u(item["epoch"], ID_BYTES) for item in body["items"])

    def _manifest(self, recorder: bytes, number: int, hash_: bytes) -> Manifest | None:
        # It is durable before its account is sent; one that is not there will not come, and is told of as missing.
        path = manifest_path(recorder, number)
        try:
            data = self._read(path)
            if typed_hash(MANIFEST_FORMAT, data) == hash_:
                return parse_manifest(data)
            reason = "it is not the one of its account"
        except (NotFoundError, InvalidError) as error:
            reason = str(error)
        _LOG.warning("a manifest cannot be used", path=path, reason=reason)
        self.missing += 1
        return None


_ACTS: dict[str, Callable[[Intake, str, Mapping[str, Any]], None]] = {
    entry_type("camera"): Intake._camera,
    entry_type("epoch"): Intake._epoch,
    entry_type("account"): Intake._account,
    entry_type("restart"): Intake._account,
    entry_type("shred"): Intake._shred,
}
