"""Benchmarks: each module has `rows()`, figures beside a peer of the same run."""

import sys
from pathlib import Path

# What tests build their recorders and ledgers with serves here too.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
