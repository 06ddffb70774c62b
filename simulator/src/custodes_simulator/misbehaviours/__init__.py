"""Ways of being wrong, by name; importing this package fills the register.

A module per kind: answers, connections, descriptions, packets, pacing, pictures, reports, timestamps.
"""

from custodes_simulator.misbehaviours import (
    answers,
    connections,
    descriptions,
    pacing,
    packets,
    pictures,
    reports,
    timestamps,
)

__all__ = [
    "answers",
    "connections",
    "descriptions",
    "pacing",
    "packets",
    "pictures",
    "reports",
    "timestamps",
]
