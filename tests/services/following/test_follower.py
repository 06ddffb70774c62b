"""The register and the recorded times follow the ledger, and nothing that is not the ledger."""

import pytest
from keeping.keeper import TownKeeper

from custodes.adapters.sql.index.index import SqlIndex
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from custodes.base.errors import NotFoundError, UnverifiedError
from custodes.custody.accounts import AccountChain, Gap, GapReason
from custodes.custody.paths import manifest_path
from custodes.ledger.tiles import CHECKPOINT_PATH, bundle_path
from custodes.services.following.follower import LedgerFollower
from custodes.services.following.timeline import MAX_REQUEST_US, timeline


def _all(follower: LedgerFollower) -> None:
    while follower.step():
        pass


def _account(keeper: TownKeeper, *gaps: Gap, minute_us: int | None = None) -> int:
    town = keeper.town
    known = town.state.recorder(town.recorder_id)
    chain = AccountChain(town.network, known.id, known.run or 1, known.number, known.head)
    account, manifest, _ = chain.next(minute_us or keeper.clock.utc_us(), (), gaps)
    keeper.store.put(manifest_path(known.id, account.number), manifest.encode())
    town.admit("account", **account.body())
    return account.number


def test_the_register_is_the_ledgers(keeper: TownKeeper, follow) -> None:
    follower = follow()
    _all(follower)
    town = keeper.town
    (camera,) = follower.register.cameras()
    assert camera == town.state.camera(town.camera).described
    assert camera.mount is not None and camera.views[0].name == "crossing"
    assert follower.register.name == town.state.genesis.described.name
    town.admit("camera", name="Bridge", mounts=[], views=[])
    assert follower.register.camera(town.camera).name == "Market"
    _all(follower)
    assert follower.register.camera(town.camera).name == "Bridge"
    assert follower.register.camera(town.camera).mount is None
    with pytest.raises(NotFoundError):
        follower.register.camera(bytes(16))


def test_it_goes_on_where_it_was(keeper: TownKeeper, follow) -> None:
    first = follow()
    _all(first)
    size = first.standing.size
    keeper.record()
    again = follow()
    assert again.standing.size == size and len(again.register) == 1
    asked: list[str] = []
    again._read = lambda path: asked.append(path) or keeper.store.get(path)  # type: ignore[func-returns-value]
    _all(again)
    assert again.standing.size == keeper.town.state.size and again.standing.behind == 0
    assert [path for path in asked if "/entries/" in path] == [bundle_path(0, keeper.town.state.size)]


def test_many_bundles_come_in_stretches(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    for number in range(2200):
        keeper.town.admit("incident", incident=b64u(number.to_bytes(16, "big")))
    follower = follow()
    assert follower.step()
    assert follower.standing.size == 8 * 256 and follower.standing.behind > 0
    again = follow()
    _all(again)
    assert again.standing.size == keeper.town.state.size


def test_an_epoch_is_recorded_until_its_last_account(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower, town = follow(), keeper.town
    begins_us = keeper.clock.utc_us()
    keeper.advance(MINUTE_US)
    recorded = keeper.record(close=False)
    _all(follower)
    start_us = recorded.footage.header.utc0_us
    found = timeline(index, town.stream, begins_us, begins_us + HOUR_US)
    assert found.recorded == () and found.known_until_us == start_us
    keeper.advance(2 * MINUTE_US)
    keeper.account(recorded.footage, close=True)
    _all(follower)
    found = timeline(index, town.stream, begins_us, begins_us + HOUR_US)
    assert found.recorded == ((start_us, start_us + 2 * MINUTE_US),)
    assert found.known_until_us == start_us + 2 * MINUTE_US
    assert timeline(index, town.sub_stream, begins_us, begins_us + HOUR_US).known_until_us is None


def test_gaps_are_taken_out_and_meeting_ones_are_one(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower, town = follow(), keeper.town
    recorded = keeper.record(close=False)
    start_us = recorded.footage.header.utc0_us
    away, loss = GapReason.CAMERA_UNREACHABLE, GapReason.LOSS
    keeper.advance(MINUTE_US)
    half_us = start_us + 30 * SECOND_US
    _account(keeper, Gap(town.stream, half_us, start_us + MINUTE_US, away))
    keeper.advance(MINUTE_US)
    _account(
        keeper,
        Gap(town.stream, start_us + MINUTE_US, start_us + 80 * SECOND_US, away),
        Gap(town.stream, start_us + 80 * SECOND_US, start_us + 81 * SECOND_US, loss),
        Gap(town.sub_stream, start_us, start_us + 2 * MINUTE_US, away),
    )
    keeper.advance(MINUTE_US)
    keeper.account(recorded.footage)
    _all(follower)
    found = timeline(index, town.stream, start_us - HOUR_US, start_us + HOUR_US)
    assert [(gap.from_us, gap.to_us, gap.reason) for gap in found.gaps] == [
        (half_us, start_us + 80 * SECOND_US, "camera-unreachable"),
        (start_us + 80 * SECOND_US, start_us + 81 * SECOND_US, "loss"),
    ]
    assert found.recorded == (
        (start_us, half_us),
        (start_us + 81 * SECOND_US, start_us + 3 * MINUTE_US),
    )
    part = timeline(index, town.stream, half_us + 1, start_us + 100 * SECOND_US)
    assert part.recorded == ((start_us + 81 * SECOND_US, start_us + 100 * SECOND_US),)
    assert part.gaps[0].from_us == half_us + 1


def test_what_can_be_opened_no_more_is_not_recorded(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower, town = follow(), keeper.town
    recorded = keeper.record(close=False)
    start_us = recorded.footage.header.utc0_us
    keeper.advance(MINUTE_US)
    keeper.account(recorded.footage)
    _all(follower)
    assert timeline(index, town.stream, start_us, start_us + HOUR_US).recorded
    keeper.advance(30 * DAY_US)
    keeper.retain()
    _all(follower)
    assert timeline(index, town.stream, start_us, start_us + HOUR_US).recorded == ()


def test_an_epoch_without_envelopes_was_not_recorded(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower, town = follow(), keeper.town
    recorded = keeper.record(reels=0)
    start_us = recorded.footage.header.utc0_us
    keeper.advance(MINUTE_US)
    _account(keeper)
    _all(follower)
    assert timeline(index, town.stream, start_us, start_us + HOUR_US).recorded == ()


def test_an_old_closing_needs_no_manifest_but_misses_it(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    town = keeper.town
    recorded = keeper.record(close=False)
    start_us = recorded.footage.header.utc0_us
    keeper.advance(MINUTE_US)
    number = keeper.account(recorded.footage)
    keeper.advance(DAY_US)
    keeper.store.delete(manifest_path(town.recorder_id, number))
    follower = follow()
    _all(follower)
    # It may have named renditions.
    assert follower.standing.missing == 1
    assert timeline(index, town.stream, start_us, start_us + HOUR_US).recorded == (
        (start_us, start_us + MINUTE_US),
    )


@pytest.mark.parametrize("damaged", [False, True])
def test_a_manifest_that_is_not_there_is_told_of(
    keeper: TownKeeper, follow, index: SqlIndex, damaged: bool
) -> None:
    town = keeper.town
    start_us = keeper.clock.utc_us()
    keeper.advance(MINUTE_US)
    gap = Gap(town.stream, start_us, start_us + MINUTE_US, GapReason.CLOCK)
    path = manifest_path(town.recorder_id, _account(keeper, gap))
    data = keeper.store.get(path)
    keeper.store.delete(path)
    if damaged:
        keeper.store.put(path, data.replace(b"clock", b"sneak"))
    follower = follow()
    _all(follower)
    assert follower.standing.missing == 1 and follow().standing.missing == 1
    assert timeline(index, town.stream, start_us, start_us + HOUR_US).gaps == ()


def test_another_networks_index_is_made_anew(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    _all(follow())
    other = LedgerFollower(bytes(32), keeper.store.get, index, keeper.clock)
    other.open()
    assert index.position() is None and len(other.register) == 0
    with pytest.raises(UnverifiedError, match="genesis"):
        other.step()
    assert index.position() is None


def test_a_log_that_goes_back_or_forks_is_none(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    old = keeper.store.get(CHECKPOINT_PATH)
    keeper.town.admit("incident")
    follower = follow()
    _all(follower)
    new = keeper.store.get(CHECKPOINT_PATH)
    keeper.store.swap(CHECKPOINT_PATH, old, new)
    with pytest.raises(UnverifiedError, match="back"):
        follower.step()
    assert index.position() is None and len(follower.register) == 0
    _all(follower)
    assert len(follower.register) == 1


def test_entries_that_do_not_lead_to_the_root(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower = follow()
    _all(follower)
    before = keeper.town.state.size
    keeper.town.admit("incident", summary="one")
    path = bundle_path(0, before + 1)
    data = keeper.store.get(path)
    keeper.store.delete(path)
    keeper.store.put(path, data.replace(b'"summary":"one"', b'"summary":"two"'))
    with pytest.raises(UnverifiedError, match="root"):
        follower.step()
    assert index.position() is None


def test_an_entry_that_no_log_would_admit(keeper: TownKeeper, follow, index: SqlIndex) -> None:
    follower = follow()
    _all(follower)
    before = keeper.town.state.size
    keeper.town.admit("camera")
    path = bundle_path(0, before + 1)
    data = keeper.store.get(path)
    keeper.store.delete(path)
    keeper.store.put(path, data.replace(b'"purpose":"', b'"porpuse":"'))
    with pytest.raises(UnverifiedError, match="none: must be an object"):
        follower.step()
    assert index.position() is None and len(follower.register) == 0


@pytest.mark.parametrize(("from_us", "to_us"), [(5, 5), (6, 5), (-1, 5), (0, MAX_REQUEST_US + 1)])
def test_times_that_cannot_be_asked_for(index: SqlIndex, from_us: int, to_us: int) -> None:
    from custodes.base.errors import InvalidError

    with pytest.raises(InvalidError, match="7 days"):
        timeline(index, bytes(16), from_us, to_us)
