"""A custodian's folder on disk: locked, durable, its destroyed keys gone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.base.clock import DAY_US
from custodes.base.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnverifiedError,
)
from custodes.base.sealing import PublicSealingKey
from custodes.custody.card import parse_card
from custodes.custody.client_folder import Seen
from custodes.ledger.checkpoint import Checkpoint

START_US, WEEK_US = 1_800_000_000_000_000, 7 * DAY_US
NETWORK = b"N" * 32


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh folder, to be copied: making one takes a second of Argon2id."""
    path = tmp_path_factory.mktemp("custodian") / "alder"
    CustodianFolder.create(path, "secret", "Ombudsman", START_US, WEEK_US).close()
    return path


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Iterator[CustodianFolder]:
    with CustodianFolder.open(Path(shutil.copytree(template, tmp_path / "alder")), "secret") as opened:
        yield opened


def test_a_folder_opens_again_with_its_passphrase_alone(folder: CustodianFolder) -> None:
    identity, card, live = folder.identity.public, folder.card, folder.live_keys()
    folder.close()
    with pytest.raises(UnauthenticatedError):
        CustodianFolder.open(folder.path, "Secret")
    with CustodianFolder.open(folder.path, "secret") as again:
        assert again.identity.public == identity
        assert again.card == card == parse_card(again.card_signed)
        assert set(again.live_keys()) == set(live) == {key.id for key in card.keys}
        sealed = PublicSealingKey(card.keys[3].key).seal(b"share", b"info")
        assert again.sealing_key(card.keys[3].id).open(sealed, b"info") == b"share"
    assert oct(folder.path.stat().st_mode)[-3:] == "700"
    for file in folder.path.rglob("*"):
        assert oct(file.stat().st_mode)[-3:] == ("700" if file.is_dir() else "600")


def test_a_folder_in_use_is_refused_here_and_to_other_processes(folder: CustodianFolder) -> None:
    with pytest.raises(RefusedError, match="in use"):
        CustodianFolder.open(folder.path, "secret")
    program = (
        "import sys; from pathlib import Path\n"
        "from custodes.adapters.custodian_folder import CustodianFolder\n"
        "from custodes.base.errors import RefusedError\n"
        "try: CustodianFolder.open(Path(sys.argv[1]), 'secret')\n"
        "except RefusedError: sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder.path)], check=False, timeout=120)
    assert done.returncode == 7


def test_what_was_said_is_on_disk_before_it_leaves(folder: CustodianFolder) -> None:
    with pytest.raises(NotFoundError, match="enrolled"):
        folder.remember_checkpoint(Checkpoint("o", 1, b"1" * 32))
    folder.enroll(NETWORK)
    folder.enroll(NETWORK)
    with pytest.raises(RefusedError, match="belongs"):
        folder.enroll(bytes(32))
    note = Checkpoint("o", 4, b"4" * 32)
    folder.remember_decision(b"q" * 32, b"d" * 32, note)
    folder.remember_release(b"q" * 32, b"s" * 32, note)
    for remember in (folder.remember_decision, folder.remember_release):
        with pytest.raises(RefusedError, match="another"):
            remember(b"q" * 32, b"x" * 32, note)
    with pytest.raises(UnverifiedError):
        folder.remember_checkpoint(Checkpoint("o", 4, b"x" * 32))
    with pytest.raises(RefusedError):
        folder.remember(Seen(bytes(32), bytes(32)))
    seen = folder.seen
    folder.close()
    with CustodianFolder.open(folder.path, "secret") as again:
        assert again.seen == seen
        assert (seen.checkpoint_size, seen.decisions) == (4, {b"q" * 32: b"d" * 32})
        with pytest.raises(RefusedError, match="memory"):
            again.restore(seen)


def test_a_lost_memory_is_taken_from_the_ledger(folder: CustodianFolder) -> None:
    folder.restore(Seen(NETWORK, NETWORK, 9, b"9" * 32))
    assert folder.seen.checkpoint_size == 9


def test_a_destroyed_key_is_overwritten_and_gone(folder: CustodianFolder) -> None:
    key = folder.card.keys[0]
    file = folder.path / "keys" / key.id.hex()
    # A second name for the same bytes on the disk.
    os.link(file, folder.path / "witness")
    folder.sealing_key(key.id)
    assert folder.destroy_due(key.destroy_after_us - 1) == ()
    assert folder.destroy_due(key.destroy_after_us) == (key.id,)
    assert (folder.path / "witness").read_bytes() == bytes(83)
    assert not file.exists()
    with pytest.raises(NotFoundError):
        folder.sealing_key(key.id)
    folder.destroy_key(key.id)
    assert folder.destroy_due(key.destroy_after_us) == ()
    assert key.id in folder.key_ids()
    assert key.id not in folder.live_keys()


def test_the_next_weeks_follow_the_last(folder: CustodianFolder) -> None:
    folder.make_weekly_keys(2, WEEK_US)
    hold = folder.make_hold_key(b"H" * 16, 5)
    assert [key.number for key in folder.made] == [1, 2, 3, 4, 5, 6, 7]
    assert folder.made[5].seals_from_us == folder.made[4].seals_until_us
    made = folder.made
    folder.close()
    with CustodianFolder.open(folder.path, "secret") as again:
        assert again.made == made
        assert again.sealing_key(made[6].id).public == made[6].key
        assert set(again.key_ids()) == {*(key.id for key in made), hold.id}


def test_the_key_of_a_hold_is_one_and_ends_with_it(folder: CustodianFolder) -> None:
    hold, other = b"H" * 16, b"I" * 16
    key = folder.make_hold_key(hold, 100)
    assert folder.make_hold_key(hold, 100).id == key.id
    later = folder.make_hold_key(other, 200)
    folder.close()
    with CustodianFolder.open(folder.path, "secret") as again:
        assert again.hold_key(hold).seed() == key.seed()
        assert again.destroy_ended_holds(100) == ()
        assert again.destroy_ended_holds(101) == (hold,)
        assert again.destroy_ended_holds(101) == ()
        assert not (again.path / "keys" / key.id.hex()).exists()
        with pytest.raises(NotFoundError, match="no key of hold"):
            again.hold_key(hold)
        assert again.hold_key(other).id == later.id


def test_a_key_of_a_hold_that_was_not_written_is_made_again(folder: CustodianFolder) -> None:
    hold = b"H" * 16
    lost = folder.make_hold_key(hold, 100)
    folder.close()
    (folder.path / "keys" / lost.id.hex()).unlink()
    with CustodianFolder.open(folder.path, "secret") as again:
        made = again.make_hold_key(hold, 100)
        assert made.id != lost.id
        assert again.hold_key(hold).id == made.id


def test_a_damaged_folder_says_so(folder: CustodianFolder) -> None:
    folder.close()
    one, two = (folder.path / "keys" / key.id.hex() for key in folder.card.keys[:2])
    seen = folder.path / "seen"
    seen.write_bytes(b"{}")
    with pytest.raises(CorruptError, match="damaged"):
        CustodianFolder.open(folder.path, "secret")
    seen.unlink()
    one.write_bytes(two.read_bytes())
    with CustodianFolder.open(folder.path, "secret") as again, pytest.raises(UnauthenticatedError):
        again.sealing_key(folder.card.keys[0].id)
    (folder.path / "identity").unlink()
    with pytest.raises(NotFoundError, match="identity"):
        CustodianFolder.open(folder.path, "secret")


def test_a_folder_is_made_where_nothing_is(folder: CustodianFolder, tmp_path: Path) -> None:
    with pytest.raises(ConflictError):
        CustodianFolder.create(folder.path, "secret", "Ombudsman", START_US, WEEK_US)
    with pytest.raises(NotFoundError):
        CustodianFolder.open(tmp_path / "nowhere", "secret")
