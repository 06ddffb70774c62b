"""Facts that a recorder announces to the keeper: that a reel, or a reel of rendition, is in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from custodes.base.canon import canon, parse_canon
from custodes.base.errors import InvalidError
from custodes.custody.renditions import Rendition, parse_rendition

MAX_FACTS = 256

# A reel is announced by its path.
Fact: TypeAlias = str | Rendition


def reel_fact(path: str) -> bytes:
    """One finished reel, as it waits to be announced."""
    return canon({"reel": path})


def rendition_fact(rendition: Rendition) -> bytes:
    """One closed object of recorded rendition, as it waits to be announced."""
    return canon({"rendition": rendition.to_json()})


def join_facts(items: Sequence[bytes]) -> bytes:
    """The question that announces waiting facts."""
    return b'{"facts":[' + b",".join(items) + b"]}"


def parse_facts(data: bytes) -> list[Fact]:
    """What is announced: paths of reels, and renditions. Errors: InvalidError."""
    value = parse_canon(data)
    facts = value.get("facts") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(facts, list) or not 1 <= len(facts) <= MAX_FACTS:
        raise InvalidError(f"an announcement has 1 to {MAX_FACTS} facts")
    return [_parse_fact(fact) for fact in facts]


def _parse_fact(fact: object) -> Fact:
    if isinstance(fact, dict) and len(fact) == 1:
        if isinstance(fact.get("reel"), str):
            return str(fact["reel"])
        if "rendition" in fact:
            return parse_rendition(fact["rendition"])
    raise InvalidError("a fact is a reel's path or a rendition")
