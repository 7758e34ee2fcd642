"""What a caller must not write: on each line marked `# E: <code>` a type checker must object, and on no other.

`tests/test_typing.py` runs mypy --strict over this file and compares line by line. It is never imported or run.
Spec: DESIGN section 2, laws 1, 4, 6, 7.
"""

# ruff: noqa: B018  # an attribute that must not be there is looked at and nothing more

from __future__ import annotations

from citizenid import (
    Attestation,
    Challenge,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    NeedStatusList,
    PublicKey,
    Reason,
    SigningKey,
    Status,
    StatusReference,
    TrustAnchor,
    TrustAnchors,
    UnixTime,
    Unsigned,
    Validity,
)
from citizenid.gateway import Allow, Deny, Gateway, NeedPresentation, Request
from citizenid.holder import Credential
from citizenid.issuer import Issuer
from citizenid.status import StatusStore, VerifiedStatusList
from citizenid.verifier import (
    VerifiedCredential,
    VerifiedPresentation,
    open_presentation,
    verify,
    verify_credential,
    verify_presentation,
)

NOW = UnixTime(1_800_000_000)
F = Format.SD_JWT_VC


# Law 7: nothing that decides has a default, and nothing is positional.
def trust_has_no_default(data: bytes, anchors: TrustAnchors, challenge: Challenge, statuses: StatusStore) -> None:
    verify(data)  # E: call-arg
    verify(data, format=F, anchors=anchors, challenge=challenge, statuses=statuses)  # E: call-arg
    verify(data, format=F, anchors=anchors, challenge=challenge, now=NOW)  # E: call-arg
    verify(data, format=F, anchors=anchors, statuses=statuses, now=NOW)  # E: call-arg
    verify(data, format=F, challenge=challenge, statuses=statuses, now=NOW)  # E: call-arg
    verify(data, anchors=anchors, challenge=challenge, statuses=statuses, now=NOW)  # E: call-arg
    verify(data, F, anchors, challenge, statuses, NOW)  # E: call-arg
    open_presentation(data)  # E: call-arg
    TrustAnchors.from_jwks("https://id.example", "{}")  # E: call-arg
    TrustAnchors.from_jwks("https://id.example", "{}", KeyPurpose.CREDENTIAL)  # E: call-arg
    Credential.receive(data, format=F, now=NOW)  # E: call-arg


# Law 6: no switch weakens.
def nothing_is_switched_off(data: bytes, anchors: TrustAnchors, challenge: Challenge, statuses: StatusStore) -> None:
    open_presentation(data, format=F, strict=False)  # E: call-arg
    verify_credential(data, anchors=anchors, now=NOW, verify_signature=False)  # E: call-arg, arg-type
    verify(data, format=F, anchors=None, challenge=challenge, statuses=statuses, now=NOW)  # E: arg-type
    verify(data, format=F, anchors=anchors, challenge=None, statuses=statuses, now=NOW)  # E: arg-type
    verify(data, format=F, anchors=anchors, challenge=challenge, statuses=None, now=NOW)  # E: arg-type
    verify(data, format=F, anchors=anchors, challenge=challenge, statuses=statuses, now=1.5)  # E: arg-type
    verify(data, format="dc+sd-jwt", anchors=anchors, challenge=challenge, statuses=statuses, now=NOW)  # E: arg-type
    open_presentation(data, format=F, serialization="compact")  # E: arg-type
    open_presentation(bytearray(data), format=F)  # E: arg-type
    open_presentation(data, format=Format.UNKNOWN)  # E: attr-defined
    Limits(clock_skew_s=None)  # E: arg-type
    TrustAnchors.from_jwks("https://id.example", "{}", purpose="credential")  # E: arg-type
    TrustAnchors.from_jwks("https://id.example", "{}", purpose=KeyPurpose.CREDENTIAL, countries="US")  # E: arg-type


# Law 1: state is a type. What is unverified has no claims, and nobody but verification makes what is verified.
def claims_exist_on_the_verified_side_alone(
    data: bytes, anchors: TrustAnchors, challenge: Challenge, statuses: StatusStore
) -> None:
    (presentation,) = open_presentation(data, format=F)
    presentation.claims  # E: attr-defined
    presentation.attestation  # E: attr-defined
    presentation.credential.claims  # E: attr-defined
    presentation.disclosures = ()  # E: misc
    verify_presentation(presentation, challenge=challenge, statuses=statuses, now=NOW)  # E: arg-type
    verify_credential(data, anchors=anchors, now=NOW)  # E: arg-type
    verdict = verify(data, format=F, anchors=anchors, challenge=challenge, statuses=statuses, now=NOW)
    verdict.citizenship  # E: union-attr
    verdict.attestation.claims  # E: union-attr


def verified_objects_are_final(attestation: Attestation, anchor: TrustAnchor) -> None:
    VerifiedPresentation(attestation, anchor, F, Status.VALID, attestation.citizenship)  # E: call-arg
    VerifiedCredential(attestation=attestation, anchor=anchor)  # E: call-arg


# Each in a function of its own: mypy knows that these classes refuse subclasses, and takes the rest for unreachable.
def my_presentation() -> None:
    class MyPresentation(VerifiedPresentation):  # E: misc
        """A verified presentation of one's own."""


def my_credential() -> None:
    class MyCredential(VerifiedCredential):  # E: misc
        """A verified credential of one's own."""


def my_list() -> None:
    class MyList(VerifiedStatusList):  # E: misc
        """A verified list of one's own."""


def my_anchors() -> None:
    class MyAnchors(TrustAnchors):  # E: misc
        """Anchors that trust everybody."""


def my_country() -> None:
    class MyCountry(Country):  # E: misc
        """A country that ISO 3166-1 does not have."""


def my_key() -> None:
    class MyKey(PublicKey):  # E: misc
        """A key that verifies everything."""


def my_reason() -> None:
    class MyReason(Reason):  # E: misc
        """A reason of one's own."""


def values_do_not_change(verified: VerifiedPresentation, attestation: Attestation, anchor: TrustAnchor) -> None:
    verified.attestation = attestation  # E: misc
    verified.citizenship = attestation.citizenship  # E: misc
    attestation.claims["nationalities"] = ["US"]  # E: index
    attestation.issuer = "https://attacker.example"  # E: misc
    anchor.countries = frozenset()  # E: misc


# Law 4: need is a value. A caller tests for what he wants.
def a_result_is_no_boolean(
    verified: VerifiedPresentation, need: NeedStatusList, decision: Allow | Deny | NeedPresentation | NeedStatusList
) -> str:
    decision.session_id  # E: union-attr
    if isinstance(decision, Deny):
        decision.ticket  # E: attr-defined
    return decision  # E: return-value


def keys_and_signers(key: LocalKey, public: PublicKey, unsigned: Unsigned, attestation: Attestation) -> None:
    unsigned.sign(public)  # E: arg-type
    unsigned.complete("signature")  # E: arg-type
    signing: SigningKey = public  # E: assignment
    signing = b"secret"  # E: assignment
    Issuer(identifier="https://id.example", key="ES256")  # E: arg-type
    Issuer("https://id.example", key)  # E: call-arg
    Issuer(identifier="https://id.example", key=key).issue(attestation)  # E: call-arg
    signing.secret  # E: attr-defined


def a_wallet_knows_who_asks(credential: Credential, challenge: Challenge, key: LocalKey) -> None:
    credential.present(["given_name"], challenge=challenge, key=key, now=NOW)  # E: call-arg
    credential.present([], challenge=challenge, key=key.public, peer="https://g.example", now=NOW)  # E: arg-type
    credential.present([5.0], challenge=challenge, key=key, peer="https://g.example", now=NOW)  # E: list-item


def times_and_references(reference: StatusReference) -> None:
    Validity(1.5, None, NOW)  # E: arg-type
    Validity(UnixTime(1), None)  # E: call-arg
    StatusReference("https://id.example", "1")  # E: arg-type
    reference.index = 2  # E: misc
    Challenge("https://g.example")  # E: call-arg
    Challenge("https://g.example", 5)  # E: arg-type


def a_gateway_needs_all_of_it(anchors: TrustAnchors, request: Request) -> None:
    Gateway(audience="https://g.example", external_url="https://g.example", anchors=anchors)  # E: call-arg
    Gateway("https://g.example")  # E: call-arg
    Request("GET", "https://g.example/")  # E: call-arg
