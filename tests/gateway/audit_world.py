"""What the tests of the audit log share: keys, a clock, a log in a folder, and how refusals are asserted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from citizenid import CitizenIDError, LocalKey, MalformedError, Reason, VerificationError
from citizenid._wire import base64url
from citizenid.gateway._audit.note import COSIGNATURE, VerifierKey, cosign, open_note
from citizenid.gateway.audit import AuditLog, AuditReport, verify_audit

NOW: Final = 1_800_000_000
ORIGIN: Final = "gateway.example/audit"
SECRET: Final = bytes(range(32))
POLICY: Final = bytes(range(16))
SUBJECT: Final = b"session of a person"


def key(name: str) -> LocalKey:
    """An Ed25519 key that is the same in every run."""
    return LocalKey.from_jwk(_jwk(hashlib.sha256(name.encode()).digest()))


def _jwk(secret: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    encode = base64url.encode_text
    return {"kty": "OKP", "crv": "Ed25519", "x": encode(public), "d": encode(secret)}


class Clock:
    """Wall and monotonic time that move when they are told to."""

    def __init__(self) -> None:
        self.now: float = NOW
        self.elapsed = 0.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.elapsed += seconds


def open_log(folder: Path, writer: str = "w1", clock: Clock | None = None, **changes: Any) -> AuditLog:
    clock = Clock() if clock is None else clock
    arguments: dict[str, Any] = {
        "writer": writer,
        "origin": ORIGIN,
        "key": key(writer),
        "secret": SECRET,
        "clock": clock.wall,
        "monotonic": clock.monotonic,
        "checkpoint_every_s": 1_000_000,  # a test says when
    }
    return AuditLog(folder, **{**arguments, **changes})


def vkey(writer: str = "w1") -> str:
    return VerifierKey.of(f"{ORIGIN}/{writer}", 1, key(writer).public).to_text()


def witness_key(name: str = "witness.example/w") -> str:
    return VerifierKey.of(name, COSIGNATURE, key(name).public).to_text()


def witness(request: bytes, name: str = "witness.example/w", time: int = NOW) -> bytes:
    """A witness that believes everything."""
    checkpoint = open_note(request.partition(b"\n\n")[2])
    return cosign(checkpoint, VerifierKey.parse(witness_key(name), COSIGNATURE), key(name), time)


def refuse(
    log: AuditLog,
    reason: Reason = Reason.CITIZENSHIP_NOT_PERMITTED,
    step: str = "policy",
    *,
    subject: bytes | None = SUBJECT,
    detail: dict[str, Any] | None = None,
    rule: int | None = 3,
    resource: str | None = "claude-3.5-opus",
    now: int = NOW,
) -> int:
    return log.refused(
        reason, step, policy=POLICY, rule=rule, resource=resource, subject=subject, detail=detail, now=now
    )


def settle(log: AuditLog, count: int = 1, **changes: Any) -> None:
    """Refuse, and have it written."""
    for _ in range(count):
        position = refuse(log, **changes)
    assert log.settle(position) is None


def allow(
    log: AuditLog, *, rule: int | None = 1, resource: str | None = "gpt-4o", subject: bytes | None = SUBJECT
) -> Any:
    return log.allowed(policy=POLICY, rule=rule, resource=resource, subject=subject, marked=False, now=NOW)


def verify(folder: Path, *writers: str, **changes: Any) -> AuditReport:
    keys = [vkey(writer) for writer in writers or ("w1",)]
    return verify_audit(folder, **{"keys": keys, "now": NOW, **changes})


def refused(call: Callable[[], object], reason: Reason, where: str | None = None) -> CitizenIDError:
    """Assert that a call is refused with a Reason, in the class of errors that belongs to it."""
    with pytest.raises(CitizenIDError) as caught:
        call()
    error = caught.value
    assert error.reason is reason, (error.reason, error.where)
    kinds = {
        Reason.AUDIT_MALFORMED: MalformedError,
        Reason.INPUT_TOO_LARGE: MalformedError,
        Reason.SIGNATURE_MALFORMED: MalformedError,
        Reason.AUDIT_INVALID: VerificationError,
        Reason.SIGNATURE_INVALID: VerificationError,
    }
    assert type(error) is kinds.get(reason, CitizenIDError)
    assert error.__context__ is None and error.__cause__ is None
    if where is not None:
        assert error.where == where
    return error
