"""The ledger of a town of 200 streams, hour after hour, as its recorder, keeper and custodians would write it.

An hour has 200 epochs, 60 accounts, a pool and the shredding of what is due: 262 entries.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from town.ledger import START_US, Town
from town.people import digest, make_id, sealing_key

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.base.keys import Signed, key_id, sign_body
from custodes.ledger.entries.bodies import entry_type

STREAMS_A_CAMERA = 2
STREAMS = 200
ACCOUNTS_AN_HOUR = 60
RETENTION_US = 72 * HOUR_US


class TownYears:
    """Statements by hour, each batch with the time at which it is submitted."""

    def __init__(self) -> None:
        self.town = Town()
        self._head = b""
        self._number = 0
        self._week = {custodian.index: 0 for custodian in self.town.custodians}
        self._current: dict[int, bytes] = {}
        self._due: deque[tuple[int, list[dict[str, Any]]]] = deque()
        self._open: list[bytes] = []

    def genesis(self) -> Signed:
        """Entry 0."""
        return self.town.genesis()

    def founding(self) -> list[Signed]:
        """Recorder and cameras; the head of the recorder's chain begins at its entry."""
        town = self.town
        recorder = town.make("recorder")
        self._head = recorder.statement_hash()
        cameras = [
            town.make(
                "camera", camera=b64u(make_id(f"camera/{number}")), revision=1, streams=self._streams(number)
            )
            for number in range(STREAMS // STREAMS_A_CAMERA)
        ]
        return [recorder, *cameras]

    def hours(self) -> Iterator[tuple[int, list[Signed]]]:
        """For ever: when the hour's statements are submitted, and the statements."""
        hour = 0
        while True:
            at_us = START_US + hour * HOUR_US
            yield at_us, [*self._certificates(at_us), *self._hour(hour, at_us)]
            hour += 1

    def _hour(self, hour: int, at_us: int) -> Iterator[Signed]:
        pool = make_id(f"pool/{hour}")
        yield self._sign(
            "pool",
            self.town.keeper.signing,
            {
                "count": STREAMS,
                "pool": b64u(pool),
                "recorder": b64u(self.town.recorder_id),
                "root": b64u(digest(f"{hour}")),
            },
        )
        items = []
        opened = []
        for number in range(STREAMS):
            epoch = make_id(f"epoch/{hour}/{number}")
            yield self._epoch(hour, number, epoch, pool, at_us)
            opened.append(epoch)
            items.append({"epoch": b64u(epoch), "index": number, "pool": b64u(pool)})
        self._due.append((at_us + HOUR_US + RETENTION_US, items))
        for minute in range(ACCOUNTS_AN_HOUR):
            yield self._account(at_us + minute * MINUTE_US, self._open if minute == 0 else [])
        self._open = opened
        while self._due and self._due[0][0] < at_us:
            yield self._sign(
                "shred", self.town.keeper.signing, {"items": self._due.popleft()[1], "reason": "deadline"}
            )

    def _epoch(self, hour: int, number: int, epoch: bytes, pool: bytes, at_us: int) -> Signed:
        camera, kind = divmod(number, STREAMS_A_CAMERA)
        header = {
            "assurance": "full",
            "camera": b64u(make_id(f"camera/{camera}")),
            "custodians": [self._share_of(one.index, number) for one in self.town.custodians],
            "deadline_us": at_us + HOUR_US + RETENTION_US,
            "epoch": b64u(epoch),
            "format": "custodes/header/v1",
            "network": b64u(self.town.network),
            "quorum": self.town.quorum,
            "recorder": b64u(self.town.recorder_id),
            "roster": b64u(self.town.state.roster.hash),
            "run": 1,
            "shred": {"index": number, "key": b64u(make_id(f"shred/{hour}/{number}")), "pool": b64u(pool)},
            "slot_root": b64u(digest(f"slots/{hour}/{number}")),
            "slot_us": MINUTE_US,
            "slots": 60,
            "stream": b64u(make_id(f"stream/{camera}/{kind}")),
            "utc0_us": at_us,
        }  # fmt: skip
        return self._sign(
            "epoch",
            self.town.recorder.signing,
            {"header": header, "set": b64u(digest(f"set/{hour}/{number}"))},
        )

    def _share_of(self, index: int, number: int) -> dict[str, Any]:
        return {"index": index, "key": b64u(self._current[index]), "root": b64u(digest(f"{number}/{index}"))}

    def _account(self, minute_us: int, closed: list[bytes]) -> Signed:
        self._number += 1
        rows = [
            {"count": 720, "epoch": b64u(epoch), "last": b64u(digest("last"))} for epoch in sorted(closed)
        ]
        signed = self._sign(
            "account",
            self.town.recorder.signing,
            {
                "closed": rows,
                "cuts": [],
                "envelopes": 12 * STREAMS,
                "gaps": [],
                "manifest": b64u(digest(f"manifest/{self._number}")),
                "minute_us": minute_us,
                "number": self._number,
                "previous": b64u(self._head),
                "recorder": b64u(self.town.recorder_id),
                "root": b64u(digest(f"root/{self._number}")),
                "run": 1,
            },
        )
        self._head = signed.statement_hash()
        return signed

    def _certificates(self, at_us: int) -> Iterator[Signed]:
        week = (at_us - START_US) // (7 * DAY_US)
        for custodian in self.town.custodians:
            while self._week[custodian.index] <= week:
                number = self._week[custodian.index] = self._week[custodian.index] + 1
                key = sealing_key(f"{custodian.label}/week-{number}")
                self._current[custodian.index] = key_id(key.public)
                from_us = START_US + (number - 1) * 7 * DAY_US
                yield self._sign(
                    "key-cert",
                    custodian.identity,
                    {
                        "custodian": custodian.index,
                        "destroy_after_us": from_us + 45 * DAY_US,
                        "key": b64u(key.public),
                        "number": number,
                        "seals_from_us": from_us,
                        "seals_until_us": from_us + 7 * DAY_US,
                    },
                )

    def _streams(self, camera: int) -> list[dict[str, str]]:
        kinds = enumerate(("main", "sub"))
        return [
            {"assurance": "full", "kind": kind, "stream": b64u(make_id(f"stream/{camera}/{number}"))}
            for number, kind in kinds
        ]

    def _sign(self, name: str, key: Any, body: dict[str, Any]) -> Signed:
        return sign_body(entry_type(name), {"network": b64u(self.town.network), **body}, key)
