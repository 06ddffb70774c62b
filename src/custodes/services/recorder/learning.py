"""Staff's wish to learn a background, checked by the recorder, and the candidate that comes of it.

The candidate's file and the recorder's statement of it go to the store; they change nothing that is shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog

from custodes.base.canon import canon
from custodes.base.clock import Clock
from custodes.base.errors import CorruptError, InvalidError, RefusedError, UnverifiedError
from custodes.base.keys import Signed, SigningKey
from custodes.base.ports import ObjectStore
from custodes.ledger.rules.backgrounds import COMMITTING_ROLES
from custodes.services.backgrounds import (
    LearntBackground,
    LearnWish,
    background_path,
    parse_file,
    parse_wish,
    statement_path,
)
from custodes.services.recorder.registrar import Registrar
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.recorder.veils import Veils
from custodes.services.staff import CLOCK_TOLERANCE_US
from custodes.services.veiler.messages import Candidate, Learn

LEARNING_TYPE = "custodes/learning/v1"
_LOG = structlog.get_logger("recorder")


@dataclass(frozen=True)
class LearnDesk:
    """Takes wishes, hands them to veilers, writes what comes back. Used on the loop."""

    recorder: bytes
    key: SigningKey
    store: ObjectStore
    porter: Registrar
    veils: Veils
    clock: Clock

    def take(self, question: bytes, settings: RecorderSettings) -> bytes:
        """Begin to learn as a wish says. Errors: InvalidError, RefusedError, UnverifiedError, NotFoundError,
        UnavailableError.
        """
        signed, wish = parse_wish(question)
        self._check(signed, wish, settings)
        assignment = self.veils.assignment(wish.stream)
        if assignment.camera != wish.camera:
            raise RefusedError("the stream is another camera's")
        if wish.view not in assignment.views:
            raise RefusedError(f"the camera has no view {wish.view!r}")
        learn = Learn(wish.view, wish.condition, wish.pictures, wish.least_us, wish.withhold)
        self.veils.veilings[wish.stream].learn(learn, lambda candidate: self._learnt(wish, candidate))
        _LOG.info("learning", camera=assignment.name, view=wish.view, condition=wish.condition)
        return canon({"format": LEARNING_TYPE, "wanted": wish.pictures})

    def _check(self, signed: Signed, wish: LearnWish, settings: RecorderSettings) -> None:
        if (wish.network, wish.recorder) != (settings.network, self.recorder):
            raise UnverifiedError("the wish to learn is to a recorder of another name or network")
        now_us = self.clock.utc_us()
        staff = settings.staff.get(signed.signatures[0].key) if len(signed.signatures) == 1 else None
        if staff is None or staff.role not in COMMITTING_ROLES or staff.usable_from_us > now_us:
            raise RefusedError("learning is asked for by one usable key of an administrator or supervisor")
        signed.check_signed_by([staff.key])
        if abs(now_us - wish.made_us) > CLOCK_TOLERANCE_US:
            raise RefusedError("the wish was signed over 5 minutes ago or ahead, by the recorder's clock")

    def _learnt(self, wish: LearnWish, candidate: Candidate) -> None:
        if candidate.refused:
            _LOG.warning("a candidate was refused", doubt_permille=candidate.doubt_permille)
            return
        # Checked before anything is written: errors end the veiler that sent it.
        try:
            file = parse_file(candidate.file)
        except CorruptError as error:
            raise InvalidError(f"a candidate's file is none: {error}") from error
        if (file.view, file.condition) != (wish.view, wish.condition):
            raise InvalidError("a candidate's file is of another view or condition")
        learnt = self._statement(wish, candidate)
        statement = learnt.sign(self.key)

        def write() -> None:
            self.store.put(background_path(wish.stream, learnt.background), candidate.file)
            self.store.put(statement_path(wish.stream, learnt.background), statement)

        def failed(reason: str) -> None:
            _LOG.error("a candidate could not be stored", reason=reason)
            self.veils.tell_learnt(wish.stream, f"not stored: {reason}")

        self.porter.submit(write, _stored, failed)

    def _statement(self, wish: LearnWish, candidate: Candidate) -> LearntBackground:
        return LearntBackground(
            background=hashlib.sha256(candidate.file).digest(),
            network=wish.network,
            recorder=self.recorder,
            camera=wish.camera,
            stream=wish.stream,
            view=wish.view,
            condition=wish.condition,
            made_us=self.clock.utc_us(),
            pictures=candidate.pictures,
            alarms=candidate.alarms,
            doubt_permille=candidate.doubt_permille,
            withheld_permille=candidate.withheld_permille,
            exposure_permille=candidate.exposure_permille,
            sharpness_permille=candidate.sharpness_permille,
        )


def _stored(_: None) -> None:
    _LOG.info("a candidate is stored")
