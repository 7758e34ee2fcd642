"""What an operator configures of a gateway, checked when it is made: a mistake shows at once and at no request.

And the names of formats, which a client states and the library fixes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from .._crypto import AgreementKey
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
from .._limits import Limits
from .._model import Challenge, Format
from ..policy._patterns import MAX_NAME_CHARS
from ._certificates import CertificateHeader
from .nonces import DPoPNonces
from .proofs import normalise_url
from .sharing import SharingDetector, Signals

_DAY_S: Final = 86_400
MAX_SESSION_S: Final = 30 * _DAY_S
NO_SIGNALS: Final = Signals()
_PATH: Final = re.compile(r"/[!\"$->@-~]*")  # as it may stand in a request, without query and fragment
# What clients and proxies write in the same way: a host of letters, or an address, and a port without leading zeros.
_ORIGIN: Final = re.compile(
    r"https?://(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?/?", re.ASCII | re.IGNORECASE
)
_FORMATS: Final = {str(format_): format_ for format_ in Format}


def format_named(name: str) -> Format:
    """Return the format that a client names. Raises REQUEST_INVALID."""
    format_ = _FORMATS.get(name) if isinstance(name, str) else None
    if format_ is None:
        raise MalformedError(Reason.REQUEST_INVALID, "format")
    return format_


def check_texts(audience: str, external_url: str, admission_path: str) -> None:
    """Refuse texts that are none, and an audience that no challenge can name. Raises CONFIGURATION_INVALID."""
    for text, where in ((audience, "gateway.audience"), (external_url, "gateway.external_url")):
        if type(text) is not str or not text:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
    if type(admission_path) is not str or _PATH.fullmatch(admission_path) is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.admission_path")
    usable = True
    try:
        Challenge(audience, "a nonce to try the audience with")
    except MalformedError:
        usable = False
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.audience")


def check_choices(dpop_nonces: object, certificate_header: object, reader_key: object, region: object) -> None:
    """Refuse what is no member of its table, and a key or region that is none. Raises CONFIGURATION_INVALID."""
    if region is not None and (
        type(region) is not str or not 0 < len(region) <= MAX_NAME_CHARS or not region.isprintable()
    ):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.region")
    if type(dpop_nonces) is not DPoPNonces:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.dpop_nonces")
    if certificate_header is not None and type(certificate_header) is not CertificateHeader:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.certificate_header")
    if reader_key is not None and type(reader_key) is not AgreementKey:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.reader_key")


def checked_signals(signals: Signals | None) -> Signals:
    """Return signals as they came, or that nothing is known. Raises REQUEST_INVALID for what is neither."""
    if signals is None:
        return NO_SIGNALS
    people = signals.people if type(signals) is Signals else 0
    if people is not None and (type(people) is not int or people < 1):
        raise MalformedError(Reason.REQUEST_INVALID, "signals")
    return signals


def check_signal_types(signals: Signals) -> None:
    """Refuse signals of which a part has another type. Raises REQUEST_INVALID.

    For an admission, before it uses anything up. A request is counted last, and what counts it looks at them itself.
    """
    network, country, api_key, _ = signals
    texts = all(text is None or isinstance(text, str) for text in (network, country))
    if not texts or not (api_key is None or type(api_key) is bytes):
        raise MalformedError(Reason.REQUEST_INVALID, "signals")


def check_lifetimes(ticket_s: object, challenge_s: object, proof_s: object, session_s: object) -> None:
    """Refuse lifetimes beyond a day, for which keys of yesterday are kept, or 30 of them. CONFIGURATION_INVALID."""
    for lifetime, most, where in (
        (ticket_s, _DAY_S, "gateway.ticket_lifetime_s"),
        (challenge_s, _DAY_S, "gateway.challenge_lifetime_s"),
        (proof_s, _DAY_S, "gateway.proof_max_age_s"),
        (session_s, MAX_SESSION_S, "gateway.session_lifetime_s"),
    ):
        if type(lifetime) is not int or not 0 < lifetime <= most:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)


def check_parts(
    statuses: object,
    replay: object,
    sign_outs: object,
    cache: object,
    limits: object,
    sharing: object,
    audit: object,
    random: Callable[[int], bytes],
    clock: object,
    monotonic: object,
) -> None:
    """Refuse parts that could not do their work at the first request. Raises CONFIGURATION_INVALID."""
    counted = type(cache) is int  # of entries; and True is no number of them
    for usable, where in (
        (type(limits) is Limits, "gateway.limits"),
        (callable(clock), "gateway.clock"),
        (callable(monotonic), "gateway.monotonic"),
        (_has(statuses, "check", "check_identity", "issued_at"), "gateway.statuses"),
        (_has(replay, "consume"), "gateway.replay"),
        (sign_outs is None or _has(sign_outs, "add", "contains"), "gateway.sign_outs"),
        (cache is None or counted or _has(cache, "get", "put"), "gateway.cache"),
        (sharing is None or type(sharing) is SharingDetector, "gateway.sharing"),
        (audit is None or _has(audit, "allowed", "refused", "settle"), "gateway.audit"),
    ):
        if not usable:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
    _check_random(random)


def _has(part: object, *methods: str) -> bool:
    # A class has all methods of what it makes, and none of them works on it.
    return not isinstance(part, type) and all(callable(getattr(part, method, None)) for method in methods)


def _check_random(random: Callable[[int], bytes]) -> None:
    """Refuse a source that gives something else, or the same again: all sessions would have one id.

    Raises CONFIGURATION_INVALID.
    """
    drawn: list[object] = []
    try:
        drawn = [random(16), random(16)]
    except FAILURES:
        pass  # raised below
    if not drawn or drawn[0] == drawn[1] or any(type(each) is not bytes or len(each) != 16 for each in drawn):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.random")


def origin_of(url: str) -> str:
    """Return scheme and authority of the external URL, normalised. Raises CONFIGURATION_INVALID for anything more."""
    usable = _ORIGIN.fullmatch(url) is not None
    try:
        usable = usable and urlsplit(url).port != 0  # reading the port checks it, and what stands in brackets
    except ValueError:
        usable = False
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.external_url")
    return normalise_url(url)[:-1]
