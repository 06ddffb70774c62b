"""Writes vectors/ledger.json anew; the same in every run."""

import json
from pathlib import Path
from typing import Any

from custodes.base.canon import b64u
from custodes.ledger import merkle

OUT = Path(__file__).parents[2] / "vectors" / "ledger.json"


def vectors(story: Any) -> dict[str, Any]:
    """The story's ledger: leaves, roots, proofs, checkpoint, and what is refused by which rule."""
    town = story.town
    tree, size = town.state.tree, town.state.size
    return {
        "format": "custodes/vectors/ledger/v1",
        "network": b64u(town.network),
        "origin": town.origin,
        "log_key": b64u(town.log.public),
        "now_us": town.now_us,
        "entries": [
            {
                "entry": entry.decode(),
                "leaf_hash": merkle.leaf_hash(entry).hex(),
                "root": tree.root(index + 1).hex(),
            }
            for index, entry in enumerate(town.entries)
        ],
        "inclusion": [
            {"index": index, "size": size, "path": [node.hex() for node in tree.inclusion_path(index, size)]}
            for index in range(size)
        ],
        "consistency": [
            {"old": old, "new": size, "proof": [node.hex() for node in tree.consistency_proof(old, size)]}
            for old in range(1, size + 1)
        ],
        "checkpoint": story.checkpoint().decode(),
        "rules": sorted({one.rule for one in story.refused}),
        "refused": [{"at": one.at, "rule": one.rule, "entry": one.entry.decode()} for one in story.refused],
    }


def spell(value: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from town.story import Story

    OUT.write_text(spell(vectors(Story())), encoding="utf-8")
