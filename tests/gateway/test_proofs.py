"""The DPoP sender proof: the twelve checks of RFC 9449 section 4.3 and what it leaves to the server, at the gateway.

A ticket that was stolen is worth nothing here: every refusal is shown on a request that would be allowed with a good
proof. Proofs are put together by hand, since no honest client would write them.

Spec: RFC 9449 sections 4.2, 4.3, 6.1, 7.1, 11.1; specs/profile-dpop.md.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from citizenid import Format, LocalKey, MalformedError, Reason
from citizenid._model import UnixTime
from citizenid.gateway import Allow, Deny, MemoryReplayGuard
from citizenid.gateway.proofs import check_dpop, normalise_url, path_of
from citizenid.holder import dpop_proof

from .world import (
    ABSENT,
    ENDPOINT,
    NOW,
    ORIGIN,
    PATH,
    UPTIME_S,
    Wallet,
    World,
    allowed,
    ath,
    base64url,
    denied,
    hand_made_proof,
    key,
    needed,
    request,
    segment,
)

MAX_AGE_S = 60
SKEW_S = 30


class Session(NamedTuple):
    """Somebody with a ticket, ready to make proofs."""

    world: World
    wallet: Wallet
    ticket: str

    def proof(self, claims: Any = None, header: Any = None, **how: Any) -> bytes:
        """Make a proof for the ticket, good but for the changes."""
        how = {"ticket": self.ticket, "now": self.world.now, **how}
        return hand_made_proof(how.pop("sender", self.wallet.sender), claims, header, **how)

    def send(self, proof: bytes | None, **how: Any) -> Any:
        """Ask for a resource with the ticket and this proof."""
        return self.world.gateway.authorize(request(self.ticket, proof, **how), resource="us-nationals")

    def refused(self, proof: bytes | None, reason: Reason, where: str | None = None, **how: Any) -> None:
        """Expect a refusal at the step `proof`."""
        refusal = denied(self.send(proof, **how), reason, "proof")
        assert refusal.where == (refusal.where if where is None else where)


@pytest.fixture
def session() -> Session:
    return open_session()


def open_session(**options: Any) -> Session:
    world = World(**options)
    wallet = world.wallet()
    return Session(world, wallet, world.ticket(wallet))


def test_a_good_proof_is_accepted(session: Session) -> None:
    allowed(session.send(session.proof()))


# 4.3 (1): not more than one DPoP header


def test_1_two_proofs_in_two_headers_are_refused(session: Session) -> None:
    one, two = session.proof(), session.proof()
    session.refused(one, Reason.PROOF_MALFORMED, "dpop", further=[(b"DPoP", two)])
    # Even the same twice, and even an empty second one.
    session.refused(one, Reason.PROOF_MALFORMED, "dpop", further=[(b"dpop", one)])
    session.refused(one, Reason.PROOF_MALFORMED, "dpop", further=[(b"dpop", b"")])


def test_1_no_proof_is_refused(session: Session) -> None:
    session.refused(None, Reason.PROOF_MISSING, "dpop")


def test_1_the_proof_in_another_header_does_not_count(session: Session) -> None:
    proof = session.proof()
    session.refused(
        None, Reason.PROOF_MISSING, further=[(b"x-dpop", proof), (b"dpo", proof), (b"authorization", proof)]
    )


# 4.3 (2): a single well-formed JWT


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda proof: b"", Reason.MALFORMED_TOKEN),
        (lambda proof: proof + b"," + proof, Reason.MALFORMED_TOKEN),
        (lambda proof: proof + b", " + proof, Reason.MALFORMED_TOKEN),
        (lambda proof: proof.rpartition(b".")[0], Reason.MALFORMED_TOKEN),
        (lambda proof: proof + b".", Reason.MALFORMED_TOKEN),
        (lambda proof: proof.rpartition(b".")[0] + b".", Reason.MALFORMED_TOKEN),
        (lambda proof: b" " + proof, Reason.MALFORMED_BASE64),
        (lambda proof: proof + b" ", Reason.MALFORMED_BASE64),
        (lambda proof: proof + b"=", Reason.MALFORMED_BASE64),
        (lambda proof: proof + b"==", Reason.MALFORMED_BASE64),
        (lambda proof: b"DPoP " + proof, Reason.MALFORMED_BASE64),
        (lambda proof: b"\xff" + proof, Reason.MALFORMED_BASE64),
        (lambda proof: proof + b"A" * 16_384, Reason.INPUT_TOO_LARGE),
        (lambda proof: b"A" * 1_0000_000, Reason.INPUT_TOO_LARGE),
        (lambda proof: b"." * 100, Reason.MALFORMED_TOKEN),
    ],
)
def test_2_what_is_no_single_jwt_is_refused(session: Session, spoil: Any, reason: Reason) -> None:
    session.refused(spoil(session.proof()), reason)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.MALFORMED_TOKEN),
        (b"[]", Reason.MALFORMED_JSON),
        (b"null", Reason.MALFORMED_JSON),
        (b"{", Reason.MALFORMED_JSON),
        (b"\xff", Reason.MALFORMED_JSON),
        (b'{"iat":NaN}', Reason.MALFORMED_JSON),
        (b'{"iat":1e400}', Reason.MALFORMED_JSON),
        (b'{"jti":"a","jti":"b"}', Reason.DUPLICATE_MEMBER),
        (b'{"jti":"a","\\u006ati":"b"}', Reason.DUPLICATE_MEMBER),
        (b'{"jti":' + b"[" * 5 + b"]" * 5 + b"}", Reason.DEPTH_EXCEEDED),
        (b'{"jti":"\\ud800"}', Reason.MALFORMED_JSON),
    ],
)
def test_2_a_payload_is_strict_json(session: Session, payload: bytes, reason: Reason) -> None:
    session.refused(session.proof(payload), reason)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"[]", Reason.MALFORMED_JSON),
        (b"{", Reason.MALFORMED_JSON),
        (b'{"alg":"ES256","alg":"ES256"}', Reason.DUPLICATE_MEMBER),
    ],
)
def test_2_a_header_is_strict_json(session: Session, header: bytes, reason: Reason) -> None:
    session.refused(session.proof(None, header), reason)


# 4.3 (3): all required claims


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat", "ath"])
def test_3_every_claim_is_required(session: Session, name: str) -> None:
    session.refused(session.proof({name: ABSENT}), Reason.CLAIM_MISSING, f"dpop.payload.{name}")


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat", "ath"])
@pytest.mark.parametrize("value", [None, "", 0.5, True, [], {}, ["POST"], 7 - 2**60])
def test_3_every_claim_has_its_type(session: Session, name: str, value: Any) -> None:
    session.refused(session.proof({name: value}), Reason.CLAIM_INVALID, f"dpop.payload.{name}")


@pytest.mark.parametrize("value", [float(NOW), str(NOW), True, -1, 2**53, 2**64, 1e300])
def test_3_iat_is_an_exact_integer(session: Session, value: Any) -> None:
    session.refused(session.proof({"iat": value}), Reason.CLAIM_INVALID, "dpop.payload.iat")


def test_3_jti_has_a_bound(session: Session) -> None:
    allowed(session.send(session.proof({"jti": "x" * 256})))
    session.refused(session.proof({"jti": "x" * 257}), Reason.LIMIT_EXCEEDED, "dpop.payload.jti")
    allowed(session.send(session.proof({"jti": "é\u0000\U0001f600"})))


def test_3_further_claims_are_ignored(session: Session) -> None:
    allowed(session.send(session.proof({"nonce": "of nobody", "aud": 0, "nationalities": ["DE"]})))


# 4.3 (4): typ


@pytest.mark.parametrize(
    "typ", ["JWT", "DPOP+JWT", "dpop", "application/dpop+jwt", "kb+jwt", "dc+sd-jwt", "dpop+jwt ", ABSENT]
)
def test_4_typ_is_one_spelling(session: Session, typ: Any) -> None:
    session.refused(session.proof(None, {"typ": typ}), Reason.TYP_MISMATCH, "dpop.header.typ")


@pytest.mark.parametrize("typ", [None, 5, ["dpop+jwt"]])
def test_4_typ_is_text(session: Session, typ: Any) -> None:
    session.refused(session.proof(None, {"typ": typ}), Reason.HEADER_INVALID, "dpop.header.typ")


def test_4_no_other_signed_object_is_a_proof(session: Session) -> None:
    # A key binding by the very key that the ticket is bound to.
    challenge = session.world.challenge(session.wallet.sender)
    binding = session.world.present(session.wallet, challenge).rpartition(b"~")[2]
    session.refused(binding, Reason.HEADER_FORBIDDEN, "dpop.header")  # it has no jwk, and a proof must


# 4.3 (5): an asymmetric algorithm that is allowed


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "RS256", "PS256", "ES256K", "es256", "Ed449", "", None, 5, ABSENT, ["ES256"]]
)
def test_5_the_algorithm_is_one_of_the_list(session: Session, algorithm: Any) -> None:
    session.refused(session.proof(None, {"alg": algorithm}), Reason.ALGORITHM_NOT_ALLOWED, "dpop.header")


@pytest.mark.parametrize("algorithm", ["ES384", "EdDSA", "Ed25519", "ML-DSA-44"])
def test_5_the_algorithm_is_that_of_the_key(session: Session, algorithm: str) -> None:
    session.refused(session.proof(None, {"alg": algorithm}), Reason.ALGORITHM_MISMATCH, "dpop")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_5_every_algorithm_that_fits_a_header_serves(algorithm: str) -> None:
    world = World()
    alice = world.wallet()
    alice.sender = key("a sender", algorithm)
    allowed(world.ask(alice, world.ticket(alice)))


def test_5_keys_that_fit_no_header_are_refused(session: Session) -> None:
    # The keys of the list all fit; one that brings a chain of certificates along does not.
    jwk = {**session.wallet.sender.public.to_jwk(), "x5c": ["A" * 13_000]}
    session.refused(session.proof(None, {"jwk": jwk}), Reason.INPUT_TOO_LARGE, "dpop")


def test_5_eddsa_is_the_older_name_of_ed25519() -> None:
    world = World()
    alice = world.wallet()
    alice.sender = key("a sender", "Ed25519")
    session = Session(world, alice, world.ticket(alice))
    allowed(session.send(session.proof(None, {"alg": "EdDSA"})))


@pytest.mark.parametrize("header", [{"crit": ["x"]}, {"crit": []}, {"crit": None}])
def test_5_no_extension_is_understood(session: Session, header: Any) -> None:
    session.refused(session.proof(None, header), Reason.CRIT_UNSUPPORTED, "dpop.header")


@pytest.mark.parametrize("header", [{"b64": False}, {"jku": "https://thief.example"}, {"x5u": "https://thief.example"}])
def test_5_headers_that_change_what_is_signed_or_by_whom_are_forbidden(session: Session, header: Any) -> None:
    session.refused(session.proof(None, header), Reason.HEADER_FORBIDDEN, "dpop.header")


# 4.3 (6): the signature verifies with jwk


@given(st.integers(0, 64 * 8 - 1))
def test_6_any_flipped_bit_of_the_signature_is_noticed(bit: int) -> None:
    session = open_session()

    def sign(data: bytes) -> bytes:
        signature = bytearray(session.wallet.sender.sign(data))
        signature[bit // 8] ^= 1 << bit % 8
        return bytes(signature)

    session.refused(session.proof(sign=sign), Reason.SIGNATURE_INVALID, "dpop")


def test_6_another_key_signs_nothing_for_this_one(session: Session) -> None:
    session.refused(session.proof(sign=key("thief").sign), Reason.SIGNATURE_INVALID, "dpop")


@pytest.mark.parametrize("signature", [bytes(63), bytes(65), b"\0", b"0" * 72])
def test_6_a_signature_has_its_length(session: Session, signature: bytes) -> None:
    session.refused(session.proof(sign=lambda _: signature), Reason.SIGNATURE_MALFORMED, "dpop")


def test_6_a_changed_payload_breaks_the_signature(session: Session) -> None:
    # The parts of two good proofs do not make a third: not either, in whichever order they were seen before.
    one, two = session.proof().split(b"."), session.proof().split(b".")
    allowed(session.send(b".".join(two)))
    session.refused(b".".join((one[0], one[1], two[2])), Reason.SIGNATURE_INVALID, "dpop")
    allowed(session.send(b".".join(one)))
    session.refused(b".".join((two[0], two[1], one[2])), Reason.SIGNATURE_INVALID, "dpop")


def test_6_a_sender_key_seen_before_is_verified_all_the_same(session: Session) -> None:
    for _ in range(3):
        allowed(session.send(session.proof()))
        session.refused(session.proof(sign=lambda _: bytes(range(64))), Reason.SIGNATURE_INVALID, "dpop")


# 4.3 (7): no private key in jwk


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
def test_7_a_private_member_is_refused(session: Session, member: str) -> None:
    jwk = {**session.wallet.sender.public.to_jwk(), member: "AA"}
    session.refused(session.proof(None, {"jwk": jwk}), Reason.KEY_INVALID, "dpop.header.jwk")


@pytest.mark.parametrize(
    "jwk", [None, [], "key", 5, {}, {"kty": "oct", "k": "AA"}, {"kty": "RSA", "n": "AA", "e": "AQAB"}]
)
def test_7_what_is_no_public_key_is_refused(session: Session, jwk: Any) -> None:
    session.refused(session.proof(None, {"jwk": jwk}), Reason.KEY_INVALID, "dpop.header.jwk")


def test_7_the_key_must_be_there(session: Session) -> None:
    session.refused(session.proof(None, {"jwk": ABSENT}), Reason.HEADER_FORBIDDEN, "dpop.header")


def test_7_a_key_off_its_curve_is_refused(session: Session) -> None:
    jwk = {**session.wallet.sender.public.to_jwk(), "y": base64url(bytes(31) + b"\1").decode()}
    session.refused(session.proof(None, {"jwk": jwk}), Reason.KEY_INVALID, "dpop.header.jwk")


@pytest.mark.parametrize("restriction", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": []}])
def test_7_a_key_that_must_not_verify_is_refused(session: Session, restriction: Any) -> None:
    jwk = {**session.wallet.sender.public.to_jwk(), **restriction}
    session.refused(session.proof(None, {"jwk": jwk}), Reason.KEY_USE_FORBIDDEN, "dpop.header.jwk")


def test_7_members_that_do_not_describe_the_key_change_nothing(session: Session) -> None:
    jwk = session.wallet.sender.public.to_jwk()
    members: list[dict[str, Any]] = [{"kid": "1"}, {"alg": "ES256"}, {"x5c": []}, {"use": "sig"}, {"unknown": {"a": 1}}]
    for further in members:
        allowed(session.send(session.proof(None, {"jwk": {**further, **dict(reversed(jwk.items()))}})))


# 4.3 (8): htm


@pytest.mark.parametrize("method", ["GET", "post", "Post", "POST ", "PO", "POSTS"])
def test_8_the_method_is_that_of_the_request(session: Session, method: str) -> None:
    session.refused(session.proof({"htm": method}), Reason.PROOF_METHOD_MISMATCH, "dpop.payload.htm")
    session.refused(session.proof(), Reason.PROOF_METHOD_MISMATCH, method=method)


def test_8_a_request_without_a_method_is_none_even_where_both_sides_say_so(session: Session) -> None:
    denied(session.send(session.proof({"htm": ""}), method=""), Reason.REQUEST_INVALID, "request")


# 4.3 (9): htu

SAME_URL = [
    ORIGIN + PATH,
    ORIGIN + PATH + "?",
    ORIGIN + PATH + "?model=a&b=//c",
    ORIGIN + PATH + "#part",
    ORIGIN + PATH + "?q#part?q",
    "https://gateway.example:443" + PATH,
    "HTTPS://GATEWAY.example" + PATH,
    "https://Gateway.Example:443" + PATH,
]
OTHER_URL = [
    ORIGIN + PATH + "/",
    ORIGIN + PATH[:-1],
    ORIGIN + PATH.upper(),
    ORIGIN + "/",
    ORIGIN,
    ORIGIN + "/." + PATH,
    ORIGIN + "/x/.." + PATH,
    ORIGIN + PATH.replace("/v1/", "/v1//"),
    ORIGIN + "/%76" + PATH[2:],
    ORIGIN + PATH + "%3F",
    ORIGIN + PATH + ";a",
    ORIGIN + PATH + " ",
    ORIGIN + PATH.replace("/", "\\"),
    "http://gateway.example" + PATH,
    "http://gateway.example:443" + PATH,
    "https://gateway.example:80" + PATH,
    "https://gateway.example:8443" + PATH,
    "https://gateway.example:" + PATH,
    "https://gateway.example:0443" + PATH,
    "https://gateway.example." + PATH,
    "https://gateway.example.thief.example" + PATH,
    "https://thief.example" + PATH,
    "https://api.gateway.example" + PATH,
    "https://[::1]" + PATH,
    "https://thief.example\\gateway.example" + PATH,
    "https://gateway.example\t" + PATH,
]
NO_URL = [
    PATH,
    "//gateway.example" + PATH,
    "gateway.example" + PATH,
    "https:gateway.example" + PATH,
    "https:/gateway.example" + PATH,
    "https://" + PATH,
    "https://:443" + PATH,
    "https://:8443" + PATH,
    "https://:" + PATH,
    "https:////gateway.example" + PATH,
    "https://",
    "ftp://gateway.example" + PATH,
    " https://gateway.example" + PATH,
    "urn:gateway",
    "https://user@gateway.example" + PATH,
    "https://user:password@gateway.example" + PATH,
    "https://thief.example@gateway.example" + PATH,
    "https://gateway.example@thief.example" + PATH,
    "https://@gateway.example" + PATH,
    "https://gatew\u00e4y.example" + PATH,
    "https://gateway.example\uff0fv1" + PATH,
    ORIGIN + PATH + "\u00e9",
]


@pytest.mark.parametrize("url", SAME_URL)
def test_9_what_is_the_same_url(session: Session, url: str) -> None:
    allowed(session.send(session.proof({"htu": url})))
    if url.startswith("https://"):
        allowed(session.send(session.proof(), url=url))


@pytest.mark.parametrize("url", OTHER_URL)
def test_9_what_is_another_url(session: Session, url: str) -> None:
    session.refused(session.proof({"htu": url}), Reason.PROOF_URL_MISMATCH, "dpop.payload.htu")


def test_9_a_url_beyond_ascii_is_none_even_where_both_sides_write_it_alike(session: Session) -> None:
    url = ORIGIN + PATH + "\u00e9"
    result = session.send(session.proof({"htu": url}), url=url)
    assert isinstance(result, Deny) and (result.reason, result.where) == (Reason.PROOF_MALFORMED, "dpop.payload.htu")


@pytest.mark.parametrize(
    ("origin", "htu", "same"),
    [
        ("https://api.example:8443", "https://api.example:8443:443", False),
        ("http://api.example:8443", "http://api.example:8443:80", False),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443:443", False),
        ("https://api.example", "https://api.example:443:443", False),
        ("https://[2001:db8::1]", "https://[2001:DB8::1]:443", True),
        ("https://api.example:8443", "https://API.example:8443", True),
    ],
)
def test_9_the_default_port_is_left_out_of_an_authority_that_has_one_port(origin: str, htu: str, same: bool) -> None:
    world = World(external_url=origin)
    alice = world.wallet()
    ticket = world.ticket(alice, bearer=True)
    proof = hand_made_proof(alice.sender, {"htu": htu + PATH}, ticket=ticket, now=world.now)
    checked = partial(
        check_dpop, method="POST", url=origin + PATH, ticket=ticket.encode(), not_before=0, now=UnixTime(world.now),
        rules=world.gateway._parts.rules,
    )  # fmt: skip
    if same:
        assert checked(proof).thumbprint == alice.sender.public.thumbprint
        return
    with pytest.raises(MalformedError) as caught:
        checked(proof)
    assert (caught.value.reason, caught.value.where) == (Reason.PROOF_MALFORMED, "dpop.payload.htu")


@pytest.mark.parametrize("url", NO_URL)
def test_9_what_is_no_url(session: Session, url: str) -> None:
    session.refused(session.proof({"htu": url}), Reason.PROOF_MALFORMED, "dpop.payload.htu")


@pytest.mark.parametrize(
    "path",
    ["/a/../b", "/a/./b", "/%7Eme", "/~me", "/%7eme", "/a//b", "/a;b=c", "/a%2Fb", "/A", "/", "", "/a@b", "/a:443"],
)
def test_9_a_path_is_compared_as_it_is(session: Session, path: str) -> None:
    paths = [
        "/a/../b",
        "/b",
        "/a/./b",
        "/a/b",
        "/%7Eme",
        "/~me",
        "/%7eme",
        "/a//b",
        "/a;b=c",
        "/a%2Fb",
        "/A",
        "/a",
        "/",
        "",
        "/a@b",
        "/a:443",
    ]
    for other in paths:
        same = (other or "/") == (path or "/")
        result = session.send(session.proof({"htu": ORIGIN + other}), path=path)
        assert (type(result) is Allow) is same, (path, other)


def test_9_the_origin_is_configured(session: Session) -> None:
    # The request may say what it wants of where it went: Host, X-Forwarded-*, its own authority. The proof decides.
    elsewhere = [
        (b"host", b"thief.example"),
        (b"x-forwarded-host", b"thief.example"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-port", b"8443"),
        (b"forwarded", b"host=thief.example;proto=http"),
        (b"x-original-url", b"/admin"),
    ]
    for_thief = {"htu": "https://thief.example" + PATH}
    session.refused(session.proof(for_thief), Reason.PROOF_URL_MISMATCH, further=elsewhere)
    session.refused(
        session.proof(for_thief), Reason.PROOF_URL_MISMATCH, url="https://thief.example" + PATH, further=elsewhere
    )
    allowed(session.send(session.proof(), further=elsewhere))
    allowed(session.send(session.proof(), url="http://10.0.0.7:8080" + PATH))  # behind a proxy: only the path counts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        PATH,
        PATH[1:],
        "//gateway.example" + PATH,
        "x",
        "ftp://gateway.example/",
        "https:" + PATH,
        "?u=https://gateway.example/",
        "https://:443" + PATH,
        "https://:8443/",
    ],
)
def test_9_a_request_url_must_be_absolute(session: Session, url: str) -> None:
    # Read as a URL without a path it would equal the root, and one proof would serve every path.
    for htu in (ORIGIN + "/", ORIGIN + PATH):
        denied(session.send(session.proof({"htu": htu}), url=url), Reason.REQUEST_INVALID, "request")


@pytest.mark.parametrize("scheme", ["HTTPS", "Https", "HTTP", "hTtP"])
def test_9_a_scheme_has_no_case(session: Session, scheme: str) -> None:
    allowed(session.send(session.proof(), url=f"{scheme}://gateway.example{PATH}"))  # RFC 3986 section 3.1


@pytest.mark.parametrize(
    ("external_url", "htu"),
    [
        ("https://[2001:db8::1]", "https://[2001:DB8::1]:443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost:80", "http://LOCALHOST"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("HTTPS://Gateway.Example:443/", "https://gateway.example"),
        ("https://gateway.example:80", "https://gateway.example:80"),
        ("http://gateway_1:8080", "http://GATEWAY_1:8080"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://gateway.example.", "https://gateway.example."),
        ("https://xn--9ca.example", "https://XN--9ca.example"),
    ],
)
def test_9_other_origins(external_url: str, htu: str) -> None:
    world = World(external_url=external_url)
    alice = world.wallet()
    proof = hand_made_proof(alice.sender, {"htu": htu + ENDPOINT})
    challenge = world.challenge(alice.sender)
    admitted = world.gateway.admit(
        world.present(alice, challenge),
        format=Format.SD_JWT_VC,
        challenge=challenge.to_text(),
        request=request(path=ENDPOINT, proof=proof),
    )
    assert type(admitted).__name__ == "Admitted", admitted
    wrong = hand_made_proof(alice.sender, {"htu": ORIGIN + ENDPOINT + "x"})
    other = world.challenge(alice.sender)
    denied(
        world.gateway.admit(
            b"", format=Format.SD_JWT_VC, challenge=other.to_text(), request=request(path=ENDPOINT, proof=wrong)
        ),
        Reason.PROOF_URL_MISMATCH,
        "proof",
    )


@given(st.from_regex(r"https?://[A-Za-z0-9.-][A-Za-z0-9.:-]{0,11}(/[!-~]{0,12})?", fullmatch=True))
def test_9_case_counts_in_the_path_alone(url: str) -> None:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    assume(authority.count(":") < 2)  # with two ports it is none
    normal = normalise_url(url)
    for each in (str.upper, str.lower, str.swapcase):
        assert normalise_url(f"{each(scheme)}://{each(authority)}{slash}{path}") == normal
    assert normal.split("/", 3)[3] == path.partition("#")[0].partition("?")[0]
    assert path_of(url) == "/" + normal.split("/", 3)[3]


# 4.3 (10): nonce. This gateway gives none out: replay is remembered instead, and a claim `nonce` says nothing.


# 4.3 (11): iat


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (-SKEW_S, None),
        (-SKEW_S - 1, Reason.PROOF_IN_FUTURE),
        (0, None),
        (MAX_AGE_S, None),
        (MAX_AGE_S + 1, Reason.PROOF_STALE),
        (10 * 365 * 86_400, Reason.PROOF_STALE),
        (-(2**40), Reason.PROOF_IN_FUTURE),
    ],
)
def test_11_iat_lies_in_the_window(session: Session, age: int, reason: Reason | None) -> None:
    proof = session.proof({"iat": NOW - age})
    if reason is None:
        allowed(session.send(proof))
    else:
        session.refused(proof, reason, "dpop.payload.iat")


@pytest.mark.parametrize(
    ("claims", "reason", "name"),
    [
        ({"exp": NOW + 1, "nbf": NOW}, None, ""),
        ({"exp": NOW}, Reason.PROOF_STALE, "exp"),
        ({"exp": 0}, Reason.PROOF_STALE, "exp"),
        ({"nbf": NOW + 1}, Reason.PROOF_IN_FUTURE, "nbf"),  # the skew excuses an iat alone
        ({"nbf": NOW + 1, "exp": NOW}, Reason.PROOF_IN_FUTURE, "nbf"),
        *[({name: value}, Reason.CLAIM_INVALID, name) for name in ("exp", "nbf") for value in (
            None, True, "", str(NOW), float(NOW), -1, 2**53, [NOW], {},
        )],
    ],
)  # fmt: skip
def test_11_what_a_proof_says_of_its_own_end_and_beginning_counts(
    session: Session, claims: dict[str, Any], reason: Reason | None, name: str
) -> None:
    """RFC 7519 sections 4.1.4 and 4.1.5: nobody asks for them, and a JWT that has them ends and begins by them."""
    if reason is None:
        allowed(session.send(session.proof(claims)))
    else:
        session.refused(session.proof(claims), reason, "dpop.payload." + name)


def test_11_the_window_is_configured() -> None:
    session = open_session(proof_max_age_s=5)
    allowed(session.send(session.proof({"iat": NOW - 5})))
    session.refused(session.proof({"iat": NOW - 6}), Reason.PROOF_STALE)


def test_11_a_proof_older_than_the_process_is_refused() -> None:
    session = open_session()
    proofs = [session.proof({"iat": NOW + offset}) for offset in (-1, 0, 1)]
    fresh = Session(session.world, session.wallet, session.ticket)
    session.world.gateway = session.world.another_gateway(replay=MemoryReplayGuard(monotonic=session.world.monotonic))
    fresh.refused(proofs[0], Reason.PROOF_STALE, "dpop.payload.iat")
    allowed(fresh.send(proofs[2]))
    assert UPTIME_S > MAX_AGE_S  # so that the other tests do not meet this rule


# 4.3 (12): ath, and the key to which the ticket is bound


def test_12_a_proof_for_another_ticket_is_refused(session: Session) -> None:
    other = session.world.ticket(session.wallet)
    assert other != session.ticket
    session.refused(session.proof(ticket=other), Reason.PROOF_TICKET_MISMATCH, "dpop.payload.ath")


@pytest.mark.parametrize("wrong", ["x", "é", "A" * 43, "A" * 1_000])
def test_12_ath_is_the_digest(session: Session, wrong: str) -> None:
    session.refused(session.proof({"ath": wrong}), Reason.PROOF_TICKET_MISMATCH, "dpop.payload.ath")


def test_12_ath_has_one_spelling(session: Session) -> None:
    good = ath(session.ticket)
    for other in (good + "=", good.upper(), good + " ", good[:-1]):
        session.refused(session.proof({"ath": other}), Reason.PROOF_TICKET_MISMATCH, "dpop.payload.ath")


def test_12_a_stolen_ticket_without_a_proof_is_worth_nothing(session: Session) -> None:
    session.refused(None, Reason.PROOF_MISSING)


def test_12_a_stolen_ticket_with_the_proof_of_another_key_is_worth_nothing(session: Session) -> None:
    thief = key("thief")
    session.refused(session.proof(sender=thief), Reason.PROOF_KEY_MISMATCH, "dpop.header.jwk")
    # Nor with the holder's key in the header and the thief's signature, nor with both swapped.
    jwk = {"jwk": session.wallet.sender.public.to_jwk()}
    session.refused(session.proof(None, jwk, sender=thief), Reason.SIGNATURE_INVALID)
    jwk = {"jwk": thief.public.to_jwk()}
    session.refused(session.proof(None, jwk), Reason.PROOF_KEY_MISMATCH)


@pytest.mark.parametrize(
    "url",
    [
        ORIGIN + ".evil" + PATH,
        ORIGIN + "@evil.example" + PATH,
        ORIGIN + ":8443" + PATH,
        "http" + ORIGIN.removeprefix("https") + PATH,
    ],
)
def test_9_a_url_that_begins_as_ours_is_not_ours(url: str, session: Session) -> None:
    # Even when the request's own URL is the same, as it may be behind a proxy: the origin is the configured one.
    asked = request(session.ticket, session.proof({"htu": url}), url=url)
    result = session.world.gateway.authorize(asked, resource="us-nationals")
    assert type(result) is Deny and result.reason in {Reason.PROOF_URL_MISMATCH, Reason.PROOF_MALFORMED}


def test_9_a_query_in_both_is_left_out_of_both(session: Session) -> None:
    for url in (ORIGIN + PATH + "?a=b", ORIGIN + PATH + "#a", ORIGIN + "?" + PATH):
        asked = request(session.ticket, session.proof({"htu": url}), url=url)
        allowed(session.world.gateway.authorize(asked, resource="us-nationals"))


def test_12_the_holders_key_is_not_the_sender_key(session: Session) -> None:
    session.refused(session.proof(sender=session.wallet.key), Reason.PROOF_KEY_MISMATCH)


def test_12_at_admission_a_proof_names_no_ticket() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    challenge = world.challenge(alice.sender)
    proof = world.proof(alice.sender, ticket, url=ORIGIN + ENDPOINT)
    refusal = world.gateway.admit(
        b"", format=Format.SD_JWT_VC, challenge=challenge.to_text(), request=request(path=ENDPOINT, proof=proof)
    )
    denied(refusal, Reason.PROOF_TICKET_MISMATCH, "proof")


def test_12_a_proof_of_admission_authorizes_nothing(session: Session) -> None:
    session.refused(session.proof(ticket=None), Reason.CLAIM_MISSING, "dpop.payload.ath")


# 11.1: replay


def test_a_proof_is_used_once(session: Session) -> None:
    proof = session.proof()
    allowed(session.send(proof))
    for _ in range(3):
        refusal = denied(session.send(proof), Reason.REPLAYED, "replay")
        assert refusal.where == "proof"
    for resource in ("us-nationals", "weak"):
        denied(
            session.world.gateway.authorize(request(session.ticket, proof), resource=resource),
            Reason.REPLAYED,
            "replay",
        )


def test_a_proof_is_used_once_however_it_is_signed(session: Session) -> None:
    # The same jti again, for another URL, another time, under another signature: what is remembered is (key, jti).
    allowed(session.send(session.proof({"jti": "one"})))
    denied(session.send(session.proof({"jti": "one"})), Reason.REPLAYED, "replay")
    denied(session.send(session.proof({"jti": "one", "htu": ORIGIN + "/x"}), path="/x"), Reason.REPLAYED, "replay")
    denied(session.send(session.proof({"jti": "one", "iat": NOW - 5})), Reason.REPLAYED, "replay")
    denied(
        session.send(session.proof({"jti": "one"}, {"jwk": {**session.wallet.sender.public.to_jwk(), "kid": "2"}})),
        Reason.REPLAYED,
        "replay",
    )
    allowed(session.send(session.proof({"jti": "One"})))


def test_another_key_has_a_jti_space_of_its_own() -> None:
    world = World()
    one, other = world.wallet("one"), world.wallet("other")
    for wallet in (one, other):
        session = Session(world, wallet, world.ticket(wallet))
        allowed(session.send(session.proof({"jti": "the same"})))


@given(st.integers(-SKEW_S, MAX_AGE_S), st.lists(st.floats(0.1, 60), max_size=8))
def test_a_proof_is_used_once_as_long_as_it_is_young(age: int, pauses: list[float]) -> None:
    session = open_session()
    proof = session.proof({"iat": NOW - age})
    allowed(session.send(proof))
    for pause in pauses:
        session.world.wait(pause)
        result = session.send(proof)
        assert isinstance(result, Deny)
        assert result.reason in {Reason.REPLAYED, Reason.PROOF_STALE}


def test_a_refused_proof_does_not_use_the_jti_up(session: Session) -> None:
    session.refused(session.proof({"jti": "j", "htm": "GET"}), Reason.PROOF_METHOD_MISMATCH)
    session.refused(session.proof({"jti": "j"}, sign=lambda _: bytes(64)), Reason.SIGNATURE_INVALID)
    session.refused(session.proof({"jti": "j"}, sender=key("thief")), Reason.PROOF_KEY_MISMATCH)
    allowed(session.send(session.proof({"jti": "j"})))


def test_of_many_threads_with_one_proof_exactly_one_is_allowed(session: Session) -> None:
    proof = session.proof()
    start = threading.Barrier(8)
    results: list[Any] = []

    def run() -> None:
        start.wait()
        results.append(session.send(proof))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(type(result) is Allow for result in results) == 1
    assert [result.reason for result in results if type(result) is Deny] == [Reason.REPLAYED] * 7


def test_a_full_guard_refuses_and_forgets_nothing() -> None:
    world = World()
    guard = MemoryReplayGuard(max_entries=100, max_entries_per_scope=8, monotonic=world.monotonic)
    world.gateway = world.another_gateway(replay=guard)
    alice, flooder = world.wallet(), world.wallet("flooder")
    victim, flood = Session(world, alice, world.ticket(alice)), Session(world, flooder, world.ticket(flooder))
    used = victim.proof()
    allowed(victim.send(used))
    results = [flood.send(flood.proof()) for _ in range(20)]
    assert sum(type(result) is Allow for result in results) == 6  # his admission took two places
    denied(results[-1], Reason.REPLAY_GUARD_FULL, "replay")
    allowed(victim.send(victim.proof()))
    denied(victim.send(used), Reason.REPLAYED, "replay")
    world.wait(MAX_AGE_S + SKEW_S + 10)
    allowed(flood.send(flood.proof()))


# cost and cache


def test_a_flood_of_bad_proofs_pushes_no_sender_key_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether a key is held can be seen by how often keys are loaded.
    from citizenid.gateway import proofs

    session = open_session()
    allowed(session.send(session.proof()))
    loaded: list[object] = []
    load: Any = vars(proofs)["load_holder_key"]

    def counting(jwk: object, where: str) -> Any:
        loaded.append(jwk)
        return load(jwk, where)

    monkeypatch.setattr(proofs, "load_holder_key", counting)
    allowed(session.send(session.proof()))
    assert not loaded
    good = key("thief")
    for number in range(5_000):  # more than there are places, each with a header of its own and no signature
        header = segment({"typ": "dpop+jwt", "alg": "ES256", "jwk": {**good.public.to_jwk(), "kid": str(number)}})
        claims = segment({"jti": "x", "htm": "GET"})
        session.refused(header + b"." + claims + b"." + base64url(bytes(64)), Reason.PROOF_METHOD_MISMATCH)
    assert len(loaded) == 5_000
    loaded.clear()
    allowed(session.send(session.proof()))
    assert not loaded


def test_a_proof_that_its_signature_alone_refuses_keeps_no_key(session: Session) -> None:
    # At admission any key may come: what refuses this one is the last check of all.
    allowed(session.send(session.proof()))
    gateway, thief = session.world.gateway, key("thief")
    keys = gateway._parts.rules.keys
    held = len(keys)
    proofs = [
        hand_made_proof(thief, {"htu": ORIGIN + ENDPOINT}, sign=sign) for sign in (lambda _: bytes(range(64)), None)
    ]
    for proof, kept in zip(proofs, (0, 1), strict=True):
        asked = gateway.challenge(sender=thief.public.thumbprint).to_text()
        result = gateway.admit(
            b"", format=Format.SD_JWT_VC, challenge=asked, request=request(None, proof, path=ENDPOINT)
        )
        assert isinstance(result, Deny) and result.step == ("V1" if kept else "proof")
        assert len(keys) == held + kept


def test_the_signature_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever can be refused without a signature is.
    from citizenid.gateway import proofs

    session = open_session()
    verified: list[object] = []
    monkeypatch.setattr(proofs, "verify_signature", lambda *arguments: verified.append(arguments))
    for claims in (
        {"htm": "GET"},
        {"htu": ORIGIN},
        {"ath": "x"},
        {"iat": NOW - 61},
        {"iat": NOW + 31},
        {"jti": ABSENT},
    ):
        assert type(session.send(session.proof(claims))) is Deny
    assert not verified


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_as_a_proof_are_refused(data: bytes) -> None:
    session = open_session()
    result = session.send(data)
    assert isinstance(result, Deny)
    assert result.step == "proof"


@given(
    st.dictionaries(
        st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "x5c", "b64"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=9)
        | st.lists(st.text(max_size=3), max_size=3)
        | st.dictionaries(
            st.sampled_from(["kty", "crv", "x", "y", "alg", "use"]), st.text(max_size=9) | st.integers(), max_size=4
        ),
        max_size=3,
    )
)
def test_any_header_gives_a_result(header: dict[str, Any]) -> None:
    session = open_session()
    result = session.send(session.proof(None, header))
    assert type(result) in (Allow, Deny)
    if type(result) is Allow:  # what was changed means nothing to a proof, or said the same
        assert set(header) <= {"kid", "x5c", "typ", "alg"}


@given(
    st.dictionaries(
        st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=9)
        | st.lists(st.integers(), max_size=3),
        min_size=1,
        max_size=3,
    )
)
def test_any_claims_give_a_result(claims: dict[str, Any]) -> None:
    session = open_session()
    result = session.send(session.proof(json.dumps({**json.loads(_payload(session)), **claims}).encode()))
    assert type(result) in (Allow, Deny)
    if type(result) is Allow:
        assert set(claims) <= {"jti", "nonce"}


def _payload(session: Session) -> bytes:
    good = {"jti": "generated", "htm": "POST", "htu": ORIGIN + PATH, "iat": NOW, "ath": ath(session.ticket)}
    return json.dumps(good).encode()


# our own client


@given(st.text(alphabet="abc/?#%7E.~", max_size=12), st.sampled_from(["GET", "POST", "PROPFIND"]))
def test_our_client_and_our_gateway_agree(path: str, method: str) -> None:
    session = open_session()
    url = ORIGIN + "/" + path
    proof = dpop_proof(session.wallet.sender, method=method, url=url, ticket=session.ticket, now=NOW)
    allowed(session.send(proof.encode(), method=method, url=url))


def test_our_client_makes_a_new_jti_each_time() -> None:
    proofs = {
        dpop_proof(key("anybody"), method="GET", url=ORIGIN, ticket=None, now=NOW).split(".")[1] for _ in range(50)
    }
    assert len(proofs) == 50


def test_a_proof_does_not_replace_a_ticket(session: Session) -> None:
    refusal = session.world.gateway.authorize(request(None, session.proof()), resource="us-nationals")
    needed(refusal, Reason.TICKET_MISSING)
    assert isinstance(session.wallet.sender, LocalKey)
