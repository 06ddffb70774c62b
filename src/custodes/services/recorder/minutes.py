"""What happened since the last account: envelopes closed, epochs ended, gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from custodes.custody.accounts import AccountLeaf, Gap
from custodes.services.recorder.accounting import Minute
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.reels import ClosedEnvelope


@dataclass
class MinuteKeeper:
    """Collects from all streams, and gives out what is durable.

    `is_done(epoch)`: whether all reels of an epoch are in the store. What never becomes durable is not given out,
    and its epoch not ended: the next start does that, with what it finds.
    """

    is_done: Callable[[bytes], bool]
    _envelopes: list[ClosedEnvelope] = field(default_factory=list)
    _ended: dict[bytes, Epoch] = field(default_factory=dict)
    _gaps: list[Gap] = field(default_factory=list)

    def closed(self, envelope: ClosedEnvelope) -> None:
        """An envelope was closed."""
        self._envelopes.append(envelope)

    def ended(self, epoch: Epoch) -> None:
        """Nothing more is sealed in an epoch."""
        self._ended[epoch.id] = epoch

    def missed(self, gaps: list[Gap]) -> None:
        """Gaps of a stream."""
        self._gaps += gaps

    def take(self, now_us: int) -> Minute:
        """What an account of now speaks of."""
        due, self._envelopes = _durable_prefix(self._envelopes)
        waiting = {envelope.epoch for envelope in self._envelopes}
        ended = frozenset(id_ for id_ in self._ended if id_ not in waiting and self.is_done(id_))
        gaps, self._gaps = self._gaps, []
        for id_ in ended:
            del self._ended[id_]
        leaves = tuple(AccountLeaf(one.stream, one.epoch, one.sequence, one.hash) for one in due)
        return Minute(now_us, leaves, tuple(gaps), ended)


def _durable_prefix(leaves: list[ClosedEnvelope]) -> tuple[list[ClosedEnvelope], list[ClosedEnvelope]]:
    """Of each epoch the envelopes up to the first that is not durable; and the rest, in order."""
    blocked: set[bytes] = set()
    due: list[ClosedEnvelope] = []
    rest: list[ClosedEnvelope] = []
    for envelope in leaves:
        if envelope.epoch in blocked or not envelope.is_durable:
            blocked.add(envelope.epoch)
            rest.append(envelope)
        else:
            due.append(envelope)
    return due, rest
