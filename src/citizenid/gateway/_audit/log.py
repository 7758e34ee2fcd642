"""The log of one writer, put together: what a gateway tells it, what an operator asks of it.

Spec: specs/profile-audit.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from os import PathLike, getpid
from os.path import abspath, join
from threading import Thread
from types import TracebackType
from typing import Final, NamedTuple, final

from ..._crypto import SigningKey, is_secret, refuse_copy
from ..._errors import FAILURES, CitizenIDError, Reason
from ..._model import reading_of
from .details import AuditDetails, Detail, DetailRow, detail_row
from .entry import SALT_BYTES, Tags, allowed_entry, is_time, refused_entry
from .group import NO_ROOM, GroupCommit
from .merkle import consistency_proof
from .note import COSIGNATURE, NOTE_SIGNATURE, VerifierKey, is_origin, verifier_keys
from .peers import Peers
from .proofs import read_tile
from .reading import Folder, path_text
from .settings import check_settings
from .sink import WhenUnwritable, is_entry
from .tally import NAMES, UNWRITTEN, Tally, words
from .wal import MAX_BATCH_ENTRIES
from .witness import cosigned, witness_request
from .writer import LogWriter

_RETRY_S: Final = 1.0
_END_OF_TIME: Final = 2**32


class AuditState(NamedTuple):
    """How the log is doing.

    Attributes:
        size: entries under the last checkpoint.
        time: of the last checkpoint, Unix seconds.
        pending: entries that are on the disk and under no checkpoint yet.
        waiting: entries that are in memory alone.
        writable: whether the last attempt to write succeeded.
        unwritten: refusals that have no entry because there was no room; they are counted.
        details_lost: details that could not be kept; their entries are there.
    """

    size: int
    time: int
    pending: int
    waiting: int
    writable: bool
    unwritten: int
    details_lost: int


@final
class AuditLog:
    """The log of one writer: an `AuditSink`. Safe for threads; after a fork only the parent writes.

    Args:
        directory: the folder of all writers' logs; the log of this one is the folder `writer` in it. On a local disk.
        writer: the name of this writer. One process at a time.
        origin: the name of the deployment, such as "gateway.example/audit"; that of the log is `origin/writer`.
        key: an Ed25519 key that signs nothing but this log's checkpoints.
        secret: at least 32 random bytes, the same for all writers: makes the tags of subjects.
        peers: verifier keys of the other writers. Their checkpoints are named in ours: taken from `directory`, or
            handed to `learn` when they live elsewhere.
        witnesses: verifier keys (type 4) of who may cosign.
        details: where details are kept, or None to keep none.
        when_unwritable: whether requests go on while refusals cannot be written down.
        sample_allowed_every: of so many allowed requests one becomes an entry; None for none.
        checkpoint_every_s: entries are taken into the tree after so long at the latest, by who writes one or by
            `checkpoint`.
        wait_s: how long `settle` waits for others, an hour at most.
        max_waiting: so many entries may wait in memory, and as many be on the disk without a checkpoint.
        clock: wall time in Unix seconds, for heartbeats.
        monotonic: a clock that never goes back, in seconds.
        random: a source of random bytes.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID; AUDIT_WRITER_PRESENT when another process writes this log;
            AUDIT_UNAVAILABLE when the folder cannot be written.
        VerificationError: AUDIT_INVALID, SIGNATURE_INVALID when what is there is damaged, or by another key.
        MalformedError: AUDIT_MALFORMED, for the same and for verifier keys that are none; KEY_INVALID.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        writer: str,
        origin: str,
        key: SigningKey,
        secret: bytes,
        peers: Iterable[str] = (),
        witnesses: Iterable[str] = (),
        details: AuditDetails | None = None,
        when_unwritable: WhenUnwritable = WhenUnwritable.REFUSE,
        sample_allowed_every: int | None = None,
        checkpoint_every_s: int = 10,
        wait_s: float = 5.0,
        max_waiting: int = 65_536,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        check_settings(
            key=key, details=details, when_unwritable=when_unwritable, sample_allowed_every=sample_allowed_every,
            checkpoint_every_s=checkpoint_every_s, wait_s=wait_s, max_waiting=max_waiting, clock=clock,
            monotonic=monotonic, random=random,
        )  # fmt: skip
        if not is_secret(secret):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.secret")
        if not is_origin(writer) or "/" in writer or type(origin) is not str or not is_origin(f"{origin}/{writer}"):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.origin")
        folder = abspath(path_text(directory))  # a process may change its own
        self._path: Final = join(folder, writer)
        self._key: Final = VerifierKey.of(f"{origin}/{writer}", NOTE_SIGNATURE, key.public)
        self._peers: Final = Peers(self._key.name, peers, folder)
        self._witnesses: Final = tuple(verifier_keys(witnesses, COSIGNATURE))
        self._details: Final = details
        self._refuses: Final = when_unwritable is WhenUnwritable.REFUSE
        self._every_s: Final = checkpoint_every_s
        self._max_pending: Final = max_waiting
        self._clock: Final = clock
        self._monotonic: Final = monotonic
        self._random: Final = random
        self._tags: Final = Tags(secret)
        self._process: Final = getpid()
        self._group: Final = GroupCommit[tuple[bytes, DetailRow | None]](
            self._write, self._seal_when_due, most=MAX_BATCH_ENTRIES, wait_s=wait_s, max_waiting=max_waiting,
            monotonic=monotonic,
        )  # fmt: skip
        self._details_lost, self._retry_at, self._seal_at = 0, 0.0, 0.0
        self._writer: Final = LogWriter(self._path, self._key, key, NAMES)
        self._tally: Final = Tally(self._writer.counts, sample_allowed_every)
        if self._writer.checkpoint is not None:
            self._peers.note(self._writer.checkpoint.others)
        self._open = True
        try:
            self.checkpoint()
        except CitizenIDError:
            self._writer.close()
            raise

    # --- what a gateway calls ---

    def allowed(
        self,
        *,
        policy: bytes | None,
        rule: int | None,
        resource: str | None,
        subject: bytes | None,
        marked: bool,
        now: int,
    ) -> Reason | None:
        """Count a request that is about to be allowed; see `AuditSink.allowed`."""
        if self._refuses and not (self._group.writable and getpid() == self._process):
            self._try_again()
            return Reason.AUDIT_UNAVAILABLE
        if self._tally.allowed((policy, rule, resource), marked) and _is_told(subject, now):
            tag = None if subject is None else self._tags.tag(subject, now)
            self._group.add((allowed_entry(now, *words(policy, rule, resource), tag, marked), None))
        return None

    def refused(
        self,
        reason: Reason,
        step: str,
        *,
        policy: bytes | None,
        rule: int | None,
        resource: str | None,
        subject: bytes | None,
        detail: Detail | None,
        now: int,
    ) -> int:
        """Write down, or count, a refusal; see `AuditSink.refused`."""
        name = reason.value
        if getpid() != self._process:  # the counters of a child are its parent's, and so is what waits to be written
            return NO_ROOM
        if not is_entry(reason, step, subject=subject is not None):
            self._tally.refused(name)
            return 0
        if not _is_told(subject, now):  # what no reader takes would spoil the whole log
            self._tally.refused(UNWRITTEN + name)
            return NO_ROOM
        tag = None if subject is None else self._tags.tag(subject, now)
        row = None
        if detail is not None and self._details is not None:
            try:
                row = detail_row(self._random(SALT_BYTES), detail, tag, now)
            except FAILURES:
                self._details_lost += 1  # the entry does not wait for what cannot be kept
        digest = None if row is None else row.commitment
        position = self._group.add((refused_entry(now, name, step, *words(policy, rule, resource), tag, digest), row))
        if position == NO_ROOM:
            self._tally.refused(UNWRITTEN + name)
        return position

    def settle(self, position: int) -> Reason | None:
        """Wait until an entry is on the disk; see `AuditSink.settle`."""
        return None if self._group.settle(position) else Reason.AUDIT_UNAVAILABLE

    # --- what an operator calls ---

    def checkpoint(self) -> None:
        """Take all entries into the tree, state what was counted, and sign a checkpoint with the time.

        Call it from a timer: without requests it is the heartbeat that says that nothing was refused.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE; CLOCK_UNUSABLE; what the signer raises.
        """
        self._enter()
        sealed = False
        try:
            if self._group.flush() and self._is_ours():
                self._seal()
                sealed = True
        except OSError:
            pass
        finally:
            self._group.leave()
        if not sealed:
            raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.checkpoint")

    def learn(self, checkpoint: bytes) -> None:
        """Take note of a checkpoint of a peer that writes elsewhere; the next one of ours names it.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when it is of none of the peers.
            MalformedError: AUDIT_MALFORMED, SIGNATURE_MALFORMED.
            VerificationError: AUDIT_INVALID without a signature of the peer, and for another tree of the size that is
                known: he has shown two histories. SIGNATURE_INVALID.
        """
        self._peers.learn(checkpoint)

    def witness_request(self, old_size: int) -> bytes:
        """Return the body of an add-checkpoint request (C2SP tlog-witness) for the last checkpoint.

        Args:
            old_size: the size that the witness cosigned last, 0 at first. To a wrong one it answers (409) with its own.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for a size beyond the log's; AUDIT_UNAVAILABLE.
            VerificationError: AUDIT_INVALID when tiles are missing.
        """
        self._enter()
        try:
            size, note = self.state().size, self._writer.note
            with Folder(self._path) as folder:
                proof = consistency_proof(old_size, size, read_tile(folder))
        finally:
            self._group.leave()
        return witness_request(note, self._key, old_size, proof)

    def add_cosignatures(self, request: bytes, answer: bytes) -> None:
        """Keep what a witness answered.

        Args:
            request: the body that it was sent, from `witness_request`.
            answer: the body that came back: signature lines.

        Raises:
            MalformedError: AUDIT_MALFORMED, SIGNATURE_MALFORMED.
            VerificationError: AUDIT_INVALID when none of the lines is by a witness of ours; SIGNATURE_INVALID.
            CitizenIDError: AUDIT_UNAVAILABLE.
        """
        sent, lines = cosigned(request, answer, self._key, self._witnesses)
        self._enter()
        written = False
        try:
            self._writer.put_cosigned(sent, lines)
            written = True
        except OSError:
            pass
        finally:
            self._group.leave()
        if not written:
            raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.checkpoint")

    def tag(self, subject: bytes, now: int) -> bytes:
        """Return the tag under which the entries of a subject stand on the day of `now`, integer Unix seconds.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID for what is no time, and a subject that is no bytes.
        """
        if subject is None or not _is_told(subject, now):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "audit.tag")
        return self._tags.tag(subject, now)

    @property
    def verifier_key(self) -> str:
        """The verifier key of this log, for auditors and peers."""
        return self._key.to_text()

    def state(self) -> AuditState:
        """Say how the log is doing."""
        checkpoint = self._writer.checkpoint
        size, at = (0, 0) if checkpoint is None else (checkpoint.size, checkpoint.time)
        return AuditState(
            size,
            at,
            len(self._writer.pending),
            len(self._group),
            self._group.writable,
            self._tally.unwritten(),
            self._details_lost,
        )

    def close(self) -> None:
        """Write what waits, sign a last checkpoint, and let the next writer in. Again, where a thread is writing still.

        Raises:
            CitizenIDError: AUDIT_UNAVAILABLE when something could not be written. The log is closed nevertheless.
        """
        try:
            if self._open:
                self.checkpoint()
        finally:
            self._open = self._group.writable = False
            self._tally.close()
            free = self._group.enter()  # not under a thread that writes: its descriptor would be another file's
            if free:
                self._writer.close()
                self._group.leave()
        if not free:
            raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.directory")

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<AuditLog>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy

    # --- inside, for the one thread that has the place of the writer ---

    def _enter(self) -> None:
        if not self._group.enter():
            raise CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit.directory")

    def _is_ours(self) -> bool:
        return self._open and getpid() == self._process

    def _write(self, group: Sequence[tuple[bytes, DetailRow | None]]) -> bool:
        """Bring entries to the disk, their details first: details without an entry are harmless."""
        if not self._is_ours():
            return False
        rows = [row for _, row in group if row is not None]
        if rows and self._details is not None:
            try:
                self._details.keep(rows)
            except CitizenIDError:
                self._details_lost += len(rows)
        try:
            if len(self._writer.pending) >= self._max_pending:
                self._seal()
            self._writer.append([entry for entry, _ in group])
        except FAILURES:
            return False
        return True

    def _seal_when_due(self) -> None:
        # A clock that was wrong once, ahead or no number, does not put the next one off for ever.
        if not self._seal_at - self._every_s <= self._monotonic() < self._seal_at:
            try:
                self._seal()
            except FAILURES:
                self._seal_at = self._monotonic() + self._every_s  # `state` shows how old the last one is

    def _seal(self) -> None:
        now = self._time()
        self._tally.state(now, self._writer.append)
        self._peers.look()
        self._writer.seal(now, self._peers.heads())
        self._seal_at = self._monotonic() + self._every_s

    def _time(self) -> int:
        now = int(reading_of(self._clock))
        if not 0 <= now < _END_OF_TIME:
            raise CitizenIDError(Reason.CLOCK_UNUSABLE, "clock")
        return now

    def _try_again(self) -> None:
        """Begin to write what waits, at most once a second, in a thread: no request waits for the disk here."""
        now = self._monotonic()
        if self._retry_at - _RETRY_S <= now < self._retry_at or not self._is_ours():
            return
        self._retry_at = now + _RETRY_S
        try:
            Thread(target=self._flush, daemon=True, name="citizenid-audit").start()
        except RuntimeError:
            pass  # no thread can be had: whoever refuses or takes a checkpoint tries as well

    def _flush(self) -> None:
        if self._group.enter():
            try:
                self._group.flush()
            finally:
                self._group.leave()


def _is_told(subject: object, now: object) -> bool:
    """Whether an entry can be written of what a gateway tells."""
    return is_time(now) and (subject is None or type(subject) is bytes)
