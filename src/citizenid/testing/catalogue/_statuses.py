"""What the attacks on status lists share: a reference in each format, a store that takes lists in, a gateway's party.

Spec: Token Status List sections 5, 6, 8.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ... import KeyPurpose, Limits, Reason, TrustAnchors
from ...status import StatusStore
from ..forge.parts import NOW, STATUS_MEDIA_TYPE, STATUS_URI, Changes, key
from ..forge.status_lists import CWT_MEDIA_TYPE, status_anchors, status_claim, status_token_cwt
from ..forgery import Forgery, Outcome
from ..targets import Party, outcome_of
from ..trials import Trial, holds, mdoc, raises, sd_cwt
from ..trials import sd_jwt as jwt

CWT: Final = CWT_MEDIA_TYPE
OTHER_ISSUER: Final = "https://other.example"


def at(index: Any, uri: Any = STATUS_URI, **further: Any) -> dict[str, Forgery]:
    """Return a presentation in each format, with its status at this place."""
    status = {"status_list": {**status_claim(index, uri)["status_list"], **further}}
    return stating(status)


def stating(status: Any) -> dict[str, Forgery]:
    """Return a presentation in each format that says this of its status."""
    return {
        "SD-JWT VC": jwt(payload={"status": status}),
        "SD-CWT": sd_cwt(claims={65535: status}),
        "mdoc": mdoc(mso={"status": status}),
    }


def other_anchors() -> TrustAnchors:
    """Trust another signer for the lists of OTHER_ISSUER."""
    jwk = {**key("other status").public.to_jwk(), "kid": "o1"}
    return TrustAnchors.from_jwks(OTHER_ISSUER, {"keys": [jwk]}, purpose=KeyPurpose.STATUS_LIST)


def status_cwt(
    claims: Changes | None = None, *, header: Changes | None = None, media_type: str = CWT, **how: Any
) -> bytes:
    """Make a list as CWT, or an identifier list, with these claims changed."""
    return status_token_cwt(payload=claims, header=header, media_type=media_type, **how)


def both_anchors() -> TrustAnchors:
    """Trust that one and the signer of the lists of ISSUER."""
    return status_anchors() | other_anchors()


Body = bytes | Callable[[], bytes]
"""A list as it was fetched, or what makes it when it is tried."""


def ingested(
    body: Body,
    *,
    into: StatusStore | None = None,
    uri: str = STATUS_URI,
    media_type: str = STATUS_MEDIA_TYPE,
    now: int = NOW,
    anchors: TrustAnchors | None = None,
    limits: Limits | None = None,
) -> StatusStore:
    """Have a store take in a list."""
    if into is None:
        into = StatusStore(anchors=anchors or status_anchors(), limits=limits or Limits())
    into.ingest(uri, body() if callable(body) else body, media_type=media_type, now=now)
    return into


def takes(name: str, body: Body, **how: Any) -> Trial:
    """Expect that a store takes a list in: the control."""
    return holds(name, partial(ingested, body, **how))


def declines(name: str, reason: Reason, body: Body, **how: Any) -> Trial:
    """Expect that a store does not take a list in."""
    return raises(name, reason, partial(ingested, body, **how))


def shown(party: Party, forgery: Forgery) -> Outcome:
    """Present to a gateway, and use the ticket."""
    answer = party.apply(forgery)
    return outcome_of(answer) if answer.status != 200 else party.use(json.loads(answer.body)["ticket"])


def later(
    seconds: int, token: bytes | None = None, forgery: Forgery | None = None, *, again: int | None = None
) -> Callable[[Party], Outcome]:
    """Return what a party does that presents after some time.

    Args:
        seconds: that pass.
        token: a list that the gateway fetches before.
        forgery: what is presented.
        again: after how many of these seconds it fetches that list once more.
    """

    def act(party: Party) -> Outcome:
        for wait in (0,) if again is None else (0, again):
            party.world.wait(wait)
            if token is not None:
                ingested(token, into=party.world.statuses, now=party.world.now)
        party.world.wait(seconds - (again or 0))
        return shown(party, forgery or jwt())

    return act
