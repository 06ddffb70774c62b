"""What a network of so many cameras makes in a day; prints the table of docs/design/0007-arithmetic.md."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400
ENVELOPES_A_MINUTE = 15
STREAMS_A_RECORDER = 200
# Measured on the demo's ledger with three custodians; an Epoch entry grows by about 130 bytes for each further one.
EPOCH_ENTRY_BYTES = 1_170 + 2 * 130
ACCOUNT_ENTRY_BYTES = 720
ROW_BYTES = 20
LEAF_BYTES = 72
SHARE_SET_BYTES = 25_600
ACCESS_UNIT_HEAD_BYTES = 30


@dataclass(frozen=True)
class Day:
    """One day of a network with 60 s slots, five custodians, GOPs of 2 s, 25 pictures a second."""

    cameras: int
    bitrate_bps: int = 2_000_000
    retention_days: int = 3

    @property
    def recorders(self) -> int:
        """Processes of about 200 streams."""
        return -(-self.cameras // STREAMS_A_RECORDER)

    @property
    def video_bytes(self) -> int:
        """Sealed video, heads of access units and tags included."""
        return self.cameras * DAY_S * (self.bitrate_bps // 8 + 25 * ACCESS_UNIT_HEAD_BYTES + 64)

    @property
    def epochs(self) -> int:
        """One an hour and stream."""
        return 24 * self.cameras

    @property
    def reels(self) -> int:
        """Thirteen an hour and stream: a reel is closed a segment's length before its five minutes are over."""
        return 13 * self.epochs

    @property
    def envelopes(self) -> int:
        """Segments of 4 s."""
        return self.cameras * 1440 * ENVELOPES_A_MINUTE

    @property
    def accounts(self) -> int:
        """One a minute and recorder."""
        return 1440 * self.recorders

    @property
    def entries(self) -> int:
        """Epoch entries, accounts, a pool for 256 epochs, a Shred for 500."""
        return self.epochs + self.accounts + -(-self.epochs // 256) + -(-self.epochs // 500)

    @property
    def entry_bytes(self) -> int:
        """Bytes of those in the ledger."""
        return self.epochs * EPOCH_ENTRY_BYTES + self.accounts * ACCOUNT_ENTRY_BYTES + self.epochs * 60

    @property
    def manifest_bytes(self) -> int:
        """Objects kept as long as the ledger, in base64url."""
        return self.envelopes * LEAF_BYTES * 4 // 3

    @property
    def objects(self) -> int:
        """Reels, share sets, manifests; without ledger tiles."""
        return self.reels + self.epochs + self.accounts

    @property
    def catalogue_rows(self) -> int:
        """Reels and epochs."""
        return self.reels + self.epochs

    @property
    def index_bytes(self) -> int:
        """Index rows in the catalogue."""
        return self.envelopes * ROW_BYTES


def table(days: list[Day]) -> str:
    """A Markdown table."""
    rows = [
        ("recorders", [f"{day.recorders}" for day in days]),
        ("sealed video", [f"{day.video_bytes / 1e12:.2f} TB" for day in days]),
        ("kept at once (3 days)", [f"{day.video_bytes * day.retention_days / 1e12:.1f} TB" for day in days]),
        ("epochs = share sets", [f"{day.epochs:,}" for day in days]),
        ("reels", [f"{day.reels:,}" for day in days]),
        ("envelopes", [f"{day.envelopes:,}" for day in days]),
        ("objects", [f"{day.objects:,}" for day in days]),
        ("catalogue rows", [f"{day.catalogue_rows:,}" for day in days]),
        ("catalogue index", [f"{day.index_bytes / 1e6:.1f} MB" for day in days]),
        ("share sets", [f"{day.epochs * SHARE_SET_BYTES / 1e6:.0f} MB" for day in days]),
        ("ledger entries", [f"{day.entries:,}" for day in days]),
        ("ledger bytes", [f"{day.entry_bytes / 1e6:.1f} MB" for day in days]),
        ("manifests", [f"{day.manifest_bytes / 1e6:.0f} MB" for day in days]),
        ("ledger entries a second", [f"{day.entries / DAY_S:.3f}" for day in days]),
    ]
    head = "| a day | " + " | ".join(f"{day.cameras:,} cameras" for day in days) + " |"
    lines = [head, "| --- |" + " ---: |" * len(days)]
    return "\n".join([*lines, *(f"| {name} | " + " | ".join(values) + " |" for name, values in rows)])


if __name__ == "__main__":
    print(table([Day(count) for count in (6, 200, 1_000, 5_000)]))
