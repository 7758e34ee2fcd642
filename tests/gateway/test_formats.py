"""The gateway with the CBOR formats: which protocol asks a wallet, what the challenge promises of it, and MACs.

The credentials are short-lived, so that no status list is needed; the status of tickets is no matter of the format.

Spec: specs/decisions/0013; OpenID4VP 1.0 appendix B.2.6; ISO/IEC 18013-5 9.1.3.5; DESIGN section 4 (challenge).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final

import pytest
from builders import ISSUER
from mdoc_writing import OURS, attestation, door, trusted

from citizenid import (
    ANY,
    AgreementKey,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    Handover,
    HandoverKind,
    KeyPurpose,
    MalformedError,
    NeedStatusList,
    Reason,
    StatusReference,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._wire import cbor
from citizenid.gateway import Admitted, Gateway, NeedPresentation
from citizenid.holder import Credential
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import IdentifierPublisher, StatusPublisher, StatusStore
from citizenid.status._store import place_of

from .world import ENDPOINT, NOW, ORIGIN, VCT, Wallet, World, allowed, base64url, denied, key, request

CLIENT_ID: Final = "x509_san_dns:gateway.example"
POSTED: Final = Handover(HandoverKind.OPENID4VP, response_uri=ORIGIN + "/response")
US: Final = [(OURS, "citizen_of_us")]
CWT_ISSUER: Final = "https://cwt.example"
ENCRYPTED_TO: Final = bytes(range(32))


def cwt_issuer() -> Issuer:
    return Issuer(identifier=CWT_ISSUER, key=key("cwt issuer"))


def anchors() -> TrustAnchors:
    scope: dict[str, Any] = {"purpose": KeyPurpose.CREDENTIAL, "types": [VCT], "countries": ANY}
    return trusted() | TrustAnchors.from_jwks(CWT_ISSUER, cwt_issuer().jwks(), formats=[Format.SD_CWT], **scope)


def world(**options: Any) -> World:
    return World(**{"anchors": anchors(), **options})


def mdoc(holder: Any) -> Credential:
    validity = Validity(UnixTime(NOW), None, UnixTime(NOW + 3_600))
    data = door().issue(attestation(holder_key=holder, validity=validity, status=()), format=Format.MDOC)
    return Credential.receive(data, format=Format.MDOC, anchors=trusted(), now=NOW)


def sd_cwt(holder: Any) -> Credential:
    stated = prepare_attestation(
        Citizenship(citizenships=[Country("US")]),
        issuer=CWT_ISSUER,
        holder_key=holder,
        now=NOW,
        lifetime_s=3_600,
        status=None,
        format=Format.SD_CWT,
    )
    data = cwt_issuer().issue(stated, format=Format.SD_CWT)
    return Credential.receive(data, format=Format.SD_CWT, anchors=anchors(), now=NOW)


def shown(credential: Credential, challenge: Challenge, by: Any, disclose: Iterable[Any]) -> bytes:
    return credential.present(disclose, challenge=challenge, key=by, peer=challenge.peer, now=NOW)


def hand_in(
    at: World, credential: Credential, presentation: bytes, text: str, sender: Any, gateway: Gateway | None = None
) -> Any:
    proof = at.proof(sender, url=ORIGIN + ENDPOINT)
    return (gateway or at.gateway).admit(
        presentation, format=credential.format, challenge=text, request=request(path=ENDPOINT, proof=proof)
    )


def admitted(at: World, credential: Credential, by: Any, handover: Handover | None, disclose: Iterable[Any]) -> Any:
    """Ask, answer as a wallet does that has read the text of the challenge alone, and hand in."""
    sender = key("sender")
    text = at.gateway.challenge(sender=sender.public.thumbprint, handover=handover).to_text()
    return hand_in(at, credential, shown(credential, Challenge.from_text(text), by, disclose), text, sender)


# --- handovers ---


@pytest.mark.parametrize(
    ("audience", "handover"),
    [
        (ORIGIN, None),
        ("origin:" + ORIGIN, Handover(jwk_thumbprint=ENCRYPTED_TO)),
        (CLIENT_ID, POSTED),
        (CLIENT_ID, POSTED._replace(jwk_thumbprint=ENCRYPTED_TO)),
        ("origin:" + ORIGIN, Handover(HandoverKind.DC_API_DRAFT_24, client_id="web-origin:" + ORIGIN)),
    ],
)
def test_both_formats_are_admitted_by_every_protocol_in_which_the_wallet_signs_the_nonce(
    audience: str, handover: Handover | None
) -> None:
    at, holder = world(audience=audience), key("holder")
    for credential, disclose in ((mdoc(holder.public), US), (sd_cwt(holder.public), ["citizenships"])):
        found = admitted(at, credential, holder, handover, disclose)
        assert isinstance(found, Admitted), found
        wallet = Wallet("", credential, None, format=Format.MDOC)
        wallet.sender = key("sender")
        allowed(at.ask(wallet, found.ticket, "us-citizens"))


def test_the_handover_is_what_the_device_signed() -> None:
    at, holder, sender = world(audience=CLIENT_ID), key("holder"), key("sender")
    credential = mdoc(holder.public)
    challenge = at.gateway.challenge(sender=sender.public.thumbprint, handover=POSTED)
    for other in (Handover(), POSTED._replace(response_uri=ORIGIN + "/elsewhere")):
        answer = shown(credential, dataclasses.replace(challenge, handover=other), holder, US)
        denied(hand_in(at, credential, answer, challenge.to_text(), sender), Reason.SIGNATURE_INVALID, "V8")


def test_where_a_wallet_posts_its_answer_is_not_for_the_client_to_say() -> None:
    at, holder, sender = world(audience=CLIENT_ID), key("holder"), key("sender")
    credential = mdoc(holder.public)
    challenge = at.gateway.challenge(sender=sender.public.thumbprint, handover=POSTED)
    others = [
        Handover(),
        POSTED._replace(response_uri="https://between.example/response"),
        POSTED._replace(jwk_thumbprint=ENCRYPTED_TO),
        Handover(HandoverKind.DC_API_DRAFT_24, client_id=CLIENT_ID),
        Handover(HandoverKind.TRANSCRIPT, transcript=b"\x83\xf6\xf6\xf6"),
    ]
    for other in others:
        changed = dataclasses.replace(challenge, handover=other)
        answer = shown(credential, changed, holder, US)
        denied(hand_in(at, credential, answer, changed.to_text(), sender), Reason.CHALLENGE_INVALID, "challenge")


@pytest.mark.parametrize(
    "handover",
    [
        Handover(HandoverKind.ISO_18013_7_2024, ORIGIN, mdoc_generated_nonce="n" * 16),
        Handover(HandoverKind.TRANSCRIPT, transcript=b"\x83\xf6\xf6\xf6"),
        "openid4vp",
        ("openid4vp", ORIGIN, None, None, None, None),
    ],
)
def test_no_challenge_is_made_in_which_the_wallet_does_not_sign_the_nonce(handover: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        world().gateway.challenge(sender=key("sender").public.thumbprint, handover=handover)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "challenge.handover")


@pytest.mark.parametrize(
    "handover", [Handover(HandoverKind.OPENID4VP), POSTED._replace(jwk_thumbprint=bytes(31)), Handover(client_id="x")]
)
def test_no_challenge_is_made_of_a_handover_that_is_not_complete(handover: Handover) -> None:
    with pytest.raises(MalformedError) as caught:
        world().gateway.challenge(sender=key("sender").public.thumbprint, handover=handover)
    assert (caught.value.reason, caught.value.where) == (Reason.CHALLENGE_INVALID, "challenge.handover")


def test_the_challenge_of_a_refusal_is_the_plain_one() -> None:
    at, sender = world(audience=CLIENT_ID), key("sender")
    needed = at.gateway.authorize(request(proof=at.proof(sender)), resource="us-citizens")
    assert isinstance(needed, NeedPresentation)
    challenge = needed.new_challenge()
    assert challenge is not None
    assert (challenge.handover, challenge.audience) == (Handover(), CLIENT_ID)


def test_an_answer_of_two_documents_becomes_no_ticket_and_uses_nothing_up() -> None:
    at, holder, sender = world(), key("holder"), key("sender")
    credential, other = mdoc(holder.public), mdoc(holder.public)
    text = at.gateway.challenge(sender=sender.public.thumbprint).to_text()
    answers = [shown(each, Challenge.from_text(text), holder, US) for each in (credential, other)]
    opened = [cbor.decode(each, "response", frozenset({24})) for each in answers]
    documents = [document for each in opened for document in each["documents"]]
    for several in (documents, documents[::-1], documents[:1] * 2):
        data = cbor.encode({**opened[0], "documents": several})
        denied(hand_in(at, credential, data, text, sender), Reason.LIMIT_EXCEEDED, "V1")
    assert isinstance(hand_in(at, credential, answers[1], text, sender), Admitted)


# --- MACs ---


def test_a_mac_is_admitted_where_the_gateway_has_a_key_for_it_and_nowhere_else() -> None:
    reader, device, sender = AgreementKey.generate("P-256"), AgreementKey.generate("P-256"), key("sender")
    at, credential = world(audience=CLIENT_ID, reader_key=reader), mdoc(device.public)
    handover = POSTED._replace(jwk_thumbprint=reader.public.thumbprint)
    challenge = at.gateway.challenge(sender=sender.public.thumbprint, handover=handover)
    text = challenge.to_text()
    received = Challenge.from_text(text)
    assert received.reader_key is None  # a wallet has it from the request
    asked = dataclasses.replace(received, reader_key=reader.public)
    assert asked.to_text() == text

    other = AgreementKey.generate("P-256")
    wrong = shown(credential, dataclasses.replace(asked, reader_key=other.public), device, US)
    denied(hand_in(at, credential, wrong, text, sender), Reason.SIGNATURE_INVALID, "V8")
    answer = shown(credential, asked, device, US)
    without = at.another_gateway(reader_key=None)
    denied(hand_in(at, credential, answer, text, sender, without), Reason.READER_KEY_MISSING, "V7")
    assert isinstance(hand_in(at, credential, answer, text, sender), Admitted)


def test_a_gateway_with_a_key_for_macs_takes_signatures_too() -> None:
    at, holder = world(reader_key=AgreementKey.generate("P-256")), key("holder")
    assert isinstance(admitted(at, mdoc(holder.public), holder, None, US), Admitted)
    assert isinstance(admitted(at, sd_cwt(holder.public), holder, None, ["citizenships"]), Admitted)


def test_the_key_for_macs_is_a_private_one() -> None:
    for wrong in (AgreementKey.generate("P-256").public, key("sender"), b"key", True):
        with pytest.raises(CitizenIDError) as caught:
            world(reader_key=wrong)
        assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "gateway.reader_key")


# --- over HTTP ---


@pytest.mark.parametrize("format_", [Format.MDOC, Format.SD_CWT])
def test_what_is_binary_is_posted_as_base64url(format_: Format) -> None:
    at, holder, sender = world(), key("holder"), key("sender")
    credential, disclose = (
        (mdoc(holder.public), US) if format_ is Format.MDOC else (sd_cwt(holder.public), ["citizenships"])
    )
    challenge = at.gateway.challenge(sender=sender.public.thumbprint)
    answer = base64url(shown(credential, challenge, holder, disclose)).decode()
    body = f'{{"format":"{format_}","challenge":"{challenge.to_text()}","presentation":"{answer}"}}'.encode()
    found = at.gateway.admit_http(request(path=ENDPOINT, proof=at.proof(sender, url=ORIGIN + ENDPOINT)), body)
    assert found.status == 200


# --- lists in CBOR ---


class Lists:
    """A status list and an identifier list of the issuer of mdocs, in a store of the gateway's."""

    def __init__(self) -> None:
        signers = TrustAnchors.from_keys(ISSUER, [key("mdoc status").public], purpose=KeyPurpose.STATUS_LIST)
        self.store = StatusStore(anchors=signers)
        self.statuses = StatusPublisher(uri="https://id.example/lists/1", size=100)
        self.identifiers = IdentifierPublisher(uri="https://id.example/identifiers")
        self.now = NOW

    def publish(self) -> None:
        self.now += 1
        times: dict[str, Any] = {"now": self.now, "ttl_s": 3_600, "expires_s": 86_400}
        signer = key("mdoc status")
        for publisher, media_type, body in (
            (self.statuses, "application/statuslist+cwt", self.statuses.publish(signer, format="cwt", **times)),
            (self.identifiers, "application/identifierlist+cwt", self.identifiers.publish(signer, **times)),
        ):
            self.store.ingest(publisher.uri, body, media_type=media_type, now=self.now)

    def revoke(self, reference: StatusReference) -> None:
        (self.statuses if reference.identifier is None else self.identifiers).revoke(reference)
        self.publish()


def with_status(holder: Any, *status: StatusReference) -> Credential:
    validity = Validity(UnixTime(NOW), None, UnixTime(NOW + 30 * 86_400))
    data = door().issue(attestation(holder_key=holder, validity=validity, status=status), format=Format.MDOC)
    return Credential.receive(data, format=Format.MDOC, anchors=trusted(), now=NOW)


@pytest.mark.parametrize("revoked", ["status list", "identifier list"])
def test_a_revocation_in_either_list_refuses_the_next_request_and_the_next_presentation(revoked: str) -> None:
    lists, holder, sender = Lists(), key("holder"), key("sender")
    at = world(statuses=lists.store)
    references = (lists.statuses.allocate(), lists.identifiers.allocate())
    credential = with_status(holder.public, *references)
    need = admitted(at, credential, holder, None, US)
    assert need == NeedStatusList(references[0].uri)  # nothing was decided
    lists.publish()
    found = admitted(at, credential, holder, None, US)
    assert isinstance(found, Admitted), found
    wallet = Wallet("", credential, None, format=Format.MDOC)
    wallet.sender = sender
    allowed(at.ask(wallet, found.ticket, "us-citizens"))
    others = (lists.statuses.allocate(), lists.identifiers.allocate())
    for reference in others:
        lists.revoke(reference)  # somebody else's
    allowed(at.ask(wallet, found.ticket, "us-citizens"))
    lists.revoke(references[revoked == "identifier list"])
    denied(at.ask(wallet, found.ticket, "us-citizens"), Reason.REVOKED, "V9")
    denied(admitted(at, credential, holder, None, US), Reason.REVOKED, "V9")


def test_a_ticket_whose_identifier_list_is_stale_or_gone_needs_it() -> None:
    lists, holder = Lists(), key("holder")
    at = world(statuses=lists.store)
    credential = with_status(holder.public, lists.identifiers.allocate())
    lists.publish()
    found = admitted(at, credential, holder, None, US)
    assert isinstance(found, Admitted), found
    wallet = Wallet("", credential, None, format=Format.MDOC)
    wallet.sender = key("sender")
    another = StatusStore(anchors=TrustAnchors.from_keys(ISSUER, [key("x").public], purpose=KeyPurpose.STATUS_LIST))
    elsewhere = at.another_gateway(statuses=another)
    assert isinstance(at.ask(wallet, found.ticket, "us-citizens", elsewhere), NeedStatusList)
    at.wait(3_601)  # the list was fetched a second after NOW
    (place,) = [place_of(reference, anchor) for reference in credential.attestation.status for anchor in trusted()]
    stale = NeedStatusList(lists.identifiers.uri, Reason.STATUS_LIST_STALE)
    assert lists.store.check_identity(*place, UnixTime(at.now)) == stale


def test_tickets_have_one_length_whichever_list_their_credential_is_in() -> None:
    lists, holder = Lists(), key("holder")
    lists.publish()
    at = world(statuses=lists.store)
    lengths = set()
    for status in (
        (lists.statuses.allocate(),),
        (lists.identifiers.allocate(),),
        (lists.statuses.allocate(), lists.identifiers.allocate()),
    ):
        found = admitted(at, with_status(holder.public, *status), holder, None, US)
        assert isinstance(found, Admitted), found
        lengths.add(len(found.ticket))
    assert len(lengths) == 1
