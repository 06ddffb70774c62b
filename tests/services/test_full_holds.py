"""Full holds: what is taken out in time is opened later, the rest dies on time, and nothing outlives the hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from casework.network import CaseNetwork, LocalOffice

import custodes.custody.client_folder as client_folder
import custodes_verify.main
from custodes.adapters.secrets import read_signing_key
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US
from custodes.base.errors import (
    CustodesError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnverifiedError,
)
from custodes.base.keys import sign_body
from custodes.base.sealing import SealingKey
from custodes.cases.bundle import package_path
from custodes.cases.hold import HOLD_SHARE_TYPE, HOLD_TYPE, HeldPlace, hold_key_id, seal_held
from custodes.cases.scope import EpochSlots, Scope, scope_of
from custodes.media.mp4.read import read_movie, read_samples
from custodes.services.check import Check, CheckSources
from custodes.services.custodian_checks import header_of
from custodes.services.evidence import unpack_package
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.retention import RetentionReport
from custodes.services.parcels import Parcel, submit

RECIPIENT = SealingKey(bytes(range(32)))
# The camera keeps 24 hours; the epoch began a minute before the test.
PAST_DEADLINE_US = 25 * HOUR_US
HELD_US = 30 * DAY_US


@pytest_asyncio.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CaseNetwork]:
    monkeypatch.setattr(client_folder, "_MEMORY_KIB", 64)
    monkeypatch.setattr(client_folder, "_PASSES", 1)
    network = CaseNetwork(tmp_path)
    await network.found()
    yield network
    network.close()


async def grant(town: CaseNetwork, request: bytes, *numbers: int, slots: int | None = None) -> None:
    for number in numbers:
        client = town.client(number)
        whole = (await client.request(request)).file.whole
        granted = whole if slots is None else scope_of(list(whole)[:slots])
        await client.decide(request, granted, "to be kept")


async def held(town: CaseNetwork, *numbers: int, slots: int | None = None) -> bytes:
    """A hold of what two custodians granted, with the shares of those custodians."""
    request = await town.ask(RECIPIENT)
    await grant(town, request, 1, 2, slots=slots)
    hold = await town.hold(request, HELD_US)
    for number in numbers:
        await town.client(number).hold(hold)
    return hold


async def retain(town: CaseNetwork, us: int = 0) -> RetentionReport:
    await town.advance(us)
    return await town.keeper.retention.run_once()


def has_key(town: CaseNetwork) -> bool:
    epoch = town.keeper.sequencer.state.epoch(town.epoch)
    return shred_id(epoch.pool, epoch.key_index) in town.keeper.keystore.ids()


def objects(town: CaseNetwork, prefix: str) -> list[str]:
    return list(town.keeper.fetching._store.list(prefix))


def damage(town: CaseNetwork) -> list[str]:
    retention = town.keeper.retention
    catalogue: SqlCatalogue = retention._catalogue
    sources = CheckSources(town.id, retention._store, catalogue, town.folder.keystore)
    found = Check(sources, False, lambda *_: None).run()
    return [f"{one.kind}: {one.where}: {one.what}" for one in found if one.is_damage]


async def opened(town: CaseNetwork, out: Path, request: bytes, *numbers: int) -> list[bytes]:
    """The access units that come out in the end, checked by the verifier too."""
    for number in numbers:
        await town.client(number).release(request)
    await town.disclose(request)
    case = (await town.client(numbers[0]).request(request)).case
    sealed = town.keeper.fetching._store.get(package_path(case, request))
    names = unpack_package(sealed, RECIPIENT, town.id, request, out)
    with (out / next(name for name in names if name.startswith("video/"))).open("rb") as file:
        samples = list(read_samples(file, read_movie(file)))
    words = [str(town.folder.store), "--network", town.id.hex(), "--package", str(out)]
    assert custodes_verify.main.main(words, town.clock.utc_us()) == 0
    return samples


# --- the whole way -------------------------------------------------------------------------------------------


async def test_what_is_held_is_opened_after_the_deadline_and_nothing_after_the_hold(
    town: CaseNetwork, tmp_path: Path
) -> None:
    hold = await held(town, 1, 3, slots=2)
    assert objects(town, "holds") == [f"holds/{hold.hex()}/{n}.{town.epoch.hex()}" for n in (1, 3)]
    assert (await retain(town)).keys == 0
    report = await retain(town, PAST_DEADLINE_US)
    assert (report.keys, report.alarms, report.lag_us) == (1, (), 0)
    assert not has_key(town)
    # Of four slots two are held; the reel now ends with them.
    assert report.deleted.size_bytes > 0
    assert (await retain(town)).deleted.size_bytes == 0
    assert damage(town) == []

    request = await town.ask(RECIPIENT)
    with pytest.raises(RefusedError, match=r"slot 2 of epoch .* was not held"):
        await grant(town, request, 1)
    await grant(town, request, 1, 3, slots=2)
    assert await opened(town, tmp_path / "out", request, 1, 3) == [
        unit for slot in town.units[:2] for unit in slot
    ]

    report = await retain(town, HELD_US)
    assert report.keys == 1
    assert hold_key_id(hold) not in town.keeper.keystore.ids()
    assert objects(town, "holds") == objects(town, "streams") == []
    assert damage(town) == []
    with pytest.raises(NotFoundError, match="no live epoch"):
        await town.ask(RECIPIENT)
    for number in (1, 3):
        assert await town.client(number).holds() == []
        with pytest.raises(NotFoundError, match="no key of hold"):
            town.custodians[number - 1].hold_key(hold)


async def test_a_hold_is_renewed_from_what_was_taken_out(town: CaseNetwork, tmp_path: Path) -> None:
    first = await held(town, 1, 2, 3)
    await retain(town, PAST_DEADLINE_US)
    await town.advance(20 * DAY_US)
    request = await town.ask(RECIPIENT)
    await grant(town, request, 2, 3)
    second = await town.hold(request, 60 * DAY_US)
    for number in (2, 3):
        assert await town.client(number).hold(second) == 3
    assert (await retain(town, 10 * DAY_US)).keys == 1
    assert hold_key_id(first) not in town.keeper.keystore.ids()
    assert objects(town, "holds") == [f"holds/{second.hex()}/{n}.{town.epoch.hex()}" for n in (2, 3)]
    later = await town.ask(RECIPIENT)
    with pytest.raises(RefusedError, match="destroyed"):
        await grant(town, later, 1)
    await grant(town, later, 2, 3)
    assert len(await opened(town, tmp_path / "out", later, 2, 3)) == 18
    assert (await retain(town, 60 * DAY_US)).keys == 1
    assert objects(town, "streams") == []
    assert damage(town) == []


async def test_of_two_holds_of_an_epoch_the_right_one_answers(town: CaseNetwork, tmp_path: Path) -> None:
    first = await held(town, 1, 2, slots=1)
    request = await town.ask(RECIPIENT)
    for number in (1, 2):
        client = town.client(number)
        whole = (await client.request(request)).file.whole
        await client.decide(request, scope_of(list(whole)[1:]), "to be kept")
    second = await town.hold(request, 60 * DAY_US)
    for number in (1, 2):
        assert await town.client(number).hold(second) == 2
    await retain(town, PAST_DEADLINE_US)
    assert not has_key(town)
    assert len(objects(town, f"holds/{first.hex()}")) == 2
    later = await town.ask(RECIPIENT, slots=1)
    await grant(town, later, 1, 2)
    assert await opened(town, tmp_path / "first", later, 1, 2) == town.units[0]
    other = await town.ask(RECIPIENT)
    with pytest.raises(RefusedError, match="slot 0 of epoch"):
        await grant(town, other, 1)
    for number in (1, 2):
        client = town.client(number)
        await client.decide(other, scope_of(list((await client.request(other)).file.whole)[1:]), "needed")
    assert len(await opened(town, tmp_path / "second", other, 1, 2)) == 12


async def test_with_too_few_shares_the_key_stays_an_alarm_stands_and_the_hold_ends_it(
    town: CaseNetwork, tmp_path: Path
) -> None:
    hold = await held(town, 1)
    report = await retain(town, PAST_DEADLINE_US)
    assert (report.keys, report.alarms) == (0, ())
    assert has_key(town)
    (alarm,) = (await retain(town, 4 * DAY_US)).alarms
    assert alarm.startswith(f"hold {hold.hex()}: of 1 of its 1 epochs too few custodians")
    assert "only 1 of 2" in alarm
    # It is not lost: opened as ever, within what is held.
    request = await town.ask(RECIPIENT)
    await grant(town, request, 2, 3)
    assert len(await opened(town, tmp_path / "out", request, 2, 3)) == 18
    # Still in time, and then the key goes.
    await town.client(2).hold(hold)
    report = await retain(town)
    assert (report.keys, report.alarms) == (1, ())
    assert not has_key(town)


async def test_past_the_deadline_only_what_is_held_is_decided(town: CaseNetwork) -> None:
    await held(town, 1, slots=1)
    await retain(town, PAST_DEADLINE_US)
    request = await town.ask(RECIPIENT)
    with pytest.raises(RefusedError, match=r"slot 1 of epoch .* past its deadline and not held"):
        await grant(town, request, 2)
    await grant(town, request, 2, slots=1)


async def test_a_provisional_hold_gives_the_time_for_a_full_one(town: CaseNetwork, tmp_path: Path) -> None:
    await hold_provisionally(town)
    assert (await retain(town, PAST_DEADLINE_US)).keys == 0
    hold = await held(town, 1, 2)
    # The provisional one keeps the whole epoch to its own end.
    assert (await retain(town)).keys == 0
    assert (await retain(town, 7 * DAY_US)).keys == 1
    assert not has_key(town)
    request = await town.ask(RECIPIENT)
    await grant(town, request, 1, 2)
    assert len(await opened(town, tmp_path / "out", request, 1, 2)) == 18
    assert len(objects(town, f"holds/{hold.hex()}")) == 2


async def test_what_is_held_provisionally_is_opened_past_its_deadline(
    town: CaseNetwork, tmp_path: Path
) -> None:
    await hold_provisionally(town)
    await retain(town, PAST_DEADLINE_US)
    request = await town.ask(RECIPIENT)
    await grant(town, request, 1, 2)
    assert len(await opened(town, tmp_path / "out", request, 1, 2)) == 18
    assert (await retain(town, 7 * DAY_US)).keys == 1
    assert objects(town, "streams") == []


async def hold_provisionally(town: CaseNetwork) -> None:
    body = {
        "commitment": b64u(bytes(32)),
        "count": 3,
        "epochs": [b64u(town.epoch)],
        "hold": b64u(b"p" * 16),
        "kind": "provisional",
        "network": b64u(town.id),
        "request": "",
        "until_us": town.clock.utc_us() + 7 * DAY_US - HOUR_US,
    }
    key = read_signing_key(town.folder.staff_key("super"))
    await submit(LocalOffice(town), Parcel(sign_body(HOLD_TYPE, body, key)))


async def test_a_hold_without_enough_shares_ends_with_all_of_it(town: CaseNetwork) -> None:
    await held(town, 1)
    await retain(town, PAST_DEADLINE_US)
    report = await retain(town, HELD_US)
    assert report.keys == 2
    assert objects(town, "holds") == objects(town, "streams") == []
    assert damage(town) == []


# --- what is lost on the way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["gone", "altered", "exchanged"])
async def test_the_key_stays_while_a_message_of_the_quorum_is_not_whole(town: CaseNetwork, loss: str) -> None:
    hold = await held(town, 1, 3)
    store = town.keeper.fetching._store
    first, third = objects(town, "holds")
    before = store.get(first)
    store.delete(first)
    if loss == "altered":
        store.put(first, before[:-1] + bytes([before[-1] ^ 1]))
    if loss == "exchanged":
        store.put(first, store.get(third))
    report = await retain(town, PAST_DEADLINE_US + 2 * HOUR_US)
    assert report.keys == 0
    assert has_key(town)
    assert report.alarms[0].startswith("1 keys are due")
    # That it is another's can be told only by the hold's pair, which the check does not use.
    named = [line for line in damage(town) if f"holds/{hold.hex()}/1." in line]
    assert len(named) == (loss != "exchanged")
    # A third custodian makes up for it.
    await town.client(2).hold(hold)
    assert (await retain(town)).keys == 1


async def test_a_crash_after_each_step_is_made_up_for(town: CaseNetwork) -> None:
    """The keeper starts again where the pair was destroyed and not entered, and where the folder was not emptied."""
    hold = await held(town, 1, 2)
    await retain(town, PAST_DEADLINE_US)
    await town.advance(HELD_US)
    town.keeper.keystore.destroy([hold_key_id(hold)])
    restart(town)
    assert (await retain(town)).keys == 1
    store = town.keeper.fetching._store
    store.put(f"holds/{hold.hex()}/1.{town.epoch.hex()}", b"left")
    restart(town)
    await retain(town)
    assert objects(town, "holds") == []


def restart(town: CaseNetwork) -> None:
    town.keeper.ledger.close()
    town.keeper.keystore.close()
    town.start()


async def test_a_copy_that_was_away_is_purged_of_an_ended_holds_pair(town: CaseNetwork) -> None:
    hold = await held(town, 1, 2)
    copy = town.folder.keystore[1] / "keys"
    old = copy.read_bytes()
    await retain(town, PAST_DEADLINE_US)
    await retain(town, HELD_US)
    town.keeper.ledger.close()
    town.keeper.keystore.close()
    copy.write_bytes(old)
    town.start()
    assert hold_key_id(hold) not in town.keeper.keystore.ids()
    assert hold_key_id(hold) not in (town.keeper.keystore._copies[1].live)  # type: ignore[union-attr]


# --- who may, and what is refused ----------------------------------------------------------------------------


async def test_a_full_hold_needs_a_supervisor_or_a_signer_and_a_granted_request(town: CaseNetwork) -> None:
    request = await town.ask(RECIPIENT)
    with pytest.raises(RefusedError, match="no slot that can still be opened was granted"):
        await town.hold(request, HELD_US)
    await grant(town, request, 1, 2)
    with pytest.raises(RefusedError, match="a supervisor asks"):
        await town.hold(request, HELD_US, who="admin")
    with pytest.raises(CustodesError, match="hold-until"):
        await town.hold(request, 91 * DAY_US)
    await town.hold(request, HELD_US, who="inv")
    with pytest.raises(RefusedError, match="has had its hold"):
        await town.hold(request, HELD_US)


async def test_a_share_of_another_epoch_hold_or_custodian_is_refused(town: CaseNetwork) -> None:
    hold = await held(town)
    view, _ = await town.client(1)._view()
    header = header_of(view, town.epoch)
    for changes in ({"hold": b"h" * 16}, {"header": b"x" * 32}, {"custodian": 9}):
        with pytest.raises(CustodesError, match=r"hold-share-known|signature"):
            await submit(LocalOffice(town), share(town, hold, header.hash, **changes))
    # Another custodian's index under one's own signature.
    with pytest.raises(CustodesError, match=r"not signed|signature"):
        await submit(LocalOffice(town), share(town, hold, header.hash, custodian=2))
    with pytest.raises(RefusedError, match="exactly the message"):
        await submit(LocalOffice(town), Parcel(share(town, hold, header.hash).statement))
    assert objects(town, "holds") == []
    await town.client(1).hold(hold)
    kept = town.keeper.fetching._store.get(objects(town, "holds")[0])
    with pytest.raises(CustodesError, match="hold-share-known"):
        await submit(LocalOffice(town), share(town, hold, header.hash))
    assert [town.keeper.fetching._store.get(path) for path in objects(town, "holds")] == [kept]
    with pytest.raises(RefusedError, match="taken out already"):
        await town.client(1).hold(hold)


def share(town: CaseNetwork, id_: bytes, header_hash: bytes, **changes: Any) -> Parcel:
    """A HoldShare of the first custodian's, with a message that is none."""
    members = {"hold": id_, "custodian": 1, "epoch": town.epoch, "header": header_hash, **changes}
    place = HeldPlace(**members)
    body = place.entry_body(town.id, b"message")
    statement = sign_body(HOLD_SHARE_TYPE, body, town.custodians[0].identity)
    return Parcel(statement, {place.path: b"message"})


@pytest.mark.parametrize(
    "lie", ["another hold", "another custodian", "another epoch's header", "a false share"]
)
async def test_a_held_message_opens_as_what_it_is_alone(town: CaseNetwork, lie: str) -> None:
    from dataclasses import replace

    from custodes.cases.hold import open_held

    await held(town)
    client = town.client(1)
    view, index = await client._view()
    header = header_of(view, town.epoch)
    (hold,) = view.state.facts.holds.values()
    message = (await client._messages(view, index, "hold", hold.statement, (town.epoch,)))[town.epoch]
    shares = client._shares(view, index, EpochSlots(header.stream, town.epoch, (0, 1)), message)
    place, key = HeldPlace(hold.id, index, town.epoch, header.hash), SealingKey.generate()
    assert open_held(seal_held(shares, place, key), place, header, key) == shares
    if lie == "a false share":
        sealed = seal_held((shares[0], replace(shares[1], share=bytes(32))), place, key)
    else:
        other = {
            "another hold": replace(place, hold=b"h" * 16),
            "another custodian": replace(place, custodian=2),
            "another epoch's header": replace(place, header=b"x" * 32),
        }[lie]
        sealed = seal_held(shares, other, key)
    with pytest.raises(UnverifiedError):
        open_held(sealed, place, header, key)


async def test_a_fetch_for_a_hold_covers_its_epochs_alone(town: CaseNetwork) -> None:
    await held(town)
    client = town.client(1)
    view, index = await client._view()
    (hold,) = view.state.facts.holds.values()
    with pytest.raises(RefusedError, match="names an epoch that it does not"):
        await client._messages(view, index, "hold", hold.statement, (town.epoch, b"e" * 16))
    with pytest.raises(RefusedError, match="no such full hold"):
        await client._messages(view, index, "hold", b"h" * 32, (town.epoch,))


async def test_a_hold_of_more_than_was_granted_is_refused_by_the_client(town: CaseNetwork) -> None:
    """A keeper that holds what too few granted gets no share for it."""
    request = await town.ask(RECIPIENT)
    await grant(town, request, 1, 2, slots=1)
    granted = town.keeper.holding._granted

    def more(case: Any) -> Any:
        file, _ = granted(case)
        return file, file.whole

    town.keeper.holding._granted = more  # type: ignore[method-assign]
    hold = await town.hold(request, HELD_US)
    with pytest.raises(RefusedError, match="too few custodians have granted"):
        await town.client(1).hold(hold)


async def test_a_false_scope_is_refused_by_the_client(town: CaseNetwork) -> None:
    from custodes.cases.hold import HoldScope, hold_scope_path

    hold = await held(town)
    client = town.client(1)
    (shown,) = await client.holds()
    assert (shown.epochs, shown.mine, shown.fewest, shown.quorum) == (1, 0, 0, 2)
    view, _ = await client._view()
    case = await client._case(shown.request)
    scope = Scope((EpochSlots(header_of(view, town.epoch).stream, town.epoch, (0,)),))
    false = HoldScope(b"s" * 32, scope)
    lies = {hold_scope_path(case, shown.request, key.id): key for key in client._live_keys()}
    read = client.read
    from custodes.base.sealing import PublicSealingKey

    client.read = lambda path: (
        false.seal(hold, PublicSealingKey(lies[path].public)) if path in lies else read(path)
    )
    with pytest.raises(UnverifiedError, match="not the one that its entry commits to"):
        await client.hold(hold)


async def test_a_hold_share_may_be_lost_on_the_way_and_is_taken_out_again(town: CaseNetwork) -> None:
    hold = await held(town)
    client = town.client(1)
    assert isinstance(client.office, LocalOffice)

    def lose(question: bytes, answer: bytes) -> bytes:
        raise InvalidError("the answer was lost")

    client.office.tampered["keeper", "submit"] = lose
    with pytest.raises(InvalidError, match="was lost"):
        await client.hold(hold)
    with pytest.raises(RefusedError, match="taken out already"):
        await town.client(1).hold(hold)
    assert (
        len(town.keeper.sequencer.state.hold(hold).shares_of(town.epoch)) == len(objects(town, "holds")) == 1
    )
