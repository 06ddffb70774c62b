"""`python -m custodes_verify`."""

from __future__ import annotations

import sys

from custodes_verify.main import main

if __name__ == "__main__":
    sys.exit(main())
