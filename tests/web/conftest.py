"""Made-up health documents, an office that answers, and an app over both."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.base.canon import canon
from custodes.base.clock import HOUR_US, SECOND_US, ManualClock
from custodes.web.app import create_app
from custodes.web.board import HealthBoard

NETWORK = bytes(range(32))


def recorder_document(time_us: int, **changes: Any) -> dict[str, Any]:
    stream = {
        "access_units": 1234,
        "bitrate_bps": 4_200_000,
        "camera": "c1" * 16,
        "dropped": 0,
        "assurance": "full",
        "kind": "main",
        "last_picture_us": time_us - SECOND_US // 2,
        "lost_packets": 2,
        "name": "Market",
        "reason": "",
        "state": "recording",
        "stream": "a1" * 16,
    }
    away = {"bitrate_bps": 0, "last_picture_us": 0, "reason": "camera-unreachable", "state": "away"}
    return {
        "alarms": [],
        "fences": [{"applied": True, "detail": "", "name": "no_new_privs"}],
        "gaps": [
            {
                "from_us": time_us - HOUR_US,
                "reason": "camera-unreachable",
                "stream": "a2" * 16,
                "to_us": time_us,
            }
        ],
        "outbox": 3,
        "process": "recorder",
        "renditions": [
            {
                "camera": stream["camera"],
                "error": "",
                "exposure_permille": 970,
                "backgrounds": 0,
                "learning": {"pictures": 0, "wanted": 0},
                "learnt": "",
                "fences": ["no calls outward"],
                "keys_only": False,
                "masked_by": {"no-background": 1000},
                "masked_permille": 1000,
                "missing_fences": ["own network"],
                "observed_us": HOUR_US,
                "rate_millihertz": 8000,
                "reason": "no-background",
                "sharpness_permille": 640,
                "skipped": 4,
                "starts": 1,
                "state": "masked",
                "stream": "a2" * 16,
            }
        ],
        "streams": [stream, {**stream, "assurance": "lower", "kind": "sub", "stream": "a2" * 16, **away}],
        "time_us": time_us,
        **changes,
    }


def keeper_document(time_us: int, **changes: Any) -> dict[str, Any]:
    return {
        "alarms": [],
        "cameras": [
            {
                "camera": "c1" * 16,
                "legal_basis": "By-law 12",
                "name": "Market",
                "purpose": "Accidents at the crossing",
                "responsible_body": "Town of Example",
                "retention_us": 72 * HOUR_US,
                "review_date": "2028-01-01",
                "site": "Market square",
                "streams": [
                    {"assurance": "full", "kind": "main", "stream": "a1" * 16},
                    {"assurance": "lower", "kind": "sub", "stream": "a2" * 16},
                ],
            }
        ],
        "ledger": {
            "cosigned_us": time_us,
            "origin": "town.example/log",
            "root": "0f" * 32,
            "size": 42,
            "witnesses": "custodians only",
        },
        "network": {
            "custodians": 3,
            "id": NETWORK.hex(),
            "name": "Town of Example",
            "quorum": 2,
            "rehearsal": False,
            "slot_us": 60 * SECOND_US,
        },
        "openings": {"disclosed": 1, "refused": 0, "requests": 2, "slots": 5},
        "process": "keeper",
        "time_us": time_us,
        **changes,
    }


@dataclass
class EchoOffice:
    """Answers with the question turned round, or with what it is told to raise."""

    error: BaseException | None = None
    asked: list[tuple[str, str, bytes, float]] = field(default_factory=list)

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        self.asked.append((service, subject, question, timeout_s))
        if self.error is not None:
            raise self.error
        return question[::-1]


@dataclass
class Web:
    """The app and what stands behind it."""

    app: FastAPI
    board: HealthBoard
    store: MemoryObjectStore
    office: EchoOffice
    clock: ManualClock
    client: httpx.AsyncClient

    async def tell(self, process: str, document: dict[str, Any]) -> None:
        await self.board.hear(f"health.{process}", canon(document))

    async def tell_all(self) -> None:
        now_us = self.clock.utc_us()
        await self.tell("recorder-0a", recorder_document(now_us))
        await self.tell("keeper", keeper_document(now_us))
        await self.tell("discloser", {"alarms": [], "process": "discloser", "time_us": now_us})


@pytest.fixture
def web() -> Web:
    clock = ManualClock()
    board = HealthBoard(clock, ("keeper", "discloser", "recorder-0a"))
    store, office = MemoryObjectStore(), EchoOffice()
    app = create_app(board, office, store, NETWORK, {"keeper": {"submit", "cosign"}}, clock=clock)
    transport = httpx.ASGITransport(app)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
    return Web(app, board, store, office, clock, client)


@pytest.fixture
def documents() -> dict[str, Callable[..., dict[str, Any]]]:
    return {"keeper": keeper_document, "recorder": recorder_document}
