"""Rules of the standards, and threats, that no other file tests: from the outside, through the doors.

A test stands here because specs/requirements.toml or specs/threat-model.md names it; each name is the rule it holds.

Spec: RFC 9901 sections 4, 7.2, 9.3; HAIP 1.0 section 6; RFC 9449 section 4.2; specs/threat-model.md.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from typing import Any, Final

import builders as b
import pytest
from gateway.world import ENDPOINT, NOW, ORIGIN, PATH, World, ath, request
from hypothesis import given
from hypothesis import strategies as st

from citizenid import (
    Attestation,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    LocalKey,
    MalformedError,
    NeedStatusList,
    PublicKey,
    Reason,
    StatusReference,
    UnixTime,
    Validity,
    VerificationError,
)
from citizenid.gateway import Admitted, Allow, Deny, NeedPresentation
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.status import StatusPublisher, StatusStore
from citizenid.verifier import open_presentation

CLAIMS: Final = {
    "given_name": "Ada",
    "address": {"locality": "London", "lines": ["one", "two"]},
    "nationalities": ["GB", "FR"],
}


def attestation(claims: dict[str, Any] | None = None, *, issued_by: str = b.ISSUER) -> Attestation:
    return Attestation(
        type=b.VCT,
        issuer=issued_by,
        claims=CLAIMS if claims is None else claims,
        validity=Validity(UnixTime(b.NOW - 60), None, UnixTime(b.NOW + 86_400)),
        holder_key=b.key("holder").public,
        status=(StatusReference(b.STATUS_URI, b.VALID_INDEX),),
    )


def issuer(key: Any = None, **options: Any) -> Issuer:
    return Issuer(identifier=b.ISSUER, key=key or b.key("issuer"), kid="k1", **options)


def issue(**options: Any) -> bytes:
    return issuer().issue(attestation(), format=Format.SD_JWT_VC, **options)


def receive(data: bytes) -> Credential:
    return Credential.receive(data, format=Format.SD_JWT_VC, anchors=b.anchors(), now=b.NOW)


def show(credential: Credential, names: Any = ()) -> bytes:
    return credential.present(names, challenge=b.challenge(), key=b.key("holder"), peer=b.AUDIENCE, now=b.NOW)


def decoded(segment: bytes) -> Any:
    return json.loads(b.unbase64url(segment))


# --- the issuer ---


def test_an_issuer_offers_no_algorithm_outside_of_the_list() -> None:
    for name in ("none", "HS256", "RS256", "PS256", "ES256K", "Ed448", "es256", ""):
        b.misused(Reason.ALGORITHM_NOT_ALLOWED, functools.partial(LocalKey.generate, name))


def test_salts_are_drawn_from_the_random_source_sixteen_bytes_each() -> None:
    drawn: list[bytes] = []

    def random(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    data = issuer(random=random).issue(attestation(), format=Format.SD_JWT_VC)
    salts = [b.unbase64url(decoded(text)[0]) for text in data.split(b"~")[1:-1]]
    assert len(set(salts)) == len(salts) == 9
    stream = b"".join(drawn)
    assert all(len(salt) == 16 and salt in stream for salt in salts)


def test_two_issues_of_one_attestation_share_no_salt_and_no_digest() -> None:
    one, other = (
        {decoded(text)[0] for text in data.split(b"~")[1:-1]} | set(decoded(data.split(b".")[1])["_sd"])
        for data in (issue(decoys=3), issue(decoys=3))
    )
    assert not one & other


def test_equal_claims_in_two_places_have_two_salts() -> None:
    data = issuer().issue(attestation({"a": {"x": 1}, "b": {"x": 1}}), format=Format.SD_JWT_VC)
    arrays = [decoded(text) for text in data.split(b"~")[1:-1]]
    assert len([array for array in arrays if array[1:] == ["x", 1]]) == 2
    assert len({array[0] for array in arrays}) == len(arrays)


@given(st.lists(st.text(min_size=1, max_size=5).filter(lambda name: name[0] not in "_."), min_size=2, unique=True))
def test_the_order_of_digests_says_nothing_of_the_order_of_claims(names: list[str]) -> None:
    claims = {f"x{name}": number for number, name in enumerate(names)}
    payload = decoded(issuer().issue(attestation(claims), format=Format.SD_JWT_VC, decoys=2).split(b".")[1])
    assert payload["_sd"] == sorted(payload["_sd"])
    assert len(payload["_sd"]) == len(names) + 2


def test_an_issuer_sends_no_key_binding() -> None:
    data = issue()
    assert data.endswith(b"~")
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    assert presentation.binding is None


def test_a_credential_without_a_hidden_claim_still_ends_in_a_tilde() -> None:
    data = issue(disclosable=())
    assert data.count(b"~") == 1
    assert data.endswith(b"~")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "Ed25519", "ML-DSA-44"])
def test_the_confirmation_is_a_public_jwk_alone(algorithm: str) -> None:
    made = prepare_attestation(
        Citizenship([Country("US")]),
        issuer=b.ISSUER,
        holder_key=b.key("cnf", algorithm).public,
        now=b.NOW,
        lifetime_s=60,
        status=None,
        format=Format.SD_JWT_VC,
    )
    payload = decoded(issuer().issue(made, format=Format.SD_JWT_VC).split(b".")[1])
    assert payload["cnf"] == {"jwk": b.key("cnf", algorithm).public.to_jwk()}
    assert not {"d", "priv", "k"} & set(payload["cnf"]["jwk"])


def test_the_header_names_the_key_as_the_published_set_does() -> None:
    made = Issuer(identifier=b.ISSUER, key=b.key("issuer"))
    header = decoded(made.issue(attestation(), format=Format.SD_JWT_VC).split(b".")[0])
    assert [key["kid"] for key in made.jwks()["keys"]] == [header["kid"]]
    assert header["typ"] == "dc+sd-jwt"


class ForeignKey:
    """A signer elsewhere that gives back what it likes."""

    def __init__(self, public: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        self.public = public
        self._sign = sign

    def sign(self, data: bytes, /) -> bytes:
        return self._sign(data)


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        (lambda data: bytes(64), Reason.SIGNATURE_INVALID),
        (lambda data: b.key("another").sign(data), Reason.SIGNATURE_INVALID),
        (lambda data: b.key("issuer").sign(data + b"."), Reason.SIGNATURE_INVALID),
        (lambda data: b.key("issuer").sign(data)[:-1], Reason.SIGNATURE_MALFORMED),
        (lambda data: b"", Reason.SIGNATURE_MALFORMED),
    ],
)
def test_a_foreign_signer_that_errs_issues_nothing(sign: Callable[[bytes], bytes], reason: Reason) -> None:
    signer = ForeignKey(b.key("issuer").public, sign)
    b.misused(reason, lambda: issuer(signer).issue(attestation(), format=Format.SD_JWT_VC))
    publisher = StatusPublisher(uri=b.STATUS_URI, size=8)
    b.misused(reason, lambda: publisher.publish(signer, now=b.NOW, ttl_s=60, expires_s=60))
    honest = ForeignKey(b.key("issuer").public, b.key("issuer").sign)
    assert receive(issuer(honest).issue(attestation(), format=Format.SD_JWT_VC)).attestation == attestation()


# --- the holder ---


def test_a_credential_with_a_key_binding_is_not_received() -> None:
    b.raises(Reason.KEY_BINDING_UNEXPECTED, "V1", lambda: receive(b.make()))


@pytest.mark.parametrize(
    ("data", "reason", "step"),
    [
        (lambda: b.issuer_half(signer=b.key("forger")), Reason.SIGNATURE_INVALID, "V3"),
        (lambda: b.issuer_half(header={"kid": "other"}), Reason.KEY_UNKNOWN, "V2"),
        (lambda: b.issuer_half(disclosures=[b.disclosure("s", "x", 1)]), Reason.DISCLOSURE_UNREFERENCED, "V4"),
        (lambda: b.issuer_half(payload={"vct": "urn:other"}), Reason.TYPE_NOT_ALLOWED, "V5"),
        (lambda: b.issuer_half(payload={"exp": b.NOW}), Reason.EXPIRED, "V6"),
    ],
)
def test_a_holder_verifies_what_he_receives(data: Callable[[], bytes], reason: Reason, step: str) -> None:
    b.raises(reason, step, lambda: receive(data()))


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ([("address", "lines", 1)], ["address", "lines", None]),
        ([("address", "locality")], ["address", "locality"]),
        ([("nationalities", 1)], ["nationalities", None]),
    ],
)
def test_with_a_chosen_disclosure_go_its_parents_and_nothing_else(chosen: Any, names: list[str | None]) -> None:
    data = show(receive(issue()), chosen)
    arrays = [decoded(text) for text in data.split(b"~")[1:-1]]
    assert sorted(str(array[1] if len(array) == 3 else None) for array in arrays) == sorted(map(str, names))
    b.accepted(data)


def test_disclosures_are_passed_on_character_by_character() -> None:
    # Spelled as no writer of ours would: spaces, escapes, another order of nothing.
    text = b.segment(b'[ "s\\u0061lt" ,"given_name",\t"\\u0041da" ]')
    credential = receive(b.issuer_half(payload={"_sd": [b.digest(text)]}, disclosures=[text]))
    data = show(credential, ["given_name"])
    assert data.split(b"~")[1] == text
    assert b.accepted(data).attestation.claims["given_name"] == "Ada"


@pytest.mark.parametrize("hash_algorithm", ["sha-256", "sha-384", "sha-512"])
def test_a_key_binding_says_its_four_claims_and_nothing_else(hash_algorithm: str) -> None:
    data = show(receive(issue(hash_algorithm=hash_algorithm)), ["given_name"])
    half, _, binding = data.rpartition(b"~")
    header, payload, _ = binding.split(b".")
    assert decoded(header) == {"alg": "ES256", "typ": "kb+jwt"}
    assert decoded(payload) == {
        "iat": b.NOW,
        "aud": b.AUDIENCE,
        "nonce": b.NONCE,
        "sd_hash": b.digest(half + b"~", hash_algorithm),
    }


def test_a_presentation_always_has_a_key_binding() -> None:
    for chosen in ([], ["given_name"], list(CLAIMS)):
        (presentation,) = open_presentation(show(receive(issue()), chosen), format=Format.SD_JWT_VC)
        assert presentation.binding is not None


def test_key_binding_is_never_optional() -> None:
    b.refused(b.issuer_half(), Reason.KEY_BINDING_MISSING, "V7")
    b.refused(b.issuer_half(payload={"cnf": b.ABSENT}), Reason.HOLDER_KEY_MISSING, "V7")
    b.refused(b.make(payload={"cnf": b.ABSENT}), Reason.HOLDER_KEY_MISSING, "V7")


def test_a_credential_that_fails_makes_nobody_want_its_list() -> None:
    for data in (
        b.make(payload={"exp": b.NOW}),
        b.make(signer=b.key("forger")),
        b.make(kb={"nonce": "another-nonce"}),
        b.make(kb_signer=b.key("forger")),
    ):
        store = StatusStore(anchors=b.status_anchors())
        with pytest.raises((MalformedError, VerificationError)):
            b.verify(data, statuses=store)
        assert store.due(b.NOW) == ()
    store = StatusStore(anchors=b.status_anchors())
    assert isinstance(b.verify(b.make(), statuses=store), NeedStatusList)
    assert store.due(b.NOW) == (b.STATUS_URI,)


def test_nothing_but_the_signed_times_says_how_long_a_list_is_used() -> None:
    # The store has no place for a header of HTTP: it is told the body, its media type and when it was fetched.
    store = StatusStore(anchors=b.status_anchors())
    token = b.status_token(payload={"exp": b.NOW + 100, "ttl": 50})
    with pytest.raises(TypeError):
        store.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW, max_age=10**6)  # type: ignore[call-arg]  # that is the test
    store.ingest(b.STATUS_URI, token, media_type=b.STATUS_MEDIA_TYPE, now=b.NOW)
    reference = StatusReference(b.STATUS_URI, b.VALID_INDEX)
    assert not isinstance(store.check(reference, issuer=b.ISSUER, now=b.NOW + 49), NeedStatusList)
    assert isinstance(store.check(reference, issuer=b.ISSUER, now=b.NOW + 50), NeedStatusList)


# --- the client's proof ---


def test_the_header_of_a_proof_has_its_type_and_the_public_key_alone() -> None:
    for algorithm in ("ES256", "Ed25519"):
        key = b.key("client", algorithm)
        proof = dpop_proof(key, method="POST", url=ORIGIN + PATH, ticket=None, now=NOW)
        header = decoded(proof.encode().split(b".")[0])
        assert header == {"alg": algorithm, "typ": "dpop+jwt", "jwk": key.public.to_jwk()}


def test_a_proof_says_method_url_and_time_and_the_ticket_and_nonce_it_was_given() -> None:
    key = b.key("client")
    url = ORIGIN + PATH
    proof = dpop_proof(key, method="GET", url=url + "?query=1#fragment", ticket=None, now=NOW)
    claims = decoded(proof.encode().split(b".")[1])
    assert {name: value for name, value in claims.items() if name != "jti"} == {"htm": "GET", "htu": url, "iat": NOW}
    proof = dpop_proof(key, method="GET", url=url, ticket="ticket", now=NOW, nonce="server-nonce")
    claims = decoded(proof.encode().split(b".")[1])
    assert claims["ath"] == ath("ticket")
    assert claims["nonce"] == "server-nonce"


def test_every_proof_has_a_jti_of_its_own_with_128_random_bits() -> None:
    drawn: list[bytes] = []

    def random(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    proofs = [
        dpop_proof(b.key("client"), method="GET", url=ORIGIN, ticket=None, now=NOW, random=random) for _ in range(3)
    ]
    identifiers = [b.unbase64url(decoded(proof.encode().split(b".")[1])["jti"]) for proof in proofs]
    assert identifiers == drawn
    assert all(len(identifier) == 16 for identifier in identifiers)


# --- threats, at the gateway ---


def test_a_relayed_presentation_becomes_no_ticket() -> None:
    world = World()
    victim, thief = world.wallet("victim"), world.wallet("thief")
    # The thief passes on a challenge that was made for his own key; the victim answers it in good faith.
    made_for_thief = world.challenge(thief.sender)
    answer = world.present(victim, made_for_thief)
    made_for_victim = world.challenge(victim.sender)
    stolen = world.present(victim, made_for_victim)

    def admit(data: bytes, challenge: Any, sender: LocalKey | None) -> Any:
        proof = None if sender is None else world.proof(sender, url=ORIGIN + ENDPOINT)
        return world.gateway.admit(
            data,
            format=Format.SD_JWT_VC,
            challenge=challenge.to_text(),
            request=request(path=ENDPOINT, proof=proof),
        )

    # What was made for the victim's key is of no use to another key, nor without one.
    for sender, reason in ((thief.sender, Reason.CHALLENGE_INVALID), (None, Reason.PROOF_MISSING)):
        result = admit(stolen, made_for_victim, sender)
        assert type(result) is Deny
        assert result.reason is reason
    # Nor does the answer to one challenge serve for the other.
    result = admit(answer, made_for_victim, victim.sender)
    assert type(result) is Deny
    assert result.reason is Reason.NONCE_MISMATCH
    # A wallet does not answer for whom it does not talk to: the relay is another peer than the challenge names.
    b.misused(
        Reason.PEER_MISMATCH,
        lambda: victim.credential.present(
            [], challenge=made_for_thief, key=victim.key, peer="https://relay.example", now=NOW
        ),
    )
    assert type(admit(stolen, made_for_victim, victim.sender)) is Admitted


@pytest.mark.parametrize("step_s", [5, 120, 100_000])
@pytest.mark.parametrize("silence_s", [0, 70, 1_000])
def test_a_clock_that_steps_back_makes_no_proof_young(step_s: int, silence_s: int) -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    used = request(ticket, world.proof(wallet.sender, ticket))
    assert type(world.gateway.authorize(used, resource="us-nationals")) is Allow
    world.wait(silence_s)
    world.step_wall_clock(-step_s)
    for _ in range(3):
        result = world.gateway.authorize(used, resource="us-nationals")
        assert type(result) is Deny
        assert result.reason in (Reason.REPLAYED, Reason.PROOF_STALE, Reason.PROOF_IN_FUTURE)
        world.wait(40)


def test_two_tickets_or_two_proofs_are_refused() -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    proof = world.proof(wallet.sender, ticket)
    for name, value, kind in (
        (b"Citizenship-Ticket", ticket.encode(), NeedPresentation),
        (b"CITIZENSHIP-TICKET", b"", NeedPresentation),
        (b"DPoP", proof, Deny),
        (b"dpop", b"", Deny),
    ):
        asked = request(ticket, proof, further=[(name, value)])
        result = world.gateway.authorize(asked, resource="us-nationals")
        assert type(result) is kind
        assert result.reason in (Reason.TICKET_INVALID, Reason.PROOF_MALFORMED)
    assert type(world.gateway.authorize(request(ticket, proof), resource="us-nationals")) is Allow


def test_a_refused_proof_is_answered_with_401_and_the_algorithms_that_serve() -> None:
    world = World()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    for proof in (None, b"x", world.proof(wallet.sender), world.proof(wallet.sender, ticket, now=world.now - 1_000)):
        denied = world.gateway.authorize(request(ticket, proof), resource="us-nationals")
        assert type(denied) is Deny
        answer = denied.http()
        assert answer.status == 401
        (challenge,) = [value for name, value in answer.headers if name == b"www-authenticate"]
        assert challenge.startswith(b'DPoP error="invalid_dpop_proof", algs="')
        assert set(challenge.split(b'algs="')[1].rstrip(b'"').split()) >= {b"ES256", b"Ed25519"}


def test_our_own_side_is_refused_with_the_base_of_errors() -> None:
    with pytest.raises(CitizenIDError) as caught:
        issuer().issue(attestation(issued_by="https://other.example"), format=Format.SD_JWT_VC)
    assert type(caught.value) is CitizenIDError
    assert caught.value.reason is Reason.ISSUER_MISMATCH
