"""One small world in which every format is at home, for what must hold in all of them.

Two ways lead to a presentation. Through the public doors: one issuer key (for an mdoc under a document signer's
certificate and a pinned root), one wallet key, one status list, one challenge. By hand: the `make` of each format's
builders, with a table of what the same fault, statement or time is in each.

Spec: specs/invariants.md; the profile of each format in specs/.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final

import builders as b
import builders_sd_cwt as c
import mdoc_builders as m
from hypothesis import strategies as st

from citizenid import (
    ANY,
    Assurance,
    Attestation,
    Challenge,
    Citizenship,
    ClaimPath,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    NeedStatusList,
    PublicKey,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid import verifier as _verifier
from citizenid.gateway import AdmissionPolicy, Admitted, Gateway, MemoryReplayGuard, Request
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer
from citizenid.testing.forgery import merged
from citizenid.testing.strategies import wire

FORMATS: Final = st.sampled_from(Format)
PERSON: Final = "org.example.person"  # the namespace of further claims in an mdoc
MAKE: Final = {Format.SD_JWT_VC: b.make, Format.MDOC: m.make, Format.SD_CWT: c.make}
VERIFY: Final = {Format.SD_JWT_VC: b.verify, Format.MDOC: m.verify, Format.SD_CWT: c.verify}
ANCHORS: Final = {Format.SD_JWT_VC: b.anchors, Format.MDOC: m.anchors, Format.SD_CWT: c.anchors}

# --- through the doors ---


@cache
def _issuer_key() -> LocalKey:
    return b.local_key(b.certificate_key("issuer of every format"))


@cache
def issuer(format: Format) -> Issuer:
    """Return the one issuer, as he signs in this format."""
    certificates = ()
    if format is Format.MDOC:
        signer = m.certificate("DS", "IACA", b.certificate_key("issuer of every format"), m.key("IACA"))
        certificates = b.der(signer)
    return Issuer(identifier=b.ISSUER, key=_issuer_key(), certificates=certificates)


@cache
def anchors(format: Format, countries: Any = ANY) -> TrustAnchors:
    """Trust him for these countries."""
    if format is Format.MDOC:
        return m.anchors_for(types=[m.OURS], countries=countries)
    return TrustAnchors.from_jwks(
        b.ISSUER,
        issuer(format).jwks(),
        purpose=KeyPurpose.CREDENTIAL,
        formats=[format],
        types=[b.VCT],
        countries=countries,
    )


def attestation(
    format: Format,
    citizenship: Citizenship,
    *,
    further: Mapping[str, Any] | None = None,
    validity: Validity | None = None,
    index: int | None = b.VALID_INDEX,
    assurance: Assurance | None = None,
) -> Attestation:
    """State a citizenship, and `further` claims of the person, in the shape of the format."""
    claims = citizenship.to_claims(format)
    if further:
        claims |= {PERSON: further} if format is Format.MDOC else further
    return Attestation(
        type=m.OURS if format is Format.MDOC else b.VCT,
        issuer=b.ISSUER,
        claims=claims,
        validity=validity or Validity(UnixTime(b.NOW - 60), UnixTime(b.NOW - 60), UnixTime(b.NOW + 30 * 86_400)),
        holder_key=b.key("holder").public,
        status=() if index is None else (StatusReference(b.STATUS_URI, index),),
        assurance=assurance,
    )


def receive(stated: Attestation, format: Format, *, now: int = b.NOW, **options: Any) -> Credential:
    """Issue a credential, and take it into the wallet."""
    data = issuer(format).issue(stated, format=format, **options)
    return Credential.receive(data, format=format, anchors=anchors(format), now=now)


def show(
    credential: Credential,
    paths: Any,
    *,
    now: int = b.NOW,
    challenge: Challenge | None = None,
    key: LocalKey | None = None,
) -> bytes:
    """Answer a challenge, by default that of `b.challenge`."""
    challenge, key = challenge or b.challenge(), key or b.key("holder")
    return credential.present(paths, challenge=challenge, key=key, peer=challenge.peer, now=now)


def verify(data: Any, format: Format, **changes: Any) -> _verifier.VerifiedPresentation | NeedStatusList:
    """Verify what came through the doors; any argument may be replaced."""
    return VERIFY[format](data, **({"anchors": anchors(format)} | changes))


def accepted(data: Any, format: Format, **changes: Any) -> _verifier.VerifiedPresentation:
    """Verify and expect a verified presentation."""
    verdict = verify(data, format, **changes)
    assert isinstance(verdict, _verifier.VerifiedPresentation)
    return verdict


def verify_each(format: Format, data: Any, **changes: Any) -> tuple[Any, ...]:
    """Verify each document of what is made by hand."""
    arguments = {"anchors": ANCHORS[format](), "challenge": b.challenge(), "statuses": b.shared_statuses()}
    return _verifier.verify_each(data, format=format, now=b.NOW, **(arguments | changes))


def path(format: Format, name: str) -> ClaimPath:
    """Return where a further claim stands."""
    return (PERSON, name) if format is Format.MDOC else (name,)


def choice(
    format: Format, stated: Citizenship, nationals: Collection[Country], citizens: Collection[Country], complete: bool
) -> list[ClaimPath]:
    """Return the paths that show these nationalities and citizenships, and whether the list is complete.

    An mdoc shows each country by an element of its own and the list whole or not at all: with all of it.
    """
    listed = list(dict.fromkeys(stated.nationalities + stated.citizenships))
    whole = set(listed) <= set(nationals)
    flag = complete and stated.complete
    if format is Format.MDOC:
        own = [f"national_of_{each.alpha2.lower()}" for each in listed if each in nationals]
        own += [f"citizen_of_{each.alpha2.lower()}" for each in stated.citizenships if each in citizens]
        own += ["nationalities"] * whole + ["nationalities_complete"] * flag
        return [(m.OURS, name) for name in own]
    paths: list[ClaimPath] = [("nationalities",)] * whole + [("nationalities_complete",)] * flag
    paths += [("nationalities", place) for place, each in enumerate(listed) if each in nationals]
    return paths + [("citizenships", place) for place, each in enumerate(stated.citizenships) if each in citizens]


def everything(stated: Attestation) -> list[ClaimPath]:
    """Return the paths of all claims."""
    return [(name,) for name in stated.claims]


# --- by hand ---


@cache
def good(format: Format) -> bytes:
    """Return a good presentation with two disclosures."""
    if format is Format.MDOC:
        return m.make()
    if format is Format.SD_CWT:
        hidden = [c.disclosure(c.salt(number), "x", f"n{number}") for number in range(2)]
        return c.make(c.hide(*hidden), hidden)
    shown = [
        b.disclosure("c2FsdC1vZi0xNi1ieXRlcw", "given_name", "Ada"),
        b.disclosure("c2FsdC1vZi0xNi1ieXRlcX", "n", 1),
    ]
    return b.make(payload={"_sd": list(map(b.digest, shown))}, disclosures=shown)


def trusting(format: Format, *, issuer: str = b.ISSUER, key: PublicKey | None = None, **changes: Any) -> TrustAnchors:
    """Trust who signs what is made by hand in this format; his key, label and scope may be changed."""
    scope: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL,
        "formats": [format],
        "types": m.TYPES if format is Format.MDOC else [b.VCT],
        "countries": ANY,
        **changes,
    }
    if format is Format.MDOC:
        return TrustAnchors.from_certificates(m.pem(m.root()), issuer=issuer, **scope)
    jwk = {**(key or b.key("issuer").public).to_jwk(), "kid": "k1"}
    return TrustAnchors.from_jwks(issuer, {"keys": [jwk]}, **scope)


def trusting_another(format: Format) -> TrustAnchors:
    """Trust another key, or root, under the same name."""
    if format is Format.MDOC:
        name, private = "another IACA", m.key("another IACA")
        return m.anchors_for(m.pem(m.certificate(name, name, private, private, authority=True)))
    public = b.key("another-issuer").public
    return TrustAnchors.from_keys(
        b.ISSUER, [public], purpose=KeyPurpose.CREDENTIAL, formats=[format], types=[b.VCT], countries=ANY
    )


def trusting_for_lists(format: Format) -> TrustAnchors:
    """Trust who signs what is made by hand in this format, for status lists alone."""
    purpose = KeyPurpose.STATUS_LIST
    if format is Format.MDOC:
        return TrustAnchors.from_certificates(m.pem(m.root()), issuer=b.ISSUER, purpose=purpose)
    return TrustAnchors.from_keys(b.ISSUER, [b.key("issuer").public], purpose=purpose)


@cache
def unnamed(format: Format) -> bytes:
    """Return a good presentation that does not say who issued it, with two digests that nobody can undo."""
    if format is Format.MDOC:
        return m.make()
    if format is Format.SD_CWT:
        return c.make({1: b.ABSENT, c.REDACTED: [bytes(32), bytes(31) + b"1"]})
    return b.make(payload={"iss": b.ABSENT, "_sd": ["d1", "d2"]})


def stating(format: Format, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `make` by which the issuer states these claims, in an mdoc elements of our namespace."""
    if format is Format.MDOC:
        return {"elements": {m.OURS: dict(claims)}}
    return {"payload" if format is Format.SD_JWT_VC else "claims": dict(claims)}


def of_status(format: Format, index: int) -> dict[str, Any]:
    """Return the arguments of `make` by which the status stands at this index."""
    status = b.status_claim(index)
    if format is Format.MDOC:
        return {"mso": {"status": status}}
    return stating(format, {"status": status}) if format is Format.SD_JWT_VC else {"claims": {65535: status}}


def during(format: Format, issued_at: int, not_before: int | None, not_after: int, now: int) -> dict[str, Any]:
    """Return the arguments of `make` for this validity, shown at `now`. `validUntil` of an mdoc is inclusive.

    A holder of an SD-CWT may not bind it before it was issued: he waits until his clock says that it was.
    """
    if format is Format.MDOC:
        starts = issued_at if not_before is None else not_before
        times = {"signed": issued_at, "validFrom": starts, "validUntil": not_after - 1}
        return {"validity": {name: m.date_time(moment) for name, moment in times.items()}}
    absent_or = b.ABSENT if not_before is None else not_before
    if format is Format.SD_JWT_VC:
        return {"payload": {"iat": issued_at, "nbf": absent_or, "exp": not_after}, "kb": {"iat": now}}
    return {"claims": {6: issued_at, 5: absent_or, 4: not_after}, "kb": {6: max(now, issued_at)}}


def answering(format: Format, nonce: str, now: int = b.NOW) -> dict[str, Any]:
    """Return the arguments of `make` by which the holder answers another challenge."""
    if format is Format.MDOC:
        return {"device": {"transcript": m.handover(b.AUDIENCE, nonce)}}
    if format is Format.SD_JWT_VC:
        return {"kb": {"nonce": nonce, "iat": now}}
    return {"kb": {39: nonce.encode(), 6: now}}


def _no_signature(data: bytes) -> bytes:
    return bytes(64)


def _foreign_chain() -> bytes:
    made = m.certificate("DS", "another IACA", m.key("signer"), m.key("another IACA"))
    return b.der(made)[0]


FAULTS: Final[dict[Format, dict[str, dict[str, Any]]]] = {
    Format.SD_JWT_VC: {
        "V1": {"header": {"alg": "none"}},
        "V2": {"header": {"kid": "nobody"}},
        "V3": {"sign": _no_signature},
        "V4": {"header": {"typ": "JWT"}},
        "V5": {"payload": {"vct": "urn:other"}},
        "V6": {"payload": {"exp": b.NOW}},
        "V7": {"kb": {"nonce": "another-nonce"}},
        "V8": {"kb_signer": b.key("thief-es256")},
        "V9": of_status(Format.SD_JWT_VC, b.REVOKED_INDEX),
    },
    Format.MDOC: {
        "V1": {"response_changes": {"version": "2.0"}},
        "V2": {"chain": _foreign_chain()},
        "V3": {"sign_with": _no_signature},
        "V4": {"mso": {"digestAlgorithm": "SHA-1"}},
        "V5": {"document_changes": {"docType": m.OURS}},
        "V6": {"validity": {"validUntil": m.date_time(b.NOW - 1)}},
        "V7": {"device": {"content": m.dump({m.PID: {"nationality": ["FR"]}})}},
        "V8": {"device": {"device": m.key("thief")}},
        "V9": of_status(Format.MDOC, b.REVOKED_INDEX),
    },
    Format.SD_CWT: {
        "V1": {"header": {1: -65_535}},
        "V2": {"header": {4: b"nobody"}},
        "V3": {"sign": _no_signature},
        "V4": {"header": {170: -14}},
        "V5": {"claims": {11: "urn:other"}},
        "V6": {"claims": {4: b.NOW}},
        "V7": {"kb": {39: b"another-nonce"}},
        "V8": {"kb_signer": b.key("thief-es256")},
        "V9": of_status(Format.SD_CWT, b.REVOKED_INDEX),
    },
}
"""For each format and step, the arguments of `make` for a presentation that this step refuses."""


def faulty(format: Format, steps: Collection[str]) -> bytes:
    """Return a presentation that each of these steps would refuse, the same in the whole run."""
    return _faulty(format, tuple(sorted(steps)))


@cache
def _faulty(format: Format, steps: tuple[str, ...]) -> bytes:
    return MAKE[format](**merged(*(FAULTS[format][step] for step in steps)))


# --- a gateway ---


class Clock:
    """Wall and monotonic time that move together, by hand."""

    def __init__(self, now: int = b.NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


POLICY: Final = """
version = 1
[[rule]]
resource = "bound"
nationality = ["US"]
[[rule]]
resource = "bearer"
nationality = ["US"]
binding = "bearer"
[[rule]]
resource = "citizens"
citizenship = ["US", "FR"]
binding = "bearer"
[[rule]]
resource = "open"
anyone = true
"""
ENDPOINT: Final = b.AUDIENCE + "/citizenship"


class World:
    """One gateway for one format, one wallet with a US credential, one status list."""

    def __init__(
        self, format: Format = Format.SD_JWT_VC, *, trusted: TrustAnchors | None = None, now: int = b.NOW
    ) -> None:
        self.format = format
        self.clock = Clock(now)
        self.statuses = b.statuses()
        self.gateway = Gateway(
            audience=b.AUDIENCE,
            external_url=b.AUDIENCE,
            anchors=trusted or ANCHORS[format](),
            policy=AdmissionPolicy.from_toml(POLICY),
            ticket_keys=[b"k" * 32],
            statuses=self.statuses,
            replay=MemoryReplayGuard(monotonic=self.clock),
            clock=self.clock,
            monotonic=self.clock,
        )

    def request(
        self, *, ticket: str | None = None, sender: LocalKey | None = None, url: str = b.AUDIENCE + "/v1"
    ) -> Request:
        headers = []
        if ticket is not None:
            headers.append((b"Citizenship-Ticket", ticket.encode()))
        if sender is not None:
            proof = dpop_proof(sender, method="POST", url=url, ticket=ticket, now=self.clock.now)
            headers.append((b"DPoP", proof.encode()))
        return Request("POST", url, headers)

    def present(self, challenge: Challenge, index: int = b.VALID_INDEX) -> bytes:
        answer = answering(self.format, str(challenge.nonce), self.clock.now)
        return MAKE[self.format](**merged(answer, of_status(self.format, index)))

    def admit(self, sender: LocalKey | None, index: int = b.VALID_INDEX) -> Admitted:
        challenge = self.gateway.challenge(sender=None if sender is None else sender.public.thumbprint)
        result = self.gateway.admit(
            self.present(challenge, index),
            format=self.format,
            challenge=challenge.to_text(),
            request=self.request(sender=sender, url=ENDPOINT),
        )
        assert type(result) is Admitted, result
        return result


# --- CBOR from nowhere ---

CBOR_VALUES: Final = wire.cbor_values()
