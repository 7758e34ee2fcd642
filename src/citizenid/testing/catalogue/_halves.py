"""What is judged in halves, each at a time of its own, and how the holder's half must lie in the issuer's.

Spec: specs/verification.md V6, V7; RFC 9901 section 7.3; draft-ietf-spice-sd-cwt section 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any, Final

from ... import Format, Reason, TrustAnchors
from ...verifier import open_presentation, verify_credential, verify_presentation
from ..forge import mdoc as _mdoc
from ..forge import sd_jwt as _sd_jwt
from ..forge.mdoc_keys import root
from ..forge.parts import NOW, key
from ..forge.status_lists import statuses
from ..forgery import Forgery
from ..trials import Trial, accepted, holds, mdoc, raises, refused, sd_cwt
from ..trials import sd_jwt as jwt
from ._chains import encoded, leaf, pinned, trusting

_DAY: Final = 86_400
_INVALID: Final = Reason.CLAIM_INVALID
_STALE: Final = Reason.KEY_BINDING_STALE
_FUTURE: Final = Reason.KEY_BINDING_IN_FUTURE


def _credential(payload: dict[str, Any], now: int, anchors: TrustAnchors | None = None) -> Any:
    (shown,) = open_presentation(_sd_jwt.make(payload=payload), format=Format.SD_JWT_VC)
    return verify_credential(shown, anchors=anchors or _sd_jwt.anchors(), now=now)


def _bound(payload: dict[str, Any], first: int, then: int, anchors: TrustAnchors | None = None) -> None:
    challenge = _sd_jwt.challenge(max_age_s=_DAY)
    verify_presentation(_credential(payload, first, anchors), challenge=challenge, statuses=statuses(), now=then)


def _bound_mdoc(anchors: TrustAnchors, then: int) -> None:
    (shown,) = open_presentation(_mdoc.make(chain=encoded(_leaf())[0]), format=Format.MDOC)
    credential = verify_credential(shown, anchors=anchors, now=NOW)
    verify_presentation(credential, challenge=_mdoc.challenge(), statuses=statuses(), now=then)


def _windows(**window: Any) -> Iterator[tuple[str, TrustAnchors, Forgery]]:
    """Return anchors of each kind that are trusted for this time, and what they vouch for."""
    yield "a key", _sd_jwt.anchors_for(key("issuer").public, **window), jwt()
    shown = mdoc(chain=encoded(_leaf())[0])
    yield "a root", trusting(Format.MDOC, root(), **window), shown
    yield "a signer", pinned(_leaf(), **window), shown


@cache
def _leaf() -> Any:
    return leaf()


def halves_at_their_end() -> Iterator[Trial]:
    """One half is judged, or both are, at two times, of which one lies behind the end."""
    ends, expired = {"exp": NOW + 10}, Reason.EXPIRED
    yield holds("the issuer's half alone, one second left", partial(_credential, ends, NOW + 9))
    yield raises("the issuer's half alone, at its end", expired, partial(_credential, ends, NOW + 10), step="V6")
    yield holds("the halves at two times, one second left", partial(_bound, ends, NOW, NOW + 9))
    yield raises("the halves at two times, at the end", expired, partial(_bound, ends, NOW, NOW + 10))
    for left, gone in zip(_windows(not_after=NOW + 1), _windows(not_after=NOW), strict=True):
        yield accepted(f"{left[0]} that is trusted for one more second", left[2], anchors=left[1])
        said = f"{gone[0]} that is trusted no more"
        yield refused(said, Reason.ANCHOR_EXPIRED, gone[2], step="V2", anchors=gone[1])
    for name, anchors, shown in _windows(not_after=NOW + 10):
        bound = partial(_bound, {}, NOW, anchors=anchors) if shown.format is Format.SD_JWT_VC else None
        judged = bound or partial(_bound_mdoc, anchors)
        yield holds(f"the halves at two times, the last second of {name}", partial(judged, then=NOW + 9))
        yield raises(f"the halves at two times, at the end of {name}", expired, partial(judged, then=NOW + 10))
    yield accepted("an SD-KBT, one second left", sd_cwt(kb={4: NOW + 1, 6: NOW - 1}))
    for offset in (0, -1):
        ended = sd_cwt(kb={4: NOW + offset, 6: NOW - 9})
        yield refused(f"an SD-KBT, exp {offset}", _STALE, ended, step="V7")
    yield accepted("an SD-KBT of the time of its SD-CWT", sd_cwt(kb={6: NOW - 60}))
    yield refused("an SD-KBT, older than its SD-CWT", _STALE, sd_cwt(kb={6: NOW - 61}), step="V7")
    begun: dict[str, Any] = {"claims": {5: NOW - 60}}
    yield accepted("an SD-KBT that begins with its SD-CWT", sd_cwt(**begun, kb={5: NOW - 60, 6: NOW - 9}))
    early = sd_cwt(**begun, kb={5: NOW - 61, 6: NOW - 9})
    yield refused("an SD-KBT that begins before its SD-CWT", _STALE, early, step="V7")


def halves_before_their_time() -> Iterator[Trial]:
    """One half is judged, or both are, at two times, of which one lies before the beginning."""
    begins, early = {"nbf": NOW + 10}, Reason.NOT_YET_VALID
    for now, later in zip(_windows(not_before=NOW), _windows(not_before=NOW + 1), strict=True):
        yield accepted(f"{now[0]} that is trusted from now on", now[2], anchors=now[1])
        said = f"{later[0]} that is trusted in a second"
        yield refused(said, Reason.ANCHOR_NOT_YET_VALID, later[2], step="V2", anchors=later[1])
    yield holds("the issuer's half alone, in its first second", partial(_credential, begins, NOW + 10))
    yield raises("the issuer's half alone, too early", early, partial(_credential, begins, NOW + 9), step="V6")
    yield holds("the halves at two times, from the first second on", partial(_bound, begins, NOW + 10, NOW + 11))
    yield raises("the halves at two times, too early", early, partial(_bound, begins, NOW + 10, NOW + 9))


def halves_of_the_future() -> Iterator[Trial]:
    """The holder's half is valid when the issuer's is not any more."""
    ends: dict[str, Any] = {"claims": {4: NOW + 10}}
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
