"""The check: silent on what is whole, and for every byte that is not, naming the object."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keeping.keeper import Recorded, TownKeeper
from recording.views import made_rendition
from watching.candidates import background_file, lay_out

from custodes.adapters.keystore.record import RECORD_BYTES
from custodes.adapters.objects.memory import Fault
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US
from custodes.base.errors import UnavailableError
from custodes.custody.accounts import AccountChain
from custodes.custody.frames import reader_of
from custodes.custody.paths import manifest_path
from custodes.custody.reel_reader import read_footer
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.tiles import bundle_path, tile_path
from custodes.services.backgrounds import background_path
from custodes.services.check import Check, CheckSources
from custodes.services.checking.epochs import EpochCheck
from custodes.services.checking.findings import Finding, FindingKind
from custodes.services.checking.known import Known
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.views import catalogue_rendition
from custodes.services.rebuild import rebuild_database


def check(keeper: TownKeeper, quick: bool = False, **sources: Any) -> list[Finding]:
    made = CheckSources(keeper.town.network, keeper.store, keeper.catalogue, keeper.copies)
    found = CheckSources(**{**made.__dict__, **sources})
    return list(Check(found, quick, lambda _what, _done, _total: None).run())


def damage(findings: list[Finding]) -> list[tuple[str, str]]:
    return sorted((finding.kind.value, finding.where) for finding in findings if finding.is_damage)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[TownKeeper]:
    made = TownKeeper(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two(keeper: TownKeeper) -> tuple[Recorded, Recorded]:
    """Two closed epochs of three reels."""
    return keeper.record(reels=3, envelopes=2), keeper.record(reels=3, envelopes=2)


def replace(keeper: TownKeeper, path: str, data: bytes | None) -> None:
    keeper.store.delete(path)
    if data is not None:
        keeper.store.put(path, data)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]


@pytest.mark.parametrize("quick", [False, True])
def test_what_is_whole_is_found_whole_and_stays_as_it_is(keeper: TownKeeper, quick: bool) -> None:
    keeper.record()
    keeper.record(reels=0)
    keeper.record(cut=True)
    keeper.record(close=False)
    before = {path: keeper.store.get(path) for path in keeper.store.list("")}
    statuses = keeper.catalogue.statuses()
    assert check(keeper, quick) == []
    assert {path: keeper.store.get(path) for path in keeper.store.list("")} == before
    assert keeper.catalogue.statuses() == statuses


def test_a_forgotten_epoch_leaves_nothing_to_find(keeper: TownKeeper) -> None:
    keeper.record()
    keeper.advance(40 * HOUR_US)
    keeper.record()
    keeper.advance(40 * HOUR_US)
    keeper.retain()
    assert check(keeper) == []


def test_every_flipped_byte_of_a_reel_and_every_cut_is_found(keeper: TownKeeper) -> None:
    recorded = keeper.record(reels=1, envelopes=2)
    epoch = keeper.town.state.epoch(recorded.epoch)
    known = Known()
    for data in keeper.outbox.entries():
        known.take(parse_entry(data))
    (path,) = recorded.reels
    whole = recorded.footage.reels[path]
    shares = f"{recorded.folder}/shares"

    def findings() -> list[Finding]:
        one = EpochCheck(keeper.store, known, epoch, [path, shares], False, False)
        return list(one.run(recorded.folder))

    assert findings() == []
    for at in range(len(whole)):
        replace(keeper, path, flipped(whole, at))
        found = findings()
        assert any(one.is_damage and one.where == path for one in found), at
    for length in range(0, len(whole), 7):
        replace(keeper, path, whole[:length])
        assert any(one.is_damage and one.where == path for one in findings()), length


def test_flipped_bytes_of_every_object_are_found_and_named(
    keeper: TownKeeper, two: tuple[Recorded, Recorded]
) -> None:
    choose = random.Random(20)
    paths = [path for path in keeper.store.list("") if not path.endswith(".reel")]
    assert {path.partition("/")[0] for path in paths} == {"accounts", "log", "pools", "streams"}
    for path in paths:
        whole = keeper.store.get(path)
        places = {0, len(whole) - 1, *(choose.randrange(len(whole)) for _ in range(4))}
        for at in places:
            replace(keeper, path, flipped(whole, at))
            found = check(keeper, spare=keeper.outbox.entries)
            assert path in [where for _, where in damage(found)], (path, at, found)
        replace(keeper, path, whole)
    assert check(keeper) == []


def test_objects_that_are_missing_are_named(keeper: TownKeeper, two: tuple[Recorded, Recorded]) -> None:
    first, _ = two
    size = keeper.town.state.size
    for path in list(keeper.store.list("")):
        if path.startswith("log/checkpoints") or (".p/" in path and not path.endswith(f".p/{size}")):
            continue
        whole = keeper.store.get(path)
        replace(keeper, path, None)
        found = damage(check(keeper, spare=keeper.outbox.entries))
        assert path in [where for _, where in found], (path, found)
        replace(keeper, path, whole)
    replace(keeper, first.reels[1], None)
    texts = [finding.what for finding in check(keeper)]
    assert "envelopes 2 to 3 should come before this reel" in texts
    replace(keeper, first.reels[2], None)
    assert "envelopes 2 to 5" in [finding.what for finding in check(keeper)]


@pytest.mark.parametrize("quick", [False, True])
def test_exchanged_and_repeated_reels_are_named(
    keeper: TownKeeper, two: tuple[Recorded, Recorded], quick: bool
) -> None:
    first, second = two
    reels = first.footage.reels
    one, other = first.reels[0], first.reels[1]
    replace(keeper, one, reels[other])
    replace(keeper, other, reels[one])
    found = damage(check(keeper, quick))
    assert ("swapped", one) in found
    assert ("swapped", other) in found
    replace(keeper, one, reels[one])
    replace(keeper, other, second.footage.reels[second.reels[1]])
    assert ("replayed", other) in damage(check(keeper, quick))
    replace(keeper, other, reels[other])
    assert check(keeper, quick) == []


def test_exchanged_envelopes_within_a_reel_are_named(keeper: TownKeeper) -> None:
    first, second = keeper.record(reels=1, envelopes=4), keeper.record(reels=1, envelopes=4)
    (path,), (other,) = first.reels, second.reels
    mine, theirs = first.footage.reels[path], second.footage.reels[other]
    # The last two are of one length, in both epochs.
    _, _, third, fourth = read_footer(reader_of(mine), len(mine)).rows
    assert third.length == fourth.length
    at, end = third.offset, third.offset + third.length
    replace(keeper, path, mine[:at] + theirs[at:end] + mine[end:])
    assert ("swapped", path) in damage(check(keeper))
    replace(keeper, path, mine[:end] + mine[at:end] + mine[end + fourth.length :])
    assert ("swapped", path) in damage(check(keeper))


def test_an_earlier_state_of_an_epoch_is_named(keeper: TownKeeper, two: tuple[Recorded, Recorded]) -> None:
    first, second = two
    for recorded in two:
        replace(keeper, recorded.reels[2], None)
    shares = f"{first.folder}/shares"
    replace(keeper, shares, second.footage.share_set)
    found = check(keeper)
    assert ("flipped", shares) in damage(found)
    assert [finding.what for finding in found if finding.where == first.folder] == ["envelopes 4 to 5"]


def test_a_flipped_byte_of_a_long_log_is_named_whichever_file_it_is_in(keeper: TownKeeper) -> None:
    for _ in range(300 - keeper.town.state.size):
        keeper.advance(HOUR_US)
        keeper.town.admit("access")
    assert check(keeper) == []
    paths = [bundle_path(0), tile_path(0, 0), tile_path(1, 0, 1), bundle_path(1, 44), tile_path(0, 1, 44)]
    for path in paths:
        whole = keeper.store.get(path)
        for at in (0, len(whole) // 2, len(whole) - 1):
            replace(keeper, path, flipped(whole, at))
            found = damage(check(keeper, quick=True, spare=keeper.outbox.entries))
            assert [where for _, where in found] == [path], (path, at, found)
        replace(keeper, path, whole + bytes(32))
        assert path in [where for _, where in damage(check(keeper, quick=True))]
        replace(keeper, path, whole)
    replace(keeper, "log/tile/0/001.p/50", bytes(32 * 50))
    assert check(keeper) == [], "what lies beyond the checkpoint is the next one's"
    replace(keeper, "log/tile/0/001.p/50", None)
    replace(keeper, "log/tile/0/001.p/40", bytes(32 * 40))
    assert damage(check(keeper)) == [("flipped", "log/tile/0/001.p/40")]


def test_without_the_bundle_from_elsewhere_what_is_not_checked_is_said(keeper: TownKeeper) -> None:
    keeper.record()
    path = bundle_path(0, keeper.town.state.size)
    replace(keeper, path, flipped(keeper.store.get(path), 400))
    found = check(keeper)
    assert any("are not checked" in finding.what for finding in found)
    assert ("flipped", path) in damage(check(keeper, spare=keeper.outbox.entries))


def test_objects_of_nobody_are_named_and_stay(keeper: TownKeeper, two: tuple[Recorded, Recorded]) -> None:
    first, _ = two
    strangers = [
        f"{first.folder}/notes",
        f"streams/{'0' * 32}/2027-01-15/{'1' * 32}/0000.reel",
        f"streams/{'0' * 32}/today/0000.reel",
        f"accounts/{'0' * 32}/000000000001",
        "log/tile/7",
        "somewhere/else",
    ]
    for path in strangers:
        keeper.store.put(path, b"stranger")
    found = damage(check(keeper))
    assert [kind for kind, _ in found] == ["orphan"] * 6
    assert all(path.startswith(where) for path, (_, where) in zip(sorted(strangers), found, strict=True))
    assert all(keeper.store.get(path) == b"stranger" for path in strangers)


def test_what_is_left_of_a_shredded_epoch(keeper: TownKeeper) -> None:
    recorded = keeper.record()
    keeper.advance(80 * HOUR_US)
    keeper.retain()
    keeper.store.put(recorded.reels[0], recorded.footage.reels[recorded.reels[0]])
    assert damage(check(keeper)) == [("orphan", recorded.folder)]


def test_what_is_under_way_is_no_damage(keeper: TownKeeper) -> None:
    recorded = keeper.record(close=False, announce=False)
    last = recorded.reels[1]
    replace(keeper, last, None)
    found = check(keeper)
    assert damage(found) == []
    assert {(finding.kind, finding.where) for finding in found} == {
        (FindingKind.PENDING, recorded.reels[0]),
        (FindingKind.PENDING, recorded.folder),
    }
    assert "envelopes 3 to 5 not in the store yet" in [finding.what for finding in found]


def test_the_catalogue_is_compared(keeper: TownKeeper, two: tuple[Recorded, Recorded]) -> None:
    first, second = two
    with keeper.database.writing() as connection:
        keeper.catalogue.forget_epoch(connection, first.epoch)
        keeper.catalogue.remove_reel(connection, second.epoch, 2)
    found = check(keeper)
    assert damage(found) == [("catalogue", "catalogue")]
    assert "1 epochs of the ledger are not in it" in found[0].what
    pending = [finding.where for finding in found if not finding.is_damage]
    assert pending == [*first.reels, second.reels[2]]


def test_the_catalogue_that_cannot_be_read_is_left_out(keeper: TownKeeper) -> None:
    keeper.record(announce=False)
    assert check(keeper, catalogue=None) == []


def test_a_key_that_is_lost_torn_or_came_back_is_named(keeper: TownKeeper, tmp_path: Path) -> None:
    keeper.record()
    keeper.advance(80 * HOUR_US)
    file = keeper.copies[0] / "keys"
    before = file.read_bytes()
    keeper.retain()
    assert check(keeper) == []
    after = file.read_bytes()
    where = f"{keeper.copies[0]}, pool {keeper.town.pool.hex()}"
    file.write_bytes(before)
    (finding,) = check(keeper)
    assert (finding.kind, finding.where) == (FindingKind.KEYS, where)
    assert "shredded" in finding.what
    slot = next(
        at
        for at in range(0, len(after), RECORD_BYTES)
        if after[at : at + 16] == shred_id(keeper.town.pool, 3)
    )
    file.write_bytes(after[:slot] + bytes(RECORD_BYTES) + after[slot + RECORD_BYTES :])
    assert damage(check(keeper)) == [("keys", where)]
    file.write_bytes(flipped(after, slot + 20))
    assert damage(check(keeper)) == [("keys", str(keeper.copies[0])), ("keys", where)]
    file.unlink()
    assert damage(check(keeper)) == [("keys", str(keeper.copies[0]))]


def test_another_networks_store_is_not_checked_against_this_one(keeper: TownKeeper) -> None:
    found = check(keeper, network=bytes(32))
    assert damage(found) == [("ledger", "log")]


def test_while_the_store_is_away_nothing_is_said_of_it(keeper: TownKeeper) -> None:
    keeper.record()
    keeper.store.break_(Fault.AWAY)
    with pytest.raises(UnavailableError):
        check(keeper)


@pytest.mark.parametrize("change", ["whole", "flipped", "missing", "surplus"])
def test_recorded_renditions_are_those_of_the_manifests(keeper: TownKeeper, change: str) -> None:
    keeper.record()
    row, data = made_rendition(keeper.town.sub_stream, keeper.clock.utc_us())
    town = keeper.town
    known = town.state.recorder(town.recorder_id)
    chain = AccountChain(town.network, known.id, known.run or 1, known.number, known.head)
    account, manifest, _ = chain.next(keeper.clock.utc_us(), (), renditions=(row,))
    keeper.store.put(manifest_path(known.id, account.number), manifest.encode())
    town.admit("account", **account.body())
    keeper.store.put(row.path, data)
    with keeper.database.writing() as connection:
        keeper.catalogue.renditions.add(connection, catalogue_rendition(row, town.camera))
    expected: list[tuple[str, str]] = []
    if change == "flipped":
        replace(keeper, row.path, flipped(data, 900))
        expected = [("flipped", row.path)]
    elif change == "missing":
        replace(keeper, row.path, None)
        expected = [("missing", row.path)]
    elif change == "surplus":
        other = row._replace(start_us=row.start_us - 2 * DAY_US)
        replace(keeper, other.path, data)
        expected = [("orphan", other.path)]
    assert damage(check(keeper)) == expected
    if change != "missing":
        return
    # Once the original is gone nothing is missing any more.
    keeper.advance(73 * HOUR_US)
    keeper.retain()
    assert damage(check(keeper)) == []


def test_a_rebuilt_catalogue_has_the_renditions_again(keeper: TownKeeper) -> None:
    row, data = made_rendition(keeper.town.sub_stream, keeper.clock.utc_us())
    town = keeper.town
    known = town.state.recorder(town.recorder_id)
    chain = AccountChain(town.network, known.id, known.run or 1, known.number, known.head)
    gone = row._replace(start_us=row.start_us + HOUR_US, end_us=row.end_us + HOUR_US)
    account, manifest, _ = chain.next(keeper.clock.utc_us(), (), renditions=(row, gone))
    keeper.store.put(manifest_path(known.id, account.number), manifest.encode())
    town.admit("account", **account.body())
    keeper.store.put(row.path, data)
    keeper.close()
    rebuilt = rebuild_database(
        keeper.store, town.network, keeper.database_file, list, lambda _what, _done, _total: None
    )
    assert rebuilt.renditions == 1
    keeper.restart_from_tiles()
    assert list(keeper.catalogue.renditions.everything()) == [catalogue_rendition(row, town.camera)]


def test_backgrounds_are_looked_at(keeper: TownKeeper) -> None:
    town = keeper.town
    found = lay_out(town, keeper.store, background_file())
    path = background_path(found.stream, found.background)
    assert damage(check(keeper)) == []
    said = {"doubt_permille": found.doubt_permille, "withheld_permille": found.withheld_permille}
    town.admit("background", background=b64u(found.background), **said)
    assert damage(check(keeper)) == []
    file, statement = keeper.store.get(path), keeper.store.get(f"{path}.json")
    replace(keeper, path, flipped(file, 500))
    assert damage(check(keeper)) == [("flipped", path)]
    replace(keeper, path, None)
    assert damage(check(keeper)) == [("missing", path)]
    replace(keeper, f"{path}.json", None)
    assert damage(check(keeper)) == [("missing", path), ("missing", f"{path}.json")]
    replace(keeper, path, file)
    replace(keeper, f"{path}.json", flipped(statement, statement.index(b"alarms") + 9))
    assert damage(check(keeper)) == [("flipped", f"{path}.json")]
    replace(keeper, f"{path}.json", statement)
    other = background_path(bytes(16), found.background)
    keeper.store.put(other, file)
    assert damage(check(keeper)) == [("orphan", other)]
    replace(keeper, other, None)
    elsewhere = f"{background_path(found.stream, bytes(32))}.json"
    keeper.store.put(elsewhere, statement)
    assert ("swapped", elsewhere) in damage(check(keeper))


def test_a_candidate_whose_statement_is_not_there_yet_is_no_damage(keeper: TownKeeper) -> None:
    file = background_file()
    path = background_path(keeper.town.stream, hashlib.sha256(file).digest())
    keeper.store.put(path, file)
    (finding,) = check(keeper)
    assert (finding.kind, finding.where) == (FindingKind.PENDING, path)
