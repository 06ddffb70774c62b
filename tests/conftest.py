"""What all tests share: packages under tests/support can be imported, and no example is a timed test."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "support"))

# No deadline: a loaded machine is no failure. The same examples each time.
settings.register_profile("custodes", deadline=None, derandomize=True)
settings.load_profile("custodes")
