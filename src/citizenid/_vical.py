"""A VICAL: a list of the root certificates (IACA) of many issuing authorities, signed by whoever vouches for them.

Read once, when anchors are made. It counts from its date until its next update. Of what it says beside a certificate
the docTypes count, and the place for the operator's label; everything else is read in the certificate itself.

Spec: ISO/IEC 18013-5 annex C.1; AAMVA mDL Digital Trust Service.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from . import _registry as reg
from ._crypto import verify_signature
from ._errors import CitizenIDError, MalformedError, Reason, VerificationError
from ._limits import DEFAULT_LIMITS
from ._model import CertificateProfile, UnixTime, check_now
from ._wire import cbor, cose
from ._wire.cbor import CBORTag
from ._wire.dates import date_time
from ._wire.device_response import check_version
from ._x509 import load_roots, verify_path

_WHERE: Final = "vical"
_MAX_BYTES: Final = 4_194_304  # the AAMVA list of 14 authorities has 21 kB; one of all ICAO members would have 300 kB
_MAX_CERTIFICATES: Final = 1_000
_TAGS: Final = frozenset({reg.DATE_TIME_TAG, reg.POSITIVE_BIGNUM_TAG})


class VicalEntry(NamedTuple):
    """One root certificate of a VICAL.

    Attributes:
        certificate: DER.
        doc_types: for which it may certify document signers.
        authority: country and, where there is one, state, as "US-MD".
    """

    certificate: bytes
    doc_types: frozenset[str]
    authority: str


def read_vical(data: bytes, roots: bytes | str, now: UnixTime | int) -> tuple[tuple[VicalEntry, ...], UnixTime]:
    """Verify a VICAL and return its entries, and until when they count (exclusive).

    Args:
        data: as it was fetched: an untagged COSE_Sign1.
        roots: the provider's root certificates, in PEM.
        now: integer Unix seconds.

    Raises:
        MalformedError: a Reason of form, VERSION_UNSUPPORTED.
        VerificationError: a Reason of V2, SIGNATURE_INVALID, CLAIM_MISSING, ISSUED_IN_FUTURE, EXPIRED.
        CitizenIDError: ANCHOR_INVALID for roots that are none.
    """
    now = check_now(now)
    pinned = load_roots(roots)
    if type(data) is not bytes:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    if len(data) > _MAX_BYTES:
        raise MalformedError(Reason.INPUT_TOO_LARGE, _WHERE)
    message = cose.read_message(cbor.decode(data, _WHERE), _WHERE)
    if message.payload is None:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    signed = cose.sign1(message, message.payload, reg.COSE_ALGORITHMS, CertificateProfile.VICAL_SIGNER, _WHERE)
    signer = verify_path(signed.key_hint.certificates, pinned, now, CertificateProfile.VICAL_SIGNER)
    verify_signature(signed, signer.key, _WHERE)
    vical = cbor.decode(message.payload, _WHERE, _TAGS)
    if type(vical) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    check_version(_member(vical, "version", str), _WHERE)
    if _time(vical, "date") > now + DEFAULT_LIMITS.clock_skew_s:
        raise VerificationError(Reason.ISSUED_IN_FUTURE, _WHERE)
    # The standard lets nextUpdate be absent. A list without an end would hide for ever what has been taken off it.
    until = _time(vical, "nextUpdate")
    if now >= until:
        raise VerificationError(Reason.EXPIRED, _WHERE)
    infos = _member(vical, "certificateInfos", list)
    if len(infos) > _MAX_CERTIFICATES:
        raise MalformedError(Reason.LIMIT_EXCEEDED, _WHERE)
    return tuple([_entry(info) for info in infos]), UnixTime(min(until, signer.not_after))


def _entry(info: Any) -> VicalEntry:
    if type(info) is not dict:
        raise MalformedError(Reason.MALFORMED_TOKEN, _WHERE)
    certificate = _member(info, "certificate", bytes)
    doc_types = _member(info, "docType", list)
    country, state = info.get("issuingCountry"), info.get("stateOrProvinceName")
    if (
        not certificate
        or not doc_types
        or not all(type(each) is str and each for each in doc_types)
        or not all(type(each) in (str, type(None)) for each in (country, state))
        or not (country or state)
    ):
        raise MalformedError(Reason.CLAIM_INVALID, _WHERE)
    return VicalEntry(certificate, frozenset(doc_types), _authority(country, state))


def _authority(country: str | None, state: str | None) -> str:
    # ISO 3166-2 begins with the country. Lists in use leave that out here and there, and CA by itself is two places.
    if not state or not country or state.startswith(country + "-"):
        return state or country or ""
    return f"{country}-{state}"


def _member(holder: dict[Any, Any], name: str, kind: type) -> Any:
    if name not in holder:
        raise VerificationError(Reason.CLAIM_MISSING, f"{_WHERE}.{name}")
    value = holder[name]
    if type(value) is not kind:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_WHERE}.{name}")
    return value


def _time(vical: dict[Any, Any], name: str) -> UnixTime:
    tagged = _member(vical, name, CBORTag)
    moment = date_time(tagged.value) if tagged.tag == reg.DATE_TIME_TAG and type(tagged.value) is str else None
    if moment is None:
        raise MalformedError(Reason.CLAIM_INVALID, f"{_WHERE}.{name}")
    return moment


def anchored_entries(entries: tuple[VicalEntry, ...], types: frozenset[str]) -> list[tuple[VicalEntry, frozenset[str]]]:
    """Return the entries that certify one of these types, each with those of them.

    Raises:
        CitizenIDError: ANCHOR_INVALID when there is none.
    """
    chosen = [(entry, types & entry.doc_types) for entry in entries if types & entry.doc_types]
    if not chosen:
        raise CitizenIDError(Reason.ANCHOR_INVALID, _WHERE)
    return chosen
