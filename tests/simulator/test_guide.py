"""The guide names every misbehaviour, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import custodes_simulator.misbehaviours
from custodes_simulator.misbehaviours.base import REGISTER

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "simulator.md"


def test_guide_lists_the_register() -> None:
    assert custodes_simulator.misbehaviours.__all__
    table = GUIDE.read_text().split("| kind | names |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`([a-z0-9-]+)`", table)) == sorted(REGISTER)
