"""`python -m console.dev`: serve the invented town; `--openapi` prints the document instead."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import uvicorn
from console.dev.app import Town, create_app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m console.dev")
    parser.add_argument("--port", type=int, default=8801)
    parser.add_argument("--cameras", type=int, default=48)
    parser.add_argument("--tiles", type=Path, help="folder with basemap.pmtiles")
    parser.add_argument("--openapi", action="store_true")
    given = parser.parse_args()
    app = create_app(Town(given.cameras, given.tiles))
    if given.openapi:
        json.dump(app.openapi(), sys.stdout, indent=1, sort_keys=True)
        sys.stdout.write("\n")
        return
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
