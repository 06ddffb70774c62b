"""A week of one stream's times, with one stream in the index and with thousands: the ratio is what matters."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from bench.rows import Row
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.index.index import SqlIndex
from custodes.adapters.sql.index.schema import GAPS, RECORDERS, SPANS, STREAMS
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.services.following.timeline import MAX_REQUEST_US, timeline

STREAMS_FEW, STREAMS_MANY = 20, 2000
DAYS = 30
GAPS_A_DAY = 10
ASKED = 200


def rows() -> list[Row]:
    """Median milliseconds of a request for 7 days."""
    few, many = (_request_ms(streams) for streams in (STREAMS_FEW, STREAMS_MANY))
    figure = f"7 days of a stream's times, {STREAMS_MANY} streams, {DAYS} days"
    return [Row(figure, "ms", many, f"{STREAMS_FEW} streams", few, many / few)]


def _request_ms(streams: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = open_index_database(Path(folder) / "index.sqlite")
        try:
            for number in range(streams):
                fill_stream(database, number, DAYS)
            index = SqlIndex(database)
            took = []
            for turn in range(ASKED):
                stream = stream_id(turn * 7919 % streams)
                from_us = (turn * 13 % (DAYS - 7)) * DAY_US
                began_s = time.perf_counter()
                found = timeline(index, stream, from_us, from_us + MAX_REQUEST_US)
                took.append((time.perf_counter() - began_s) * 1000)
                assert len(found.gaps) >= 7 * GAPS_A_DAY - 1 and found.recorded
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            print(f"  {streams} streams: {size >> 20} MiB, worst {max(took):.1f} ms", file=sys.stderr)
            return statistics.median(took)
        finally:
            database.close()


def fill_stream(database: Database, number: int, days: int) -> None:
    """Epochs of an hour and some gaps, so many days of them."""
    stream = stream_id(number)
    with database.writing() as connection:
        connection.execute(insert(STREAMS), {"stream": stream, "recorder": _id(b"r", number)})
        connection.execute(
            insert(RECORDERS), {"recorder": _id(b"r", number), "known_until_us": days * DAY_US}
        )
        spans = [
            {
                "stream": stream,
                "begins_us": hour * HOUR_US,
                "epoch": _id(b"e", number * 1000 + hour),
                "ends_us": (hour + 1) * HOUR_US,
                "most_us": (hour + 1) * HOUR_US,
                "closed": True,
            }
            for hour in range(24 * days)
        ]
        connection.execute(insert(SPANS), spans)
        step_us = DAY_US // GAPS_A_DAY
        gaps = [
            {"stream": stream, "from_us": n * step_us, "to_us": n * step_us + MINUTE_US, "reason": "loss"}
            for n in range(GAPS_A_DAY * days)
        ]
        connection.execute(insert(GAPS), gaps)


def stream_id(number: int) -> bytes:
    """The id of a stream that was filled in."""
    return _id(b"s", number)


def _id(kind: bytes, number: int) -> bytes:
    # Ids are random in truth: neighbours in time are none in the index.
    return (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") + kind * 8
