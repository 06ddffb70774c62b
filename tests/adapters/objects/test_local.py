"""A local store: its volume, its leftovers, its disk's errors."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.spool.breakable import BreakableFiles
from custodes.adapters.spool.files import SystemFiles
from custodes.base.errors import ConflictError, ExhaustedError, NotFoundError, UnavailableError


def drafts(root: Path) -> list[str]:
    return [child.name for child in (root / ".tmp").iterdir() if child.suffix != ".owner"]


def test_what_was_put_is_there_after_opening_again(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "store")
    store.put("a/b", b"x")
    store.close()
    again = LocalObjectStore.open(tmp_path / "store", store.volume_id)
    assert again.get("a/b") == b"x"
    again.close()


def test_create_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ConflictError):
        LocalObjectStore.create(tmp_path)
    store = LocalObjectStore.create(tmp_path / "store")
    store.close()
    with pytest.raises(ConflictError):
        LocalObjectStore.create(tmp_path / "store")


def test_another_volume_is_unavailable(tmp_path: Path) -> None:
    one = LocalObjectStore.create(tmp_path / "one")
    two = LocalObjectStore.create(tmp_path / "two")
    with pytest.raises(UnavailableError, match="not the volume"):
        LocalObjectStore.open(tmp_path / "one", two.volume_id)
    with pytest.raises(UnavailableError):
        LocalObjectStore.open(tmp_path / "three", one.volume_id)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnavailableError):
        LocalObjectStore.open(tmp_path / "empty", one.volume_id)
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "three").exists()
    one.close()
    two.close()


@pytest.mark.parametrize("instead", ["nothing", "an empty folder", "another store"])
def test_a_volume_that_goes_away_is_never_taken_for_an_empty_one(tmp_path: Path, instead: str) -> None:
    root = tmp_path / "store"
    store = LocalObjectStore.create(root)
    store.put("a/b", b"x")
    (tmp_path / "reel").write_bytes(b"reel")
    root.rename(tmp_path / "unplugged")
    if instead == "an empty folder":
        root.mkdir()
    elif instead == "another store":
        LocalObjectStore.create(root).close()
    for call in (
        lambda: store.get("a/b"),
        lambda: store.size("a/c"),
        lambda: store.put("a/c", b"y"),
        lambda: store.swap("a/c", b"y", None),
        lambda: store.adopt(tmp_path / "reel", "a/c"),
        lambda: store.delete("a/b"),
        lambda: list(store.list("")),
        lambda: store.free_bytes(),
    ):
        with pytest.raises(UnavailableError):
            call()
    assert (tmp_path / "reel").exists()
    assert instead != "an empty folder" or list(root.iterdir()) == []
    if root.exists():
        shutil.rmtree(root)
    (tmp_path / "unplugged").rename(root)
    assert store.get("a/b") == b"x"
    store.put("a/c", b"y")
    store.close()


def test_a_volume_that_goes_away_during_a_listing_ends_it_with_an_error(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = LocalObjectStore.create(root)
    for number in range(5):
        store.put(f"{number}/x", b"x")
    listing = store.list("")
    assert next(listing) == "0/x"
    root.rename(tmp_path / "unplugged")
    with pytest.raises(UnavailableError):
        list(listing)
    store.close()


@pytest.mark.parametrize(
    ("operation", "number", "kind"),
    [
        ("pwritev", errno.ENOSPC, ExhaustedError),
        ("pwritev", errno.EDQUOT, ExhaustedError),
        ("open", errno.EROFS, UnavailableError),
        ("pwritev", errno.EIO, UnavailableError),
        ("fdatasync", errno.EIO, UnavailableError),
        ("fdatasync", errno.ENOSPC, ExhaustedError),
        ("link", errno.ENOSPC, ExhaustedError),
        ("link", errno.EROFS, UnavailableError),
        ("fsync_folder", errno.EIO, UnavailableError),
    ],
)
def test_errors_of_the_disk_have_a_kind_and_a_repeat_heals(
    tmp_path: Path, operation: str, number: int, kind: type[Exception]
) -> None:
    files = BreakableFiles()
    store = LocalObjectStore.create(tmp_path / "store", files)
    files.fail(operation, number)
    with pytest.raises(kind):
        store.put("a/b", b"bytes")
    with pytest.raises(kind):
        store.swap("c", b"bytes", None)
    assert drafts(tmp_path / "store") == []
    files.mend()
    store.put("a/b", b"bytes")
    assert store.get("a/b") == b"bytes"
    store.close()


def test_what_was_left_half_written_goes_at_opening_but_not_a_living_store_s(tmp_path: Path) -> None:
    root = tmp_path / "store"
    living = LocalObjectStore.create(root)
    owner = next(child.stem for child in (root / ".tmp").iterdir())
    (root / ".tmp" / f"{owner}.draft").write_bytes(b"being written")
    (root / ".tmp" / "dead.owner").write_bytes(b"")
    (root / ".tmp" / "dead.draft").write_bytes(b"left")
    (root / ".tmp" / "nobody.draft").write_bytes(b"left")
    other = LocalObjectStore.open(root, living.volume_id)
    assert drafts(root) == [f"{owner}.draft"]
    assert list(other.list("")) == []
    living.close()
    other.close()


def test_folders_that_empty_are_removed(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "store")
    store.put("streams/s/day/epoch/reel", b"x")
    store.put("streams/s/other", b"x")
    store.delete("streams/s/day/epoch/reel")
    assert [child.name for child in (tmp_path / "store" / "streams" / "s").iterdir()] == ["other"]
    store.delete("streams/s/other")
    assert not (tmp_path / "store" / "streams").exists()
    store.close()


def test_adopt_from_another_device_copies(tmp_path: Path) -> None:
    class OtherDevice(SystemFiles):
        def link(self, source: Path, target: Path) -> None:
            if source.parent.name == "elsewhere":
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            super().link(source, target)

    store = LocalObjectStore.create(tmp_path / "store", OtherDevice())
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "reel"
    file.write_bytes(b"reel")
    store.adopt(file, "a/reel")
    assert store.get("a/reel") == b"reel"
    assert not file.exists()
    store.close()


def test_links_out_of_the_store_are_not_followed(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "store")
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "store" / "a").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFoundError):
        store.get("a")
    assert list(store.list("")) == []
    store.close()


COUNT_UP = """
import sys
from pathlib import Path
from custodes.adapters.objects.local import LocalObjectStore
from custodes.base.errors import ConflictError

store = LocalObjectStore.open(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
for turn in range(10):
    while True:
        now = store.get("counter")
        try:
            store.swap("counter", str(int(now) + 1).encode(), now)
            break
        except ConflictError:
            continue
    path = f"folder/{sys.argv[3]}-{turn}"
    store.put(path, b"x")
    store.delete(path)
store.close()
"""


def test_processes_share_a_store(tmp_path: Path) -> None:
    store = LocalObjectStore.create(tmp_path / "store")
    store.put("counter", b"0")
    command = [sys.executable, "-c", COUNT_UP, str(store.root), store.volume_id.hex()]
    workers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [worker.wait(120) for worker in workers] == [0, 0, 0]
    assert store.get("counter") == b"30"
    assert list(store.list("")) == ["counter"]
    store.close()
