"""The page of entries and the rules name the same rules, entries and members."""

import re
from pathlib import Path

import custodes.ledger.rules
from custodes.ledger.entries.bodies import BODIES
from custodes.ledger.rules.table import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "formats" / "entries.md").read_text(encoding="utf-8")
SOURCES = [
    path.read_text(encoding="utf-8")
    for folder in custodes.ledger.rules.__path__
    for path in sorted(Path(folder).glob("*.py"))
]


def test_every_rule_of_the_page_is_refused_by_name() -> None:
    named = set(re.findall(r"\(`([a-z-]+)`\)", PAGE))
    calls = re.compile(r"""(?:refuse|refusing|malformed|_check_limits)\(\s*"([a-z-]+)\"""")
    refused = {name for source in SOURCES for name in calls.findall(source)}
    assert refused | {"signature"} == named


def test_every_entry_of_the_page_has_members_and_a_rule() -> None:
    rows = set(re.findall(r"^\| ([a-z-]+) \|", PAGE, re.MULTILINE)) - {"name", "---"}
    assert {name for name, _ in BODIES.values()} == rows == set(RULES)
