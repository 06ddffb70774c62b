"""What all tests share: packages under tests/support, and `bench`, can be imported; no example is a timed test."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.append(str(Path(__file__).parent.parent))

# No deadline: a loaded machine is no failure. The same examples each time.
settings.register_profile("custodes", deadline=None, derandomize=True)
settings.load_profile("custodes")
