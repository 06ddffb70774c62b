"""Keys of epochs that never came into the ledger: destroyed once nothing can be entered with them, not before."""

from __future__ import annotations

from typing import Any

import pytest
from keeping.keeper import TownKeeper
from town.ledger import Town
from town.people import make_id

from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US
from custodes.base.errors import CustodesError
from custodes.base.sealing import SealingKey
from custodes.custody.share_set import parse_share_set, unwrap
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.refusal import rule_of
from custodes.services.keeper.due import overtaken_keys
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.pools import keys_ahead

# The town keeps 72 hours; an hour of epoch, and one for clocks that differ.
WAIT_US = 74 * HOUR_US


@pytest.fixture
def town() -> Town:
    made = Town()
    made.found()
    return made


def use(town: Town, index: int, pool: bytes | None = None) -> None:
    """The next epoch, with that key."""
    key = town.pool_keys[index].id
    town.open_epoch(header={"shred": {"index": index, "key": b64u(key), "pool": b64u(pool or town.pool)}})


def overtaken(town: Town) -> list[tuple[bytes, int]]:
    return [(key.pool, key.index) for key in overtaken_keys(town.state, town.now_us, 100)]


def test_a_key_that_was_passed_over_is_due_when_no_epoch_of_it_could_be_entered(town: Town) -> None:
    use(town, 0)
    town.advance(5 * HOUR_US)
    use(town, 3)
    town.advance(WAIT_US - 1)
    assert overtaken(town) == []
    town.advance(1)
    assert overtaken(town) == [(town.pool, 1), (town.pool, 2)]


def test_keys_behind_the_last_one_used_stay(town: Town) -> None:
    use(town, 0)
    use(town, 1)
    town.advance(300 * DAY_US)
    assert overtaken(town) == []


def test_an_epoch_that_came_after_all_takes_its_key_back(town: Town) -> None:
    use(town, 2)
    use(town, 0)
    town.advance(WAIT_US)
    assert overtaken(town) == [(town.pool, 1)]


def test_what_is_shredded_is_not_due_again(town: Town) -> None:
    use(town, 2)
    town.advance(WAIT_US)
    item = {"epoch": b64u(bytes(16)), "index": 0, "pool": b64u(town.pool)}
    town.admit("shred", items=[item], reason="unused")
    assert overtaken(town) == [(town.pool, 1)]


def test_the_end_of_a_pool_is_due_once_the_recorder_has_gone_on_to_another(town: Town) -> None:
    second, third = make_id("pool/2"), make_id("pool/3")
    town.admit("pool", pool=b64u(second))
    town.admit("pool", pool=b64u(third))
    use(town, 1)
    town.advance(100 * HOUR_US)
    use(town, 0, third)
    town.advance(WAIT_US - HOUR_US)
    use(town, 1, third)
    town.advance(HOUR_US)
    # Of the second pool none was used: its page may not have come, and the recorder may go back to it.
    assert overtaken(town) == [(town.pool, 0), (town.pool, 2), (town.pool, 3)]


def test_a_longer_retention_of_any_camera_of_the_recorder_is_waited_for(town: Town) -> None:
    use(town, 1)
    town.admit("camera", retention_us=100 * HOUR_US, justification="works")
    town.advance(WAIT_US)
    assert overtaken(town) == []
    town.advance(28 * HOUR_US)
    assert overtaken(town) == [(town.pool, 0)]


def test_a_cameras_retention_that_is_not_the_recorders_is_not(town: Town) -> None:
    use(town, 1)
    streams = [{"assurance": "full", "kind": "main", "stream": b64u(make_id("elsewhere"))}]
    town.admit(
        "camera", camera=b64u(make_id("other")), revision=1, retention_us=300 * DAY_US, justification="works",
        streams=streams,
    )  # fmt: skip
    town.advance(WAIT_US)
    assert overtaken(town) == [(town.pool, 0)]


def test_keys_that_were_passed_over_are_not_counted_on(town: Town) -> None:
    """After a long cut the keeper must make new ones, or the recorder would go on with its last."""
    recorder = town.recorder_id
    assert keys_ahead(town.state, recorder) == 4
    use(town, 2)
    assert keys_ahead(town.state, recorder) == 1
    second, third = make_id("pool/2"), make_id("pool/3")
    town.admit("pool", pool=b64u(second))
    town.admit("pool", pool=b64u(third))
    assert keys_ahead(town.state, recorder) == 9
    use(town, 0, third)
    # Of the first none is left, of the second all, of the third the rest.
    assert keys_ahead(town.state, recorder) == 0 + 4 + 3
    item = {"epoch": b64u(bytes(16)), "index": 3, "pool": b64u(third)}
    town.admit("shred", items=[item], reason="unused")
    assert keys_ahead(town.state, recorder) == 6


def test_the_keeper_ends_what_a_recorder_sealed_while_it_was_cut_off_too_long(keeper: TownKeeper) -> None:
    """An epoch reaches the keeper after its deadline: it is refused, and its key must die all the same."""
    keeper.record(key=0)
    statement, share_set = never_entered(keeper, 1)
    keeper.advance(100 * HOUR_US)
    with pytest.raises(CustodesError) as refused:
        keeper.town.admit_signed(statement)
    assert rule_of(refused.value) == "epoch-deadline"
    id_ = shred_id(keeper.town.pool, 1)
    seed = keeper.keystore.get(id_)
    assert unwrap(parse_share_set(share_set), SealingKey(seed))
    keeper.record(key=2)
    keeper.retain()
    keeper.advance(WAIT_US - 1)
    assert keeper.retain().keys == 1
    assert id_ in keeper.keystore.ids()
    keeper.advance(1)
    report = keeper.retain()
    assert (report.keys, report.alarms) == (1, ())
    assert id_ not in keeper.keystore.ids()
    assert all(seed not in (copy / "keys").read_bytes() for copy in keeper.copies)
    shred = [
        one.body
        for one in (parse_entry(data).statement.signed for data in keeper.outbox.entries())
        if one.type == "custodes/entry/shred/v1"
    ][-1]
    assert shred["reason"] == "unused"
    assert shred["items"] == [{"epoch": b64u(bytes(16)), "index": 1, "pool": b64u(keeper.town.pool)}]
    assert keeper.retain().keys == 0


def never_entered(keeper: TownKeeper, key: int) -> tuple[Any, bytes]:
    """An Epoch entry that stays with its recorder, and its share set, which is in the store."""
    from keeping.footage import make_footage

    footage = make_footage(keeper.town, make_id("epoch/lost"), key, 1, 1)
    keeper.store.put(f"{footage.folder}/shares", footage.share_set)
    body = {"header": footage.header.to_json(), "set": b64u(footage.share_set_hash)}
    return keeper.town.make("epoch", **body), footage.share_set
