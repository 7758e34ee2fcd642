"""What a review with fresh eyes found, each held by a test of its own. The rule of each stands in the page it cites."""

from __future__ import annotations

import base64
import inspect
import itertools
import json
import random
import re
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    NOW,
    STATUS_MEDIA_TYPE,
    STATUS_URI,
    VCT,
    certificate,
    certificate_key,
    challenge,
    der,
    digest,
    disclosure,
    issuer_half,
    key,
    local_key,
    make,
    pem,
    raises,
    refused,
    status_anchors,
    status_token,
    statuses,
    verify,
)
from builders import anchors as credential_anchors
from cryptography import x509

from citizenid import (
    ANY,
    Challenge,
    CitizenIDError,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    Reason,
    Serialization,
    StatusReference,
    TrustAnchors,
)
from citizenid._limits import DEFAULT_LIMITS
from citizenid._redaction import SD_JWT_MARKERS, restore
from citizenid._wire import base64url
from citizenid._wire import json as wire_json
from citizenid._wire.writing import signing_input
from citizenid.gateway import (
    AdmissionPolicy,
    Binding,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.holder import Credential, dpop_proof
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import Facts
from citizenid.status import StatusList, StatusStore
from citizenid.verifier import open_presentation, verify_credential, verify_presentation

POLICY = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "a"\nnationality = ["US"]\nbinding = "bearer"')
OTHER_POLICY = AdmissionPolicy.from_toml('version = 1\n[[rule]]\nresource = "b"\nanyone = true')
KEY = LocalKey.generate("ES256")
F = Format.SD_JWT_VC
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
    keys = door._parts.rules.keys
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
        shown = re.sub("0x[0-9a-f]+", "", repr(value))  # an address may have any digits
        assert not any(private in shown for private in ("US", "4711", "id.example", "secret"))


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


# --- the second review ---


def unreadable(value: str) -> x509.Certificate:
    """A certificate whose TLSFeature extension (RFC 7633) is no list of features that anybody knows."""
    feature = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24"), bytes.fromhex(value))
    return certificate("nobody", "nobody else", extensions=[(feature, False)])


def year_zero() -> bytes:
    """A leaf whose notAfter is the year 0, and whose signature therefore does not hold: anybody can make one."""
    data = der(certificate("leaf", "root"))[0]
    validity = data.index(b"\x17\x0d")
    not_after = data.index(b"\x17\x0d", validity + 2)
    data = data[:not_after] + b"\x18\x0f00000101000000Z" + data[not_after + 15 :]
    for offset in (validity - 2, 0, 4):  # Validity, Certificate and TBSCertificate are two bytes longer now
        if data[offset + 1] & 0x80:
            end = offset + 2 + (data[offset + 1] & 0x7F)
            longer = int.from_bytes(data[offset + 2 : end], "big") + 2
            data = data[: offset + 2] + longer.to_bytes(end - offset - 2, "big") + data[end:]
        else:
            data = data[: offset + 1] + bytes([data[offset + 1] + 2]) + data[offset + 2 :]
    return data


BAD_CERTIFICATES = [*(der(unreadable(value))[0] for value in ("300302014d", "3000", "0500")), year_zero()]


@pytest.mark.parametrize("leaf", BAD_CERTIFICATES, ids=["feature 77", "no feature", "null", "year 0"])
@pytest.mark.parametrize("above", [False, True])
def test_a_certificate_that_cannot_be_read_is_a_reason_at_every_door(leaf: bytes, above: bool) -> None:
    # `cryptography` answers with KeyError, TypeError or a late ValueError, and nobody needs a key to send one of these.
    chain = [leaf, *(der(certificate("inter", "root", authority=True)) if above else ())]
    header = {"x5c": [base64.b64encode(each).decode() for each in chain], "kid": ABSENT}
    trusted = TrustAnchors.from_certificates(
        pem(certificate("root", "root", authority=True)), issuer="https://id.example", **{**SCOPE, "types": [VCT]}
    )
    data = make(header=header, signer=key("anybody"))
    refused(data, Reason.CERTIFICATE_INVALID, "V2", anchors=trusted)
    raises(
        Reason.CERTIFICATE_INVALID,
        "V2",
        lambda: Credential.receive(issuer_half(header, signer=key("anybody")), format=F, anchors=trusted, now=NOW),
    )
    signers = TrustAnchors.from_certificates(
        pem(certificate("root", "root", authority=True)), issuer="https://id.example", purpose=KeyPurpose.STATUS_LIST
    )
    with pytest.raises(CitizenIDError) as caught:
        StatusStore(anchors=signers).ingest(
            STATUS_URI, status_token(header=header), media_type=STATUS_MEDIA_TYPE, now=NOW
        )
    assert caught.value.reason is Reason.CERTIFICATE_INVALID and caught.value.__context__ is None
    with pytest.raises(CitizenIDError) as caught:
        Issuer(identifier="one", key=KEY, certificates=chain)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_root_that_cannot_be_read_is_no_anchor() -> None:
    feature = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24"), bytes.fromhex("300302014d"))
    root = certificate("root", "root", authority=True, extensions=[(feature, False)])
    with pytest.raises(CitizenIDError) as caught:
        TrustAnchors.from_certificates(pem(root), issuer="one", **SCOPE)
    assert caught.value.reason is Reason.ANCHOR_INVALID


def nested(depth: int) -> bytes:
    """A presentation whose disclosures stand inside each other, signed by the trusted issuer."""
    inner: Any = 1
    texts = []
    for _ in range(depth):
        texts.append(disclosure("salt", "n", inner))
        inner = {"_sd": [digest(texts[-1])]}
    return make(payload=inner, disclosures=texts)


def at_depth(frames: int, call: Callable[[], Any]) -> Any:
    """Call from a stack that is so many frames deep already."""
    return call() if frames <= 0 else at_depth(frames - 1, call)


@pytest.mark.parametrize("room", [40, 60, 90])
@pytest.mark.parametrize("depth", [31, 900])
def test_a_caller_who_stands_deep_gets_a_reason(room: int, depth: int) -> None:
    # A nesting that is legal needs some hundred frames. Where they are not there, that is a refusal and no accident.
    data = nested(depth)
    frames = sys.getrecursionlimit() - len(inspect.stack(0)) - room
    refused(data, Reason.DEPTH_EXCEEDED, None, limits=Limits(presentation_bytes=2**20)) if depth > 31 else verify(data)
    with pytest.raises(CitizenIDError) as caught:
        at_depth(frames, lambda: verify(data))
    assert (caught.value.reason, caught.value.__context__) == (Reason.DEPTH_EXCEEDED, None)


def test_claims_that_have_no_room_to_be_frozen_or_hidden_are_a_reason() -> None:
    claims: Any = 1
    for _ in range(30):
        claims = {"n": claims}
    attestation = replace(ATTESTATION, claims=claims)
    door = Issuer(identifier="one", key=KEY)
    frames = sys.getrecursionlimit() - len(inspect.stack(0)) - 30
    for call in (lambda: replace(ATTESTATION, claims=claims), lambda: door.issue(attestation, format=F)):
        with pytest.raises(CitizenIDError) as caught:
            at_depth(frames, call)
        assert (caught.value.reason, caught.value.__context__) == (Reason.DEPTH_EXCEEDED, None)


def test_two_tickets_beside_a_proof_are_not_answered_with_a_bearer_challenge() -> None:
    # D22: the headers are refused before anybody has looked at the proof; it was shown all the same.
    headers = [(b"citizenship-ticket", b"x"), (b"citizenship-ticket", b"y"), (b"dpop", b"a.b.c")]
    for order in itertools.permutations(headers):
        result = gateway().authorize(Request("POST", "https://gateway.example/v1", list(order)), resource="a")
        assert isinstance(result, NeedPresentation) and result.reason is Reason.TICKET_INVALID
        assert "challenge" not in json.loads(result.http().body)


@pytest.mark.parametrize("decoys", [0, 1, 2, 40])
@pytest.mark.parametrize("disclosable", [None, ()])
@pytest.mark.parametrize("source", [bytes, lambda size: b"\xa5" * size])
def test_a_random_source_that_is_stuck_issues_nothing(decoys: int, disclosable: Any, source: Any) -> None:
    # RFC 9901 sections 4.1 and 9.3: each digest once, a salt of its own for each claim.
    door = Issuer(identifier="one", key=KEY, random=source)
    if decoys or disclosable is None:
        with pytest.raises(CitizenIDError) as caught:
            door.issue(ATTESTATION, format=F, decoys=decoys, disclosable=disclosable)
        assert (caught.value.reason, caught.value.where) == (Reason.DISCLOSURE_DUPLICATE, "salts")
    else:  # nothing is drawn
        assert door.issue(ATTESTATION, format=F, disclosable=disclosable).endswith(b"~")


@pytest.mark.parametrize("decoys", [17, 40])
def test_a_random_source_that_repeats_what_it_gave_issues_nothing(decoys: int) -> None:
    block = random.Random(7).randbytes(10_000)
    door = Issuer(identifier="one", key=KEY, random=lambda size: block[:size])
    with pytest.raises(CitizenIDError) as caught:
        door.issue(ATTESTATION, format=F, decoys=decoys, disclosable=())
    assert (caught.value.reason, caught.value.where) == (Reason.DISCLOSURE_DUPLICATE, "salts")


def test_more_decoys_than_a_verifier_takes_are_refused_before_any_is_made() -> None:
    drawn: list[int] = []
    door = Issuer(identifier="one", key=KEY, random=lambda size: drawn.append(size) or bytes(size))  # type: ignore[func-returns-value]  # append returns None
    with pytest.raises(CitizenIDError) as caught:
        door.issue(ATTESTATION, format=F, decoys=1_000_000)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED and drawn == []


FAILING = [
    ArithmeticError, AssertionError, AttributeError, KeyError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError,
]  # fmt: skip


@pytest.mark.parametrize("failure", FAILING)
@pytest.mark.parametrize("which", ["clock", "monotonic"])
def test_a_clock_that_fails_decides_nothing(failure: type[Exception], which: str) -> None:
    fails = False

    def reading() -> float:
        if fails:
            raise failure
        return NOW

    door = gateway(**{which: reading})
    fails = True
    asked = Request("POST", "https://gateway.example/v1", [(b"citizenship-ticket", b"x")])
    for result in (
        door.authorize(asked, resource="a"),
        door.admit(b"", format=F, challenge="x", request=asked),
    ):
        assert isinstance(result, Deny) and result.reason is Reason.CLOCK_UNUSABLE


@pytest.mark.parametrize("reading", [None, "5", float("nan"), float("inf"), 5j, True])
def test_a_monotonic_clock_that_tells_no_time_makes_no_gateway(reading: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        gateway(monotonic=lambda: reading)
    assert caught.value.reason is Reason.CLOCK_UNUSABLE


@pytest.mark.parametrize("part", [
    {"replay": None}, {"replay": object()}, {"statuses": None}, {"statuses": object()}, {"cache": "x"},
    {"cache": object()}, {"random": None}, {"clock": 5}, {"monotonic": None}, {"limits": None},
])  # fmt: skip
def test_a_part_that_cannot_do_its_work_makes_no_gateway(part: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        gateway(**part)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_a_verified_credential_does_not_outlive_its_end() -> None:
    # V6 holds at one `now`. Whoever keeps the result for later is refused then.
    data = make(payload={"exp": NOW + 60})
    (opened,) = open_presentation(data, format=F)
    credential = verify_credential(opened, anchors=credential_anchors(), now=NOW)
    assert credential.not_after == NOW + 60
    arguments: dict[str, Any] = {"challenge": challenge(), "statuses": statuses()}
    verify_presentation(credential, now=NOW + 59, **arguments)
    raises(Reason.EXPIRED, "V6", lambda: verify_presentation(credential, now=NOW + 60, **arguments))


@pytest.mark.parametrize("size", [0, 1, 4_194_303, 4_194_304, 4_194_305, 9_000_000])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_list_of_several_pieces_is_put_together(size: int, level: int) -> None:
    packed = random.Random(size).randbytes(min(size, 1_000)) + bytes(max(0, size - 1_000))
    data = zlib.compress(packed, level)
    for limit in (size, size + 1, 2 * size + 1):
        assert StatusList.decompress(data, bits=1, limit_bytes=limit) == StatusList(1, packed)
    if size:
        raises(Reason.INPUT_TOO_LARGE, None, lambda: StatusList.decompress(data, bits=1, limit_bytes=size - 1))
    for broken in (data[:-1], data + b"x", data[: len(data) // 2]):
        again = partial(StatusList.decompress, broken, bits=1, limit_bytes=size)
        raises(Reason.STATUS_LIST_MALFORMED, None, again)


def test_a_bomb_takes_its_bound_and_no_more() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    limit = 32_000_000
    tracemalloc.start()
    try:
        raises(Reason.INPUT_TOO_LARGE, None, lambda: StatusList.decompress(bomb, bits=1, limit_bytes=limit))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.4 * limit


@pytest.mark.parametrize("stated", [ABSENT, None, "", "\u00ff" * 16])
def test_a_nonce_of_bytes_that_no_text_can_say_is_answered_by_nothing(stated: Any) -> None:
    # Nothing stated must not be taken for nothing expected.
    reason = Reason.CLAIM_MISSING if stated is ABSENT else Reason.NONCE_MISMATCH
    refused(make(kb={"nonce": stated}), reason, "V7", challenge=challenge(nonce=b"\xff" * 16))


@pytest.mark.parametrize("number", ["1e400", "-1e999"])
@pytest.mark.parametrize("place", [
    '"cnf":{"jwk":{"kty":"EC","x":%s}}', '"cnf":{"x":[%s]}', '"status":{"status_list":{"idx":1,"uri":"u","x":%s}}',
    '"aka_vcts":[%s]', '"status":{"a":{"b":[[%s]]}}',
])  # fmt: skip
def test_a_number_without_end_is_none_in_what_must_stand_in_the_clear_either(place: str, number: str) -> None:
    tree = wire_json.parse_tree(("{" + place % number + "}").encode(), "issuer-jwt.payload")
    raises(Reason.MALFORMED_JSON, None, lambda: restore(tree, {}, SD_JWT_MARKERS, DEFAULT_LIMITS))
    for legal in ("1.5", "1e308"):
        restore(
            wire_json.parse_tree(("{" + place % legal + "}").encode(), "issuer-jwt.payload"),
            {},
            SD_JWT_MARKERS,
            DEFAULT_LIMITS,
        )
