"""Objects as files of a local folder, durable when a call returns."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from custodes.adapters.objects.drafts import Drafts
from custodes.adapters.objects.paths import check_path, check_prefix, is_component
from custodes.adapters.objects.tree import LOCK_NAME, FolderTree
from custodes.adapters.spool.faults import translate
from custodes.adapters.spool.files import FileOperations, SystemFiles
from custodes.adapters.spool.volume import create_mark
from custodes.base.errors import ConflictError, CustodesError, InvalidError, NotFoundError

_COMPARE_BYTES = 1 << 20
# What opening a path says when no object is there: nothing, a folder, an object for a folder, a link.
_ABSENT = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP})


class LocalObjectStore:
    """Objects below a folder on a local volume; several processes may have it open.

    An object's path is never also another's folder. Folders that empty are removed.
    Durability: bytes, name and every folder's name are flushed when a call returns. A call that raises
    ExhaustedError or UnavailableError may have landed; repeating it is safe.
    """

    def __init__(self, root: Path, volume_id: bytes, files: FileOperations) -> None:
        self.root = root
        self.volume_id = volume_id
        self._files = files
        self._tree = FolderTree(root, volume_id, files)
        self._tree.check()
        with self._changing("store"), self._tree.alone():
            self._drafts = Drafts(root, files)

    @classmethod
    def create(cls, root: Path, files: FileOperations | None = None) -> LocalObjectStore:
        """Make an empty folder a new store; remember its `volume_id`, apart from it.

        Errors: ConflictError when the folder holds anything; ExhaustedError, UnavailableError.
        """
        operations = files or SystemFiles()
        volume_id = create_mark(root, operations)
        try:
            fd = operations.open(root / LOCK_NAME, os.O_CREAT | os.O_RDWR)
            operations.close(fd)
            operations.fsync_folder(root)
        except OSError as error:
            raise translate(error, f"store {root}") from error
        return cls(root, volume_id, operations)

    @classmethod
    def open(cls, root: Path, volume_id: bytes, files: FileOperations | None = None) -> LocalObjectStore:
        """Open the store that has this id and clear what was left half written.

        Errors: UnavailableError when the folder is missing, read-only, empty or another store.
        """
        return cls(root, volume_id, files or SystemFiles())

    def close(self) -> None:
        """Give up the place for half-written files."""
        self._drafts.close()

    def put(self, path: str, data: bytes) -> None:
        """Store a new object. The same bytes again are accepted; other bytes are ConflictError."""
        check_path(path)
        with self._changing(path), self._drafts.flushed(data) as draft:
            self._link(draft, path)

    def swap(self, path: str, data: bytes, expected: bytes | None) -> None:
        """Replace a small object by compare-and-swap; `expected` None means that it must be absent.

        Errors: ConflictError when what is stored is not `expected`; nothing is written then.
        """
        check_path(path)
        with self._changing(path), self._drafts.flushed(data) as draft, self._tree.alone():
            if self._read_if_present(path) != expected:
                raise ConflictError(f"object {path} is not what it was")
            if expected is None:
                if not self._tree.link(draft, path):
                    raise ConflictError(f"object {path}: a folder has this path")
                return
            self._tree.make_folder(PurePosixPath(path).parent)
            self._files.rename(draft, self.root / path)
            self._files.fsync_folder((self.root / path).parent)

    def adopt(self, file: Path, path: str) -> None:
        """Take a finished, flushed local file as a new object and remove it from where it was.

        The same bytes already stored are accepted. Cost: no copy where the file is on this volume.
        Errors: ConflictError when other bytes are stored; NotFoundError when there is no such file.
        """
        check_path(path)
        with self._changing(path):
            if not file.is_file():
                raise NotFoundError(f"file {file.name} to adopt as {path}")
            self._flush(file)
            try:
                self._link(file, path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with self._drafts.flushed(file.read_bytes()) as draft:
                    self._link(draft, path)
            self._files.unlink(file)

    def get(self, path: str) -> bytes:
        """The whole object. Errors: NotFoundError."""
        with self._opened(path) as fd:
            return _read(fd, os.fstat(fd).st_size)

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Errors: NotFoundError; InvalidError past the end."""
        if start < 0 or length < 0:
            raise InvalidError(f"object {path}: a range of {length} bytes from {start}")
        with self._opened(path) as fd:
            size = os.fstat(fd).st_size
            if start + length > size:
                raise InvalidError(f"object {path}: {length} bytes from {start} of {size}")
            os.lseek(fd, start, os.SEEK_SET)
            return _read(fd, length)

    def size(self, path: str) -> int:
        """Bytes of the object. Errors: NotFoundError."""
        with self._opened(path) as fd:
            return os.fstat(fd).st_size

    def list(self, prefix: str) -> Iterator[str]:
        """Paths of all finished objects under a folder prefix ("" for all), ascending.

        Cost: memory for the names of one folder and those above it.
        """
        folder = check_prefix(prefix)
        self._tree.check()
        return self._walk(folder)

    def delete(self, path: str) -> None:
        """Remove an object; that it is absent already is no error."""
        check_path(path)
        target = self.root / path
        with self._changing(path), self._tree.alone():
            try:
                self._files.unlink(target)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
            if target.parent.is_dir():
                self._files.fsync_folder(target.parent)
                self._tree.prune(PurePosixPath(path).parent)

    def free_bytes(self) -> int | None:
        """Bytes that can still be written."""
        self._tree.check()
        with self._changing("store"):
            state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def _link(self, source: Path, path: str) -> None:
        with self._tree.adding():
            if self._tree.link(source, path):
                return
            # Taken: by the same bytes, perhaps of a writer that has not flushed the name yet, or by others.
            if not self._has_bytes_of(path, source):
                raise ConflictError(f"object {path} exists with other bytes")
            self._flush(self.root / path)
            self._files.fsync_folder((self.root / path).parent)

    def _flush(self, file: Path) -> None:
        fd = self._files.open(file, os.O_RDONLY)
        try:
            self._files.fdatasync(fd)
        finally:
            self._files.close(fd)

    def _has_bytes_of(self, path: str, source: Path) -> bool:
        target = self.root / path
        if not target.is_file() or target.stat().st_size != source.stat().st_size:
            return False
        with target.open("rb") as left, source.open("rb") as right:
            while chunk := left.read(_COMPARE_BYTES):
                if chunk != right.read(len(chunk)):
                    return False
        return True

    def _read_if_present(self, path: str) -> bytes | None:
        try:
            return self.get(path)
        except NotFoundError:
            return None

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        check_path(path)
        try:
            fd = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise self._translate(error, path) from error
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotFoundError(f"object {path}")
            yield fd
        except OSError as error:
            raise self._translate(error, path) from error
        finally:
            os.close(fd)

    @contextmanager
    def _changing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._translate(error, path) from error

    def _translate(self, error: OSError, path: str) -> CustodesError:
        if error.errno in _ABSENT:
            # An object is only missing while its volume is there; else nobody may conclude anything.
            self._tree.check()
            return NotFoundError(f"object {path}")
        return translate(error, f"object {path}")

    def _walk(self, folder: str) -> Iterator[str]:
        pending = [self._children(folder)]
        while pending:
            for name, path in pending[-1]:
                if name.endswith("/"):
                    pending.append(self._children(path))
                    break
                yield path
            else:
                pending.pop()
        # A volume that went away meanwhile looks like folders that emptied.
        self._tree.check()

    def _children(self, folder: str) -> Iterator[tuple[str, str]]:
        """Names and paths within a folder, in the order of whole paths: a folder sorts with its slash."""
        start = f"{folder}/" if folder else ""
        try:
            with os.scandir(self.root / folder) as entries:
                names = sorted(
                    entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in entries
                    if is_component(entry.name) and not entry.is_symlink()
                )
        except OSError as error:
            if error.errno in _ABSENT:
                return iter(())
            raise self._translate(error, folder) from error
        return iter([(name, start + name.removesuffix("/")) for name in names])


def _read(fd: int, length: int) -> bytes:
    data = os.read(fd, length)
    if len(data) == length:
        return data
    parts = [data]
    left = length - len(data)
    while left and (data := os.read(fd, left)):
        parts.append(data)
        left -= len(data)
    if left:
        raise InvalidError(f"the object ends {left} bytes before the range")
    return b"".join(parts)
