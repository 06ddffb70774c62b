"""A small network in one process, with its custodians: for everything about cases."""
