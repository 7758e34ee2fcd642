"""What the tests build with: the forge of `citizenid.testing`, what its verdicts must be, and generated claims.

Spec: RFC 9901 sections 4 and 4.3; SD-JWT VC section 2; Token Status List sections 4 and 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import pytest

from citizenid import CitizenIDError, Country, MalformedError, Reason, VerificationError
from citizenid import verifier as _verifier
from citizenid.testing.forge.certificates import (  # noqa: F401  # handed on
    certificate,
    certificate_key,
    der,
    local_key,
    pem,
    x5c,
)
from citizenid.testing.forge.parts import (  # noqa: F401  # handed on
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_MEDIA_TYPE,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    VALID_INDEX,
    VCT,
    Changes,
    base64url,
    changed,
    dump,
    jws,
    key,
    segment,
    unbase64url,
)
from citizenid.testing.forge.sd_jwt import (  # noqa: F401  # handed on
    HASHES,
    anchors,
    anchors_for,
    bound,
    challenge,
    digest,
    disclosure,
    good_header,
    good_key_binding,
    good_payload,
    issuer_half,
    make,
    to_json,
    verify,
)
from citizenid.testing.forge.status_lists import (  # noqa: F401  # handed on
    shared_statuses,
    status_anchors,
    status_claim,
    status_token,
    statuses,
)
from citizenid.testing.strategies import values, wire
from citizenid.testing.strategies.wire import CITIZENSHIP, RESERVED, STRUCTURAL  # noqa: F401  # handed on


def accepted(data: Any, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def refused(data: Any, reason: Reason, step: str | None = None, **changes: Any) -> CitizenIDError:
    """Verify and expect this Reason, at this step, in an error that carries nothing of the input."""
    return in_place(raises(reason, step, lambda: verify(data, **changes)))


# Where the rules are met that the verifier itself asks for (specs/verification.md V5, V6, V7 and V9).
PLACES: Final[dict[Reason, frozenset[str]]] = {
    Reason.COUNTRY_NOT_ALLOWED: frozenset({"nationalities"}),
    Reason.EXPIRED: frozenset({"exp"}),
    Reason.FORMAT_NOT_ALLOWED: frozenset({"format"}),
    Reason.HOLDER_KEY_MISSING: frozenset({"cnf"}),
    Reason.ISSUED_IN_FUTURE: frozenset({"iat", "evidence_checked_at"}),
    Reason.ISSUER_MISMATCH: frozenset({"iss", "issuing_country", "issuing_jurisdiction"}),
    Reason.NOT_YET_VALID: frozenset({"nbf"}),
    Reason.REVOKED: frozenset({"status"}),
    Reason.SIGNED_OUTSIDE_CERTIFICATE: frozenset({"signed"}),
    Reason.STATUS_MISSING: frozenset({"status"}),
    Reason.STATUS_NOT_VALID: frozenset({"status"}),
    Reason.SUSPENDED: frozenset({"status"}),
    Reason.TYPE_NOT_ALLOWED: frozenset({"vct", "docType"}),
}


def in_place(error: CitizenIDError) -> CitizenIDError:
    """Hold an error of a verification against `PLACES`."""
    assert error.where in PLACES.get(error.reason, {error.where})
    return error


def raises(
    reason: Reason,
    step: str | None,
    call: Callable[[], object],
    kinds: tuple[type[CitizenIDError], ...] = (MalformedError, VerificationError),
) -> CitizenIDError:
    """Call, and expect one of `kinds` with this Reason and step, without cause or context."""
    with pytest.raises(CitizenIDError) as caught:
        call()
    error = caught.value
    assert (error.reason, error.step) == (reason, error.step if step is None else step)
    assert type(error) in kinds
    assert error.__cause__ is None and error.__context__ is None
    return error


def misused(reason: Reason, call: Callable[[], object]) -> CitizenIDError:
    """Call our own side wrongly, and expect a CitizenIDError of any kind with this Reason."""
    return raises(reason, None, call, (CitizenIDError, MalformedError, VerificationError))


# --- generated claims ---

names = wire.names()
json_values = wire.json_values()
person_claims = wire.person_claims()
country_lists = values.country_lists()


def paths(value: Any, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every member and every array element inside `value`, outer before inner."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(value, Mapping):
        items: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        return found
    for step, item in items:
        found.append((*prefix, step))
        found.extend(paths(item, (*prefix, step)))
    return found


def same(one: Any, other: Any) -> bool:
    """Compare JSON values by kind and value: 1, 1.0 and True differ, frozen and plain containers do not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def us(*codes: str) -> tuple[Country, ...]:
    """Return countries by their alpha-2 codes; ("US",) by default."""
    return tuple(map(Country, codes or ("US",)))


def unreachable(*_: object, **__: object) -> NoReturn:
    """Stand in for something that must not be called."""
    raise AssertionError("this must not be called")
