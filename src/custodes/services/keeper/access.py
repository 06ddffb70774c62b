"""The desk `access`: web's counts of an hour become an entry, so that everybody sees how often staff looked."""

from __future__ import annotations

from custodes.base.canon import b64u, canon
from custodes.base.clock import HOUR_US, Clock
from custodes.base.errors import RefusedError
from custodes.base.keys import SigningKey, sign_body
from custodes.services.access import ACCESS_TYPE, parse_access
from custodes.services.keeper.ledger_thread import LedgerThread


class AccessDesk:
    """States each hour once; the same counts again are the entry that is there."""

    def __init__(self, ledger: LedgerThread, signing: SigningKey, clock: Clock) -> None:
        self._ledger = ledger
        self._signing = signing
        self._clock = clock

    async def desk(self, question: bytes) -> bytes:
        """The index of the hour's entry. Errors: InvalidError; RefusedError before its end, or for other counts."""
        hour = parse_access(question)
        if hour.hour_us + HOUR_US > self._clock.utc_us():
            raise RefusedError("the hour is not over yet")
        network = await self._ledger.ask(lambda state: state.genesis.network)
        body = {**hour.members(), "network": b64u(network)}
        index = await self._ledger.submit(sign_body(ACCESS_TYPE, body, self._signing))
        return canon({"index": index})
