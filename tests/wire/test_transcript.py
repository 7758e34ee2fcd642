"""The SessionTranscript that both sides make of a challenge, and what is signed or MACed with it.

Oracles: the vectors of OpenID4VP 1.0 and of two wallets, and each structure written out here with `cbor2`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Challenge
from citizenid._errors import CitizenIDError, MalformedError, Reason, VerificationError
from citizenid._wire import transcript
from citizenid._wire.transcript import device_authentication_bytes, mac_salt, session_transcript

NONCE = "nonce-nonce"
_TEXTS = st.text(min_size=1, max_size=40)
_NONCES = st.text(min_size=8, max_size=40)
_THUMBPRINTS = st.one_of(st.none(), st.binary(min_size=32, max_size=32))


def _hash(value: Any) -> bytes:
    return hashlib.sha256(cbor2.dumps(value)).digest()


@given(_TEXTS, _NONCES, _TEXTS, _THUMBPRINTS)
def test_openid4vp_1_0_appendix_b_2_6_1(client_id: str, nonce: str, uri: str, thumbprint: bytes | None) -> None:
    challenge = Challenge.openid4vp(client_id=client_id, nonce=nonce, response_uri=uri, jwk_thumbprint=thumbprint)
    info = _hash([client_id, nonce, thumbprint, uri])
    assert session_transcript(challenge) == cbor2.dumps([None, None, ["OpenID4VPHandover", info]])


@given(_TEXTS.filter(lambda origin: not origin.startswith("origin:")), _NONCES, _THUMBPRINTS)
def test_openid4vp_1_0_appendix_b_2_6_2(origin: str, nonce: str, thumbprint: bytes | None) -> None:
    """The origin goes in without its prefix, also when it is the audience of a plain challenge."""
    challenge = Challenge.dc_api(origin=origin, nonce=nonce, jwk_thumbprint=thumbprint)
    expected = cbor2.dumps([None, None, ["OpenID4VPDCAPIHandover", _hash([origin, nonce, thumbprint])]])
    assert session_transcript(challenge) == expected
    if thumbprint is None:
        assert session_transcript(Challenge(origin, nonce)) == expected


@given(_TEXTS.filter(lambda origin: not origin.startswith("origin:")), _TEXTS, _NONCES)
def test_draft_24(origin: str, client_id: str, nonce: str) -> None:
    challenge = Challenge.dc_api_draft_24(origin=origin, client_id=client_id, nonce=nonce)
    expected = [None, None, ["OpenID4VPDCAPIHandover", _hash([origin, client_id, nonce])]]
    assert session_transcript(challenge) == cbor2.dumps(expected)


@given(_TEXTS, _NONCES, _TEXTS, _TEXTS)
def test_iso_18013_7_2024_annex_b(client_id: str, nonce: str, uri: str, own: str) -> None:
    challenge = Challenge.iso_18013_7_2024(client_id=client_id, nonce=nonce, response_uri=uri, mdoc_generated_nonce=own)
    expected = [None, None, [_hash([client_id, own]), _hash([uri, own]), nonce]]
    assert session_transcript(challenge) == cbor2.dumps(expected)


def test_every_part_of_a_challenge_changes_the_transcript() -> None:
    made = [
        Challenge.openid4vp(client_id=client_id, nonce=nonce, response_uri=uri, jwk_thumbprint=thumbprint)
        for client_id in ("client", "other")
        for nonce in (NONCE, NONCE + "2")
        for uri in ("https://a/r", "https://a/s")
        for thumbprint in (None, bytes(32), b"\x01" * 32)
    ]
    made += [
        Challenge.dc_api(origin="client", nonce=NONCE),
        Challenge.dc_api(origin="client", nonce=NONCE, jwk_thumbprint=bytes(32)),
        Challenge.dc_api_draft_24(origin="client", client_id="client", nonce=NONCE),
        Challenge.iso_18013_7_2024(
            client_id="client", nonce=NONCE, response_uri="https://a/r", mdoc_generated_nonce="m"
        ),
    ]
    assert len({session_transcript(challenge) for challenge in made}) == len(made)
    # How old an answer may be is no part of it.
    assert session_transcript(Challenge("a", NONCE, 1)) == session_transcript(Challenge("a", NONCE, 2))


def test_a_nonce_of_bytes_is_refused_by_protocols_of_text() -> None:
    for challenge in (Challenge("a", b"12345678"), Challenge("origin:a", b"nonce-nonce")):
        with pytest.raises(VerificationError) as caught:
            session_transcript(challenge)
        assert (caught.value.reason, caught.value.where) == (Reason.NONCE_MISMATCH, "challenge.nonce")


# --- a transcript that the caller made ---


def _own(data: bytes, nonce: str | bytes = NONCE) -> bytes:
    return session_transcript(Challenge.session_transcript(data, audience="a", nonce=nonce))


@pytest.mark.parametrize(
    "value",
    [
        [None, None, None],
        [cbor2.CBORTag(24, b"\xa0"), cbor2.CBORTag(24, b"\xa0"), None],
        [cbor2.CBORTag(24, b"\xa0"), cbor2.CBORTag(24, b"\xa0"), [b"Hs", b"Hr"]],
        [cbor2.CBORTag(24, b"\xa0"), cbor2.CBORTag(24, b"\xa0"), [b"Hs", None]],
        [None, cbor2.CBORTag(24, b"\xa0"), ["dcapi", b"hash"]],
    ],
)
def test_a_transcript_of_the_caller_is_taken_byte_for_byte(value: Any) -> None:
    data = cbor2.dumps(value)
    assert _own(data) == data and _own(data, b"12345678") == data
    long = b"\x98\x03" + data[1:]  # another spelling of the same is another transcript
    assert _own(long) == long


@pytest.mark.parametrize(
    "data",
    [
        "f6",
        "80",
        "82f6f6",
        "84f6f6f6f6",
        "a0",
        "83f6f6",
        "83f6f6f600",
        "83f6f6f6f6",
        "9ff6f6f6ff",
        "d81883f6f6f6",
        "ff",
        "83f6f6c100",
        "83f6f6a201000100",
        "83f6f6f97e00",
        "83f6f6" + "81" * 20 + "00",
        "00",
        "5383f6f6f6",
    ],
)
def test_what_is_no_array_of_three_is_no_transcript(data: str) -> None:
    challenge = Challenge.session_transcript(bytes.fromhex(data), audience="a", nonce=NONCE)
    with pytest.raises(MalformedError) as caught:
        session_transcript(challenge)
    assert (caught.value.reason, caught.value.where) == (Reason.CHALLENGE_INVALID, "challenge.handover")
    assert caught.value.__cause__ is None and caught.value.__context__ is None


# --- what is signed ---


@given(_TEXTS, st.binary(min_size=1, max_size=300))
def test_device_authentication_is_that_of_9_1_3_4(doc_type: str, name_spaces: bytes) -> None:
    own = session_transcript(Challenge("https://a", NONCE))
    inner = ["DeviceAuthentication", cbor2.loads(own), doc_type, cbor2.CBORTag(24, name_spaces)]
    expected = cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(inner)))
    assert device_authentication_bytes(own, doc_type, name_spaces) == expected


def test_a_document_type_that_is_no_text_is_not_written() -> None:
    for doc_type in ("\ud800", 1.5 + 1j, object()):
        with pytest.raises(CitizenIDError):
            device_authentication_bytes(b"\x83\xf6\xf6\xf6", doc_type, b"\xa0")  # type: ignore[arg-type]  # on purpose


@given(st.binary(min_size=1, max_size=300))
def test_the_salt_of_a_mac_is_that_of_9_1_3_5(data: bytes) -> None:
    assert mac_salt(data) == hashlib.sha256(cbor2.dumps(cbor2.CBORTag(24, data))).digest()
    assert transcript.MAC_INFO == b"EMacKey"


# --- vectors ---


def test_the_vectors_of_openid4vp_1_0(vectors: Path) -> None:
    cases = json.loads((vectors / "openid4vp" / "session_transcript_vectors.json").read_bytes())
    assert set(cases) == {"oid4vp_redirect", "oid4vp_dcapi", "source"}
    redirect, dc_api = cases["oid4vp_redirect"], cases["oid4vp_dcapi"]
    challenge = Challenge.openid4vp(
        client_id=redirect["client_id"],
        nonce=redirect["nonce"],
        response_uri=redirect["response_uri"],
        jwk_thumbprint=bytes.fromhex(redirect["jwk_thumbprint_hex"]),
    )
    assert session_transcript(challenge).hex() == redirect["expected_session_transcript_hex"]
    challenge = Challenge.dc_api(
        origin=dc_api["origin"],
        nonce=dc_api["nonce"],
        jwk_thumbprint=bytes.fromhex(dc_api["jwk_thumbprint_hex"]),
    )
    assert session_transcript(challenge).hex() == dc_api["expected_session_transcript_hex"]


def test_the_transcript_of_a_real_wallet(vectors: Path) -> None:
    folder = vectors / "mdoc" / "animo-mdoc"
    parameters = json.loads((folder / "animo-oid4vp10.params.json").read_bytes())
    challenge = Challenge.openid4vp(
        client_id=parameters["client_id"],
        nonce=parameters["nonce"],
        response_uri=parameters["response_uri"],
        jwk_thumbprint=bytes.fromhex(parameters["jwk_thumbprint_hex"]),
    )
    assert session_transcript(challenge) == (folder / "animo-oid4vp10.session_transcript.cbor").read_bytes()


TRANSCRIPTS = [
    *(f"auth0-mdl/example{number}.session_transcript.hex" for number in (1, 2, 3, 4)),
    "iso18013-5-annexD/ISO_18013_5_ANNEX_D_SESSION_TRANSCRIPT_BYTES.hex",
    "isomdl/definitions/session/session_transcript.cbor",
]


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcripts_of_other_protocols_are_taken_as_they_are(vectors: Path, name: str) -> None:
    """Those files hold SessionTranscriptBytes, tag 24 around it: the tag is not part of what a caller hands in."""
    outer = bytes.fromhex((vectors / "mdoc" / name).read_text().strip())
    inner = cbor2.loads(outer)
    assert isinstance(inner, cbor2.CBORTag) and inner.tag == 24
    assert _own(inner.value) == inner.value
    assert mac_salt(inner.value) == hashlib.sha256(outer).digest()
    with pytest.raises(MalformedError):
        _own(outer)
