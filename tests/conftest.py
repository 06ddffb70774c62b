"""What all tests share: packages under tests/support, and `bench`, can be imported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.append(str(Path(__file__).parent.parent))
