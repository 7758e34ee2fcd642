"""Reads files of a log that somebody else wrote: regular files of a bounded size, and nothing that could block.

A directory that is audited may hold anything. No part of a path may be a symbolic link; a FIFO is opened without
waiting for a writer, and like a device or a folder it is not read; a file that is larger than it may be is refused
before a byte of it is read. Names are ours: nothing is listed that could go on for ever.

Spec: specs/profile-audit.md section 6.
"""

from __future__ import annotations

import stat
from os import O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, close, fspath, fstat, listdir
from os import open as open_descriptor
from os import read as read_descriptor
from os.path import realpath
from types import TracebackType
from typing import Final, NoReturn

from ..._errors import CitizenIDError, Reason, VerificationError

_FOLDER: Final = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
_FILE: Final = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
_CHUNK: Final = 1 << 20
_MAX_NAMES: Final = 4_096
_OPEN_FOLDERS: Final = 64


def path_text(path: object) -> str:
    """Return a path as text. Raises CONFIGURATION_INVALID for what is none."""
    text: object = None
    try:
        text = fspath(path)  # type: ignore[call-overload]  # whatever a caller gives
    except TypeError:
        pass  # refused below
    if type(text) is not str:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.directory")
    return text


class Folder:
    """A folder that is read. The one that is named may be a link; what lies below may not.

    Raises:
        VerificationError: AUDIT_INVALID when it is none, or cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._folders: dict[str, int] = {}
        descriptor = None
        try:
            descriptor = open_descriptor(realpath(fspath(path)), _FOLDER)
        except (OSError, ValueError, TypeError):
            pass
        if descriptor is None:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.directory")
        self._descriptor: Final = descriptor

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for descriptor in self._folders.values():
            close(descriptor)
        close(self._descriptor)

    def names(self) -> list[str]:
        """Return the names in the folder.

        Raises:
            VerificationError: AUDIT_INVALID for more than an audit folder has.
        """
        names: list[str] | None = None
        try:
            names = listdir(self._descriptor)
        except OSError:
            pass  # refused below
        if names is None or len(names) > _MAX_NAMES:
            _refuse()
        return sorted(names)

    def is_folder(self, name: str) -> bool:
        """Whether a name is that of a folder, and no link to one."""
        try:
            close(open_descriptor(name, _FOLDER, dir_fd=self._descriptor))
        except (OSError, ValueError):
            return False
        return True

    def open(self, name: str, bound: int) -> tuple[int, int] | None:
        """Open a file to read. Returns its descriptor and size, or None when there is none of this name.

        Raises:
            VerificationError: AUDIT_INVALID for what is no regular file, or has more than `bound` bytes.
        """
        folder, _, last = name.rpartition("/")
        descriptor, good, size = -1, False, 0
        try:
            descriptor = open_descriptor(last, _FILE, dir_fd=self._folder(folder))
            status = fstat(descriptor)
            size = status.st_size
            good = stat.S_ISREG(status.st_mode) and size <= bound
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            pass  # a link, a socket, no permission: refused below
        if not good:
            if descriptor >= 0:
                close(descriptor)
            _refuse()
        return descriptor, size

    def read(self, name: str, bound: int) -> bytes | None:
        """Read a whole file, or return None when there is none of this name.

        Raises:
            VerificationError: AUDIT_INVALID, as `open`.
        """
        opened = self.open(name, bound)
        if opened is None:
            return None
        descriptor, size = opened
        try:
            return read_exactly(descriptor, size)
        finally:
            close(descriptor)

    def _folder(self, name: str) -> int:
        """Open the folders of a path one below the other, so that none of them can be a link."""
        if not name:
            return self._descriptor
        held = self._folders.get(name)
        if held is None:
            above, _, last = name.rpartition("/")
            held = open_descriptor(last, _FOLDER, dir_fd=self._folder(above))
            if len(self._folders) >= _OPEN_FOLDERS:
                self._forget()
            self._folders[name] = held
        return held

    def _forget(self) -> None:
        for descriptor in self._folders.values():
            close(descriptor)
        self._folders.clear()


def read_exactly(descriptor: int, size: int) -> bytes:
    """Read so many bytes from where the file stands; fewer when it ends, or cannot be read on."""
    parts: list[bytes] = []
    left = size
    try:
        while left:
            part = read_descriptor(descriptor, min(left, _CHUNK))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    except OSError:
        pass  # what is missing is noticed by whoever reads it
    return b"".join(parts)


def _refuse() -> NoReturn:
    raise VerificationError(Reason.AUDIT_INVALID, "audit.file")
