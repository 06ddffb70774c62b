"""The simulator's error tree.

SimulatorError
  FleetFileError    a fleet file or specification breaks a rule; the message names member and limit
  ClipError         a clip cannot be read, encoded or fetched
"""

from __future__ import annotations


class SimulatorError(Exception):
    """Any failure that the simulator reports by itself."""


class FleetFileError(SimulatorError):
    """A specification breaks a rule; the message names the member and the limit."""


class ClipError(SimulatorError):
    """A clip cannot be read, encoded or fetched; the message names it."""
