"""What a review with fresh eyes found, each held by a test of its own. The rule of each stands in the page it cites."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from builders import (
    AUDIENCE,
    NOW,
    STATUS_URI,
    certificate,
    certificate_key,
    der,
    local_key,
    make,
    pem,
    status_anchors,
    statuses,
)
from builders import anchors as credential_anchors

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    LocalKey,
    Reason,
    Serialization,
    StatusReference,
    TrustAnchors,
)
from citizenid._wire import base64url
from citizenid._wire.writing import signing_input
from citizenid.gateway import AdmissionPolicy, Binding, Deny, Gateway, MemoryReplayGuard, Request
from citizenid.holder import dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import Facts
from citizenid.status import StatusStore
from citizenid.verifier import open_presentation, verify_credential

POLICY = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "a"\nnationality = ["US"]\nbinding = "bearer"')
OTHER_POLICY = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "b"\nanyone = true')
KEY = LocalKey.generate("ES256")
SCOPE: dict[str, Any] = {
    "purpose": KeyPurpose.CREDENTIAL,
    "formats": [Format.SD_JWT_VC],
    "types": ["t"],
    "countries": ANY,
}
ATTESTATION = prepare_attestation(
    Citizenship([Country("US")]),
    issuer="one",
    holder_key=KEY.public,
    now=NOW,
    lifetime_s=60,
    status=None,
    format=Format.SD_JWT_VC,
)


def anchors(name: str) -> TrustAnchors:
    return TrustAnchors.from_keys(name, [KEY.public], **SCOPE)


def gateway(**changes: Any) -> Gateway:
    arguments: dict[str, Any] = {
        "audience": AUDIENCE,
        "external_url": "https://gateway.example",
        "anchors": anchors("one"),
        "policy": POLICY,
        "ticket_keys": [b"k" * 32],
        "statuses": StatusStore(anchors=TrustAnchors()),
        "replay": MemoryReplayGuard(monotonic=lambda: 0.0),
        "clock": lambda: NOW,
        "monotonic": lambda: 0.0,
    }
    return Gateway(**{**arguments, **changes})


def test_two_reloads_of_different_parts_do_not_undo_each_other() -> None:
    # DESIGN section 5: reload is atomic. Many rounds, since a race shows itself now and then.
    for _ in range(200):
        door, start = gateway(), threading.Barrier(2)

        def reload(door: Gateway = door, start: threading.Barrier = start, **part: Any) -> None:
            start.wait()
            door.reload(**part)

        threads = [
            threading.Thread(target=reload, kwargs=part)
            for part in ({"anchors": anchors("two")}, {"policy": OTHER_POLICY})
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [anchor.issuer for anchor in door._state.anchors] == ["two"]
        assert door._state.policy is OTHER_POLICY


def test_what_is_remembered_of_a_sender_key_is_small() -> None:
    # T-9: a throwaway key may sign any header. The cache keeps no member of it, and no header beyond a kilobyte.
    door = gateway()
    for extra in ("x", "x" * 2_000):
        proof = _proof_with({"padding": extra})
        door.admit("", format=Format.SD_JWT_VC, challenge=_challenge(door), request=_request(proof))
    keys = door._rules.keys
    assert len(keys) == 1
    (segment,) = keys._entries
    held = keys.get(segment)
    assert held is not None and len(segment) <= 1_024 and dict(held.header.members) == {}


def _challenge(door: Gateway) -> str:
    return door.challenge(sender=KEY.public.thumbprint).to_text()


def _proof_with(members: dict[str, Any]) -> bytes:
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": KEY.public.to_jwk(), **members}
    claims = {"jti": "1", "htm": "POST", "htu": "https://gateway.example/citizenship", "iat": NOW}
    signed = signing_input(header, claims, "dpop")
    return signed + b"." + base64url.encode(KEY.sign(signed))


def _request(proof: bytes) -> Request:
    return Request("POST", "https://gateway.example/citizenship", [(b"dpop", proof)])


def test_a_bearer_challenge_older_than_a_clock_step_is_refused() -> None:
    # T-5: after a step back the guard may have forgotten that the challenge was answered.
    wall, monotonic = [NOW], [0.0]
    door = gateway(clock=lambda: wall[0], monotonic=lambda: monotonic[0])
    text = door.challenge(sender=None).to_text()
    wall[0], monotonic[0] = NOW - 100, 302.0
    answer = door.admit("", format=Format.SD_JWT_VC, challenge=text, request=Request("POST", "https://g.example/", []))
    assert isinstance(answer, Deny) and answer.reason is Reason.CHALLENGE_EXPIRED


@pytest.mark.parametrize("audience", ["\ud800", "a" * 2_049])
def test_an_audience_that_no_challenge_can_name_is_refused_at_once(audience: str) -> None:
    with pytest.raises(CitizenIDError) as caught:
        gateway(audience=audience)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_reload_refuses_what_is_no_list_of_keys() -> None:
    with pytest.raises(CitizenIDError) as caught:
        gateway().reload(ticket_keys=5)  # type: ignore[arg-type]  # what a caller must not do
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_ticket_beyond_ascii_gives_our_own_error_without_it() -> None:
    with pytest.raises(CitizenIDError) as caught:
        dpop_proof(KEY, method="GET", url="https://g.example/", ticket="secret-\u00e9", now=NOW)
    assert caught.value.reason is Reason.TICKET_INVALID and caught.value.__context__ is None


@pytest.mark.parametrize("path", [5, None, "name", (["x"],), [{}], ()])
def test_a_path_that_is_none_is_refused_in_our_own_words(path: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        Issuer(identifier="one", key=KEY).issue(ATTESTATION, format=Format.SD_JWT_VC, disclosable=[path])
    assert caught.value.reason is Reason.CLAIM_UNKNOWN


def test_a_serialisation_must_be_one() -> None:
    issuer = Issuer(identifier="one", key=KEY)
    with pytest.raises(CitizenIDError) as caught:
        issuer.issue(ATTESTATION, format=Format.SD_JWT_VC, serialization="compact")  # type: ignore[arg-type]  # so
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert issuer.issue(ATTESTATION, format=Format.SD_JWT_VC, serialization=Serialization.FLATTENED)[:1] == b"{"


def test_a_policy_of_too_many_patterns_is_refused() -> None:
    names = json.dumps([f"{number}/*" for number in range(1_001)])
    with pytest.raises(CitizenIDError) as caught:
        AdmissionPolicy.from_toml(f"version = 1\n[[rule]]\nresource = {names}\nanyone = true")
    assert caught.value.reason is Reason.POLICY_INVALID


def test_reprs_tell_nothing_of_a_person() -> None:
    us = Country("US")
    for value in (
        Citizenship([us], [us]),
        Facts(frozenset({us}), frozenset({us}), Binding.DPOP, 1),
        StatusReference("https://id.example/1", 4_711),
        Challenge(AUDIENCE, "secret-nonce"),
    ):
        assert not any(private in repr(value) for private in ("US", "4711", "id.example", "secret"))


def test_one_root_has_one_meaning_whatever_the_order() -> None:
    # V2: no candidate or more than one is a refusal; for roots it shows when the anchors are put together.
    def rooted(text: bytes, issuer: str = "one", **changes: Any) -> TrustAnchors:
        return TrustAnchors.from_certificates(text, issuer=issuer, **{**SCOPE, **changes})

    root = pem(certificate("root", "root", authority=True))
    renewed = pem(certificate("root", "root", authority=True, serial=77))
    for other in (
        rooted(root, "two"),
        rooted(root, not_before=1),
        rooted(renewed, "two"),
        rooted(renewed, types=["u"]),
    ):
        for both in ((rooted(root), other), (other, rooted(root))):
            with pytest.raises(CitizenIDError) as caught:
                both[0] | both[1]
            assert caught.value.reason is Reason.ANCHOR_INVALID
    assert len(rooted(root) | rooted(renewed)) == 2


def test_a_large_issuer_half_is_verified_and_not_kept() -> None:
    # T-9: a cache counts entries, so each must be small; to keep one or not changes no verdict.
    class Cache(dict[bytes, Any]):
        put = dict.__setitem__

    for size, kept in ((100, 1), (9_000, 0)):
        held = Cache()
        data = make(payload={"note": "x" * size})
        (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
        for _ in range(2):
            verify_credential(presentation, anchors=credential_anchors(), now=NOW, cache=held)
        assert len(held) == kept


def test_a_list_that_is_no_longer_trusted_is_due() -> None:
    store = statuses()
    assert store.due(NOW) == ()
    store.reload(anchors=status_anchors())
    assert store.due(NOW) == ()
    store.reload(anchors=TrustAnchors())
    assert store.due(NOW) == (STATUS_URI,)


def test_an_issuer_with_certificates_publishes_no_key_set() -> None:
    leaf = certificate("leaf", "root")
    issuer = Issuer(identifier="one", key=local_key(certificate_key("leaf")), certificates=der(leaf))
    with pytest.raises(CitizenIDError) as caught:
        issuer.jwks()
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
