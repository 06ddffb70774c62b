"""The keeper's database: outbox of the ledger, catalogue of reels and epochs, assignments. SQLite or PostgreSQL.

Nothing is only here: the outbox is rebuilt from the ledger's tiles, the catalogue from reel footers.
Assignments are also in each recorder's last good settings.
"""
