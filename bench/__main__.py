"""`make bench`: every figure beside its peer, as a table and in bench/results.json."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.rows import Row

MODULES = (
    "opening",
    "recording",
    "ledger",
    "retention",
    "timeline",
    "playback",
    "api",
    "live",
    "masking",
    "day",
    "map",
)
RESULTS = Path(__file__).parent / "results.json"


def main(names: list[str]) -> int:
    """Run the modules named, or all that there are; exit code 1 when one failed."""
    found: list[Row] = []
    failed = False
    for name in names or [name for name in MODULES if (Path(__file__).parent / f"{name}.py").exists()]:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            found += importlib.import_module(f"bench.{name}").rows()
        except ImportError as error:
            print(f"{name}: skipped, {error.name} is not installed", file=sys.stderr)
        except (OSError, RuntimeError, AssertionError) as error:
            failed = True
            print(f"{name}: failed: {error}", file=sys.stderr)
    print(table(found))
    document = {
        "machine": machine(),
        "measured_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rows": [asdict(row) for row in found],
    }
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return int(failed)


def machine() -> dict[str, object]:
    """What it was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        "",
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "memory_gib": round(int(memory) / (1 << 20), 1),
        "python": platform.python_version(),
    }


def table(rows: list[Row]) -> str:
    """Plain text, a row a line."""
    lines = [f"{'figure':58} {'value':>12} {'unit':10} {'peer':32} {'peer value':>12} {'ratio':>7}"]
    for row in rows:
        ratio = f"{row.ratio:7.3f}" if row.ratio else "      -"
        peer = f"{row.peer_value:12.3f}" if row.peer_value else f"{'-':>12}"
        lines.append(
            f"{row.figure[:58]:58} {row.value:12.3f} {row.unit[:10]:10} {row.peer[:32]:32} {peer} {ratio}"
        )
    return "\n".join(lines)


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text("utf-8").splitlines() if file.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
