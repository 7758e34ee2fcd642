"""The doors of a gateway: each takes whatever comes, and returns a result and what the audit log has to settle.

Nothing is raised here: what the steps below raise becomes a refusal, with its one Reason, and every result is noted in
the record before it goes on.

Spec: specs/verification.md (doors); specs/profile-audit.md section 1.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeVar

from .._answer import Answer
from .._errors import CitizenIDError, MalformedError, Reason
from .._model import Format, NeedStatusList, UnixTime
from ..policy import Rule
from . import _admission, _authorization
from ._parts import UNREAD, Parts, State
from ._record import Ended, Record, Refusal
from ._settings import NO_SIGNALS, check_signal_types, checked_signals
from .http import (
    OUR_SIDE,
    Admitted,
    Allow,
    Credentials,
    Deny,
    NeedPresentation,
    Request,
    SignedOut,
    check_request,
    read_credentials,
    repeatable,
)
from .sharing import Signals

R = TypeVar("R", bound=Ended | Refusal)
_NOT_LISTED: Final = Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")


def authorize(
    parts: Parts,
    state: State,
    record: Record,
    request: Request,
    resource: str,
    signals: Signals | None,
    after: Allow | None,
) -> tuple[Allow | Deny | NeedPresentation | NeedStatusList, int]:
    """Decide a request; see `Gateway.authorize`."""
    credentials, rule, now = UNREAD, None, None
    result: Allow | Deny | NeedPresentation | NeedStatusList = _NOT_LISTED
    try:
        if type(request) is not Request:
            check_request(request)
        moment = parts.clock.read() if state.policy.needs_now else None
        now = None if moment is None else moment[0]
        rule = state.policy.rule_for(resource, now=now, region=parts.region)
        if rule is None:
            credentials = record.credentials(request)
        elif rule.anyone:
            result = Allow(rule.number)
        else:
            credentials = read_credentials(request.headers)
            now, monotonic = parts.clock.read() if moment is None else moment
            where_from, before = checked_signals(signals), _checked(after)
            result = _authorization.authorize(
                parts, state, credentials, request, rule, where_from, now, monotonic, before
            )
    except CitizenIDError as error:
        result = _refused(parts, state, error, credentials, rule)
    return record.authorized(result, state, credentials, resource, rule, now)


def admit(
    parts: Parts,
    state: State,
    record: Record,
    data: bytes | str,
    format: Format,
    challenge: str,
    request: Request,
    signals: Signals | None,
) -> tuple[Admitted | Deny | NeedStatusList, int]:
    """Verify a presentation; see `Gateway.admit`."""
    now, monotonic, asked, presented, began = None, 0.0, None, None, perf_counter()
    where_from = NO_SIGNALS
    result: Admitted | Deny | NeedStatusList
    try:
        where_from, asked = checked_signals(signals), repeatable(request)
        if parts.sharing is not None:
            check_signal_types(where_from)
        now, monotonic = parts.clock.read()
        result, presented = _admission.admit(parts, state, data, format, challenge, asked, now, monotonic)
    except CitizenIDError as error:
        error.at("request")
        result = parts.refuse(state, error, _proof_of(asked))._replace(admission=True)
    record.took(perf_counter() - began)
    ended, position = record.ended("admit", result, state, UNREAD, now)
    if presented is not None and type(ended) is Admitted:  # not before the log has taken it
        _admission.forgive(parts, presented, where_from, monotonic)
    return ended, position


def admit_http(
    parts: Parts, state: State, record: Record, request: Request, body: bytes, signals: Signals | None
) -> tuple[Answer, int]:
    """Answer the admission endpoint; see `Gateway.admit_http`."""
    result: Admitted | Deny | NeedPresentation | NeedStatusList
    try:
        check_request(request)
        members = _admission.read_body(request.method, body, parts.limits.presentation_bytes)
        if members:
            presentation, format_, challenge = (members[name] for name in ("presentation", "format", "challenge"))
            result, position = admit(parts, state, record, presentation, format_, challenge, request, signals)
            return result.http(), position
        credentials = read_credentials(request.headers)
        result = parts.need(Reason.TICKET_MISSING, state, credentials, request.client_certificate)
    except CitizenIDError as error:
        error.at("request")
        result = Deny.of(error)
    result, position = record.ended("admit", result, state, UNREAD, None)
    return result.http(), position


def renew(
    parts: Parts, state: State, record: Record, request: Request
) -> tuple[Admitted | Deny | NeedPresentation | NeedStatusList, int]:
    """Give a new ticket for one; see `Gateway.renew`."""
    return _with_ticket(parts, state, record, request, "renew", _admission.renew)


def sign_out(
    parts: Parts, state: State, record: Record, request: Request
) -> tuple[SignedOut | Deny | NeedPresentation, int]:
    """End a session; see `Gateway.sign_out`."""
    return _with_ticket(parts, state, record, request, "sign_out", _admission.sign_out)


def _with_ticket(
    parts: Parts,
    state: State,
    record: Record,
    request: Request,
    door: str,
    act: Callable[[Parts, State, Credentials, Request, UnixTime, float], R],
) -> tuple[R | Deny | NeedPresentation, int]:
    credentials, now = UNREAD, None
    result: R | Deny | NeedPresentation
    try:
        check_request(request)
        credentials = read_credentials(request.headers)
        now, monotonic = parts.clock.read()
        result = act(parts, state, credentials, request, now, monotonic)
    except CitizenIDError as error:
        result = _refused(parts, state, error, credentials)
    return record.ended(door, result, state, credentials, now)


def _refused(
    parts: Parts, state: State, error: CitizenIDError, credentials: Credentials, rule: Rule | None = None
) -> Deny | NeedPresentation:
    """Return the refusal that an error stands for, at a door that takes a ticket."""
    error.at("request")
    if error.step == "ticket" and error.reason not in OUR_SIDE:  # two tickets, that is
        return parts.need(error.reason, state, credentials, None, rule)
    return parts.refuse(state, error, credentials.proof)


def _checked(after: Allow | None) -> Allow | None:
    """Return an earlier decision, or None. Raises REQUEST_INVALID for what is neither."""
    if after is not None and type(after) is not Allow:
        raise MalformedError(Reason.REQUEST_INVALID, "after")
    return after


def _proof_of(request: Request | None) -> bytes | None:
    if request is not None:
        try:
            return read_credentials(request.headers).proof
        except CitizenIDError:
            pass
    return UNREAD.proof
