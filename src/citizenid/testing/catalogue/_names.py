"""What the catalogue proposes to call a refusal, and which Reasons of ours say it.

Ours are finer where one rule of theirs is several of ours, and the other way round where a fault has no reading of its
own (a MAC under a public key is an algorithm that does not exist here, whatever the key).

A name for one place stands for the same fault in others: who is over, or came too early, may be a credential, a key
binding, a list, a proof, a ticket or an anchor, and each of these has a Reason that says so. What
only one case has stands by that case.

Spec: specs/reasons.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ... import Reason

_R = Reason
_OVER = frozenset(
    {
        _R.EXPIRED,
        _R.KEY_BINDING_STALE,
        _R.CHALLENGE_EXPIRED,
        _R.PROOF_STALE,
        _R.STATUS_LIST_EXPIRED,
        _R.ANCHOR_EXPIRED,
        _R.TICKET_EXPIRED,
    }
)
_FUTURE = frozenset({_R.ISSUED_IN_FUTURE, _R.KEY_BINDING_IN_FUTURE, _R.STATUS_LIST_IN_FUTURE, _R.PROOF_IN_FUTURE})
# No key to verify it by, not by that key, or said to be something else.
_NO_PROOF = frozenset(
    {
        _R.SIGNATURE_INVALID,
        _R.SIGNATURE_MALFORMED,
        _R.ALGORITHM_MISMATCH,
        _R.HOLDER_KEY_MISSING,
        _R.CLAIM_MISSING,
        _R.KEY_INVALID,
        _R.HEADER_FORBIDDEN,
        _R.HEADER_INVALID,
        _R.TYP_MISMATCH,
    }
)
REASON_NAMES: Final[Mapping[str, frozenset[Reason]]] = MappingProxyType(
    {
        "ALG_KEY_MISMATCH": frozenset({_R.ALGORITHM_MISMATCH, _R.ALGORITHM_NOT_ALLOWED}),
        "ALG_NOT_ALLOWED": frozenset({_R.ALGORITHM_NOT_ALLOWED}),
        "AUDIT_HEAD_INVALID": frozenset({_R.AUDIT_INVALID, _R.AUDIT_MALFORMED}),
        "AUDIT_INCONSISTENT": frozenset({_R.AUDIT_INVALID}),
        "AUDIT_PROOF_INVALID": frozenset({_R.AUDIT_INVALID, _R.AUDIT_MALFORMED}),
        "AUDIT_TAMPERED": frozenset({_R.AUDIT_INVALID, _R.AUDIT_MALFORMED}),
        "CACHE_TAMPERED": frozenset({_R.STATUS_FILE_MALFORMED, _R.STATUS_MARKS_MALFORMED}),
        # The country of its root, and the one that the credential states.
        "CHAIN_COUNTRY_MISMATCH": frozenset({_R.CERTIFICATE_COUNTRY_MISMATCH, _R.ISSUER_MISMATCH}),
        "CHAIN_EKU": frozenset({_R.CERTIFICATE_USE_FORBIDDEN}),
        "CHAIN_EXPIRED": frozenset({_R.CERTIFICATE_EXPIRED}),
        "CHAIN_KEY_USAGE": frozenset({_R.CERTIFICATE_USE_FORBIDDEN}),
        # A root with such a fault is not even pinned.
        "CHAIN_STRUCTURE": frozenset({_R.CERTIFICATE_INVALID, _R.ANCHOR_INVALID}),
        # A signer that signed itself may stand nowhere in a chain; and one that wants to be searched is too long.
        "CHAIN_UNTRUSTED": frozenset({_R.CERTIFICATE_UNTRUSTED, _R.CERTIFICATE_INVALID, _R.LIMIT_EXCEEDED}),
        "CLAIM_MISSING": frozenset({_R.CLAIM_MISSING}),
        # 1e400 and a bignum are refused as JSON and CBOR, before anybody asks for the type of a claim.
        "CLAIM_TYPE": frozenset({_R.CLAIM_INVALID, _R.MALFORMED_JSON, _R.MALFORMED_CBOR}),
        # A step back makes nothing usable again: what has ended, and what was used, is refused as that.
        "CLOCK_UNUSABLE": frozenset({_R.CLOCK_UNUSABLE, _R.TICKET_EXPIRED, _R.REPLAYED}),
        "CONFIG_INVALID": frozenset({_R.CONFIGURATION_INVALID, _R.POLICY_INVALID, _R.ANCHOR_INVALID}),
        "COUNTRY_INVALID": frozenset({_R.COUNTRY_INVALID}),
        "CRIT_UNSUPPORTED": frozenset({_R.CRIT_UNSUPPORTED}),
        "DEPTH_EXCEEDED": frozenset({_R.DEPTH_EXCEEDED}),
        # One digest in two places, or one disclosure sent twice.
        "DIGEST_DUPLICATE": frozenset({_R.DIGEST_DUPLICATE, _R.DISCLOSURE_DUPLICATE}),
        # Over a claim that decides on validity nothing can be disclosed, whether it stands there or not.
        "DISCLOSURE_CLASH": frozenset({_R.DISCLOSURE_CLASH, _R.CLAIM_NOT_DISCLOSABLE}),
        # The name of an SD-CWT's disclosure that is a mark is no name that CBOR of this profile has.
        "DISCLOSURE_MALFORMED": frozenset({_R.DISCLOSURE_MALFORMED, _R.MALFORMED_CBOR}),
        # An item of an mdoc says which digest is its own: one that was changed does not match it.
        "DISCLOSURE_UNREFERENCED": frozenset({_R.DISCLOSURE_UNREFERENCED, _R.DIGEST_MISMATCH}),
        "DUPLICATE_MEMBER": frozenset({_R.DUPLICATE_MEMBER}),
        "EXPIRED": _OVER,
        # An MSO must name its hash: one that is no text, or not there, is a claim's fault before it is a hash's.
        "HASH_ALG_NOT_ALLOWED": frozenset({_R.HASH_ALGORITHM_NOT_ALLOWED, _R.CLAIM_MISSING, _R.CLAIM_INVALID}),
        "HEADER_FORBIDDEN": frozenset({_R.HEADER_FORBIDDEN}),
        "INPUT_TOO_LARGE": frozenset({_R.INPUT_TOO_LARGE}),
        "ISSUED_IN_FUTURE": _FUTURE,
        "ISSUER_UNTRUSTED": frozenset({_R.ISSUER_MISMATCH, _R.COUNTRY_NOT_ALLOWED, _R.KEY_UNKNOWN}),
        # What a key binding does not state is missing; what an mdoc or an SD-KBT signs and does not state is seen to be
        # another thing by the signature.
        "KB_AUDIENCE": frozenset({_R.AUDIENCE_MISMATCH, _R.CLAIM_MISSING, _R.SIGNATURE_INVALID}),
        "KB_INVALID": _NO_PROOF,
        "KB_MISSING": frozenset({_R.KEY_BINDING_MISSING, _R.CLAIM_MISSING}),
        "KB_NONCE_MISMATCH": frozenset({_R.NONCE_MISMATCH, _R.CLAIM_MISSING, _R.SIGNATURE_INVALID}),
        "KB_SD_HASH_MISMATCH": frozenset({_R.SD_HASH_MISMATCH, _R.CLAIM_MISSING, _R.SIGNATURE_INVALID}),
        "KB_STALE": frozenset({_R.KEY_BINDING_STALE}),
        "KB_UNEXPECTED": frozenset({_R.KEY_BINDING_UNEXPECTED}),
        "KEY_INVALID": frozenset({_R.KEY_INVALID, _R.CURVE_UNSUPPORTED}),
        "KEY_UNKNOWN": frozenset({_R.KEY_UNKNOWN}),
        "KEY_USE_FORBIDDEN": frozenset({_R.KEY_USE_FORBIDDEN}),
        "LIFETIME_TOO_LONG": frozenset({_R.CREDENTIAL_TOO_OLD}),
        # A bound on bytes has a Reason of its own.
        "LIMIT_EXCEEDED": frozenset({_R.LIMIT_EXCEEDED, _R.INPUT_TOO_LARGE}),
        "MALFORMED_BASE64": frozenset({_R.MALFORMED_BASE64}),
        "MALFORMED_CBOR": frozenset({_R.MALFORMED_CBOR}),
        # A tag where the format wants none is refused by the codec.
        "MALFORMED_COSE": frozenset({_R.MALFORMED_TOKEN, _R.MALFORMED_CBOR}),
        "MALFORMED_JSON": frozenset({_R.MALFORMED_JSON, _R.MALFORMED_CBOR}),  # the same fault in CBOR
        # What stands under tag 24 is CBOR, or not, before it is an item, or not.
        "MALFORMED_MDOC": frozenset({_R.MALFORMED_TOKEN, _R.MALFORMED_CBOR, _R.DISCLOSURE_MALFORMED}),
        # A part that stands in the place of another is not of the alphabet of that place.
        "MALFORMED_TOKEN": frozenset({_R.MALFORMED_TOKEN, _R.MALFORMED_BASE64}),
        # A Reason for each way in which it is none: two proofs, no proof, a MAC nobody can judge, or cut short, and
        # what the device may not state.
        "MDOC_DEVICE_AUTH_INVALID": frozenset(
            {
                _R.SIGNATURE_INVALID,
                _R.SIGNATURE_MALFORMED,
                _R.MALFORMED_TOKEN,
                _R.KEY_BINDING_MISSING,
                _R.READER_KEY_MISSING,
                _R.DEVICE_ELEMENT_NOT_AUTHORIZED,
            }
        ),
        "MDOC_DEVICE_AUTH_MISSING": frozenset({_R.KEY_BINDING_MISSING}),
        "MDOC_DIGEST_MISMATCH": frozenset({_R.DIGEST_MISMATCH}),
        "MDOC_DIGEST_MISSING": frozenset({_R.DISCLOSURE_UNREFERENCED}),
        "MDOC_DOCTYPE_MISMATCH": frozenset({_R.TYPE_NOT_ALLOWED}),
        # One item twice; one element in two items; and of two items under one digestID, the one that was not signed.
        "MDOC_DUPLICATE_ELEMENT": frozenset({_R.DISCLOSURE_DUPLICATE, _R.DISCLOSURE_CLASH, _R.DIGEST_MISMATCH}),
        # What is no integer is no status at all.
        "MDOC_STATUS": frozenset({_R.RESPONSE_NOT_OK, _R.MALFORMED_TOKEN}),
        "MDOC_VERSION": frozenset({_R.VERSION_UNSUPPORTED}),
        "NOT_YET_VALID": frozenset({_R.NOT_YET_VALID, _R.KEY_BINDING_IN_FUTURE, _R.ANCHOR_NOT_YET_VALID}),
        # What states nothing readable is refused before any rule is asked; so is what a device may not state.
        "POLICY_CLAIM_MISSING": frozenset(
            {_R.CITIZENSHIP_NOT_SHOWN, _R.COUNTRY_INVALID, _R.DEVICE_ELEMENT_NOT_AUTHORIZED}
        ),
        # A rule that excludes denies whom it excludes, and whom nobody has declared not to be excluded.
        "POLICY_DENIED": frozenset({_R.CITIZENSHIP_NOT_PERMITTED, _R.COMPLETENESS_NOT_SHOWN}),
        "PROOF_BINDING": frozenset(
            {_R.PROOF_KEY_MISMATCH, _R.PROOF_METHOD_MISMATCH, _R.PROOF_URL_MISMATCH, _R.PROOF_TICKET_MISMATCH}
        ),
        "PROOF_MALFORMED": frozenset({_R.PROOF_MALFORMED}),
        "PROOF_MISSING": frozenset({_R.PROOF_MISSING}),
        "PROOF_NONCE": frozenset({_R.PROOF_NONCE_MISSING, _R.PROOF_NONCE_MISMATCH}),
        "PROOF_STALE": frozenset({_R.PROOF_STALE}),
        "REPLAY": frozenset({_R.REPLAYED}),
        # What is suspended counts for as little, as long as it is.
        "REVOKED": frozenset({_R.REVOKED, _R.SUSPENDED}),
        # A control claim that is hidden: the mark is well formed, and stands where none may. A mark that belongs into
        # requests alone is no CBOR of a credential; a header has a Reason of its own.
        "SD_STRUCTURE": frozenset(
            {_R.REDACTION_MALFORMED, _R.CLAIM_NOT_DISCLOSABLE, _R.MALFORMED_CBOR, _R.HEADER_INVALID}
        ),
        "SIGNATURE_INVALID": frozenset({_R.SIGNATURE_INVALID}),
        "SIGNATURE_MALFORMED": frozenset({_R.SIGNATURE_MALFORMED}),
        "STATUS_INDEX": frozenset({_R.STATUS_INDEX_OUT_OF_RANGE}),
        "STATUS_MALFORMED": frozenset({_R.STATUS_LIST_MALFORMED}),
        "STATUS_MISMATCH": frozenset({_R.STATUS_SUBJECT_MISMATCH}),
        "STATUS_ROLLBACK": frozenset({_R.STATUS_LIST_ROLLBACK, _R.STATUS_LIST_CONFLICT}),
        "STATUS_SIGNATURE": frozenset({_R.SIGNATURE_INVALID}),
        "STATUS_STALE": frozenset({_R.STATUS_LIST_STALE}),
        "STATUS_UNAVAILABLE": frozenset({_R.STATUS_LIST_UNAVAILABLE, _R.STATUS_MISSING, _R.STATUS_MECHANISM_UNKNOWN}),
        "STATUS_UNKNOWN_VALUE": frozenset({_R.STATUS_NOT_VALID}),
        "TYP_MISMATCH": frozenset({_R.TYP_MISMATCH}),
        # A type that is not there, or no text, is not the right one either.
        "VCT_MISMATCH": frozenset({_R.TYPE_NOT_ALLOWED, _R.CLAIM_MISSING, _R.CLAIM_INVALID}),
    }
)

CASE_REASONS: Final[Mapping[str, frozenset[Reason]]] = MappingProxyType(
    {
        # Who brings a key along is refused for that, before any signature is looked at.
        "KEY-001": frozenset({_R.HEADER_FORBIDDEN}),
        # A leaf that issued itself, or was issued by a leaf, may not stand there: that is said before a root is asked.
        "KEY-004": frozenset({_R.CERTIFICATE_INVALID}),
        # A chain is asked alone, and its key has not signed; two names of one certificate name two.
        "KEY-005": frozenset({_R.SIGNATURE_INVALID, _R.HEADER_INVALID}),
        # Longer than any kid: no hint at all.
        "KEY-007": frozenset({_R.HEADER_INVALID}),
        # A parameter that has the wrong type; in a set of keys it is the key that is invalid.
        "KEY-008": frozenset({_R.HEADER_INVALID, _R.KEY_INVALID}),
        # Of two nationalities the one that he is trusted with counts, and a rule for the other one has nobody.
        # A chain that leads past an authority of another scope leads nowhere.
        "CHN-018": frozenset({_R.CITIZENSHIP_NOT_PERMITTED, _R.CERTIFICATE_UNTRUSTED}),
        # No key is broken: the anchors would mean two things; or what is signed would, by which of them it is.
        "KEY-010": frozenset({_R.ANCHOR_INVALID, _R.KEY_AMBIGUOUS}),
        # kid finds the key of another issuer, and V5 says so; or the issuer that is named narrows to his own key.
        "KEY-011": frozenset({_R.ISSUER_MISMATCH, _R.SIGNATURE_INVALID}),
        # To a ticket that is out: the trust has ended since. Where his kid has another key by now, that has not signed.
        # Of a certificate a CRL says so, or nothing says that it does not; and what is no CRL makes no anchor.
        "KEY-012": frozenset(
            {
                _R.ANCHOR_REMOVED,
                _R.SIGNATURE_INVALID,
                _R.CERTIFICATE_REVOKED,
                _R.CRL_UNUSABLE,
                _R.ANCHOR_INVALID,
            }
        ),
        # For one purpose the keys of the other are nobody's; what is signed by such a key fails by that of the purpose.
        "KEY-015": frozenset({_R.KEY_UNKNOWN, _R.CERTIFICATE_USE_FORBIDDEN, _R.SIGNATURE_INVALID}),
        # A set of which no key is left, or a root with a weak one, makes no anchor.
        "KEY-017": frozenset({_R.ANCHOR_INVALID}),
        # Of a chain, the certificate is invalid, and of a root, the anchor.
        "KEY-020": frozenset({_R.ANCHOR_INVALID, _R.CERTIFICATE_INVALID}),
        # b64 must be demanded by crit, and whatever is demanded is refused first.
        "HDR-004": frozenset({_R.CRIT_UNSUPPORTED}),
        # An SD-KBT without a credential in it.
        "HDR-009": frozenset({_R.HEADER_INVALID}),
        # What is no text is no media type.
        "HDR-011": frozenset({_R.HEADER_INVALID}),
        # Nothing is unpacked: the payload is no object.
        "HDR-013": frozenset({_R.MALFORMED_JSON, _R.MALFORMED_CBOR}),
        # What is read in the wrong way is refused by the first part that cannot be read so.
        "HDR-014": frozenset({_R.MALFORMED_BASE64, _R.MALFORMED_JSON}),
        # The first signature counts (RFC 9901 section 8.3).
        "HDR-015": frozenset({_R.SIGNATURE_INVALID}),
        # Of a format that is what it says to be, the key may still be one for another.
        "HDR-016": frozenset({_R.MALFORMED_BASE64, _R.MALFORMED_CBOR, _R.FORMAT_NOT_ALLOWED}),
        # Nothing is trimmed, so what stands before is a part of the first segment, or of the item.
        "ENC-008": frozenset({_R.MALFORMED_BASE64, _R.MALFORMED_CBOR}),
        # An empty header is three segments, and no object; of tildes there is a bound.
        "ENC-009": frozenset({_R.MALFORMED_JSON, _R.MALFORMED_CBOR, _R.LIMIT_EXCEEDED}),
        # The two headers of COSE are one, and a label in both has this Reason of headers.
        "ENC-014": frozenset({_R.HEADER_INVALID}),
        # In a JWS a signature of no bytes is a part that is missing, and in a header field it is not of the form.
        "SIG-004": frozenset({_R.MALFORMED_TOKEN, _R.PROOF_MALFORMED}),
        "EDD-008": frozenset({_R.MALFORMED_TOKEN}),
        # What is signed is not there at all.
        "SIG-013": frozenset({_R.MALFORMED_TOKEN}),
        # Nothing but certificates is signed by RSA.
        "SIG-014": frozenset({_R.ALGORITHM_NOT_ALLOWED, _R.CERTIFICATE_UNTRUSTED}),
        # Whether a holder's key lies on the curve costs as much as a signature, and none is good by one that does not.
        "EDD-006": frozenset({_R.SIGNATURE_INVALID}),
        # x = 0 is the x of two good points, whose secret nobody has shown; and under a good key a MAC of nothing.
        "EDD-011": frozenset({_R.SIGNATURE_INVALID}),
        # The list of another issuer is that issuer's, and the one of the credential's own is still not at hand.
        "STA-002": frozenset({_R.STATUS_LIST_UNAVAILABLE, _R.ISSUER_MISMATCH}),
        # What is not signed at all is no token, or names no algorithm of signatures.
        "STA-003": frozenset({_R.SIGNATURE_MALFORMED, _R.ALGORITHM_NOT_ALLOWED, _R.MALFORMED_TOKEN, _R.MALFORMED_CBOR}),
        # What has ended is not even taken in, whether it states its end or not.
        "STA-005": frozenset({_R.STATUS_LIST_EXPIRED}),
        "STA-006": frozenset({_R.STATUS_LIST_TOO_OLD}),
        # In the credential another spelling names another list.
        "STA-008": frozenset({_R.STATUS_LIST_UNAVAILABLE}),
        # What is below 0, or has more than 32 bits, is no index of any list: the claim itself is refused.
        "STA-018": frozenset({_R.CLAIM_INVALID}),
        # A ticket is what a gateway remembers and the client keeps: what was changed is none, and a presentation helps.
        "CAC-023": frozenset({_R.TICKET_INVALID}),
        # A challenge binds to a key as a ticket does; and the bound key has not signed what another one has.
        "DPO-002": frozenset({_R.SIGNATURE_INVALID, _R.CHALLENGE_INVALID}),
        # What a signed message covers is put together from the request: what is another one, it does not sign.
        "DPO-006": frozenset({_R.SIGNATURE_INVALID}),
        "DPO-007": frozenset({_R.SIGNATURE_INVALID}),
        # In the future it is as little of now as in the past, and so is what does not say when it was made.
        "DPO-011": frozenset({_R.PROOF_IN_FUTURE, _R.CLAIM_MISSING}),
        # The form of a proof is that of its parts, and each has its Reason.
        "DPO-020": frozenset(
            {
                _R.TYP_MISMATCH,
                _R.HEADER_INVALID,
                _R.HEADER_FORBIDDEN,
                _R.ALGORITHM_NOT_ALLOWED,
                _R.ALGORITHM_MISMATCH,
                _R.KEY_INVALID,
            }
        ),
        "DPO-021": frozenset({_R.KEY_INVALID}),
        # Of a proxy's header it is the client who is missing, or another one.
        "DPO-024": frozenset({_R.MALFORMED_TOKEN, _R.MALFORMED_BASE64, _R.PROOF_MISSING, _R.PROOF_KEY_MISMATCH}),
        # What authorises nothing, or one element in two ways, is a claim that is none.
        "MDC-029": frozenset({_R.CLAIM_INVALID}),
        # Where nobody has signed them, claims are a header that may not stand there.
        "CWT-004": frozenset({_R.HEADER_INVALID}),
        # What its writer has not signed is not his, nor is what a witness has not.
        "LOG-006": frozenset({_R.SIGNATURE_INVALID}),
        "LOG-007": frozenset({_R.SIGNATURE_INVALID}),
    }
)
"""By case: a Reason that says more than its name, or another one, because a rule that is looked at earlier meets it."""
