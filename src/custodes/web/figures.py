"""Web's own numbers for Prometheus; labels are words of closed lists, never a name or an id."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Figures:
    """Counts of one process since its start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Histogram(
            "custodes_web_request_seconds",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.sign_ins = Counter(
            "custodes_web_sign_ins", "Attempts to sign in", ["outcome"], registry=registry
        )
        self.sockets = Gauge("custodes_web_live_sockets", "Pages that watch", registry=registry)
        self.tiles = Gauge("custodes_web_live_tiles", "Pictures that are watched", registry=registry)
        self.sent = Counter("custodes_web_live_sent_bytes", "Live video sent to pages", registry=registry)
        self.cuts = Counter(
            "custodes_web_live_cuts",
            "Times that a slow page was cut to the next key frame",
            registry=registry,
        )
        self.refused = Counter(
            "custodes_web_live_refused", "Wishes for cameras that may not be seen", registry=registry
        )
        self.behind = Gauge(
            "custodes_web_index_behind_entries", "Ledger entries not taken into the index", registry=registry
        )
        self.missing = Gauge(
            "custodes_web_index_missing_manifests", "Manifests that could not be used", registry=registry
        )
