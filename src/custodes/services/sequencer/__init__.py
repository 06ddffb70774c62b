"""The one writer of the ledger: admits, fixes the order in the database, publishes tiles and checkpoint."""

from custodes.services.sequencer.sequencer import Recovered, Sequencer

__all__ = ["Recovered", "Sequencer"]
