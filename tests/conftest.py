"""What all tests share: packages under tests/support can be imported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))
