"""Footage for a veiler, and what a viewer of a recorder sees."""
