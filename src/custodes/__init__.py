"""Custodes: a public-space camera network that is accountable by construction."""
