"""What a recorder believes of backgrounds in its settings: two keys that may, the camera's view, and no way back."""

from dataclasses import replace
from typing import Any

import pytest
from town.ledger import Town
from town.people import digest, signing_key

from custodes.base.clock import DAY_US
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.keys import Signed
from custodes.base.sealing import SealingKey
from custodes.ledger.checkpoint import Checkpoint, sign_checkpoint
from custodes.ledger.entries.wrapper import Entry, Statement
from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.backgrounds import in_force
from custodes.services.recorder.settings import RecorderSettings
from custodes.services.settings import ProvenEntry, check_settings, sign_settings


@pytest.fixture
def town() -> Town:
    built = Town()
    built.found()
    return built


def settings_of(
    town: Town, *more: Signed, last: RecorderSettings | None = None, old: bool = False
) -> RecorderSettings:
    """Settings by a keeper that puts in what is in force, and `more`, which no rule has looked at."""
    entries = list(town.entries)
    entries += [Entry(Statement.of(signed), town.now_us, False).encode() for signed in more]
    tree = GrowingTree()
    for entry in entries:
        tree.append(entry)
    superseded = {one.index for one in in_force(town.state.facts)}
    shown = [
        index
        for index, entry in enumerate(entries)
        if b"/background/" not in entry or index in superseded or index >= len(town.entries) or old
    ]
    document = sign_settings(
        town.keeper.signing,
        town.network,
        town.recorder_id,
        last.number + 1 if last else 1,
        town.now_us,
        [],
        sign_checkpoint(Checkpoint(town.origin, len(entries), tree.root()), town.log),
        [ProvenEntry(entries[i], i, tuple(tree.inclusion_path(i, len(entries)))) for i in shown],
        [],
    )
    key: SealingKey = town.recorder.sealing
    return check_settings(document, town.network, town.recorder_id, key, {}, last)


def test_what_is_in_force_is_believed_with_who_may_make_it(town: Town) -> None:
    assert settings_of(town).backgrounds == ()
    town.admit("background")
    town.admit("background", condition="night")
    found = settings_of(town)
    assert [(one.condition, one.revision) for one in found.backgrounds] == [("day", 1), ("night", 1)]
    assert found.recorders == {town.recorder_id: town.recorder.signing.public}
    assert {staff.role for staff in found.staff.values()} == {"administrator", "supervisor", "investigator"}


def test_a_withdrawn_one_is_gone_and_a_new_camera_view_takes_it_along(town: Town) -> None:
    town.admit("background")
    town.admit("background", background="")
    assert settings_of(town).backgrounds == ()
    town.admit("background")
    town.admit("camera", views=[])
    assert settings_of(town).backgrounds == ()


def test_of_two_views_the_first_of_the_camera_is_shown(town: Town) -> None:
    view = {"angle_cdeg": 100, "bearing_cdeg": 0, "range_m": 10}
    town.admit("camera", views=[{**view, "name": "gate"}, {**view, "name": "pier"}])
    town.admit("background", view="pier")
    assert [one.view for one in settings_of(town).backgrounds] == ["pier"]
    town.admit("background", view="gate")
    town.admit("background", view="gate", condition="night")
    assert {(one.view, one.condition) for one in settings_of(town).backgrounds} == {
        ("gate", "day"),
        ("gate", "night"),
    }


@pytest.mark.parametrize("who", ["one", "twice", "investigator", "stranger", "keeper"])
def test_a_keeper_cannot_commit_alone(town: Town, who: str) -> None:
    keys = {
        "one": [town.supervisor.key],
        "twice": [town.supervisor.key, town.supervisor.key],
        "investigator": [town.supervisor.key, town.investigator.key],
        "stranger": [town.supervisor.key, signing_key("stranger")],
        "keeper": [town.keeper.signing, town.operator.signing],
    }[who]
    with pytest.raises((UnverifiedError, InvalidError)):
        settings_of(town, town.make("background", signers=keys))


def test_a_statement_that_was_altered_is_refused(town: Town) -> None:
    signed = town.make("background")
    forged: dict[str, Any] = {**signed.body, "doubt_permille": 0}
    with pytest.raises(UnverifiedError):
        settings_of(town, replace(signed, body=forged))


def test_staff_who_wait_commit_nothing(town: Town) -> None:
    town.admit("staff", role="supervisor")
    signed = town.make("background", signers=[town.administrator.key, signing_key("staff/new-1")])
    with pytest.raises(UnverifiedError):
        settings_of(town, signed)
    town.advance(DAY_US)
    assert len(settings_of(town, signed).backgrounds) == 1


def test_a_place_has_one_background_and_never_goes_back(town: Town) -> None:
    first = town.make("background")
    town.admit_signed(first)
    earlier = settings_of(town)
    second = town.admit("background")
    assert second.index == town.state.size - 1
    with pytest.raises(InvalidError):
        settings_of(town, old=True)
    newer = settings_of(town, last=earlier)
    assert [one.background for one in newer.backgrounds] == [digest("background/2")]
    # A keeper that hides the second and shows the first again.
    hiding = Town()
    hiding.found()
    hiding.admit_signed(hiding.make("background"))
    with pytest.raises(UnverifiedError):
        settings_of(hiding, last=replace(newer, roster=hiding.state.roster.hash))


def test_a_view_that_the_camera_has_not_is_refused(town: Town) -> None:
    with pytest.raises(UnverifiedError):
        settings_of(town, town.make("background", view="sky"))
