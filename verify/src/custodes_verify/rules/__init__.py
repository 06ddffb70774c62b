"""The admission rules, replayed entry by entry.

Source: docs/formats/entries.md. Each function takes the state before the entry, refuses by name what the page
refuses, and else changes the state.
"""
