"""What was proposed of backgrounds and waits for another's key, and what was refused."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web.schema import PROPOSALS, REFUSALS


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A statement with the first of its two signatures, about a background."""

    background: bytes
    statement: bytes
    at_us: int


class SqlProposals:
    """One proposal a background; a newer one takes its place."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, proposal: StoredProposal) -> None:
        """Store a proposal in place of the one before; it is refused no more."""
        with self._database.writing() as connection:
            for table in (PROPOSALS, REFUSALS):
                connection.execute(delete(table).where(table.c.background == proposal.background))
            values = {
                "background": proposal.background,
                "statement": proposal.statement,
                "at_us": proposal.at_us,
            }
            connection.execute(insert(PROPOSALS), values)

    def all(self) -> dict[bytes, StoredProposal]:
        """By background."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PROPOSALS)).all()
        return {row.background: StoredProposal(row.background, row.statement, row.at_us) for row in rows}

    def remove(self, background: bytes) -> None:
        """It waits no more; none is no error."""
        with self._database.writing() as connection:
            connection.execute(delete(PROPOSALS).where(PROPOSALS.c.background == background))

    def refuse(self, background: bytes, user: str, at_us: int) -> None:
        """Note a refusal; a proposal goes with it."""
        with self._database.writing() as connection:
            for table in (PROPOSALS, REFUSALS):
                connection.execute(delete(table).where(table.c.background == background))
            connection.execute(insert(REFUSALS), {"background": background, "user": user, "at_us": at_us})

    def refused(self) -> frozenset[bytes]:
        """Backgrounds that were refused."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(select(REFUSALS.c.background)).scalars())
