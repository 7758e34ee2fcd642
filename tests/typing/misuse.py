"""What a caller must not write: on each line marked `# E: <code>` a type checker must object, and on no other.

`tests/test_typing.py` runs mypy --strict over this file and compares line by line. It is never imported or run.
Spec: DESIGN section 2, laws 1, 4, 6, 7.
"""

# ruff: noqa: B018  # an attribute that must not be there is looked at and nothing more

from __future__ import annotations

from dataclasses import replace
from typing import Any

from citizenid import (
    Attestation,
    Challenge,
    Citizenship,
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
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    DailyTicketKeys,
    Deny,
    Gateway,
    NeedPresentation,
    Request,
    SharingDetector,
    SharingLimits,
    Signals,
)
from citizenid.gateway.audit import AuditLog, verify_audit
from citizenid.holder import Credential, dpop_proof
from citizenid.integrations.asgi import CitizenshipMiddleware
from citizenid.integrations.fetch import AsyncStatusFetcher, Fetched
from citizenid.issuer import Issuer
from citizenid.status import StatusPublisher, StatusStore, VerifiedStatusList
from citizenid.verifier import (
    IssuerHalfCache,
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


# With every argument there is: what is lacking is the seal, of which a caller has no type either.
def verified_objects_are_not_forged(
    verified: VerifiedPresentation, credential: VerifiedCredential, listed: VerifiedStatusList
) -> None:
    stated, anchor, shown, ends = (
        credential.attestation,
        credential.anchor,
        credential.presentation,
        credential.not_after,
    )
    proven = verified.citizenship
    VerifiedPresentation(stated, anchor, F, Status.VALID, proven, ends, object())  # E: arg-type
    VerifiedPresentation(stated, anchor, F, Status.VALID, proven, ends, None)  # E: arg-type
    VerifiedCredential(stated, anchor, shown, ends, credential._reading, object())  # E: arg-type
    kind, purposes = listed.kind, listed.purposes
    VerifiedStatusList("u", anchor, ends, ends, 1, listed.statuses, kind, purposes, object())  # E: arg-type
    replace(verified, status=Status.VALID)  # E: call-arg
    replace(credential, attestation=stated)  # E: call-arg


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
    Citizenship(["US"])  # E: list-item
    Citizenship(citizenships=Country("US"))  # E: arg-type
    Citizenship("US")  # E: arg-type
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


# Law 5 of the flow: no cache for a holder's proof.
def a_holder_proof_is_not_kept(
    verified: VerifiedPresentation,
    credential: VerifiedCredential,
    kept: dict[bytes, VerifiedPresentation],
    cache: IssuerHalfCache,
    statuses: StatusStore,
    challenge: Challenge,
    policy: AdmissionPolicy,
    data: bytes,
    anchors: TrustAnchors,
) -> None:
    cache.put(b"key", verified)  # E: arg-type
    cache.put(b"key", credential)  # E: arg-type
    verify(data, format=F, anchors=anchors, challenge=challenge, statuses=statuses, now=NOW, cache=kept)  # E: arg-type
    verify_presentation(verified, challenge=challenge, statuses=statuses, now=NOW)  # E: arg-type
    verify_presentation(credential, challenge=challenge, statuses=statuses, now=NOW, cache=cache)  # E: call-arg
    policy.decide("model", verified)  # E: arg-type
    policy.decide("model", data)  # E: arg-type


def a_list_of_my_own(anchor: TrustAnchor) -> None:
    VerifiedStatusList(uri="https://id.example/1", anchor=anchor)  # E: call-arg


# Law 9: a gateway's results, every one of which must be told from Allow.
def every_result_is_handled(gateway: Gateway, request: Request) -> int:
    decision = gateway.authorize(request, resource="model")
    decision.rule  # E: union-attr
    match decision:  # E: exhaustive-match
        case Allow():
            return 200
        case Deny() | NeedPresentation():
            return 401
    return 500


def the_rest_is_not_nothing(gateway: Gateway, request: Request) -> Allow:
    decision = gateway.authorize(request, resource="model")
    if isinstance(decision, Deny):
        raise PermissionError
    return decision  # E: return-value


def every_renewal_is_handled(gateway: Gateway, request: Request) -> None:
    gateway.renew(request).ticket  # E: union-attr
    gateway.sign_out(request).session_id  # E: union-attr
    admitted = gateway.admit(b"", format=F, challenge="x", request=request)
    admitted.ticket  # E: union-attr
    if not isinstance(admitted, Deny):
        admitted.ticket  # E: union-attr


def a_result_is_made_by_no_caller(request: Request) -> None:
    Allow()  # E: call-arg
    Deny("expired", "V6")  # E: arg-type
    Admitted(ticket=b"bytes", expires_at=NOW, ends_at=NOW)  # E: arg-type


# Tickets are text in our hands and bytes on the wire; a request is what the server saw.
def tickets_and_requests(gateway: Gateway, admitted: Admitted, key: LocalKey, allow: Allow) -> None:
    Request("POST", "https://g.example/", [(b"citizenship-ticket", admitted.ticket)])  # E: list-item
    Request("POST", "https://g.example/", {"citizenship-ticket": admitted.ticket})  # E: dict-item
    Request("POST", "https://g.example/", [("dpop", "proof")])  # E: list-item
    Request("POST", "https://g.example/", [], client_certificate="PEM")  # E: arg-type
    dpop_proof(key, method="POST", url="https://g.example/", ticket=b"ticket", now=NOW)  # E: arg-type
    dpop_proof(key, method="POST", url="https://g.example/", now=NOW)  # E: call-arg
    dpop_proof(key.public, method="POST", url="https://g.example/", ticket=None, now=NOW)  # E: arg-type
    gateway.authorize({"headers": []}, resource="model")  # E: arg-type
    gateway.authorize(Request("GET", "https://g.example/", []))  # E: call-arg
    gateway.authorize(Request("GET", "https://g.example/", []), resource=None)  # E: arg-type
    gateway.authorize(Request("GET", "https://g.example/", []), resource="model", now=NOW)  # E: call-arg
    gateway.admit_http(Request("GET", "https://g.example/", []), "body")  # E: arg-type
    gateway.challenge()  # E: call-arg
    gateway.challenge(sender=key)  # E: arg-type
    gateway.challenge(sender=b"", binding="mtls")  # E: arg-type
    gateway.revoke_session(admitted.ticket)  # E: arg-type
    gateway.revoke_session(allow.session_id)  # E: arg-type
    gateway.reload(ticket_keys=bytes(32))  # E: arg-type
    gateway.reload(ticket_keys=["secret"])  # E: list-item
    DailyTicketKeys(bytes(32))  # E: arg-type
    gateway.statuses = StatusStore  # E: misc, assignment


def my_gateway() -> None:
    class MyGateway(Gateway):  # E: misc
        """A gateway that allows everybody."""


def my_allow() -> None:
    class MyAllow(Allow):  # E: misc
        """A permission of one's own."""


# The log of refusals, and what counts sharing.
def audit_and_sharing(gateway: Gateway, request: Request, key: LocalKey, log: AuditLog) -> None:
    AuditLog("folder", writer="w", origin="g.example/audit", key=key)  # E: call-arg
    AuditLog("folder", writer="w", origin="g.example/audit", key=key, secret="text")  # E: arg-type
    AuditLog("folder", writer="w", origin="g.example/audit", key=key.public, secret=bytes(range(32)))  # E: arg-type
    verify_audit("folder")  # E: call-arg
    verify_audit("folder", keys=[log.verifier_key])  # E: call-arg
    verify_audit("folder", keys=[key.public], now=NOW)  # E: list-item
    gateway.authorize(request, resource="model", signals="AS64500")  # E: arg-type
    Signals(api_key="sk-42")  # E: arg-type
    SharingLimits(networks_hour=3)  # E: arg-type
    SharingDetector(5)  # E: call-arg


# Doors of an event loop are awaited, and take what is of this library.
async def asynchronous_doors(app: Any, gateway: Gateway, fetcher: AsyncStatusFetcher) -> tuple[Fetched, ...]:
    CitizenshipMiddleware(app, gateway=gateway)  # E: call-arg
    CitizenshipMiddleware(app, gateway, "model")  # E: call-arg
    CitizenshipMiddleware(app, gateway=gateway, resource=None)  # E: arg-type
    CitizenshipMiddleware(app, gateway=gateway, resource="model", certificates=True)  # E: arg-type
    CitizenshipMiddleware(app, gateway=fetcher, resource="model")  # E: arg-type
    fetcher.refresh().report  # E: attr-defined
    await fetcher.run(pause_s="5")  # E: arg-type
    return fetcher.refresh()  # E: return-value


# A coroutine is no decision.
async def a_decision_is_awaited(gateway: Gateway, request: Request) -> None:
    gateway.authorize_async(request, resource="model")  # E: unused-coroutine
    gateway.authorize_async(request, resource="model").session_id  # E: attr-defined
    if gateway.authorize_async(request, resource="model"):  # E: truthy-bool
        return
    gateway.sign_out_async(request)  # E: unused-coroutine
    UnixTime(1_800_000_000.5)  # E: arg-type


# A publisher keeps the states of its list, and gives a reference out once.
def a_publisher(publisher: StatusPublisher, reference: StatusReference, key: LocalKey, allow: Allow) -> None:
    StatusPublisher("https://id.example/1", 10)  # E: call-arg
    StatusPublisher(uri="https://id.example/1")  # E: call-arg
    publisher.revoke(7)  # E: arg-type
    publisher.revoke(reference, at="now")  # E: arg-type
    publisher.revoke(allow)  # E: arg-type
    publisher.publish(key)  # E: call-arg
    publisher.publish(key, now=NOW, ttl_s=60, expires_s=120, format="json")  # E: arg-type
    publisher.publish(key.public, now=NOW, ttl_s=60, expires_s=120)  # E: arg-type
    publisher.status(reference).revoked  # E: attr-defined
    publisher.uri = "https://id.example/2"  # E: misc
    publisher.changed = False  # E: misc
