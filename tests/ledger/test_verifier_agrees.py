"""The verifier, written from the same pages, admits and refuses the same entries for the same rules."""

import copy
import json
from pathlib import Path
from typing import Any

from custodes_verify.entries import read_leaf
from custodes_verify.errors import MalformedError, RuleError
from custodes_verify.rules.replay import replay
from custodes_verify.rules.state import State

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "ledger.json").read_text(encoding="utf-8")
)


def _outcome(state: State, entry: str) -> str:
    try:
        replay(copy.deepcopy(state), read_leaf(entry.encode(), {}))
    except RuleError as error:
        return error.rule
    except MalformedError:
        return "members"
    return "admitted"


def test_the_same_outcomes() -> None:
    roots = [bytes.fromhex(one["root"]) for one in VECTORS["entries"]]
    state = State(lambda size: roots[size - 1])
    for at, one in enumerate(VECTORS["entries"]):
        state.counts["entries"] = at
        for case in VECTORS["refused"]:
            if case["at"] == at:
                assert _outcome(state, case["entry"]) == case["rule"]
        replay(state, read_leaf(one["entry"].encode(), {}))
