"""The ledger as web follows it: the register, and when each stream was recorded."""
