"""The board as Prometheus metrics, read when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from custodes.base.clock import SECOND_US
from custodes.web.board import HealthBoard, View

_STREAM = ["stream", "kind", "assurance"]


class BoardCollector(Collector):
    """Metrics of the newest documents; a silent recorder's streams have none."""

    def __init__(self, board: HealthBoard) -> None:
        self._board = board

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known only when there is something to tell."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
        view = self._board.view()
        yield GaugeMetricFamily("custodes_alarms", "Alarms at present", value=len(view.alarms))
        yield _ages(view)
        yield from _recorders(view)
        yield from _streams(view)
        yield from _keeper(view)


def _ages(view: View) -> Metric:
    family = GaugeMetricFamily(
        "custodes_process_age_seconds", "Since a process was last heard of", labels=["process"]
    )
    for heard in (view.keeper, view.discloser, *view.recorders):
        if heard:
            family.add_metric([heard.process], heard.age_us / SECOND_US)
    return family


def _recorders(view: View) -> Iterable[Metric]:
    outbox = GaugeMetricFamily(
        "custodes_outbox_statements", "Statements that wait for the keeper", labels=["process"]
    )
    states = GaugeMetricFamily("custodes_streams", "Streams by state", labels=["state"])
    counts: Counter[str] = Counter()
    for heard in view.recorders:
        outbox.add_metric([heard.process], heard.document.outbox)
        counts.update("unknown" if heard.stale else stream.state for stream in heard.document.streams)
    for state, count in sorted(counts.items()):
        states.add_metric([state], count)
    return outbox, states


def _streams(view: View) -> Iterable[Metric]:
    rate = GaugeMetricFamily("custodes_stream_bits_per_second", "Received video", labels=_STREAM)
    last = GaugeMetricFamily(
        "custodes_stream_last_picture_timestamp_seconds",
        "When the last picture came, 0 for none",
        labels=_STREAM,
    )
    units = CounterMetricFamily("custodes_stream_access_units", "Access units received", labels=_STREAM)
    dropped = CounterMetricFamily("custodes_stream_dropped", "Access units dropped", labels=_STREAM)
    lost = CounterMetricFamily("custodes_stream_lost_packets", "Packets that did not arrive", labels=_STREAM)
    for heard in view.recorders:
        for stream in heard.document.streams if not heard.stale else ():
            labels = [stream.stream, stream.kind, stream.assurance]
            rate.add_metric(labels, stream.bitrate_bps)
            last.add_metric(labels, stream.last_picture_us / SECOND_US)
            units.add_metric(labels, stream.access_units)
            dropped.add_metric(labels, stream.dropped)
            if stream.assurance == "full":
                lost.add_metric(labels, stream.lost_packets)
    return rate, last, units, dropped, lost


def _keeper(view: View) -> Iterable[Metric]:
    if view.keeper is None:
        return
    ledger, openings = view.keeper.document.ledger, view.keeper.document.openings
    yield GaugeMetricFamily("custodes_cameras", "Cameras of the register", len(view.keeper.document.cameras))
    yield GaugeMetricFamily("custodes_ledger_entries", "Size of the newest checkpoint", ledger.size)
    yield GaugeMetricFamily(
        "custodes_ledger_cosigned_timestamp_seconds",
        "Its youngest cosignature",
        ledger.cosigned_us / SECOND_US,
    )
    yield GaugeMetricFamily("custodes_opened_slots", "Slots opened so far", openings.slots)
    yield GaugeMetricFamily("custodes_openings", "Disclosures so far", openings.disclosed)
