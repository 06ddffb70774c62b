"""Web's own database: its schema, and that a user goes with all that is the user's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from custodes.adapters.sql.database import Database
from custodes.adapters.sql.web import open_web_database
from custodes.adapters.sql.web.layouts import SqlLayouts, StoredLayout
from custodes.adapters.sql.web.schema import METADATA
from custodes.adapters.sql.web.sessions import SqlAttempts, SqlSessions
from custodes.adapters.sql.web.users import SqlUsers
from custodes.base.errors import ConflictError, ExhaustedError, NotFoundError, RefusedError
from custodes.estate.rights import EVERYTHING, Reach
from custodes.estate.users import User

ADMIN = User("ada", "administrator", EVERYTHING)
OPERATOR = User("otto", "operator", Reach(sites=frozenset({"Market"}), cameras=frozenset({b"c" * 16})))


@pytest.fixture
def web_database(tmp_path: Path) -> Iterator[Database]:
    database = open_web_database(tmp_path / "web.sqlite")
    yield database
    database.close()


def test_migrations_make_the_schema(web_database: Database) -> None:
    with web_database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_every_column_says_what_it_holds() -> None:
    for table in METADATA.tables.values():
        assert all(column.comment for column in table.columns), table.name


def test_users_come_back_as_they_were(web_database: Database) -> None:
    users = SqlUsers(web_database)
    users.add(OPERATOR, "hash", 7)
    users.add(ADMIN, "other", 8)
    assert [stored.user for stored in users.all()] == [ADMIN, OPERATOR]
    stored = users.get("otto")
    assert (stored.user, stored.password, stored.created_us) == (OPERATOR, "hash", 7)
    assert "hash" not in repr(stored)
    with pytest.raises(ConflictError, match="otto"):
        users.add(User("otto", "supervisor", EVERYTHING), "x", 9)
    assert users.get("otto") == stored


def test_the_last_who_manages_users_stays(web_database: Database) -> None:
    users = SqlUsers(web_database)
    users.add(OPERATOR, "x", 1)
    users.add(ADMIN, "x", 1)
    with pytest.raises(RefusedError, match="ada"):
        users.remove("ada")
    with pytest.raises(RefusedError, match="ada"):
        users.change(User("ada", "operator", EVERYTHING))
    assert users.get("ada").user == ADMIN
    users.add(User("abe", "administrator", EVERYTHING), "x", 2)
    users.remove("ada")
    with pytest.raises(NotFoundError):
        users.remove("ada")
    users.remove("otto")
    with pytest.raises(RefusedError, match="abe"):
        users.remove("abe")
    assert users.count() == 1


def test_what_is_a_users_goes_with_the_user(web_database: Database) -> None:
    users, sessions, layouts = SqlUsers(web_database), SqlSessions(web_database), SqlLayouts(web_database)
    users.add(ADMIN, "x", 1)
    users.add(OPERATOR, "x", 1)
    sessions.add(b"t" * 32, "otto", 5, 0)
    layouts.put("otto", StoredLayout("last", b"{}", 5), 3)
    assert sessions.find(b"t" * 32) is not None
    users.remove("otto")
    assert sessions.find(b"t" * 32) is None
    assert layouts.all("otto") == []


def test_sessions_show_the_user_as_of_now(web_database: Database) -> None:
    users, sessions = SqlUsers(web_database), SqlSessions(web_database)
    users.add(ADMIN, "x", 1)
    users.add(OPERATOR, "x", 1)
    sessions.add(b"t" * 32, "otto", 5, 0)
    users.change(User("otto", "supervisor", EVERYTHING))
    found = sessions.find(b"t" * 32)
    assert found is not None and found.user.role == "supervisor"
    users.change(found.user, "new hash")
    assert sessions.find(b"t" * 32) is None
    sessions.add(b"u" * 32, "otto", 100, 0)
    sessions.add(b"v" * 32, "otto", 200, 150)
    assert sessions.find(b"u" * 32) is None and sessions.count(0) == 1


def test_attempts_are_counted_for_each_whom_they_concern(web_database: Database) -> None:
    attempts = SqlAttempts(web_database)
    name, address, other = b"n" * 32, b"a" * 32, b"o" * 32
    assert attempts.reserve((name, address), 10, 0, 2)
    second = attempts.reserve((name, other), 11, 0, 2)
    assert second is not None
    assert attempts.reserve((name, b"z" * 32), 12, 0, 2) is None
    assert attempts.reserve((other,), 12, 0, 2) is not None
    attempts.give_back(second)
    assert attempts.reserve((name,), 13, 0, 2) is not None
    assert attempts.reserve((name,), 14, 0, 2) is None
    assert attempts.reserve((name,), 14, 11, 2) is not None


def test_layouts(web_database: Database) -> None:
    layouts = SqlLayouts(web_database)
    first = StoredLayout("last", b'{"tiles":[]}', 5)
    layouts.put("otto", first, 2)
    layouts.put("otto", StoredLayout("night", b"{}", 6), 2)
    layouts.put("otto", StoredLayout("last", b"{}", 7), 2)
    with pytest.raises(ExhaustedError, match="2"):
        layouts.put("otto", StoredLayout("third", b"{}", 8), 2)
    assert [one.name for one in layouts.all("otto")] == ["last", "night"]
    assert layouts.get("otto", "last").changed_us == 7
    with pytest.raises(NotFoundError):
        layouts.get("ada", "last")
    layouts.remove("otto", "last")
    with pytest.raises(NotFoundError):
        layouts.remove("otto", "last")
