"""HTTP message signatures made by hand, every part of which may be replaced.

Spec: RFC 9421 sections 2.5, 3.1 and 4; specs/profile-sender-proofs.md section 3.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from ... import LocalKey
from .parts import ABSENT, AUDIENCE, NOW, base64url

ALGORITHMS: Final = {"ES256": "ecdsa-p256-sha256", "Ed25519": "ed25519"}
LABEL: Final = "citizenship"
_URL: Final = AUDIENCE + "/v1/chat/completions"
_serial: Final[Iterator[int]] = itertools.count()


class HandMade(NamedTuple):
    """The three headers of one signature.

    Attributes:
        stated: the value of `Signature-Input`. `signature`: of `Signature`. `key`: of `Citizenship-Key`.
    """

    stated: bytes
    signature: bytes
    key: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return them as they stand in a request."""
        values = zip((b"signature-input", b"signature", b"citizenship-key"), self, strict=True)
        return [(name, value) for name, value in values if value]


def hand_made_signature(
    sender: LocalKey,
    parameters: Mapping[str, Any] | None = None,
    *,
    ticket: str,
    url: str = _URL,
    now: int = NOW,
    covered: Callable[[list[str]], list[str]] = list,
    label: str = LABEL,
) -> HandMade:
    """Sign a request by hand; without changes it is a good signature of a POST with the ticket.

    Args:
        sender: the key in `Citizenship-Key`, which signs.
        parameters: to set over the good ones, texts and integers; `ABSENT` leaves one out.
        ticket: the ticket that is covered.
        url: what `@target-uri` stands for.
        now: `created`.
        covered: edits the names that are covered; what is not known has an empty value.
        label: of the signature.
    """
    values = {'"@method"': "POST", '"@target-uri"': url, '"citizenship-ticket"': ticket}
    good = {
        "created": now,
        "nonce": f"nonce number {next(_serial)}",
        "keyid": base64url(sender.public.thumbprint).decode(),
        "alg": ALGORITHMS[sender.algorithm],
        "tag": "citizenship",
    }
    names = covered(list(values))
    stated = f"({' '.join(names)})" + "".join(
        f";{name}={value}" if type(value) is int else f';{name}="{value}"'
        for name, value in {**good, **(parameters or {})}.items()
        if value is not ABSENT
    )
    lines = [f"{name}: {values.get(name, '')}" for name in names]
    signature = sender.sign("\n".join([*lines, f'"@signature-params": {stated}']).encode())
    return HandMade(
        f"{label}={stated}".encode(),
        f"{label}=:{base64.b64encode(signature).decode()}:".encode(),
        base64url(json.dumps(sender.public.to_jwk()).encode()),
    )
