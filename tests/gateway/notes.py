"""Audit sinks of tests: one that remembers what it is told, and one that fails at everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from citizenid import NeedStatusList, Reason
from citizenid.gateway import Admitted, Allow, Deny, SignedOut


class Note(NamedTuple):
    """One call of a sink. `reason` is None for what was allowed."""

    reason: Reason | None
    step: str | None
    policy: bytes | None
    rule: int | None
    resource: str | None
    subject: bytes | None
    detail: Mapping[str, Any] | None
    now: int
    marked: bool = False


class Notes:
    """Remembers what a gateway tells it, in order, and what was settled; `objection` refuses what may go on."""

    def __init__(self) -> None:
        self.all: list[Note] = []
        self.settled: list[int] = []
        self.objection: Reason | None = None
        self.known = 0

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
        if self.objection is None:
            self.all.append(Note(None, None, policy, rule, resource, subject, None, now, marked))
        return self.objection

    def refused(
        self,
        reason: Reason,
        step: str,
        *,
        policy: bytes | None,
        rule: int | None,
        resource: str | None,
        subject: bytes | None,
        detail: Mapping[str, Any] | None,
        now: int,
    ) -> int:
        self.all.append(Note(reason, step, policy, rule, resource, subject, detail, now))
        return len(self.all)

    def settle(self, position: int) -> Reason | None:
        self.settled.append(position)
        return None

    def check_from_here(self) -> None:
        """Let what was noted until now be as it is."""
        self.known = len(self.all)

    def check(self, result: object) -> Note | None:
        """Expect that the last thing noted, and settled if it is a refusal, is this result, and that alone."""
        known, self.known = self.known, len(self.all)
        if isinstance(result, SignedOut):
            assert self.known == known
            return None
        assert self.known == known + 1, (result, self.all[known:])
        note = self.all[-1]
        if isinstance(result, Allow | Admitted):
            assert note.reason is None
        else:
            assert note.reason is result.reason  # type: ignore[attr-defined]  # every other result has one
            assert note.step == (result.step if type(result) is Deny else note.reason.step)
            assert self.settled[-1:] == [self.known], "the answer must not leave before the entry is there"
        assert isinstance(result, Allow | Admitted | NeedStatusList) or note.reason is not None
        return note


class FailingLog:
    """A log whose disk is gone, and which says so by exceptions, its own or this library's."""

    def __init__(self, error: Exception | None = None, position: int | None = None) -> None:
        self.error = OSError("no disk") if error is None else error
        self.position = position

    def allowed(self, **_: Any) -> Reason | None:
        raise self.error

    def refused(self, reason: Reason, step: str, **_: Any) -> int:
        if self.position is not None:
            return self.position
        raise self.error

    def settle(self, position: int) -> Reason | None:
        raise self.error
