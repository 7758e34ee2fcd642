"""The other writers' logs: their checkpoints, as far as this writer has seen them verified.

Every checkpoint names the log of every peer with a size and a root, so that whoever keeps one checkpoint can tell
whether any of the logs was thrown away or cut.

Spec: specs/profile-audit.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Final

from ..._errors import CitizenIDError, Reason, VerificationError
from .merkle import EMPTY_ROOT
from .note import MAX_NOTE_BYTES, Head, is_origin, keys_of_logs, newest, open_checkpoint
from .reading import Folder
from .writer import CHECKPOINT


class Peers:
    """The peers of one writer.

    Args:
        own: the name of the writer's own log.
        keys: verifier keys of the others.
        directory: where logs of peers may lie.

    Raises:
        MalformedError: AUDIT_MALFORMED, KEY_INVALID.
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(self, own: str, keys: Iterable[str], directory: str) -> None:
        self._keys: Final = keys_of_logs(keys)
        if own in self._keys or not all(map(is_origin, self._keys)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.peers")
        self._directory: Final = directory
        self._lock: Final = Lock()
        self._heads: dict[str, Head] = {}

    def learn(self, checkpoint: bytes) -> None:
        """Take note of a checkpoint of a peer.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when it is of none of the peers.
            MalformedError: AUDIT_MALFORMED, SIGNATURE_MALFORMED.
            VerificationError: AUDIT_INVALID without a signature of the peer, and for another tree of the size that is
                known; SIGNATURE_INVALID.
        """
        name = checkpoint.partition(b"\n")[0].decode("utf-8", "replace") if type(checkpoint) is bytes else ""
        key = self._keys.get(name)
        if key is None:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.peers")
        head = open_checkpoint(checkpoint, key).head
        held = self._heads.get(head.origin, head)
        if held.size == head.size and held.root != head.root:
            raise VerificationError(Reason.AUDIT_INVALID, "audit.others")
        self.note((head,))

    def note(self, heads: Iterable[Head]) -> None:
        """Take note of heads that were verified; of each log the largest counts."""
        with self._lock:
            self._heads = {head.origin: head for head in newest((*self._heads.values(), *heads))}

    def look(self) -> None:
        """Read the checkpoints of peers that write in the same directory; one that is missing or wrong says nothing."""
        for name, key in self._keys.items():
            try:
                with Folder(self._directory) as folder:
                    data = folder.read(f"{name.rpartition('/')[2]}/{CHECKPOINT}", MAX_NOTE_BYTES)
                if data is not None:
                    self.note((open_checkpoint(data, key).head,))
            except CitizenIDError:
                pass

    def heads(self) -> tuple[Head, ...]:
        """Return the last known head of every peer; of one that was never seen, the empty log."""
        return tuple(self._heads.get(name, Head(name, 0, EMPTY_ROOT)) for name in sorted(self._keys))
