"""VICALs: the published one of AAMVA, and one made by hand with every part replaceable.

Spec: ISO/IEC 18013-5 annex C.1; specs/profile-mdoc.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest
from builders import ABSENT, NOW, certificate_key, changed, der, local_key, misused, pem, raises
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from places import ANCHOR_FIELDS, OutOfPlace, only_at
from test_x509_profiles import BITS, make

from citizenid import ANY, CitizenIDError, Country, Format, KeyPurpose, MalformedError, Reason, TrustAnchors

LIST = frozenset({"vical"})
CHAIN = frozenset({"vical.header.x5chain"})
errors_say_where = only_at(
    {
        Reason.ALGORITHM_MISMATCH: LIST,
        Reason.ALGORITHM_NOT_ALLOWED: LIST,
        Reason.ANCHOR_INVALID: ANCHOR_FIELDS | {"anchor", "anchors", "certificates", "vical"},
        Reason.CERTIFICATE_EXPIRED: CHAIN,
        Reason.CERTIFICATE_INVALID: CHAIN,
        Reason.CERTIFICATE_UNTRUSTED: CHAIN,
        Reason.CERTIFICATE_USE_FORBIDDEN: CHAIN,
        Reason.CLAIM_INVALID: LIST.union(
            f"vical.{name}" for name in ("certificate", "certificateInfos", "date", "docType", "nextUpdate", "version")
        ),
        Reason.CLAIM_MISSING: frozenset(
            f"vical.{name}" for name in ("certificate", "certificateInfos", "date", "docType", "nextUpdate", "version")
        ),
        Reason.CLOCK_UNUSABLE: frozenset({"now"}),
        Reason.EXPIRED: LIST,
        Reason.INPUT_TOO_LARGE: LIST,
        Reason.ISSUED_IN_FUTURE: LIST,
        Reason.LIMIT_EXCEEDED: LIST,
        Reason.MALFORMED_CBOR: LIST,
        Reason.MALFORMED_TOKEN: LIST,
        Reason.SIGNATURE_INVALID: LIST,
        Reason.VERSION_UNSUPPORTED: LIST,
    }
)

MDL = "org.iso.18013.5.1.mDL"
VICAL_EKU = "1.0.18013.5.1.8"


def tdate(moment: int) -> cbor2.CBORTag:
    text = datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return cbor2.CBORTag(0, text)


ROOT = make("provider", "provider", authority=True)
SIGNER = make("list signer", "provider", purposes=[VICAL_EKU], usage=["content_commitment"])
IACA = make("iaca", "iaca", authority=True)
OTHER = make("other iaca", "other iaca", authority=True)


def info(**changes: Any) -> Any:
    good = {
        "certificate": der(IACA)[0],
        "serialNumber": IACA.serial_number,
        "ski": b"\x04\x02ab",
        "docType": [MDL],
        "issuingCountry": "US",
        "stateOrProvinceName": "US-MD",
        "Extensions": {},
    }
    return changed(good, changes)


def vical(infos: Any = None, **changes: Any) -> Any:
    good = {
        "version": "1.0",
        "vicalProvider": "Provider",
        "date": tdate(NOW - 60),
        "nextUpdate": tdate(NOW + 86_400),
        "certificateInfos": [info()] if infos is None else infos,
        "an extension": {"of": ["the", "future"]},
    }
    return changed(good, changes)


def signed(
    payload: Any,
    *,
    protected: Mapping[Any, Any] | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> bytes:
    header = cbor2.dumps({1: -7} if protected is None else dict(protected))
    body = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    to_be_signed = cbor2.dumps(["Signature1", header, b"", body])
    signature = (sign or local_key(certificate_key("list signer")).sign)(to_be_signed)
    chain = {33: list(der(SIGNER, ROOT))} if unprotected is None else dict(unprotected)
    return cbor2.dumps([header, chain, body, signature])


GOOD = signed(vical())


def anchored(data: Any, **changes: Any) -> TrustAnchors:
    arguments: dict[str, Any] = {
        "provider_roots": pem(ROOT), "issuer": "list", "types": [MDL], "countries": [Country("US")], "now": NOW,
        **changes,
    }  # fmt: skip
    return TrustAnchors.from_vical(data, **arguments)


def refused(reason: Reason, data: Any, **changes: Any) -> None:
    raises(reason, None, partial(anchored, data, **changes))


def test_each_authority_becomes_an_anchor_under_a_label_of_its_own() -> None:
    (anchor,) = anchored(GOOD)
    assert (anchor.issuer, anchor.purpose, anchor.formats) == ("list:US-MD", KeyPurpose.CREDENTIAL, {Format.MDOC})
    assert (anchor.types, anchor.countries, anchor.not_after) == (
        {MDL},
        {Country("US")},
        NOW + 1_001,
    )  # the signer ends first
    assert anchor.root is not None and anchor.root.der == der(IACA)[0]
    assert anchor.status_issuer == "list:US-MD" and anchor.not_before == 0
    (named,) = anchored(GOOD, status_issuer="statuses", countries=ANY)
    assert (named.status_issuer, named.countries) == ("statuses", ANY)


def test_a_place_is_the_state_and_without_one_the_country() -> None:
    infos = [info(stateOrProvinceName=ABSENT), info(certificate=der(OTHER)[0], issuingCountry=ABSENT)]
    assert [anchor.issuer for anchor in anchored(signed(vical(infos)))] == ["list:US", "list:US-MD"]


@pytest.mark.parametrize(
    ("country", "state", "place"),
    [("US", "CA", "US-CA"), ("CA", ABSENT, "CA"), ("CA", "CA-ON", "CA-ON"), (ABSENT, "CA", "CA"), ("US", "", "US")],
)
def test_a_state_is_never_taken_for_a_country(country: Any, state: Any, place: str) -> None:
    (anchor,) = anchored(signed(vical([info(issuingCountry=country, stateOrProvinceName=state)])))
    assert anchor.issuer == f"list:{place}"


def test_whose_citizenship_counts_must_be_said() -> None:
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, countries=None))
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, countries=()))
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, countries=5))
    infos = [info(), info(certificate=der(OTHER)[0], stateOrProvinceName="US-VA")]
    once = (country for country in (Country("US"), Country("DE")))
    both = {Country("US"), Country("DE")}
    assert [anchor.countries for anchor in anchored(signed(vical(infos)), countries=once)] == [both, both]


@pytest.mark.parametrize("issuer", ["", None, 5, "\ud800", ["list"]])
def test_the_list_has_a_label(issuer: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, issuer=issuer))


@pytest.mark.parametrize("types", [None, 5, MDL, [5], [[MDL]]])
def test_the_types_are_a_list_of_texts(types: Any) -> None:
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, types=types))


def test_the_doc_types_of_an_entry_limit_what_its_authority_may_attest() -> None:
    infos = [info(docType=[MDL, "x"]), info(certificate=der(OTHER)[0], docType=["x"], stateOrProvinceName="US-VA")]
    data = signed(vical(infos))
    assert [(anchor.issuer, anchor.types) for anchor in anchored(data)] == [("list:US-MD", {MDL})]
    assert [anchor.types for anchor in anchored(data, types=[MDL, "x", "y"])] == [{MDL, "x"}, {"x"}]
    misused(Reason.ANCHOR_INVALID, lambda: anchored(data, types=["y"]))
    misused(Reason.ANCHOR_INVALID, lambda: anchored(data, types=MDL))  # a text is no list of texts
    misused(Reason.ANCHOR_INVALID, lambda: anchored(data, types=[]))


def test_the_list_counts_from_its_date_until_its_next_update() -> None:
    refused(Reason.ISSUED_IN_FUTURE, signed(vical(date=tdate(NOW + 31))))
    assert anchored(signed(vical(date=tdate(NOW + 30))))
    (anchor,) = anchored(signed(vical(nextUpdate=tdate(NOW + 1))))
    assert anchor.not_after == NOW + 1
    refused(Reason.EXPIRED, signed(vical(nextUpdate=tdate(NOW))))
    refused(Reason.CLAIM_MISSING, signed(vical(nextUpdate=ABSENT)))
    refused(Reason.CLAIM_MISSING, signed(vical(date=ABSENT)))
    for wrong in (NOW, "2027-01-15T08:00:00Z", cbor2.CBORTag(0, NOW), tdate(NOW).value + "x", None):
        refused(Reason.CLAIM_INVALID, signed(vical(date=wrong)))


@pytest.mark.parametrize("version", ["2.0", "", "0.9", "x", "1", "1.", "1.x", "1.\u0663", "01.0"])
def test_a_list_of_another_major_version_is_refused(version: str) -> None:
    refused(Reason.VERSION_UNSUPPORTED, signed(vical(version=version)))


def test_a_later_minor_version_is_read() -> None:
    assert anchored(signed(vical(version="1.7")))
    refused(Reason.CLAIM_INVALID, signed(vical(version=1)))
    refused(Reason.CLAIM_MISSING, signed(vical(version=ABSENT)))


@pytest.mark.parametrize("name", ["date", "nextUpdate"])
def test_a_date_stands_under_its_own_tag(name: str) -> None:
    text = tdate(NOW + 20).value
    for value in (cbor2.CBORTag(2, text), text, NOW):
        refused(Reason.CLAIM_INVALID, signed(vical(**{name: value})))


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.CLAIM_MISSING, {"certificate": ABSENT}),
        (Reason.CLAIM_MISSING, {"docType": ABSENT}),
        (Reason.CLAIM_INVALID, {"certificate": b""}),
        (Reason.CLAIM_INVALID, {"certificate": "x"}),
        (Reason.CLAIM_INVALID, {"docType": []}),
        (Reason.CLAIM_INVALID, {"docType": MDL}),
        (Reason.CLAIM_INVALID, {"docType": [5]}),
        (Reason.CLAIM_INVALID, {"docType": [""]}),
        (Reason.CLAIM_INVALID, {"stateOrProvinceName": 5}),
        (Reason.CLAIM_INVALID, {"stateOrProvinceName": ABSENT, "issuingCountry": ABSENT}),
        (Reason.CLAIM_INVALID, {"stateOrProvinceName": "", "issuingCountry": ""}),
        (Reason.CLAIM_INVALID, {"stateOrProvinceName": ABSENT, "issuingCountry": ""}),
        (Reason.CLAIM_INVALID, {"issuingCountry": 5}),
    ],
)
def test_an_entry_that_is_not_complete_refuses_the_list(reason: Reason, changes: Mapping[str, Any]) -> None:
    refused(reason, signed(vical([info(), info(certificate=der(OTHER)[0]) | {}, info(**changes)])))


def test_an_entry_must_be_a_root_that_could_be_pinned() -> None:
    misused(Reason.ANCHOR_INVALID, lambda: anchored(signed(vical([info(certificate=b"no certificate")]))))
    misused(Reason.ANCHOR_INVALID, lambda: anchored(signed(vical([info(certificate=der(SIGNER)[0])]))))
    misused(Reason.ANCHOR_INVALID, lambda: anchored(signed(vical([info(), info()]))))  # the same twice
    other = info(docType=["org.example.other"])  # which of the two would say what it certifies?
    both = [MDL, "org.example.other"]
    misused(Reason.ANCHOR_INVALID, lambda: anchored(signed(vical([info(), other])), types=both))
    assert [anchor.types for anchor in anchored(signed(vical([info(), other])))] == [{MDL}]
    misused(Reason.ANCHOR_INVALID, lambda: anchored(signed(vical([]))))


@pytest.mark.parametrize("infos", [None, {}, "x", [5], [None], [[]]])
def test_a_list_holds_maps(infos: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        anchored(signed(vical(certificateInfos=infos)))
    assert caught.value.reason in {Reason.CLAIM_INVALID, Reason.MALFORMED_TOKEN}


def test_only_a_vical_signer_under_a_pinned_root_signs_lists() -> None:
    def under(certificate: x509.Certificate, key: str) -> bytes:
        sign = local_key(certificate_key(key)).sign
        return signed(vical(), unprotected={33: der(certificate)[0]}, sign=sign)

    assert anchored(under(SIGNER, "list signer"))  # the root need not be repeated
    document_signer = make("ds", "provider", purposes=["1.0.18013.5.1.2"], usage=["digital_signature"])
    refused(Reason.CERTIFICATE_USE_FORBIDDEN, under(document_signer, "ds"))
    foreign = make("list signer", "another", purposes=[VICAL_EKU], usage=["content_commitment"])
    refused(Reason.CERTIFICATE_UNTRUSTED, under(foreign, "list signer"))
    same_name = make(
        "list signer", "impostor", purposes=[VICAL_EKU], usage=["content_commitment"], names={"impostor": ROOT.subject}
    )
    refused(Reason.CERTIFICATE_UNTRUSTED, under(same_name, "list signer"))
    refused(Reason.SIGNATURE_INVALID, under(SIGNER, "somebody"))
    refused(Reason.CERTIFICATE_INVALID, signed(vical(), unprotected={}))
    refused(Reason.CERTIFICATE_EXPIRED, GOOD, now=NOW + 1_001)
    misused(Reason.ANCHOR_INVALID, lambda: anchored(GOOD, provider_roots=b""))
    assert len(BITS) == 9


def test_what_is_signed_is_what_is_read() -> None:
    header, chain, _, signature = cbor2.loads(GOOD)
    swapped = cbor2.dumps([header, chain, cbor2.dumps(vical([info(stateOrProvinceName="US-CA")])), signature])
    refused(Reason.SIGNATURE_INVALID, swapped)
    refused(Reason.MALFORMED_TOKEN, cbor2.dumps([header, chain, None, signature]))
    refused(Reason.MALFORMED_CBOR, cbor2.dumps(cbor2.CBORTag(18, cbor2.loads(GOOD))))
    refused(Reason.ALGORITHM_NOT_ALLOWED, signed(vical(), protected={}, unprotected={1: -7, 33: der(SIGNER)[0]}))
    refused(Reason.ALGORITHM_MISMATCH, signed(vical(), protected={1: -35}))
    refused(Reason.MALFORMED_TOKEN, signed([]))
    refused(Reason.MALFORMED_CBOR, signed(cbor2.dumps(vical()) + b"\0"))
    refused(Reason.MALFORMED_CBOR, signed(vical(extension=cbor2.CBORTag(24, b"\0"))))
    refused(Reason.MALFORMED_CBOR, GOOD + b"\0")


def test_bignum_serials_are_passed_over() -> None:
    assert anchored(signed(vical([info(serialNumber=2**150)])))


def test_a_list_is_bytes_of_bounded_size() -> None:
    for wrong in ("text", None, bytearray(GOOD)):
        refused(Reason.MALFORMED_TOKEN, wrong)
    refused(Reason.INPUT_TOO_LARGE, bytes(4_194_305))
    base = len(signed(vical(padding=bytes(4_000_000))))  # the heads of texts that long have five bytes
    largest = signed(vical(padding=bytes(4_000_000 + 4_194_304 - base)))
    assert len(largest) == 4_194_304 and anchored(largest)
    refused(Reason.LIMIT_EXCEEDED, signed(vical([{} for _ in range(1_001)])))
    refused(Reason.CLAIM_MISSING, signed(vical([{} for _ in range(1_000)])))
    misused(Reason.CLOCK_UNUSABLE, lambda: anchored(GOOD, now=1.5))


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_byte_that_differs_is_refused(position: int, difference: int) -> None:
    data = bytearray(GOOD)
    data[position] ^= difference
    try:
        found = [(anchor.issuer, anchor.root) for anchor in anchored(bytes(data))]
    except (CitizenIDError, OutOfPlace):  # whatever for, and wherever
        return
    # The chain is no part of what is signed: a change of it that still leads to the root changes nothing.
    assert found == [(anchor.issuer, anchor.root) for anchor in anchored(GOOD)]


def test_the_list_of_aamva(vectors: Path) -> None:
    folder = vectors / "mdoc" / "isomdl" / "vical"
    data = (folder / "aamva-vical-2025-11-18-1763491092481.cbor").read_bytes()
    root = (folder / "aamva_ca_root.crt").read_bytes()
    now = int(datetime.datetime(2025, 11, 18, 19, tzinfo=datetime.UTC).timestamp())
    anchors = anchored(data, provider_roots=root, issuer="aamva", now=now)
    places = sorted(anchor.issuer for anchor in anchors)
    assert len(places) == 14
    assert set(places) == {f"aamva:US-{state}" for state in "AK AZ CO GA MD MT ND UT VA".split()}
    assert {anchor.types for anchor in anchors} == {frozenset({MDL})}
    refused(Reason.EXPIRED, data, provider_roots=root, now=now + 86_400)
    refused(Reason.CERTIFICATE_UNTRUSTED, data, now=now)
