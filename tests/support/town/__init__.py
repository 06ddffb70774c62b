"""A small network with known keys, whose ledger tests grow as they need."""
