"""Signing in: what is right, what is wrong, how often, and how long it lasts."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web import open_web_database
from custodes.adapters.sql.web.users import SqlUsers
from custodes.base.clock import HOUR_US, MINUTE_US, ManualClock
from custodes.base.errors import (
    CorruptError,
    CustodesError,
    InvalidError,
    NotFoundError,
    PushbackError,
    UnauthenticatedError,
)
from custodes.estate.rights import EVERYTHING
from custodes.estate.users import User
from custodes.services.users import ABSOLUTE_US, ATTEMPTS, ATTEMPTS_WITHIN_US, IDLE_US, Sessions, Users

PASSWORD = "correct horse battery"
# As cheap as argon2 goes; the parameters in use are tried once, below.
CHEAP = Passwords(iterations=1, memory_kib=8, lanes=1)


@dataclass
class Door:
    users: Users
    sessions: Sessions
    clock: ManualClock
    database: Database
    file: Path


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    clock = ManualClock()
    database = open_web_database(tmp_path / "web.sqlite")
    users = Users(SqlUsers(database), CHEAP, clock)
    users.add(User("otto", "operator", EVERYTHING), PASSWORD)
    yield Door(users, Sessions(database, CHEAP, clock), clock, database, tmp_path / "web.sqlite")
    database.close()


def test_a_session_from_beginning_to_end(door: Door) -> None:
    session = door.sessions.sign_in("otto", PASSWORD, "192.0.2.1")
    assert session.user == User("otto", "operator", EVERYTHING)
    assert door.sessions.find(session.token) == session
    assert door.sessions.count() == 1
    door.sessions.sign_out(session.token)
    door.sessions.sign_out(session.token)
    with pytest.raises(UnauthenticatedError):
        door.sessions.find(session.token)


def test_sessions_differ_and_nothing_secret_is_stored_or_shown(door: Door) -> None:
    one = door.sessions.sign_in("otto", PASSWORD, "a")
    two = door.sessions.sign_in("otto", PASSWORD, "a")
    assert one.token != two.token and one.csrf != two.csrf and one.csrf != one.token
    assert len(one.token) >= 43
    assert one.token not in repr(one) and one.csrf not in repr(one)
    door.database.close()
    stored = b"".join(path.read_bytes() for path in door.file.parent.iterdir())
    with sqlite3.connect(door.file) as connection:
        (password,) = connection.execute("SELECT password FROM users").fetchone()
    assert password.startswith("$argon2id$")
    for secret in (one.token, one.csrf, PASSWORD):
        assert secret.encode() not in stored


def test_wrong_name_and_wrong_password_are_answered_alike(door: Door) -> None:
    said = set()
    for name, password in (
        ("otto", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("Otto", PASSWORD),
        ("\ud800", "\ud800"),
    ):
        with pytest.raises(UnauthenticatedError) as error:
            door.sessions.sign_in(name, password, f"address of {name}")
        said.add(str(error.value))
    assert len(said) == 1


class Counting(Passwords):
    """Counts how often it checks."""

    checked = 0

    def is_right(self, stored: str | None, password: str) -> bool:
        self.checked += 1
        return super().is_right(stored, password)


def test_an_unknown_name_costs_a_check_of_the_same_kind(door: Door) -> None:
    passwords = Counting(iterations=1, memory_kib=8, lanes=1)
    sessions = Sessions(door.database, passwords, door.clock)
    for name in ("otto", "nobody"):
        with pytest.raises(UnauthenticatedError):
            sessions.sign_in(name, "wrong", "a")
    assert passwords.checked == 2
    assert not passwords.is_right(None, "nobody has this password")


@pytest.mark.parametrize("name", ["otto", "nobody"])
def test_five_false_passwords_close_a_name_known_or_not(door: Door, name: str) -> None:
    for number in range(ATTEMPTS):
        with pytest.raises(UnauthenticatedError):
            door.sessions.sign_in(name, "wrong", f"address {number}")
    with pytest.raises(PushbackError):
        door.sessions.sign_in(name, PASSWORD, "another address")
    door.clock.advance(ATTEMPTS_WITHIN_US + 1)
    if name == "otto":
        door.sessions.sign_in(name, PASSWORD, "another address")
    else:
        with pytest.raises(UnauthenticatedError):
            door.sessions.sign_in(name, PASSWORD, "another address")


def test_five_false_passwords_close_an_address(door: Door) -> None:
    for number in range(ATTEMPTS):
        with pytest.raises(UnauthenticatedError):
            door.sessions.sign_in(f"name-{number}", "wrong", "192.0.2.1")
    with pytest.raises(PushbackError):
        door.sessions.sign_in("otto", PASSWORD, "192.0.2.1")
    door.sessions.sign_in("otto", PASSWORD, "192.0.2.2")


def test_right_passwords_close_nothing_and_clear_nothing(door: Door) -> None:
    for _ in range(3 * ATTEMPTS):
        door.sessions.sign_in("otto", PASSWORD, "192.0.2.1")
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(UnauthenticatedError):
            door.sessions.sign_in("otto", "wrong", "192.0.2.1")
    door.sessions.sign_in("otto", PASSWORD, "192.0.2.1")
    with pytest.raises(UnauthenticatedError):
        door.sessions.sign_in("otto", "wrong", "192.0.2.1")
    with pytest.raises(PushbackError):
        door.sessions.sign_in("otto", PASSWORD, "192.0.2.1")


def test_a_restart_opens_nothing_that_was_closed(door: Door) -> None:
    for _ in range(ATTEMPTS):
        with pytest.raises(UnauthenticatedError):
            door.sessions.sign_in("otto", "wrong", "192.0.2.1")
    with pytest.raises(PushbackError):
        Sessions(door.database, CHEAP, door.clock).sign_in("otto", PASSWORD, "192.0.2.9")


def test_it_ends_when_idle(door: Door) -> None:
    session = door.sessions.sign_in("otto", PASSWORD, "a")
    door.clock.advance(IDLE_US - MINUTE_US)
    door.sessions.is_open(session.token)
    door.clock.advance(MINUTE_US)
    with pytest.raises(UnauthenticatedError):
        door.sessions.is_open(session.token)
    with pytest.raises(UnauthenticatedError):
        door.sessions.find(session.token)


def test_it_ends_after_a_day_however_busy(door: Door) -> None:
    session = door.sessions.sign_in("otto", PASSWORD, "a")
    for _ in range(ABSOLUTE_US // (6 * HOUR_US) - 1):
        door.clock.advance(6 * HOUR_US)
        assert door.sessions.find(session.token).ends_us == session.ends_us
    door.clock.advance(6 * HOUR_US)
    with pytest.raises(UnauthenticatedError):
        door.sessions.find(session.token)


def test_users_change_and_go(door: Door) -> None:
    door.users.add(User("ada", "administrator", EVERYTHING), PASSWORD)
    session = door.sessions.sign_in("otto", PASSWORD, "a")
    door.users.change(User("otto", "supervisor", EVERYTHING))
    assert door.sessions.find(session.token).user.role == "supervisor"
    door.users.change(door.users.get("otto"), "another long password")
    wrong: list[tuple[type[CustodesError], str, str]] = [
        (UnauthenticatedError, session.token, ""),
        (UnauthenticatedError, "otto", PASSWORD),
    ]
    with pytest.raises(wrong[0][0]):
        door.sessions.find(session.token)
    with pytest.raises(wrong[1][0]):
        door.sessions.sign_in("otto", PASSWORD, "a")
    again = door.sessions.sign_in("otto", "another long password", "a")
    door.users.remove("otto")
    with pytest.raises(UnauthenticatedError):
        door.sessions.find(again.token)
    with pytest.raises(NotFoundError):
        door.users.get("otto")
    assert [user.name for user in door.users.all()] == ["ada"]


def test_a_password_that_is_none_makes_nobody(door: Door) -> None:
    with pytest.raises(InvalidError, match=r"^password: "):
        door.users.add(User("new", "operator", EVERYTHING), "short")
    with pytest.raises(NotFoundError):
        door.users.get("new")


def test_hashes_of_other_parameters_are_renewed(door: Door) -> None:
    stronger = Passwords(iterations=2, memory_kib=16, lanes=1)
    before = SqlUsers(door.database).get("otto").password
    session = Sessions(door.database, stronger, door.clock).sign_in("otto", PASSWORD, "a")
    after = SqlUsers(door.database).get("otto").password
    assert "t=1" in before and "t=2" in after
    assert door.sessions.find(session.token).user.name == "otto"


def test_the_parameters_in_use() -> None:
    hashed = Passwords().hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert Passwords().is_right(hashed, PASSWORD) and not Passwords().is_right(hashed, PASSWORD + " ")


def test_what_is_no_hash() -> None:
    with pytest.raises(CorruptError):
        CHEAP.is_right("plain", PASSWORD)
