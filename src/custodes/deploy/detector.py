"""Where the detector's model is found. It is checked by hash wherever it comes from."""

from __future__ import annotations

import os
from pathlib import Path

from custodes.deploy.layout import NetworkFolder

MODEL_VARIABLE = "CUSTODES_DETECTOR_MODEL"
FILE_NAME = "person-vehicle.tflite"
# What `make model` makes, beside the source that runs.
_MADE = Path(__file__).parents[3] / ".build" / "models" / FILE_NAME


def detector_model(folder: NetworkFolder) -> Path:
    """The file named by CUSTODES_DETECTOR_MODEL, else the network's own, else the one made at set-up.

    Where there is none the recorder says so: recording goes on, and every view stays masked.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if named:
        return Path(named)
    own = folder.root / FILE_NAME
    return own if own.is_file() else _MADE
