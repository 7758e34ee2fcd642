"""DPoP proofs made by hand, every part of which may be replaced.

Spec: RFC 9449 section 4.2.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Final

from ... import LocalKey
from .parts import AUDIENCE, NOW, Changes, base64url, changed, segment

_URL: Final = AUDIENCE + "/v1/chat/completions"


def ath(ticket: str) -> str:
    """Return what `ath` must say of a ticket."""
    return base64url(hashlib.sha256(ticket.encode("ascii")).digest()).decode()


_serial: Final[Iterator[int]] = itertools.count()


def hand_made_proof(
    sender: LocalKey,
    claims: Changes | None = None,
    header: Changes | None = None,
    *,
    ticket: str | None = None,
    now: int = NOW,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Put a DPoP proof together from its parts; without changes it is a good one for POST and PATH.

    Args:
        sender: the key in `jwk`, which signs.
        claims: members to set over the good ones (`ABSENT` leaves one out), or bytes in place of the whole payload.
        header: the same for the header.
        ticket: the ticket that `ath` speaks of.
        now: `iat`.
        sign: makes the signature instead of the key.
    """
    good_header = {"typ": "dpop+jwt", "alg": sender.algorithm, "jwk": sender.public.to_jwk()}
    good_claims = {"jti": f"proof number {next(_serial)}", "htm": "POST", "htu": _URL, "iat": now}
    if ticket is not None:
        good_claims["ath"] = ath(ticket)
    signed = segment(changed(good_header, header)) + b"." + segment(changed(good_claims, claims))
    return signed + b"." + base64url((sign or sender.sign)(signed))
