"""What is judged in halves, each at a time of its own, and how the holder's half must lie in the issuer's.

Spec: specs/verification.md V6, V7; RFC 9901 section 7.3; draft-ietf-spice-sd-cwt section 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Format, Reason
from ...verifier import open_presentation, verify_credential, verify_presentation
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import NOW
from ..forge.status_lists import statuses
from ..trials import Trial, accepted, holds, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt

_DAY: Final = 86_400
_INVALID: Final = Reason.CLAIM_INVALID
_STALE: Final = Reason.KEY_BINDING_STALE
_FUTURE: Final = Reason.KEY_BINDING_IN_FUTURE


def _credential(payload: dict[str, Any], now: int) -> Any:
    (shown,) = open_presentation(_sd_jwt.make(payload=payload), format=Format.SD_JWT_VC)
    return verify_credential(shown, anchors=_sd_jwt.anchors(), now=now)


def _bound(payload: dict[str, Any], first: int, then: int) -> None:
    challenge = _sd_jwt.challenge(max_age_s=_DAY)
    verify_presentation(_credential(payload, first), challenge=challenge, statuses=statuses(), now=then)


def halves_at_their_end() -> Iterator[Trial]:
    """One half is judged, or both are, at two times, of which one lies behind the end."""
    ends, expired = {"exp": NOW + 10}, Reason.EXPIRED
    yield holds("the issuer's half alone, one second left", partial(_credential, ends, NOW + 9))
    yield raises("the issuer's half alone, at its end", expired, partial(_credential, ends, NOW + 10), step="V6")
    yield holds("the halves at two times, one second left", partial(_bound, ends, NOW, NOW + 9))
    yield raises("the halves at two times, at the end", expired, partial(_bound, ends, NOW, NOW + 10))
    yield accepted("an SD-KBT, one second left", sd_cwt(kb={4: NOW + 1, 6: NOW - 1}))
    for offset in (0, -1):
        ended = sd_cwt(kb={4: NOW + offset, 6: NOW - 9})
        yield refused(f"an SD-KBT, exp {offset}", _STALE, ended, step="V7")
    yield accepted("an SD-KBT of the time of its SD-CWT", sd_cwt(kb={6: NOW - 60}))
    yield refused("an SD-KBT, older than its SD-CWT", _STALE, sd_cwt(kb={6: NOW - 61}), step="V7")
    begun = {"claims": {5: NOW - 60}}
    yield accepted("an SD-KBT that begins with its SD-CWT", sd_cwt(**begun, kb={5: NOW - 60, 6: NOW - 9}))
    early = sd_cwt(**begun, kb={5: NOW - 61, 6: NOW - 9})
    yield refused("an SD-KBT that begins before its SD-CWT", _STALE, early, step="V7")


def halves_before_their_time() -> Iterator[Trial]:
    """One half is judged, or both are, at two times, of which one lies before the beginning."""
    begins, early = {"nbf": NOW + 10}, Reason.NOT_YET_VALID
    yield holds("the issuer's half alone, in its first second", partial(_credential, begins, NOW + 10))
    yield raises("the issuer's half alone, too early", early, partial(_credential, begins, NOW + 9), step="V6")
    yield holds("the halves at two times, from the first second on", partial(_bound, begins, NOW + 10, NOW + 11))
    yield raises("the halves at two times, too early", early, partial(_bound, begins, NOW + 10, NOW + 9))


def halves_of_the_future() -> Iterator[Trial]:
    """The holder's half is valid when the issuer's is not any more."""
    ends = {"claims": {4: NOW + 10}}
    yield accepted("an SD-KBT that ends with its SD-CWT", sd_cwt(**ends, kb={4: NOW + 10}))
    yield refused("an SD-KBT that ends later than its SD-CWT", _FUTURE, sd_cwt(**ends, kb={4: NOW + 11}), step="V7")
    yield accepted("an SD-KBT made before the end of its SD-CWT", sd_cwt(**ends, kb={6: NOW + 9}))
    yield refused("an SD-KBT made at the end of its SD-CWT", _FUTURE, sd_cwt(**ends, kb={6: NOW + 10}), step="V7")


def windows_without_a_second() -> Iterator[Trial]:
    """A proof of the holder ends before it was made, which the skew of clocks alone makes possible."""
    yield accepted("a KB-JWT of one second", jwt(kb={"iat": NOW + 20, "exp": NOW + 21}))
    for name, exp in (("no second", NOW + 20), ("less", NOW + 19)):
        yield refused(f"a KB-JWT of {name}", _INVALID, jwt(kb={"iat": NOW + 20, "exp": exp}), step="V7")
        yield refused(f"an SD-KBT of {name}", _INVALID, sd_cwt(kb={6: NOW + 20, 4: exp}), step="V7")
    late = sd_cwt(kb={5: NOW - 8, 6: NOW - 9})
    yield refused("an SD-KBT that begins after it was made", _INVALID, late, step="V7")
