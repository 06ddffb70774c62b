"""vectors/ledger.json, which the verifier reads too, is what the rules make of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from town.story import Story

from custodes.base.canon import unb64u
from custodes.base.errors import CustodesError
from custodes.ledger import merkle
from custodes.ledger.checkpoint import parse_checkpoint
from custodes.ledger.rules.refusal import rule_of
from custodes.ledger.rules.state import LedgerState

FILE = Path(__file__).parents[2] / "vectors" / "ledger.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def _state(size: int) -> LedgerState:
    state = LedgerState()
    for index, one in enumerate(VECTORS["entries"][:size]):
        state.replay(one["entry"].encode(), index, signatures=False)
    return state


def test_the_file_is_what_the_script_writes() -> None:
    make_vectors = _script()
    assert make_vectors.spell(make_vectors.vectors(Story())) == FILE.read_text(encoding="utf-8")


def _script() -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "make_ledger_vectors", Path(__file__).with_name("make_vectors.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_leaf_and_root() -> None:
    state = LedgerState()
    for index, one in enumerate(VECTORS["entries"]):
        state.replay(one["entry"].encode(), index)
        assert merkle.leaf_hash(one["entry"].encode()).hex() == one["leaf_hash"]
        assert state.tree.root().hex() == one["root"]
    assert state.genesis.network == unb64u(VECTORS["network"])


def test_every_proof() -> None:
    roots = [bytes.fromhex(one["root"]) for one in VECTORS["entries"]]
    for one in VECTORS["inclusion"]:
        data = VECTORS["entries"][one["index"]]["entry"].encode()
        path = [bytes.fromhex(node) for node in one["path"]]
        merkle.check_path(roots[one["size"] - 1], one["size"], one["index"], data, path)
    for one in VECTORS["consistency"]:
        proof = [bytes.fromhex(node) for node in one["proof"]]
        old, new = one["old"], one["new"]
        merkle.check_consistency(old, roots[old - 1], new, roots[new - 1], proof)


def test_the_checkpoint() -> None:
    note = parse_checkpoint(VECTORS["checkpoint"].encode())
    note.check_log(VECTORS["origin"], unb64u(VECTORS["log_key"]))
    assert note.checkpoint.root.hex() == VECTORS["entries"][-1]["root"]
    state = _state(len(VECTORS["entries"]))
    state.roster.policy(state.genesis).check_fresh(note, VECTORS["now_us"])


@pytest.mark.parametrize(
    "case", [pytest.param(one, id=f"{at}-{one['rule']}") for at, one in enumerate(VECTORS["refused"])]
)
def test_refused(case: dict[str, Any]) -> None:
    state = _state(case["at"])
    with pytest.raises(CustodesError) as caught:
        state.replay(case["entry"].encode(), case["at"])
    assert rule_of(caught.value) == case["rule"]


def test_the_outcomes_are_a_closed_list() -> None:
    assert VECTORS["rules"] == sorted({one["rule"] for one in VECTORS["refused"]})
