"""The audit log of a gateway: every refusal, in a form that its operator cannot change afterwards without being seen.

    log = AuditLog("/var/lib/gateway/audit", writer="w1", origin="gateway.example/audit", key=key, secret=secret)
    gateway = Gateway(..., audit=log)
    ...
    log.checkpoint()          # from a timer, every minute or so: the heartbeat

A transparency log (C2SP tlog-tiles) with signed checkpoints, one for each writer. Refusals that take a genuine ticket
or credential are entries, on the disk before the answer leaves; what anybody can cause is counted, durably and in
constant space; allowed requests are counted, and sampled if wished. Entries hold nothing of a person but a tag that
changes daily; details are in a file of their own and can be erased.

`verify_audit` (`citizenid audit verify`) checks everything that can be checked. What it cannot see is what a writer
never wrote, and a log that was thrown away whole: keep checkpoints elsewhere, or have a witness cosign them.

POSIX. Spec: specs/profile-audit.md.
"""

from __future__ import annotations

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from ._audit.details import AuditDetails
from ._audit.log import AuditLog, AuditState
from ._audit.merkle import consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion
from ._audit.proofs import prove_inclusion, verify_proof
from ._audit.sink import AuditSink, WhenUnwritable
from ._audit.verification import AuditReport, LogReport, verify_audit

__all__ = [
    "AuditDetails",
    "AuditLog",
    "AuditReport",
    "AuditSink",
    "AuditState",
    "LogReport",
    "WhenUnwritable",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "prove_inclusion",
    "verify_audit",
    "verify_consistency",
    "verify_inclusion",
    "verify_proof",
]
