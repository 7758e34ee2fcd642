"""What a caller writes, and what a type checker must say of it: nothing.

`tests/test_typing.py` runs mypy --strict over this file. It is checked and never run; `assert_type` holds the types
that a caller sees. Spec: DESIGN section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never, assert_type

from citizenid import (
    ANY,
    Attestation,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    NeedStatusList,
    PublicKey,
    Reason,
    Serialization,
    SigningKey,
    Status,
    StatusReference,
    TrustAnchor,
    TrustAnchors,
    UnixTime,
    Unsigned,
    Validity,
    VerificationError,
)
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Binding,
    DailyTicketKeys,
    Deny,
    Gateway,
    MemoryReplayGuard,
    MemorySignOuts,
    NeedPresentation,
    Request,
    SignedOut,
    SignOuts,
)
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusStore
from citizenid.verifier import (
    IssuerHalfCache,
    VerifiedCredential,
    VerifiedPresentation,
    open_presentation,
    verify,
    verify_credential,
    verify_each,
    verify_presentation,
)

NOW = 1_800_000_000


class Hsm:
    """A signer elsewhere: it satisfies the protocol without being a class of ours."""

    def __init__(self, public: PublicKey) -> None:
        self._public = public

    @property
    def public(self) -> PublicKey:
        return self._public

    def sign(self, data: bytes, /) -> bytes:
        return data


class PlainKey:
    """A key whose public half is an attribute satisfies it as well."""

    public: PublicKey

    def __init__(self, public: PublicKey) -> None:
        self.public = public

    def sign(self, data: bytes, /) -> bytes:
        return data


def an_identity_provider(hsm: Hsm, plain: PlainKey, holder_key: PublicKey, publisher: StatusPublisher) -> bytes:
    signing: SigningKey = hsm
    signing = plain
    signing = LocalKey.generate("ES256")
    attestation = prepare_attestation(
        Citizenship([Country("US"), Country.parse("DEU")]),
        issuer="https://id.example",
        holder_key=holder_key,
        now=NOW,
        lifetime_s=86_400,
        status=publisher.allocate(),
        format=Format.SD_JWT_VC,
        claims={"given_name": "Ada"},
    )
    assert_type(attestation, Attestation)
    assert_type(attestation.citizenship, Citizenship)
    assert_type(attestation.claims, Mapping[Any, Any])
    assert_type(attestation.status, tuple[StatusReference, ...])
    issuer = Issuer(identifier="https://id.example", key=signing)
    assert_type(issuer.issue(attestation, format=Format.SD_JWT_VC, disclosable=[("nationalities", None)]), bytes)
    elsewhere = Issuer(identifier="https://id.example", key=hsm.public)
    unsigned = elsewhere.prepare(attestation, format=Format.SD_JWT_VC, serialization=Serialization.GENERAL)
    assert_type(unsigned, Unsigned)
    return unsigned.complete(hsm.sign(unsigned.to_be_signed))


def a_wallet(data: bytes, anchors: TrustAnchors, challenge: Challenge, key: LocalKey) -> bytes:
    credential = Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors, now=NOW)
    assert_type(credential.disclosable, Mapping[tuple[str | int | None, ...], Any])
    assert_type(dpop_proof(key, method="POST", url="https://g.example/", ticket=None, now=NOW), str)
    return credential.present(
        ["given_name", ("nationalities", 0)], challenge=challenge, key=key, peer="https://g.example", now=UnixTime(NOW)
    )


def a_verifier(
    data: bytes | str, anchors: TrustAnchors, store: StatusStore, cache: IssuerHalfCache
) -> Iterable[Country]:
    challenge = Challenge(audience="https://g.example", nonce="unpredictable", max_age_s=60)
    try:
        verdict = verify(
            data,
            format=Format.SD_JWT_VC,
            anchors=anchors,
            challenge=challenge,
            statuses=store,
            now=NOW,
            limits=Limits(clock_skew_s=5),
            cache=cache,
        )
    except VerificationError as error:
        assert_type(error.reason, Reason)
        assert_type(error.step, str)
        raise
    if isinstance(verdict, NeedStatusList):
        assert_type(verdict.uri, str)
        return ()
    assert_type(verdict, VerifiedPresentation)
    assert_type(verdict.anchor, TrustAnchor)
    assert_type(verdict.status, Status | None)
    return verdict.citizenship.nationalities


def step_by_step(data: bytes, anchors: TrustAnchors, store: StatusStore, challenge: Challenge) -> None:
    for presentation in open_presentation(data, format=Format.SD_JWT_VC):
        credential = verify_credential(presentation, anchors=anchors, now=NOW)
        assert_type(credential, VerifiedCredential)
        verdict = verify_presentation(credential, challenge=challenge, statuses=store, now=NOW)
        assert_type(verdict, VerifiedPresentation | NeedStatusList)
    verdicts = verify_each(data, format=Format.SD_JWT_VC, anchors=anchors, challenge=challenge, statuses=store, now=NOW)
    assert_type(verdicts, tuple[VerifiedPresentation | NeedStatusList | CitizenIDError, ...])


def an_operator(jwks: dict[str, Any], text: str, pem: bytes) -> TrustAnchors:
    us = frozenset({Country("US")})
    keys = TrustAnchors.from_jwks(
        "https://id.example",
        jwks,
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:x"],
        countries=us,
    )
    roots = TrustAnchors.from_certificates(
        pem,
        issuer="https://b.example",
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=["urn:x"],
        countries=ANY,
    )
    status = TrustAnchors.from_jwks("https://id.example", text, purpose=KeyPurpose.STATUS_LIST)
    return keys | roots | status


def a_gateway(anchors: TrustAnchors, store: StatusStore, text: str, request: Request, body: bytes) -> int:
    gateway = Gateway(
        audience="https://g.example",
        external_url="https://g.example",
        anchors=anchors,
        policy=AdmissionPolicy.from_toml(text),
        ticket_keys=[bytes(range(32))],
        statuses=store,
        replay=MemoryReplayGuard(),
    )
    admitted = gateway.admit(body, format=Format.SD_JWT_VC, challenge="text", request=request)
    assert_type(admitted, Admitted | Deny | NeedStatusList)
    decision = gateway.authorize(request, resource="model")
    match decision:
        case Allow():
            return 200
        case Deny() | NeedPresentation() | NeedStatusList():
            return decision.http().status
        case _:
            assert_never(decision)


def a_session(gateway: Gateway, request: Request, sign_outs: SignOuts) -> SignOuts:
    assert_type(gateway.challenge(sender=bytes(32), binding=Binding.MTLS), Challenge)
    assert_type(gateway.renew(request), Admitted | Deny | NeedPresentation | NeedStatusList)
    assert_type(gateway.sign_out(request), SignedOut | Deny | NeedPresentation)
    decision = gateway.authorize(request, resource="model")
    if isinstance(decision, Allow) and decision.session_id is not None:
        gateway.revoke_session(decision.session_id)
        assert_type(decision.dpop_nonce, str | None)
    gateway.reload(ticket_keys=DailyTicketKeys([bytes(range(32))]))
    return MemorySignOuts(max_entries=10) if sign_outs.contains(bytes(16)) else sign_outs


def times() -> Validity:
    return Validity(UnixTime(NOW), None, UnixTime(NOW + 60))
