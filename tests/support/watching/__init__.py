"""A console's web over a town's ledger, and pages that watch."""
