"""A small network's keeper: a real ledger in a real database, a store, a key store, epochs with real footage."""
