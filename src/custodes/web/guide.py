"""How to go on from here: the next steps, by what the network has and does."""

from __future__ import annotations

import shlex
from collections.abc import Set

from pydantic import BaseModel, ConfigDict

# The page puts its own address here; the server does not know under which name it is reached.
ORIGIN = "{origin}"


class Step(BaseModel):
    """One step in words, with the command that does it, or ""."""

    model_config = ConfigDict(frozen=True)

    text: str
    command: str = ""


def next_steps(network: bytes, place: str, running: bool, cameras: int, states: Set[str]) -> list[Step]:
    """The steps, most urgent first; `place` is the network's folder as it is."""
    place = shlex.quote(place)
    if not running:
        return [Step(text="The keeper is not running. Start the network.", command=f"custodes serve {place}")]
    if cameras == 0:
        return [_first_camera(place), _verify(network), _stop()]
    steps = []
    if states & {"away", "cannot-seal"}:
        steps.append(
            Step(
                text="A camera does not record; its card says why. What was recorded can be checked now.",
                command=f"custodes check {place}",
            )
        )
    return [
        *steps,
        Step(
            text="Need footage? Open a case for exact minutes of a camera. Two members of staff sign it,"
            " custodians decide, and it is in the public ledger from then on.",
            command=f"custodes case open {place} --help",
        ),
        _verify(network),
        _more_cameras(place),
        _stop(),
    ]


def _first_camera(place: str) -> Step:
    return Step(
        text="Add a first camera. What you write here stands in the public register.",
        command=f"custodes camera add {place} --name 'Market' --site 'Market square'"
        " --purpose 'Accidents at the crossing' --legal-basis 'By-law 12' --responsible-body 'Town of Example'"
        " --review-date YYYY-MM-DD --main rtsp://ADDRESS/STREAM",
    )


def _more_cameras(place: str) -> Step:
    return Step(
        text="Add another camera. It needs a purpose, a legal basis, a responsible body and a review date.",
        command=f"custodes camera add {place} --help",
    )


def _verify(network: bytes) -> Step:
    return Step(
        text="Check the whole ledger yourself, from any machine; the checker trusts nothing of this server.",
        command=f"custodes verify {ORIGIN} --network {network.hex()}",
    )


def _stop() -> Step:
    return Step(
        text="Stop with Ctrl+C where the network runs. What is recorded stays sealed,"
        " and the pause becomes a gap with its reason."
    )
