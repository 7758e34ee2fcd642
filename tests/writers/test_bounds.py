"""Where the writers end: the last credential that fits, the first that does not, and random sources that are stuck.

Spec: RFC 9901 section 9.3; draft-ietf-spice-sd-cwt section 7.1; specs/profile-mdoc.md section 9.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import cbor2
import mdoc_writing as m
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    VCT,
    certificate,
    certificate_key,
    der,
    key,
    local_key,
    misused,
    pem,
    unbase64url,
)
from builders_sd_cwt import REDACTED, credential

from citizenid import (
    ANY,
    Attestation,
    Challenge,
    CitizenIDError,
    Format,
    KeyPurpose,
    Limits,
    Reason,
    TrustAnchors,
    UnixTime,
    Validity,
)
from citizenid._wire import heads
from citizenid._writers import sd_cwt, sd_jwt_vc
from citizenid.holder import Credential
from citizenid.issuer import Issuer

SALT_BYTES: Final = {Format.SD_JWT_VC: 18, Format.SD_CWT: 16}
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
MDL_NAMESPACE: Final = "org.iso.18013.5.1"
MANY: Final = {f"{one}{two}": 1 for one in LETTERS[:8] for two in LETTERS[:10]}  # more than salts are drawn at once


def source() -> Callable[[int], bytes]:
    """Bytes that do not repeat and are the same each time."""
    return m.source()


def usual(format: Format, claims: Any = None, **changes: Any) -> Attestation:
    if format is Format.MDOC:
        return m.attestation(claims, **changes)
    validity = Validity(UnixTime(NOW - 60), None, UnixTime(NOW + 86_400))
    good: dict[str, Any] = {"type": VCT, "issuer": ISSUER, "validity": validity, "holder_key": key("holder").public}
    return Attestation(**{**good, "claims": {"nationalities": ["US"]} if claims is None else claims, **changes})


def issue(
    format: Format, claims: Any = None, *, random: Any = None, limits: Limits | None = None, **named: Any
) -> bytes:
    options = {name: named.pop(name) for name in ("disclosable", "decoys") if name in named}
    settings = {"random": random or source(), "limits": limits or Limits()}
    door = (
        m.door(**settings)
        if format is Format.MDOC
        else Issuer(identifier=ISSUER, key=key("issuer"), kid="k1", **settings)
    )
    return door.issue(usual(format, claims, **named), format=format, **options)


def written(format: Format, data: bytes) -> int:
    """How much the bound counts: what the issuer signs and discloses, without what frames it."""
    if format is Format.MDOC:
        return len(data) - 17  # the heads of map, member, payload and signature
    if format is Format.SD_CWT:
        protected, unprotected, payload, signature = cbor2.loads(data).value
        return len(protected) + len(payload) + sum(map(len, unprotected.get(17, []))) + len(signature)
    token, *disclosures = data.rstrip(b"~").split(b"~")
    header, payload, _ = token.split(b".")
    return len(header) + 1 + len(payload) + sum(map(len, disclosures)) + 2 * 64


@pytest.mark.parametrize("format", Format)
def test_a_credential_fills_half_of_what_may_be_presented_and_no_byte_more(format: Format) -> None:
    size = written(format, issue(format))
    for fits in (2 * size, 2 * size + 1):
        assert written(format, issue(format, limits=Limits(presentation_bytes=fits))) == size
    for less in (2 * size - 1, 2 * size - 2, size):
        misused(Reason.INPUT_TOO_LARGE, lambda less=less: issue(format, limits=Limits(presentation_bytes=less)))


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_a_header_fills_its_bound_and_no_byte_more(format: Format) -> None:
    data = issue(format)
    size = len(data.partition(b".")[0]) if format is Format.SD_JWT_VC else len(cbor2.loads(data).value[0])
    issue(format, limits=Limits(header_bytes=size))
    misused(Reason.INPUT_TOO_LARGE, lambda: issue(format, limits=Limits(header_bytes=size - 1)))


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_as_many_decoys_as_digests_are_written_and_none_more(format: Format) -> None:
    subject = {"name": "Zoe"} if format is Format.SD_JWT_VC else {2: "subject", "name": "Zoe"}

    def digests(decoys: int | None) -> list[Any]:
        named = {} if decoys is None else {"decoys": decoys}
        data = issue(format, subject, disclosable=(), limits=Limits(digests=5), **named)
        if format is Format.SD_JWT_VC:
            return list(json.loads(unbase64url(data.split(b".")[1])).get("_sd", []))
        found = cbor2.loads(cbor2.loads(data).value[2])
        return list(found.get(REDACTED, []))

    assert [len(digests(each)) for each in (None, 0, 1, 5)] == [0, 0, 1, 5]
    misused(Reason.LIMIT_EXCEEDED, lambda: digests(6))


# --- random sources ---


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_each_salt_is_a_part_of_what_was_drawn_that_no_other_has(format: Format) -> None:
    size = SALT_BYTES[format]
    again = source()
    if format is Format.SD_JWT_VC:
        salts = [base64.urlsafe_b64decode(each) for each in islice(sd_jwt_vc._salts(source()), 200)]
        drawn = b"".join(again(18 * sd_jwt_vc._SALTS_AT_ONCE) for _ in range(200 // sd_jwt_vc._SALTS_AT_ONCE + 1))
    else:
        salts = list(islice(sd_cwt._salts(source()), 200))
        drawn = b"".join(again(16 * sd_cwt._SALTS_AT_ONCE) for _ in range(200 // sd_cwt._SALTS_AT_ONCE + 1))
    assert salts == [drawn[at : at + size] for at in range(0, 200 * size, size)]


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_a_source_that_gives_the_same_block_again_is_stuck(format: Format) -> None:
    def stuck(count: int) -> bytes:
        return b"".join(number.to_bytes(2) for number in range(count // 2))

    few = dict(islice(MANY.items(), 5))
    issue(format, few, random=stuck)  # within one block nobody can tell
    misused(Reason.DISCLOSURE_DUPLICATE, lambda: issue(format, MANY, random=stuck))
    issue(format, MANY)


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_a_source_that_repeats_itself_at_once_is_stuck_whatever_is_hidden(format: Format) -> None:
    size, tail = SALT_BYTES[format], source()

    def once(count: int) -> bytes:
        return (b"\1" * 2 * size + tail(count))[:count]

    misused(Reason.DISCLOSURE_DUPLICATE, lambda: issue(format, {"name": "Zoe"}, random=once))


# --- paths ---


@pytest.mark.parametrize("format", [Format.SD_JWT_VC, Format.SD_CWT])
def test_what_may_be_withheld_is_named_by_paths_that_lead_somewhere(format: Format) -> None:
    claims = {"list": [{"a": 1}, {"b": {"c": [2, 3]}}], "none": [], "text": "ab", "map": {"x": 1}}
    for path in (
        ("list", None, "a"), ("list", None, "b", "c", None), ("list", 1, "b", "c", 1), ("list", None), ("map", "x"),
        ["list", 0], ["map", "x"],
    ):  # fmt: skip
        assert issue(format, claims, disclosable=[path])
    for path in (
        ("list", None, "x"), ("list", None, "b", "x", None), ("list", None, "a", None), ("list", 2), ("list", -1),
        ("list", "a"), ("none", None), ("none", 0), ("text", 0), ("text", None), ("map", None), ("map", "y"), ("y",),
        (), [], ["list", 2], "list", 5, None, ("list", 1.0), ("list", True),
    ):  # fmt: skip
        misused(Reason.CLAIM_UNKNOWN, lambda path=path: issue(format, claims, disclosable=[path]))


# --- what an SD-CWT states, and who shows it ---


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"issuer": ""}, "iss"), ({"type": 5}, "iss"),
        ({"validity": Validity(UnixTime(NOW), UnixTime(NOW + 1), UnixTime(NOW + 9))}, "iat"),
        ({"validity": Validity(UnixTime(0), UnixTime(1), UnixTime(9))}, "iat"),
    ],
)  # fmt: skip
def test_what_an_sd_cwt_cannot_state_is_refused_by_its_name(changes: dict[str, Any], where: str) -> None:
    what = usual(Format.SD_CWT)
    for name, value in changes.items():
        what = replace(what, **{name: value})
    door = Issuer(identifier=what.issuer or ISSUER, key=key("issuer"))
    object.__setattr__(door, "identifier", what.issuer)
    with pytest.raises(CitizenIDError) as caught:
        door.issue(what, format=Format.SD_CWT)
    assert (caught.value.reason, caught.value.where) == (Reason.CLAIM_INVALID, where)


def test_an_sd_cwt_may_be_issued_the_moment_that_it_begins() -> None:
    for issued, begins, ends in ((0, None, 1), (0, 0, 1), (5, 5, 6), (5, 0, 6)):
        validity = Validity(UnixTime(issued), None if begins is None else UnixTime(begins), UnixTime(ends))
        data = Issuer(identifier=ISSUER, key=key("issuer")).issue(
            usual(Format.SD_CWT, validity=validity), format=Format.SD_CWT
        )
        payload = cbor2.loads(cbor2.loads(data).value[2])
        assert (payload.get(6), payload.get(5), payload[4]) == (issued, begins, ends)


LEAF: Final = certificate("leaf", "ca")
CA: Final = certificate("ca", "root", authority=True)
ROOT: Final = certificate("root", "root", authority=True)


def shown_by_holder(made: Any, anchors: TrustAnchors) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return the two headers of a credential inside of a presentation that shows nothing: signed, and not."""
    held = Credential.receive(cbor2.dumps(made), format=Format.SD_CWT, anchors=anchors, now=NOW)
    shown = held.present((), challenge=Challenge(AUDIENCE, NONCE), key=key("holder"), peer=AUDIENCE, now=NOW)
    protected, unprotected, *_ = cbor2.loads(cbor2.loads(shown).value[0])[13].value
    plain = {name: list(each) if isinstance(each, tuple) else each for name, each in unprotected.items()}
    return cbor2.loads(protected), plain


@pytest.mark.parametrize("chain", [[certificate("leaf", "root")], [LEAF, CA]], ids=["one", "two"])
@pytest.mark.parametrize("protected", [True, False])
def test_a_holder_shows_the_chain_as_it_came(chain: list[Any], protected: bool) -> None:
    """RFC 9360 section 2: one certificate is a byte string, more are an array; what was unprotected stays so."""
    encoded = der(*chain)
    stated = encoded[0] if len(encoded) == 1 else list(encoded)
    made = credential(
        header={4: ABSENT, 33: stated if protected else ABSENT},
        unprotected={33: ABSENT if protected else stated},
        signer=local_key(certificate_key("leaf")),
    )
    anchors = TrustAnchors.from_certificates(
        pem(ROOT), issuer=ISSUER, purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_CWT], types=[VCT], countries=ANY
    )
    signed, beside = shown_by_holder(made, anchors)
    assert (signed.get(33), beside.get(33)) == ((stated, None) if protected else (None, stated))


@pytest.mark.parametrize("kid", [b"k1", b"\xff\xfe", b"k\x80"])
def test_a_holder_shows_a_key_identifier_as_it_came(kid: bytes) -> None:
    """It is bytes (RFC 9052 section 3.1), and need be no text."""
    anchors = TrustAnchors.from_keys(
        ISSUER, [key("issuer").public], purpose=KeyPurpose.CREDENTIAL, formats=[Format.SD_CWT], types=[VCT],
        countries=ANY,
    )  # fmt: skip
    signed, beside = shown_by_holder(credential(header={4: ABSENT}, unprotected={4: kid}), anchors)
    assert 4 not in signed and beside[4] == kid


def test_a_key_that_jose_does_not_know_is_named_as_the_holder_s() -> None:
    brainpool = key("brainpool holder", "ESB256").public
    with pytest.raises(CitizenIDError) as caught:
        issue(Format.SD_JWT_VC, holder_key=brainpool)
    assert (caught.value.reason, caught.value.where) == (Reason.ALGORITHM_NOT_ALLOWED, "cnf")


def test_the_kid_of_an_sd_cwt_has_its_bound_in_bytes() -> None:
    for kid in ("k" * 255, "\u00e9" * 127):
        assert Issuer(identifier=ISSUER, key=key("issuer"), kid=kid).issue(usual(Format.SD_CWT), format=Format.SD_CWT)
    with pytest.raises(CitizenIDError) as caught:
        Issuer(identifier=ISSUER, key=key("issuer"), kid="\u00e9" * 128).issue(
            usual(Format.SD_CWT), format=Format.SD_CWT
        )
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "issuer.kid")


def test_a_long_element_may_hold_dates() -> None:
    one = {"vehicle_category_code": "B", "issue_date": "2027-01-15", "expiry_date": "2037-01-15"}
    data = issue(Format.MDOC, {m.OURS: {"citizen_of_us": True}, MDL_NAMESPACE: {"driving_privileges": [one] * 30}})
    assert data.count(b"\xd9\x03\xec\x6a2027-01-15") == 30


def test_an_mdoc_has_as_many_namespaces_as_a_map_has_members_and_none_more() -> None:
    def namespaces(count: int) -> dict[str, Any]:
        return {m.OURS: {"citizen_of_us": True}, **{f"n{number}": {"e": 1} for number in range(count - 1)}}

    wide = Limits(disclosures=10_000, digests=100_000, presentation_bytes=10_000_000)
    assert issue(Format.MDOC, namespaces(heads.MAX_MEMBERS), limits=wide)
    misused(Reason.LIMIT_EXCEEDED, lambda: issue(Format.MDOC, namespaces(heads.MAX_MEMBERS + 1), limits=wide))
