"""The board as Prometheus metrics, read when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from custodes.base.clock import SECOND_US
from custodes.base.errors import CustodesError
from custodes.web.board import HealthBoard, View
from custodes.web.volumes import Volume

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
        yield from _views(view)
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


def _views(view: View) -> Iterable[Metric]:
    """De-identified views by state and reason, which are words of closed lists."""
    family = GaugeMetricFamily("custodes_views", "De-identified views by state", labels=["state", "reason"])
    rate = GaugeMetricFamily("custodes_views_pictures_per_second", "Pictures that veilers make, all together")
    counts: Counter[tuple[str, str]] = Counter()
    told = [one for heard in view.recorders if not heard.stale for one in heard.document.renditions]
    counts.update((one.state, one.reason) for one in told)
    for (state, reason), count in sorted(counts.items()):
        family.add_metric([state, reason], count)
    rate.add_metric([], sum(one.rate_millihertz for one in told) / 1000)
    return family, rate


class VolumeCollector(Collector):
    """Room on the volumes, read when it is asked for."""

    def __init__(self, volumes: Callable[[], list[Volume]]) -> None:
        self._volumes = volumes

    def describe(self) -> Iterable[Metric]:
        """Nothing: the volumes are looked at when they are asked for."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Size and free room by volume; nothing of volumes that do not answer, which is an alarm elsewhere."""
        free = GaugeMetricFamily("custodes_volume_free_bytes", "Room that is free", labels=["volume"])
        size = GaugeMetricFamily("custodes_volume_size_bytes", "Room in all", labels=["volume"])
        with suppress(CustodesError):
            for volume in self._volumes():
                free.add_metric([volume.name], volume.free_bytes)
                size.add_metric([volume.name], volume.total_bytes)
        yield from (free, size)


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
