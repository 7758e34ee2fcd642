"""The audit log: writing an entry down, counting, and verifying a whole log.

An entry is measured as it comes under load: 256 of them share one sync. CPU time of this thread, the calls of the
system included; what the disk itself takes is shown by the clock on the wall, for one entry alone, and judges nobody.
Floor of an entry: the HMAC of its tag and the hash of its leaf. Floor of verifying: reading the entries' bundles, and
one hash for each entry and each node of the tree.
"""

from __future__ import annotations

import hashlib
import hmac
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from citizenid import LocalKey, Reason
from citizenid.gateway.audit import AuditLog, verify_audit

from ._measure import Plan, Samples, interleave
from ._report import Kind, Row

_GROUP: Final = 256
_APPEND_US: Final = 10.0
_VERIFY_S: Final = 20.0  # for a million entries
_NOW: Final = 1_800_000_000
_POLICY: Final = bytes(16)
_SUBJECT: Final = bytes(16)
_ROOM: Final = 10_000_000


def rows(plan: Plan) -> Iterator[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(Path(folder))
        yield from _append(log, plan)
        yield from _count(log, plan)
        yield _settle(log, plan)
        log.close()
    with tempfile.TemporaryDirectory() as folder:
        yield _verify(Path(folder), plan.audited)


def open_log(folder: Path) -> AuditLog:
    return AuditLog(
        folder,
        writer="w",
        origin="gateway.example/audit",
        key=LocalKey.generate("Ed25519"),
        secret=bytes(range(32)),
        checkpoint_every_s=_ROOM,
        max_waiting=_ROOM,
    )


def refuse(log: AuditLog) -> int:
    return log.refused(
        Reason.CITIZENSHIP_NOT_PERMITTED,
        "policy",
        policy=_POLICY,
        rule=3,
        resource="claude-3.5-opus",
        subject=_SUBJECT,
        detail=None,
        now=_NOW,
    )


def _append(log: AuditLog, plan: Plan) -> Iterator[Row]:
    entry = bytes(130)

    def append(_: int) -> object:
        for _each in range(_GROUP):
            position = refuse(log)
        return log.settle(position)

    def floor(_: int) -> None:
        for _each in range(_GROUP):
            hmac.digest(_POLICY, _SUBJECT, "sha256")
            hashlib.sha256(entry).digest()

    runs: dict[str, Callable[[int], object]] = {"step": append, "floor": floor}
    samples = interleave(lambda count: range(count), runs, plan, accept=lambda answer: answer is None)
    us = samples.us() / _GROUP
    yield Row(
        name="audit-append",
        step=f"write a refusal down, {_GROUP} at once",
        value=us,
        unit="us",
        floor=samples.us("floor") / _GROUP,
        floor_is="1 HMAC, 1 SHA-256",
        target=_APPEND_US,
        reached=us <= _APPEND_US,
        kind=Kind.FIGURE,
        note="one sync for all of them",
        details=_details(samples),
    )
    entries = log.state().pending
    started = time.thread_time()
    log.checkpoint()
    us = (time.thread_time() - started) / entries * 1e6
    yield Row(name="audit-tree", step="take it into the tree, later", value=us, unit="us", note=f"{entries:,} at once")


def _count(log: AuditLog, plan: Plan) -> Iterator[Row]:
    def allowed(_: int) -> object:
        return log.allowed(policy=_POLICY, rule=1, resource="gpt-4o", subject=_SUBJECT, marked=False, now=_NOW)

    def counted(_: int) -> object:
        return log.refused(
            Reason.TICKET_INVALID,
            "ticket",
            policy=None,
            rule=None,
            resource=None,
            subject=None,
            detail=None,
            now=_NOW,
        )

    for name, step, run, good in (
        ("audit-allowed", "count an allowed request", allowed, None),
        ("audit-counted", "count a refusal of garbage, durably", counted, 0),
    ):
        runs: dict[str, Callable[[int], object]] = {"step": run}
        samples = interleave(lambda count: range(count), runs, plan, accept=lambda answer, good=good: answer == good)
        yield Row(name=name, step=step, value=samples.us(), unit="us")


def _settle(log: AuditLog, plan: Plan) -> Row:
    few = plan._replace(samples=min(plan.samples, 5), sample_s=min(plan.sample_s, 0.010))
    runs: dict[str, Callable[[int], object]] = {"step": lambda _: log.settle(refuse(log))}
    samples = interleave(
        lambda count: range(count), runs, few, accept=lambda answer: answer is None, clock=time.perf_counter_ns
    )
    return Row(
        name="audit-settle",
        step="write a refusal down, alone",
        value=samples.us(),
        unit="us",
        note="by the clock on the wall",
        details=_details(samples),
    )


def _verify(folder: Path, entries: int) -> Row:
    with open_log(folder) as log:
        key = log.verifier_key
        for number in range(1, entries + 1):
            position = refuse(log)
            if number % 4_096 == 0 or number == entries:
                assert log.settle(position) is None
            if number % 100_000 == 0:
                log.checkpoint()
    started = time.thread_time()
    report = verify_audit(folder, keys=[key], now=_NOW)
    taken = time.thread_time() - started
    assert report.logs[0].size == entries
    started = time.thread_time()
    _floor(folder / "w" / "tile" / "entries")
    floor = time.thread_time() - started
    target = _VERIFY_S * entries / 1_000_000
    return Row(
        name="audit-verify",
        step=f"verify a log of {entries:,} entries",
        value=taken,
        unit="s",
        floor=floor,
        floor_is="reading the entries, 2 SHA-256 for each",
        target=target,
        reached=taken <= target,
        kind=Kind.FIGURE,
        note=f"{taken / entries * 1e6:.1f} us an entry",
    )


def _floor(bundles: Path) -> None:
    for path in bundles.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            place = 0
            while place < len(data):
                end = place + 2 + int.from_bytes(data[place : place + 2], "big")
                leaf = hashlib.sha256(b"\0" + data[place + 2 : end]).digest()
                hashlib.sha256(b"\1" + leaf + leaf).digest()
                place = end


def _details(samples: Samples) -> dict[str, object]:
    return {"iterations": samples.iterations, "samples": {name: list(us) for name, us in samples.runs.items()}}
