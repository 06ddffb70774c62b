"""What a run showed, as one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

LEAST_RECORDED = 0.97


@dataclass
class DemoReport:
    """The demo's findings; `failures` names every expectation that did not hold."""

    cameras: int = 0
    recorded_ratio: dict[str, float] = field(default_factory=dict)
    plaintext_hits: int = -1
    plaintext_probes: int = 0
    searched_bytes: int = 0
    export_identical: bool = False
    export_access_units: int = 0
    outside_grant_opened: bool = True
    refused_case_opened: bool = True
    verify: str = "not run"
    verify_package: str = "not run"
    rendition: dict[str, Any] = field(default_factory=dict)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    ledger_entries: int = 0
    footage: str = ""
    seconds: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all that must hold does."""
        return not self.failures

    def judge(self, cameras: int) -> None:
        """Fill in `failures`."""
        expectations = {
            f"{cameras} cameras": self.cameras == cameras,
            f"every camera recorded at least {LEAST_RECORDED}": len(self.recorded_ratio) == cameras
            and min(self.recorded_ratio.values()) >= LEAST_RECORDED,
            "no payload byte in the clear": self.plaintext_hits == 0 and self.plaintext_probes > 0,
            "the export is what the camera sent": self.export_identical and self.export_access_units > 0,
            "nothing outside the grant opens": not self.outside_grant_opened,
            "a refused case does not open": not self.refused_case_opened,
            f"{cameras} views show a picture": self.rendition.get("streams_live") == cameras,
            "every view with a committed background is open, and no other": bool(
                self.rendition.get("committed")
            )
            and self.rendition.get("views_open") == self.rendition.get("committed"),
            "the console lists what was committed": self.rendition.get("listed", {}).get("committed")
            == self.rendition.get("committed"),
            "every view is committed or there is a reason": self.rendition.get("committed", 0)
            + len(self.rendition.get("not_committed", {}))
            == cameras,
            "every view is masked until a background is committed": bool(
                self.rendition.get("masked_until_committed")
            ),
            "the network verifies": self.verify == "ok",
            "the package verifies": self.verify_package == "ok",
            "every gap has a reason": all(gap["reason"] for gap in self.gaps),
        }
        self.failures += [name for name, holds in expectations.items() if not holds]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)
