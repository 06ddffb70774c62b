"""What admits an entry, by noun, and the state that replaying all entries leads to.

Source: docs/formats/entries.md.
"""
