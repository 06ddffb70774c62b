"""The signed statements of the ledger: their bytes and the members of each.

Source: docs/formats/entries.md.
"""
