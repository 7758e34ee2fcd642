"""How the writer of a log writes: whole files put in place by one rename, and everything synced before it counts.

The functions of the system stand here by name and are called nowhere else in the writer, so that a test can let each
of them fail.

Spec: specs/profile-audit.md section 4.
"""

from __future__ import annotations

from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from os import (
    O_APPEND,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    close,
    fstat,
    fsync,
    ftruncate,
    lstat,
    mkdir,
    replace,
    write,
)
from os import open as open_descriptor
from os.path import dirname, isdir, join
from shutil import rmtree
from typing import Final

LOCK: Final = "lock"
_SUFFIX: Final = ".new"
_MODE: Final = 0o644
_NEW: Final = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of some bytes.

    Raises:
        OSError: when the system does not take them all.
    """
    view = memoryview(data)
    while view:
        written = write(descriptor, view)
        if written <= 0:
            raise OSError("nothing was written")
        view = view[written:]


class Folder:
    """The folder of one log, as its writer uses it. `put` files, then `sync` once for all of them.

    Raises:
        OSError: from every method.
    """

    def __init__(self, path: str) -> None:
        self.path: Final = path
        self._changed: set[str] = set()
        self.make("")

    def make(self, name: str) -> None:
        """Make a folder below, and those above it, where they are not there."""
        path = join(self.path, name) if name else self.path
        missing = []
        while not isdir(path):
            missing.append(path)
            path = dirname(path) or "."
        for each in reversed(missing):
            with suppress(FileExistsError):
                mkdir(each, 0o755)
            self._changed.add(dirname(each) or ".")

    def put(self, name: str, data: bytes) -> None:
        """Put a file in place, whole and synced. The name itself is on the disk after `sync`."""
        path = join(self.path, name)
        folder = dirname(path)
        if folder not in self._changed:
            self.make(dirname(name))
        descriptor = open_descriptor(path + _SUFFIX, _NEW, _MODE)
        try:
            write_all(descriptor, data)
            fsync(descriptor)
        finally:
            close(descriptor)
        replace(path + _SUFFIX, path)
        self._changed.add(folder)

    def sync(self) -> None:
        """Bring the names of all that was put to the disk."""
        for path in sorted(self._changed):
            descriptor = open_descriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            try:
                fsync(descriptor)
            finally:
                close(descriptor)
        self._changed.clear()

    def open_to_append(self, name: str) -> int:
        """Open a file at whose end is written."""
        return open_descriptor(join(self.path, name), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)

    def open_to_map(self, name: str) -> int:
        """Open a file to be mapped."""
        return open_descriptor(join(self.path, name), O_RDWR | O_NOFOLLOW | O_CLOEXEC)

    def size_of(self, name: str, descriptor: int) -> int:
        """Return the size of a file that is open, or -1 when its name is that of another one by now, or of none."""
        try:
            named = lstat(join(self.path, name))
        except FileNotFoundError:
            return -1
        held = fstat(descriptor)
        return held.st_size if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino) else -1

    def remove_folder(self, name: str) -> None:
        """Remove a folder that is not needed any more; what cannot be removed stays."""
        rmtree(join(self.path, name), ignore_errors=True)

    def lock(self) -> int | None:
        """Take the one place of a writer until the descriptor that is returned is closed; None when it is taken."""
        descriptor = open_descriptor(join(self.path, LOCK), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            close(descriptor)
            return None
        return descriptor


def sync(descriptor: int) -> None:
    """Bring what was written to a file to the disk."""
    fsync(descriptor)


def cut(descriptor: int, size: int) -> None:
    """Cut a file to a size."""
    ftruncate(descriptor, size)


def close_quietly(descriptor: int) -> None:
    """Close a descriptor whose file does not matter any more."""
    with suppress(OSError):
        close(descriptor)
