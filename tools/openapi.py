"""Writes the OpenAPI document of the console's routes, from which its types are made."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from custodes.adapters.bus.memory import MemoryBus
from custodes.adapters.exchange.folder import FolderOffice
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.web import open_web_database
from custodes.base.clock import SystemClock
from custodes.web.board import HealthBoard
from custodes.web.console import Console, ConsoleGround
from custodes.web.live.source import BusLiveSource

OUT = Path(__file__).parents[1] / "console" / "openapi.json"


def document() -> str:
    """The document's text; the same in every run."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        web = open_web_database(Path(folder) / "web.sqlite")
        index = open_index_database(Path(folder) / "index.sqlite")
        ground = ConsoleGround(
            network=bytes(32),
            web=web,
            index=index,
            store=MemoryObjectStore(),
            office=FolderOffice(Path(folder)),
            live=BusLiveSource(MemoryBus()),
            volumes=list,
            passwords=Passwords(1, 8, 1),
        )
        app = FastAPI(title="Custodes", version="1")
        app.include_router(Console(ground, HealthBoard(clock), clock, CollectorRegistry()).routes())
        text = json.dumps(app.openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        web.close()
        index.close()
    return text


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(document(), encoding="utf-8")
