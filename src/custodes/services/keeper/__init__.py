"""The process that keeps the ledger, the catalogue, the shred keys and the time limits."""
