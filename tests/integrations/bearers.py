"""A credential of each format with its holder, who goes through admission as his wallet would; and the gateway's side.

The mdoc is asked for by OpenID4VP with an encrypted answer, and its holder proves his key by a MAC: the challenge has a
handover, and the gateway a key of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import builders as b
import mdoc_writing as m

from citizenid import (
    ANY,
    AgreementKey,
    Challenge,
    Citizenship,
    Country,
    Format,
    Handover,
    HandoverKind,
    KeyPurpose,
    LocalKey,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid.gateway import Gateway, Request
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation

ORIGIN: Final = "https://gateway.example"
CLIENT_ID: Final = "x509_san_dns:gateway.example"
DAY: Final = 86_400


class Bearer(NamedTuple):
    """A holder with his credential.

    Attributes:
        gateway: the arguments of a `Gateway` that his format asks for.
        shown: what he discloses.
        handover: the protocol by which he is asked.
        reader: what he knows of the gateway's key, for a MAC.
    """

    credential: Credential
    key: Any
    gateway: dict[str, Any]
    shown: Iterable[Any]
    handover: Handover | None = None
    reader: Any = None

    @property
    def sender(self) -> LocalKey:
        return b.key("sender")

    def request(self, path: str, now: int, ticket: str | None = None) -> Request:
        """Make a request with a proof of the sender's key."""
        proof = dpop_proof(self.sender, method="POST", url=ORIGIN + path, ticket=ticket, now=now)
        headers = [(b"dpop", proof.encode())]
        if ticket is not None:
            headers.append((b"citizenship-ticket", ticket.encode()))
        return Request("POST", ORIGIN + path, headers)

    def admit(self, gateway: Gateway, now: int) -> Any:
        """Ask for a challenge, answer it, and hand the answer in."""
        text = gateway.challenge(sender=self.sender.public.thumbprint, handover=self.handover).to_text()
        challenge = Challenge.from_text(text)
        if self.reader is not None:
            challenge = dataclasses.replace(challenge, reader_key=self.reader)
        presented = self.credential.present(self.shown, challenge=challenge, key=self.key, peer=challenge.peer, now=now)
        where = self.request("/citizenship", now)
        return gateway.admit(presented, format=self.credential.format, challenge=text, request=where)


def bearer(format_: Format, status: StatusReference, now: int) -> Bearer:
    """Issue a credential of this format for thirty days."""
    return _with_mdoc(status, now) if format_ is Format.MDOC else _with_claims(format_, status, now)


def _with_claims(format_: Format, status: StatusReference, now: int) -> Bearer:
    holder = b.key("holder")
    stated = prepare_attestation(
        Citizenship([Country("US")]), issuer=b.ISSUER, holder_key=holder.public, now=now, lifetime_s=30 * DAY,
        status=status, format=format_,
    )  # fmt: skip
    issuer = Issuer(identifier=b.ISSUER, key=b.key(f"issuer of {format_}"))
    anchors = TrustAnchors.from_jwks(
        b.ISSUER, issuer.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[format_], types=[b.VCT], countries=ANY
    )
    credential = Credential.receive(issuer.issue(stated, format=format_), format=format_, anchors=anchors, now=now)
    return Bearer(credential, holder, {"anchors": anchors, "audience": ORIGIN}, ["nationalities"])


def _with_mdoc(status: StatusReference, now: int) -> Bearer:
    device, reader = AgreementKey.generate("P-256"), AgreementKey.generate("P-256")
    validity = Validity(UnixTime(now), None, UnixTime(now + 30 * DAY))
    stated = m.attestation(holder_key=device.public, validity=validity, status=(status,))
    data = m.door().issue(stated, format=Format.MDOC)
    credential = Credential.receive(data, format=Format.MDOC, anchors=m.trusted(), now=now)
    handover = Handover(
        HandoverKind.OPENID4VP, response_uri=ORIGIN + "/response", jwk_thumbprint=reader.public.thumbprint
    )
    gateway = {"anchors": m.trusted(), "audience": CLIENT_ID, "reader_key": reader}
    return Bearer(credential, device, gateway, [(m.OURS, "citizen_of_us")], handover, reader.public)
