"""What a gateway tells its audit log, and which refusals become entries.

Two kinds of refusals. What anybody can cause who has proven nothing is counted, durably and in constant space: whoever
floods a gateway with garbage fills no disk. What takes a genuine ticket or a genuine credential to cause is an entry,
written before the answer leaves. The table is closed: each step, and each Reason that differs from its step, is in it.

Spec: specs/profile-audit.md section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol

from ..._errors import FORM, Reason

_COUNT: Final = False
_ENTRY: Final = True
_SUBJECT: Final = None  # an entry when the gateway knows whose ticket or credential it was

# By the step at which it was refused. Up to V4 no issuer's signature over a readable credential has been seen.
_BY_STEP: Final[Mapping[str, bool | None]] = {
    "V1": _COUNT,
    "V2": _COUNT,
    "V3": _COUNT,
    "V4": _COUNT,
    "V5": _ENTRY,
    "V6": _ENTRY,
    "V7": _ENTRY,
    "V8": _ENTRY,
    "V9": _ENTRY,
    "request": _COUNT,
    "challenge": _COUNT,
    "replay": _SUBJECT,
    "proof": _SUBJECT,
    "ticket": _SUBJECT,
    "policy": _SUBJECT,
    "sharing": _SUBJECT,
    "audit": _COUNT,
    FORM: _SUBJECT,
    # None of these refuses a request; if one did, it would be written down.
    "status": _ENTRY,
    "configuration": _ENTRY,
    "issue": _ENTRY,
    "present": _ENTRY,
    "publish": _ENTRY,
}
_BY_REASON: Final[Mapping[Reason, bool | None]] = {
    # Without a ticket that we sealed, nobody has proven anything.
    Reason.TICKET_MISSING: _COUNT,
    Reason.TICKET_INVALID: _COUNT,
    # Nothing was decided about anybody: our own side was not able to.
    Reason.STATUS_LIST_UNAVAILABLE: _COUNT,
    Reason.STATUS_LIST_STALE: _COUNT,
    Reason.REPLAY_GUARD_FULL: _COUNT,
    Reason.REPLAY_GUARD_UNAVAILABLE: _COUNT,
    Reason.SIGN_OUTS_FULL: _COUNT,
    Reason.SIGN_OUTS_UNAVAILABLE: _COUNT,
    Reason.STORE_UNAVAILABLE: _COUNT,
    Reason.CLOCK_UNUSABLE: _COUNT,
    Reason.CONFIGURATION_INVALID: _COUNT,
}


def is_entry(reason: Reason, step: str, *, subject: bool) -> bool:
    """Whether a refusal becomes an entry of its own; otherwise it is counted.

    Args:
        reason: why.
        step: at which step or door.
        subject: whether the gateway knows whose genuine ticket or credential it was.
    """
    kind = _BY_REASON[reason] if reason in _BY_REASON else _BY_STEP.get(step, _ENTRY)
    return subject if kind is _SUBJECT else kind


class WhenUnwritable(Enum):
    """What becomes of requests that would be allowed while refusals cannot be written down."""

    REFUSE = "refuse"
    GO_ON = "go_on"


class AuditSink(Protocol):
    """What a gateway calls. No method raises, and none but `settle` waits for a disk.

    `policy` is the first 16 bytes of the policy's digest; `resource` is the policy's own word for what was asked, a
    name or a pattern, and never the caller's; `now` is the time of the decision, Unix seconds.
    """

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
        """Take note that a request is about to be allowed, or a presentation admitted.

        Args:
            policy: see above.
            rule: the number of the rule, or None for an admission.
            resource: see above, or None for an admission.
            subject: what stands for the person: the session id of the ticket, or None.
            marked: whether the credential shows signs of being shared.
            now: see above.

        Returns:
            None when the request may go on, or the Reason to refuse it with.
        """
        ...

    def refused(
        self,
        reason: Reason,
        step: str,
        *,
        policy: bytes | None,
        rule: int | None,
        resource: str | None,
        subject: bytes | None,
        detail: Mapping[str, str | int | bytes | None] | None,
        now: int,
    ) -> int:
        """Take note of a refusal, or a need.

        Args:
            reason: why.
            step: the step or door of the refusal.
            policy: see above.
            rule: the number of the rule, or None when no rule matched.
            resource: see above, or None when no rule matched.
            subject: what stands for the person whose genuine ticket (its session id) or credential it was, or None.
            detail: what is kept apart and can be erased; None for nothing. The entry has no word of it.
            now: see above.

        Returns:
            What `settle` wants; 0 when it is counted and there is nothing to wait for.
        """
        ...

    def settle(self, position: int) -> Reason | None:
        """Wait until what `refused` took note of is on the disk. Before the answer leaves; from any thread.

        Returns:
            None, or AUDIT_UNAVAILABLE when it cannot be written now: the refusal stands, its entry is kept in memory
            and written as soon as that is possible.
        """
        ...
