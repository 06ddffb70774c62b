"""Facts that a recorder announces to the keeper: that a reel is in the store."""

from __future__ import annotations

from collections.abc import Sequence

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError

MAX_FACTS = 256


def reel_fact(path: str) -> bytes:
    """One finished reel, as it waits to be announced."""
    return canon({"reel": path})


def join_facts(items: Sequence[bytes]) -> bytes:
    """The question that announces waiting facts."""
    return b'{"facts":[' + b",".join(items) + b"]}"


def parse_reel_facts(data: bytes) -> list[str]:
    """The paths of the reels announced. Errors: InvalidError."""
    value = parse_canon(data)
    facts = value.get("facts") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(facts, list) or not 1 <= len(facts) <= MAX_FACTS:
        raise InvalidError(f"an announcement has 1 to {MAX_FACTS} facts")
    paths = []
    for fact in facts:
        if not isinstance(fact, dict) or set(fact) != {"reel"} or not isinstance(fact["reel"], str):
            raise InvalidError("a fact is a reel's path")
        paths.append(fact["reel"])
    return paths
