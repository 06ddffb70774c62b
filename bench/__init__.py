"""Benchmarks: each module has `rows()`, figures beside a peer of the same run."""
