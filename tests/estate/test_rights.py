"""Roles, reach, and what follows from the two."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.estate.rights import EVERYTHING, NOTHING, RIGHTS, ROLES, Action, Reach, may
from custodes.estate.users import User, check_new_password
from custodes.ledger.entries import people

SITES = ("Market", "Harbour", "Station")
IDS = tuple(bytes([number]) * 16 for number in range(6))


@dataclass(frozen=True)
class Place:
    id: bytes
    site: str


cameras = st.builds(Place, st.sampled_from(IDS), st.sampled_from(SITES))
reaches = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        lambda sites, ids: Reach(sites=frozenset(sites), cameras=frozenset(ids)),
        st.sets(st.sampled_from(SITES)),
        st.sets(st.sampled_from(IDS)),
    ),
)
roles = st.sampled_from(ROLES)
of_camera = st.sampled_from([action for action in Action if action.of_camera])


@given(roles, reaches, of_camera, cameras)
def test_both_role_and_reach_must_allow(role: str, reach: Reach, action: Action, camera: Place) -> None:
    allowed = may(User("u", role, reach), action, camera)
    assert allowed == (may(User("u", role, EVERYTHING), action, camera) and reach.covers(camera))


@given(roles, reaches, reaches, of_camera, cameras)
def test_more_reach_takes_nothing_away(
    role: str, one: Reach, two: Reach, action: Action, camera: Place
) -> None:
    both = (
        EVERYTHING
        if one.everything or two.everything
        else Reach(sites=one.sites | two.sites, cameras=one.cameras | two.cameras)
    )
    parts = [may(User("u", role, reach), action, camera) for reach in (one, two)]
    assert may(User("u", role, both), action, camera) == any(parts)


@given(roles, of_camera, cameras)
def test_no_reach_no_camera(role: str, action: Action, camera: Place) -> None:
    assert not may(User("u", role, NOTHING), action, camera)


@given(st.text(), st.sampled_from(list(Action)))
def test_an_unknown_role_may_nothing(role: str, action: Action) -> None:
    @dataclass(frozen=True)
    class Stranger:
        role: str
        reach: Reach = EVERYTHING

    assert may(Stranger(role), action) == (action in RIGHTS.get(role, ()))
    assert not may(Stranger(f"{role} "), action) or f"{role} " in ROLES


def test_whoever_does_something_to_a_camera_may_see_it() -> None:
    for role in ROLES:
        done = {action for action in RIGHTS[role] if action.of_camera}
        assert not done or Action.SEE in done


def test_duties_are_parted() -> None:
    assert {role for role in ROLES if Action.MANAGE_USERS in RIGHTS[role]} == {"administrator"}
    assert Action.REPLAY not in RIGHTS["administrator"]
    assert Action.WATCH not in RIGHTS["investigator"]


def test_roles_are_the_ledgers() -> None:
    assert set(RIGHTS) == set(ROLES) == set(people.ROLES)


def test_a_camera_belongs_to_actions_that_are_done_to_one() -> None:
    user = User("u", "administrator", EVERYTHING)
    assert may(user, Action.MANAGE_USERS)
    with pytest.raises(InvalidError):
        may(user, Action.MANAGE_USERS, Place(IDS[0], SITES[0]))


@pytest.mark.parametrize(
    ("everything", "sites", "ids"),
    [
        (True, {"a"}, set()),
        (True, set(), {IDS[0]}),
        (False, set(), {b"short"}),
        (False, map(str, range(5001)), ()),
    ],
)
def test_reach_that_cannot_be(everything: bool, sites: set[str], ids: set[bytes]) -> None:
    with pytest.raises(InvalidError, match=r"^reach: "):
        Reach(everything, frozenset(sites), frozenset(ids))


@pytest.mark.parametrize("name", ["", "A", "a b", ".a", "a-", "a" * 65, "ä", "a\n"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidError, match=r"^name: "):
        User(name, "operator", NOTHING)


def test_a_role_that_is_none() -> None:
    with pytest.raises(InvalidError, match=r"^role: "):
        User("a", "root", NOTHING)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 11, "x" * 1025, "abababababababab", "harbour-master"]
)
def test_passwords_that_are_none(password: str) -> None:
    with pytest.raises(InvalidError, match=r"^password: "):
        check_new_password("harbour-master", password)
    check_new_password("harbour-master", "correct horse battery")
