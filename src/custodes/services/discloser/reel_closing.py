"""Telling recorders which reels a request waits for, until they say that these are closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from custodes.base.errors import CustodesError, UnavailableError
from custodes.base.keys import SigningKey
from custodes.cases.closing import CloseReels, last_slots, parse_reels_closed
from custodes.cases.scope import EpochSlots, Scope
from custodes.ledger.rules.state import LedgerState

Ask = Callable[[bytes, bytes], Awaitable[bytes]]


@dataclass
class ReelClosing:
    """Asks each recorder of which a request names an epoch that is not closed yet.

    `ask(recorder, question)`: the recorder's answer. Asked again it does no harm: a restart forgets what was
    answered, and an answer is lost with the bus.
    """

    signing: SigningKey
    ask: Ask
    alarms: dict[str, str]
    _answered: set[tuple[bytes, bytes]] = field(default_factory=set)
    _settled: set[bytes] = field(default_factory=set)

    def is_settled(self, request: bytes) -> bool:
        """Whether every recorder concerned has closed what a request names."""
        return request in self._settled

    def wanted(self, state: LedgerState, request: bytes, scope: Scope) -> list[CloseReels]:
        """What is to be told now, a recorder at a time; with nothing left the request waits no longer."""
        by_recorder: dict[bytes, list[EpochSlots]] = {}
        for recorder, item in _open_epochs(state, scope):
            if (request, recorder) not in self._answered:
                by_recorder.setdefault(recorder, []).append(item)
        if not by_recorder:
            self._answered = {pair for pair in self._answered if pair[0] != request}
            self._settled.add(request)
        network = state.genesis.network
        return [
            CloseReels(network, recorder, request, last_slots(items))
            for recorder, items in sorted(by_recorder.items())
        ]

    async def tell(self, wanted: CloseReels) -> None:
        """Ask once. A recorder that is away is asked again; what it refuses is an alarm."""
        alarm = f"reels {wanted.recorder.hex()}"
        try:
            answer = await self.ask(wanted.recorder, wanted.sign(self.signing))
            if parse_reels_closed(answer) == 0:
                self._answered.add((wanted.request, wanted.recorder))
            self.alarms.pop(alarm, None)
        except UnavailableError:
            # It closes all reels when it starts again, and the others by their age.
            return
        except CustodesError as error:
            self.alarms[alarm] = f"recorder {wanted.recorder.hex()} closes no reel for a case: {error}"


def _open_epochs(state: LedgerState, scope: Scope) -> Iterator[tuple[bytes, EpochSlots]]:
    """The epochs of a scope that are still recorded, each with its recorder."""
    for item in scope.epochs:
        epoch = state.facts.epochs.live.get(item.epoch)
        if epoch is not None and not epoch.closed:
            yield epoch.recorder, item
