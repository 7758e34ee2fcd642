"""Writes the file of all status lists: beside the old one, to the disk, and then in its place by one rename.

Whoever reads sees the old file or the new one, each whole, whenever this process dies. The old file is never opened:
to change or cut what others have mapped would take the ground from under them.

Spec: specs/profile-status-list.md section 8; specs/decisions/0016.
"""

from __future__ import annotations

from os import O_RDONLY, PathLike, chmod, close, fdopen, fsync, listdir, replace, unlink
from os import open as open_descriptor
from os.path import basename, dirname, join
from typing import Final

from .._errors import CitizenIDError, Reason
from ._file import checked_path
from ._file_layout import Laid, lay_out
from ._records import StoredStatuses
from ._store import StatusStore

_SUFFIX: Final = ".new"


def write_status_file(path: str | PathLike[str], store: StatusStore, *, mode: int = 0o644) -> bytes:
    """Write all that a store holds, with its high-water marks, to a file that every `StatusFile` of the machine shares.

    One process writes; it alone needs the right to write in the folder. The file takes the place of the old one in one
    step and is on the disk before it does. A writer that was killed leaves a file whose name begins with a dot and ends
    in ".new"; the next one removes it. POSIX: other systems do not replace a file that is mapped.

    Args:
        path: of the file.
        store: what to write.
        mode: who may read it, permission bits alone; what is revoked is no secret.

    Returns:
        The epoch: 32 bytes that two files share only when they say the same.

    Raises:
        CitizenIDError: STATUS_FILE_UNWRITABLE: the old file stays, or, where the disk failed at the very end, the new
            one lies there and is not known to outlast a power cut. LIMIT_EXCEEDED for more than 65,536 lists.
            CONFIGURATION_INVALID for an argument that is not of its type.
    """
    # Here, because every worker imports this file and none writes: it costs milliseconds of each start.
    from tempfile import mkstemp

    target = checked_path(path, "status-file.path")
    if not hasattr(store, "export") or type(mode) is not int or not 0 <= mode <= 0o777:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-file")
    stored = store.export()
    if type(stored) is not StoredStatuses:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "status-file")
    laid = lay_out(stored)
    folder, prefix = dirname(target) or ".", f".{basename(target)}."
    written = False
    temporary = None
    try:
        _remove_left_over(folder, prefix)
        descriptor, temporary = mkstemp(_SUFFIX, prefix, folder)
        _fill(descriptor, laid)
        chmod(temporary, mode)
        replace(temporary, target)
        _sync_folder(folder)
        written = True
    except (OSError, ValueError):
        pass
    if not written:
        _remove(temporary)
        raise CitizenIDError(Reason.STATUS_FILE_UNWRITABLE, "status-file")
    return laid.epoch


def _fill(descriptor: int, laid: Laid) -> None:
    with fdopen(descriptor, "wb") as file:
        position = file.write(laid.front)
        for offset, packed in laid.lists:
            position += file.write(bytes(offset - position))
            position += file.write(packed)
        file.flush()
        fsync(descriptor)


def _sync_folder(folder: str) -> None:
    descriptor = open_descriptor(folder, O_RDONLY)
    try:
        fsync(descriptor)
    finally:
        close(descriptor)


def _remove_left_over(folder: str, prefix: str) -> None:
    for name in listdir(folder):
        # With another point it belongs to the writer of another file, whose name begins with ours.
        if name.startswith(prefix) and name.endswith(_SUFFIX) and "." not in name[len(prefix) : -len(_SUFFIX)]:
            _remove(join(folder, name))


def _remove(path: str | None) -> None:
    try:
        if path is not None:
            unlink(path)
    except OSError:
        pass  # gone already
