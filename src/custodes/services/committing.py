"""Committing backgrounds: what was learnt, what is proposed, and how two keys become one entry.

Web and `custodes background` work through this; the keeper and the recorder check everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from custodes.adapters.sql.web.proposals import SqlProposals, StoredProposal
from custodes.base.canon import canon, parse_canon, unb64u
from custodes.base.clock import Clock
from custodes.base.errors import (
    ConflictError,
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
)
from custodes.base.keys import Signed
from custodes.ledger.entries.bodies import BODIES, entry_type
from custodes.ledger.rules.backgrounds import COMMITTING_ROLES
from custodes.ledger.rules.people import Staff
from custodes.services.backgrounds import (
    FOLDER,
    BackgroundFile,
    Committed,
    LearntBackground,
    background_path,
    check_background,
    parse_file,
    parse_statement,
    statement_path,
)
from custodes.services.following.commitments import Commitments
from custodes.services.live import WHOLE_PERMILLE

BACKGROUND_TYPE = entry_type("background")
CANDIDATE, PROPOSED, COMMITTED, REFUSED = "candidate", "proposed", "committed", "refused"
_SAME = ("background", "camera", "condition", "doubt_permille", "stream", "view", "withheld_permille")


@dataclass(frozen=True, slots=True)
class QueuedBackground:
    """A background that a recorder of the network has learnt, and how far it has come.

    `revision`: its own where it is committed, else the one that it would get. `proposed_by`: a pseudonym, or None.
    `withdrawing`: what is proposed is that it be withdrawn.
    """

    learnt: LearntBackground
    state: str
    revision: int
    proposed_by: str | None = None
    withdrawing: bool = False


class BackgroundDesk:
    """Every method blocks. `read`, `listing`: the object store's."""

    def __init__(
        self,
        network: bytes,
        read: Callable[[str], bytes],
        listing: Callable[[str], Iterable[str]],
        proposals: SqlProposals,
        commitments: Commitments,
        clock: Clock,
    ) -> None:
        self._network = network
        self._read = read
        self._listing = listing
        self._proposals = proposals
        self._commitments = commitments
        self._clock = clock
        self._learnt: dict[str, LearntBackground] = {}

    def queue(self) -> list[QueuedBackground]:
        """All, most doubted first. What no recorder of the network has signed is not among them."""
        proposals, refused = self._proposals.all(), self._proposals.refused()
        found = [self._queued(one, proposals.get(one.background), refused) for one in self._candidates()]
        return sorted(found, key=lambda one: (-one.learnt.doubt_permille, -one.learnt.made_us))

    def find(self, background: bytes) -> QueuedBackground:
        """Errors: NotFoundError."""
        for one in self._candidates():
            if one.background == background:
                proposal = self._proposals.all().get(background)
                return self._queued(one, proposal, self._proposals.refused())
        raise NotFoundError("there is no such background")

    def file(self, learnt: LearntBackground) -> BackgroundFile:
        """The file of a candidate, checked. Errors: NotFoundError, CorruptError, UnverifiedError."""
        data = self._read(background_path(learnt.stream, learnt.background))
        statement = self._read(statement_path(learnt.stream, learnt.background))
        asked = Committed(**{name: getattr(learnt, name) for name in _SAME}, revision=1)
        check_background(asked, data, statement, self._network, self._commitments.recorders)
        return parse_file(data)

    def propose(self, background: bytes, statement: Signed) -> None:
        """Keep a statement with one signature for another person. Errors: InvalidError, RefusedError,
        UnverifiedError, NotFoundError, ConflictError.
        """
        queued = self._check(background, statement)
        if queued.state != COMMITTED:
            if queued.learnt.withheld_permille == WHOLE_PERMILLE:
                raise RefusedError(
                    f"all of it is withheld ({queued.learnt.alarms} places where somebody may be):"
                    " a view that is compared with it shows nothing"
                )
            self.file(queued.learnt)
        proposal = StoredProposal(background, canon(statement.to_json()), self._clock.utc_us())
        self._proposals.put(proposal)

    def approve(self, background: bytes, statement: Signed) -> Signed:
        """The entry's statement with both signatures, to be submitted. Errors: as `propose`."""
        self._check(background, statement)
        proposal = self._proposals.all().get(background)
        if proposal is None:
            raise ConflictError("nobody has proposed this background")
        first = Signed.from_json(parse_canon(proposal.statement))
        if canon(first.body) != canon(statement.body):
            raise ConflictError("what is approved is not what was proposed")
        if first.signatures[0].key == statement.signatures[0].key:
            raise RefusedError("who proposed a background does not approve it, too")
        self._check(background, first)
        return first.with_signatures(statement.signatures)

    def entered(self, background: bytes) -> None:
        """The entry is in the ledger: nothing waits any more."""
        self._proposals.remove(background)

    def refuse(self, background: bytes, user: str) -> None:
        """It is not to be committed; a later proposal undoes that. Errors: NotFoundError, ConflictError."""
        if self.find(background).state == COMMITTED:
            raise ConflictError("the background is committed; it can be withdrawn")
        self._proposals.refuse(background, user, self._clock.utc_us())

    def _candidates(self) -> list[LearntBackground]:
        found = {}
        for path in self._listing(f"{FOLDER}/"):
            if not path.endswith(".json"):
                continue
            known = self._learnt.get(path) or self._checked(path)
            if known is not None:
                found[path] = known
        self._learnt = found
        return list(found.values())

    def _checked(self, path: str) -> LearntBackground | None:
        try:
            signed, learnt = parse_statement(self._read(path))
            key = self._commitments.recorders.get(learnt.recorder)
            if key is None or learnt.network != self._network:
                return None
            signed.check_signed_by([key])
        except CustodesError:
            return None
        return learnt if path == statement_path(learnt.stream, learnt.background) else None

    def _queued(
        self, learnt: LearntBackground, proposal: StoredProposal | None, refused: frozenset[bytes]
    ) -> QueuedBackground:
        place = (learnt.stream, learnt.view, learnt.condition)
        newest = self._commitments.newest.get(place)
        following = QueuedBackground(learnt, CANDIDATE, self._commitments.next_revision(place))
        is_committed = newest is not None and newest.committed.background == learnt.background
        if newest is not None and is_committed:
            following = replace(following, state=COMMITTED, revision=newest.committed.revision)
        if proposal is not None:
            signed = Signed.from_json(parse_canon(proposal.statement))
            staff = self._commitments.staff.get(signed.signatures[0].key)
            if signed.body["revision"] != self._commitments.next_revision(place):
                # The place has another word by now: what was proposed can no longer be entered.
                return following
            return replace(
                following,
                state=COMMITTED if is_committed else PROPOSED,
                proposed_by=staff.pseudonym if staff is not None else None,
                withdrawing=signed.body["background"] == "",
            )
        if not is_committed and learnt.background in refused:
            return replace(following, state=REFUSED)
        return following

    def _check(self, background: bytes, statement: Signed) -> QueuedBackground:
        if statement.type != BACKGROUND_TYPE or len(statement.signatures) != 1:
            raise InvalidError(f"the statement is to be a {BACKGROUND_TYPE} with one signature")
        body = BODIES[BACKGROUND_TYPE][1](statement.body)
        if unb64u(statement.body["network"]) != self._network:
            raise RefusedError("the statement is of another network")
        statement.check_signed_by([self._signer(statement).key])
        queued = self.find(background)
        learnt = queued.learnt
        withdraws = not body["background"]
        if withdraws and queued.state != COMMITTED:
            raise ConflictError("this background is not committed, so it cannot be withdrawn")
        if not withdraws and queued.state == COMMITTED:
            raise ConflictError("this background is committed already")
        skipped = {"background", "doubt_permille", "withheld_permille"} if withdraws else set()
        if any(body[name] != getattr(learnt, name) for name in _SAME if name not in skipped):
            raise RefusedError("the statement says something else than the recorder that learnt it")
        place = (learnt.stream, learnt.view, learnt.condition)
        if body["revision"] != self._commitments.next_revision(place):
            raise ConflictError(f"the next revision is {self._commitments.next_revision(place)}")
        return queued

    def _signer(self, statement: Signed) -> Staff:
        staff = self._commitments.staff.get(statement.signatures[0].key)
        if staff is None or staff.role not in COMMITTING_ROLES:
            raise RefusedError("the signing key is no administrator's or supervisor's")
        if staff.usable_from_us > self._clock.utc_us():
            raise RefusedError(f"the key of {staff.pseudonym} is not usable yet")
        return staff
