"""What the catalogue proposes to call a refusal, and which Reasons of ours say it.

Ours are finer where one rule of theirs is several of ours, and the other way round where a fault has no reading of its
own (a MAC under a public key is an algorithm that does not exist here, whatever the key).

Spec: specs/reasons.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ... import Reason

_R = Reason
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
        "CLAIM_TYPE": frozenset({_R.CLAIM_INVALID}),
        "CLOCK_UNUSABLE": frozenset({_R.CLOCK_UNUSABLE}),
        "CONFIG_INVALID": frozenset({_R.CONFIGURATION_INVALID, _R.POLICY_INVALID, _R.ANCHOR_INVALID}),
        "COUNTRY_INVALID": frozenset({_R.COUNTRY_INVALID}),
        "CRIT_UNSUPPORTED": frozenset({_R.CRIT_UNSUPPORTED}),
        "DEPTH_EXCEEDED": frozenset({_R.DEPTH_EXCEEDED}),
        "DIGEST_DUPLICATE": frozenset({_R.DIGEST_DUPLICATE}),
        "DISCLOSURE_CLASH": frozenset({_R.DISCLOSURE_CLASH}),
        "DISCLOSURE_MALFORMED": frozenset({_R.DISCLOSURE_MALFORMED}),
        "DISCLOSURE_UNREFERENCED": frozenset({_R.DISCLOSURE_UNREFERENCED}),
        "DUPLICATE_MEMBER": frozenset({_R.DUPLICATE_MEMBER}),
        "EXPIRED": frozenset({_R.EXPIRED}),
        # An MSO must name its hash: one that is no text, or not there, is a claim's fault before it is a hash's.
        "HASH_ALG_NOT_ALLOWED": frozenset({_R.HASH_ALGORITHM_NOT_ALLOWED, _R.CLAIM_MISSING, _R.CLAIM_INVALID}),
        "HEADER_FORBIDDEN": frozenset({_R.HEADER_FORBIDDEN}),
        "INPUT_TOO_LARGE": frozenset({_R.INPUT_TOO_LARGE}),
        "ISSUED_IN_FUTURE": frozenset({_R.ISSUED_IN_FUTURE}),
        "ISSUER_UNTRUSTED": frozenset({_R.ISSUER_MISMATCH, _R.COUNTRY_NOT_ALLOWED, _R.KEY_UNKNOWN}),
        "KB_AUDIENCE": frozenset({_R.AUDIENCE_MISMATCH}),
        "KB_INVALID": frozenset({_R.SIGNATURE_INVALID}),
        "KB_MISSING": frozenset({_R.KEY_BINDING_MISSING}),
        "KB_NONCE_MISMATCH": frozenset({_R.NONCE_MISMATCH}),
        "KB_SD_HASH_MISMATCH": frozenset({_R.SD_HASH_MISMATCH}),
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
        "MALFORMED_JSON": frozenset({_R.MALFORMED_JSON}),
        # What stands under tag 24 is CBOR, or not, before it is an item, or not.
        "MALFORMED_MDOC": frozenset({_R.MALFORMED_TOKEN, _R.MALFORMED_CBOR, _R.DISCLOSURE_MALFORMED}),
        "MALFORMED_TOKEN": frozenset({_R.MALFORMED_TOKEN}),
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
        "NOT_YET_VALID": frozenset({_R.NOT_YET_VALID}),
        "POLICY_CLAIM_MISSING": frozenset({_R.CITIZENSHIP_NOT_SHOWN}),
        "POLICY_DENIED": frozenset({_R.CITIZENSHIP_NOT_PERMITTED}),
        "PROOF_BINDING": frozenset(
            {_R.PROOF_KEY_MISMATCH, _R.PROOF_METHOD_MISMATCH, _R.PROOF_URL_MISMATCH, _R.PROOF_TICKET_MISMATCH}
        ),
        "PROOF_MALFORMED": frozenset({_R.PROOF_MALFORMED}),
        "PROOF_MISSING": frozenset({_R.PROOF_MISSING}),
        "PROOF_NONCE": frozenset({_R.PROOF_NONCE_MISSING, _R.PROOF_NONCE_MISMATCH}),
        "PROOF_STALE": frozenset({_R.PROOF_STALE}),
        "REPLAY": frozenset({_R.REPLAYED}),
        "REVOKED": frozenset({_R.REVOKED}),
        # A mark that belongs into requests alone is no CBOR of a credential; a header has a Reason of its own.
        "SD_STRUCTURE": frozenset({_R.REDACTION_MALFORMED, _R.MALFORMED_CBOR, _R.HEADER_INVALID}),
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
        "VCT_MISMATCH": frozenset({_R.TYPE_NOT_ALLOWED}),
    }
)
