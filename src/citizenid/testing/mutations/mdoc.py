"""Mutations of mdoc presentations: by anybody on the way, by the issuer, and by the holder.

Spec: ISO/IEC 18013-5 8.3.2.1.2 and 9.1; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from typing import Any, Final

from cbor2 import CBORTag

from ... import Reason
from ..forge import mdoc_keys
from ..forge.cbor import Raw, date_time, dump, embedded
from ..forge.certificates import der
from ..forge.mdoc_issuer import OURS, PID, digest, item
from ..forge.parts import ABSENT, OTHER_INDEX, REVOKED_INDEX, STATUS_SIZE, STATUS_URI, SUSPENDED_INDEX
from ..strategies.presentations import CURVES, PERSON
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, row
from ._text import nested
from .mdoc_on_the_way import BY_ANYBODY
from .mdoc_parts import Parts, during, of, shows, signed, states, status

R: Final = Reason


# --- by the issuer ---


def _without_status(parts: Parts, choice: Choice) -> None:
    parts.mso.pop("status", None)
    start = parts.now - 60
    times = {"signed": start, "validFrom": start, "validUntil": start + DAY + choice.below(DAY)}
    parts.mso["validityInfo"].update({name: date_time(moment) for name, moment in times.items()})


def _another_device(parts: Parts, _: Choice) -> None:
    other = mdoc_keys.key("another device", mdoc_keys.curve_of(parts.device))
    parts.mso["deviceKeyInfo"] = {"deviceKey": mdoc_keys.cose_key(other)}


def _private_key(parts: Parts, _: Choice) -> None:
    stated = dict(parts.mso["deviceKeyInfo"]["deviceKey"])
    parts.mso["deviceKeyInfo"] = {"deviceKey": {**stated, -4: b"\x01" * 32}}


def _payload(*payloads: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.payload = choice.of(*payloads)

    return signed(edit)


def _signed_before_the_certificate(parts: Parts, choice: Choice) -> None:
    moment = parts.now - 31 * DAY - choice.below(DAY)
    parts.mso["validityInfo"].update({name: date_time(moment) for name in ("signed", "validFrom")})
    parts.mso["status"] = {"status_list": {"idx": 7, "uri": STATUS_URI}}
    _show_no_evidence(parts)


def _show_no_evidence(parts: Parts) -> None:
    kept = {name: [each for each in items if b"evidence_checked_at" not in each] for name, items in parts.items.items()}
    parts.items = {name: items for name, items in kept.items() if items}


def _expired(parts: Parts, choice: Choice) -> None:
    start = parts.now - 2 * DAY
    times = {"signed": start, "validFrom": start, "validUntil": parts.now - 1 - choice.below(DAY)}
    parts.mso["validityInfo"].update({name: date_time(moment) for name, moment in times.items()})
    _show_no_evidence(parts)


def _signer(**changes: Any) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        private = mdoc_keys.key("signer", CURVES[parts.valid.issued.algorithm])
        window = {name: value(parts.now, choice) for name, value in changes.items() if callable(value)}
        made = mdoc_keys.certificate("DS", "IACA", private, mdoc_keys.key("IACA"), **(changes | window))
        parts.unprotected = {33: der(made)[0]}

    return signed(edit)


def _two_names(parts: Parts, _: Choice) -> None:
    contents = [item(0, "citizen_of_us", True), item(1, "citizen_of_us", True)]
    parts.items = {OURS: contents}
    parts.mso["valueDigests"] = {OURS: {number: digest(each, parts.hash) for number, each in enumerate(contents)}}


_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], [["US"]])

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row(
        "not valid yet",
        R.NOT_YET_VALID,
        during(validFrom=lambda n, c: n + 1 + c.below(DAY), validUntil=lambda n, c: n + 3 * DAY),
        step="V6",
    ),
    row(
        "signed in the future",
        R.ISSUED_IN_FUTURE,
        during(
            signed=lambda n, c: n + 31 + c.below(DAY),
            validFrom=lambda n, c: n + 2 * DAY,
            validUntil=lambda n, c: n + 3 * DAY,
        ),
        step="V6",
    ),
    row(
        "ends before it begins",
        R.CLAIM_INVALID,
        during(validFrom=lambda n, c: n, validUntil=lambda n, c: n - 2 - c.below(DAY)),
        step="V4",
    ),
    row(
        "a time that is none",
        R.CLAIM_INVALID,
        during(
            validUntil=of(
                "2030-01-01T00:00:00Z",
                1.5,
                CBORTag(0, "2030-01-01T00:00:00.5Z"),
                CBORTag(0, "2030-01-01T00:00:00+01:00"),
                CBORTag(0, "2030-13-01T00:00:00Z"),
                None,
            )
        ),
        step="V4",
    ),
    row(
        "signed when the certificate was not valid",
        R.SIGNED_OUTSIDE_CERTIFICATE,
        signed(_signed_before_the_certificate),
        step="V6",
    ),
    row("no validityInfo", R.CLAIM_MISSING, states(validityInfo=ABSENT), step="V4"),
    row("another docType", R.TYPE_NOT_ALLOWED, states(docType=of("org.example.other", PID)), step="V5"),
    row("another version of the MSO", R.VERSION_UNSUPPORTED, states(version=of("2.0", "0.9")), step="V4"),
    row(
        "a hash that is not of the list",
        R.HASH_ALGORITHM_NOT_ALLOWED,
        states(digestAlgorithm=of("SHA-1", "sha-256", "SHA256", "MD5")),
        step="V4",
    ),
    row("revoked", R.REVOKED, status(REVOKED_INDEX), step="V9"),
    row("suspended", R.SUSPENDED, status(SUSPENDED_INDEX), step="V9"),
    row("another status", R.STATUS_NOT_VALID, status(OTHER_INDEX), step="V9"),
    row(
        "an index outside of the list",
        R.STATUS_INDEX_OUT_OF_RANGE,
        status(lambda n, c: STATUS_SIZE + c.below(2**20)),
        step="V9",
    ),
    row(
        "an index that is none",
        R.CLAIM_INVALID,
        states(
            status=of(*({"status_list": {"idx": bad, "uri": STATUS_URI}} for bad in (-1, "7", 7.0, True, None, 2**32)))
        ),
        step="V4",
    ),
    row("a list that nobody has", R.STATUS_LIST_UNAVAILABLE, status(7, "https://id.example/status/none"), step="V9"),
    row(
        "a status of another kind",
        R.STATUS_MECHANISM_UNKNOWN,
        states(status=of({"crl": {}}, {"status_list": {"idx": 7, "uri": STATUS_URI}, "x": {}})),
        step="V4",
    ),
    row("long valid, and no status", R.STATUS_MISSING, signed(_without_status), step="V9"),
    row("no device key", R.CLAIM_MISSING, states(deviceKeyInfo=ABSENT), step="V4"),
    row("another device's key", R.SIGNATURE_INVALID, signed(_another_device), step="V8"),
    row("a private device key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row(
        "countries that are none", R.COUNTRY_INVALID, shows(*(("nationalities", bad) for bad in _COUNTRIES)), step="V4"
    ),
    row(
        "an element for a country that is none",
        R.COUNTRY_INVALID,
        shows(("citizen_of_xx", True), ("citizen_of_US", True), ("national_of_usa", True)),
        step="V4",
    ),
    row(
        "an element for a country that is no boolean",
        R.CLAIM_INVALID,
        shows(("citizen_of_us", 1), ("citizen_of_us", "true"), ("national_of_us", None)),
        step="V4",
    ),
    row(
        "a nationality that is none",
        R.COUNTRY_INVALID,
        shows(("nationality", "Utopia"), ("nationality", [1]), ("nationality", ["US", "USA"]), namespace=PID),
        step="V4",
    ),
    row(
        "completeness that is no boolean",
        R.CLAIM_INVALID,
        shows(("nationalities_complete", 1), ("nationalities_complete", "true")),
        step="V4",
    ),
    row(
        "an item of another shape",
        R.DISCLOSURE_MALFORMED,
        shows(
            ("x", 1),
            namespace=PERSON,
            changes=(
                {"random": b"short"},
                {"random": "text"},
                {"elementIdentifier": ABSENT},
                {"elementValue": ABSENT},
                {"elementIdentifier": 1},
            ),
        ),
        step="V4",
    ),
    row("an element twice", R.DISCLOSURE_CLASH, signed(_two_names), step="V4"),
    row(
        "a payload that is no MSO",
        (R.MALFORMED_CBOR, R.MALFORMED_TOKEN),
        _payload(b"\xa0", b"x", bytes(embedded(b"\xff")), bytes(embedded(b"\x80"))),
        step="V4",
    ),
    row("arrays in arrays", R.DEPTH_EXCEEDED, shows(("x", nested(40)), ("x", nested(60)), namespace=PERSON), step="V4"),
    row(
        "the signer's certificate has expired",
        R.CERTIFICATE_EXPIRED,
        _signer(not_after=lambda n, c: n - 1 - c.below(DAY)),
        step="V2",
    ),
    row(
        "the signer's certificate is for something else",
        R.CERTIFICATE_USE_FORBIDDEN,
        _signer(purpose="1.3.6.1.5.5.7.3.1"),
        step="V2",
    ),
    row("the signer's certificate is for nothing", R.CERTIFICATE_USE_FORBIDDEN, _signer(purpose=None), step="V2"),
    row(
        "the signer's certificate names another country",
        R.CERTIFICATE_COUNTRY_MISMATCH,
        _signer(country="DE"),
        step="V2",
    ),
    row("the signer is an authority", R.CERTIFICATE_USE_FORBIDDEN, _signer(authority=True), step="V2"),
)


# --- by the holder ---


def _thief(parts: Parts, _: Choice) -> None:
    parts.device = mdoc_keys.key("thief", mdoc_keys.curve_of(parts.device))


def _states_itself(parts: Parts, choice: Choice) -> None:
    parts.content = dump({OURS: {choice.of("citizen_of_us", "national_of_us", "x"): True}})


def _signs_another_type(parts: Parts, _: Choice) -> None:
    parts.signed_type = "org.example.other"


def _another_transcript(parts: Parts, choice: Choice) -> None:
    parts.transcript = Raw(dump([None, None, ["OpenID4VPDCAPIHandover", choice.of(bytes(32), b"x" * 32)]]))


_BY_THE_HOLDER: Final[tuple[Mutation, ...]] = (
    row("over another transcript", R.SIGNATURE_INVALID, signed(_another_transcript), step="V8"),
    row("over another docType", R.SIGNATURE_INVALID, signed(_signs_another_type), step="V8"),
    row("proven by a thief", R.SIGNATURE_INVALID, signed(_thief), step="V8"),
    row("states a citizenship by himself", R.DEVICE_ELEMENT_NOT_AUTHORIZED, signed(_states_itself), step="V7"),
)

TABLE: Final = (*BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
