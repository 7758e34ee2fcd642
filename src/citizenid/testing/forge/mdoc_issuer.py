"""The issuer's half of an mdoc, made by hand.

Spec: ISO/IEC 18013-5 9.1.2.4, 9.1.2.5; RFC 9052 section 4.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import cbor2

from .cbor import Raw, date_time, dump, embedded
from .mdoc_keys import algorithm_of, cose_key, curve_of, key, sign, signer_certificate
from .parts import ABSENT, NOW, Changes, changed

PID: Final = "eu.europa.ec.eudi.pid.1"  # docType and namespace of the EU PID
OURS: Final = "org.citizenid.citizenship.1"
PHOTO_ID: Final = "org.iso.23220.1"
MDL: Final = "org.iso.18013.5.1"
ELEMENTS: Final = {PID: {"nationality": ["US"], "family_name": "Muster"}}
HASHES: Final = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}


def item(number: Any, name: Any, value: Any, changes: Changes | None = None) -> bytes:
    """Write the content of an IssuerSignedItemBytes."""
    good = {
        "digestID": number,
        "random": hashlib.sha256(repr((number, name)).encode()).digest(),
        "elementIdentifier": name,
        "elementValue": value,
    }
    made = changed(good, changes)
    return made if isinstance(made, bytes) else dump(made)


def items_of(elements: Mapping[str, Mapping[str, Any]]) -> dict[str, list[bytes]]:
    """Write an item for each element, digestIDs from 0 upwards in each namespace."""
    return {
        namespace: [item(number, name, value) for number, (name, value) in enumerate(values.items())]
        for namespace, values in elements.items()
    }


def digest(content: bytes, algorithm: str = "SHA-256") -> bytes:
    """Return the digest of an item, tag and head included."""
    return HASHES[algorithm](embedded(content)).digest()


def digests_of(items: Mapping[str, Sequence[bytes]], algorithm: str = "SHA-256") -> dict[str, dict[Any, bytes]]:
    """Return valueDigests for these items, under the digestIDs that they state, or their positions."""
    digests: dict[str, dict[Any, bytes]] = {}
    for namespace, contents in items.items():
        by_id = digests.setdefault(namespace, {})
        for position, content in enumerate(contents):
            by_id[_number(content, position)] = digest(content, algorithm)
    return digests


def _number(content: bytes, position: int) -> Any:
    try:
        number = cbor2.loads(content)["digestID"]
    except (cbor2.CBORError, TypeError, LookupError):  # hostile content has no number: its place serves
        return position
    return number if type(number) is int else position


def good_mso(digests: Any, doc_type: str = PID, algorithm: str = "SHA-256") -> dict[str, Any]:
    """Return the members of a good MobileSecurityObject: twelve hours valid, so that it needs no status."""
    return {
        "version": "1.0",
        "digestAlgorithm": algorithm,
        "valueDigests": digests,
        "deviceKeyInfo": {"deviceKey": cose_key(key("device"))},
        "docType": doc_type,
        "validityInfo": {
            "signed": date_time(NOW - 60),
            "validFrom": date_time(NOW - 60),
            "validUntil": date_time(NOW + 43_200),
        },
    }


def cose_sign1(
    payload: bytes,
    private: Any,
    *,
    protected: Any = None,
    unprotected: Any = None,
    sent: Any = ABSENT,
    sign_with: Callable[[bytes], bytes] | None = None,
    context: str = "Signature1",
) -> list[Any]:
    """Sign a COSE_Sign1 and return its array.

    Args:
        payload: what is signed.
        private: the key.
        protected: the header, or its bytes.
        unprotected: the other header.
        sent: what stands in the place of the payload; the payload itself by default.
        sign_with: what makes the signature, in place of the key.
        context: of the Sig_structure.
    """
    payload = bytes(payload)  # a byte string, whatever it was made of
    protected = {1: algorithm_of(private)} if protected is None else protected
    header = protected if isinstance(protected, bytes) else dump(protected)
    data = dump([context, b"" if header == b"\xa0" else header, b"", payload])
    signature = sign_with(data) if sign_with is not None else sign(private, data)
    return [header, {} if unprotected is None else unprotected, payload if sent is ABSENT else sent, signature]


def issuer_auth(
    mso: Any,
    *,
    signer: Any = None,
    chain: Any = ABSENT,
    protected: Any = None,
    unprotected: Changes | None = None,
    payload: bytes | None = None,
    sent: Any = ABSENT,
    sign_with: Callable[[bytes], bytes] | None = None,
) -> list[Any]:
    """Sign an MSO; `payload` replaces `#6.24(bstr .cbor MSO)`."""
    signer = signer or key("signer")
    if chain is ABSENT:
        chain = signer_certificate(curve_of(signer))
    return cose_sign1(
        embedded(dump(mso)) if payload is None else payload,
        signer,
        protected=protected,
        unprotected=changed({33: chain}, unprotected),
        sent=sent,
        sign_with=sign_with,
    )


def issuer_signed(
    elements: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    items: Mapping[str, Sequence[bytes]] | None = None,
    shown: Any = None,
    mso: Changes | None = None,
    digests: Any = None,
    doc_type: str = PID,
    algorithm: str = "SHA-256",
    validity: Changes | None = None,
    key_info: Changes | None = None,
    members: Changes | None = None,
    auth: Callable[[list[Any]], Any] | None = None,
    **signing: Any,
) -> dict[Any, Any]:
    """Make an IssuerSigned.

    Args:
        elements: namespace to element to value.
        items: the contents of the items instead; they are digested all.
        shown: what stands in nameSpaces instead: contents by namespace, or anything.
        mso: changes to the MSO.
        digests: valueDigests instead.
        doc_type: of the MSO.
        algorithm: digestAlgorithm.
        validity: changes to validityInfo.
        key_info: changes to deviceKeyInfo.
        members: changes to IssuerSigned itself.
        auth: changes the array of issuerAuth.
        signing: as `issuer_auth`.
    """
    contents = items_of(ELEMENTS if elements is None else elements) if items is None else items
    good = good_mso(digests_of(contents, algorithm) if digests is None else digests, doc_type, algorithm)
    good["validityInfo"] = changed(good["validityInfo"], validity)
    good["deviceKeyInfo"] = changed(good["deviceKeyInfo"], key_info)
    signed = issuer_auth(changed(good, mso), **signing)
    stated = contents if shown is None else shown
    if isinstance(stated, Mapping) and not isinstance(stated, Raw):
        stated = {
            namespace: [embedded(each) if type(each) is bytes else each for each in listed]
            if isinstance(listed, list)
            else listed
            for namespace, listed in stated.items()
        }
    result = {"nameSpaces": stated, "issuerAuth": signed if auth is None else auth(signed)}
    return dict(changed(result, members))
