"""Every refusal of the library: one closed enumeration and three exceptions.

A `Reason` names the rule that refused. It carries the step of specs/verification.md it belongs to; a Reason of form
(a wrong base64url character can stand in any part) belongs to no single step, and there the error says at which step
it was met. An error never holds a value of the input: `where` is a path into the specification, such as
`kb-jwt.sd_hash`, and comes from literals in this package alone.

Spec: specs/reasons.md (written from this file; a test compares the two).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FORM: Final = "form"  # met at whichever step reads the bytes


class Reason(StrEnum):
    """Why something was refused. `reason.step` is "V1".."V9", a door such as "ticket", or "form"."""

    step: str

    def __new__(cls, value: str, step: str) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.step = step
        return member

    # form: whatever bytes are read, at whichever step
    MALFORMED_TOKEN = "malformed_token", FORM
    MALFORMED_BASE64 = "malformed_base64", FORM
    MALFORMED_JSON = "malformed_json", FORM
    MALFORMED_CBOR = "malformed_cbor", FORM
    DUPLICATE_MEMBER = "duplicate_member", FORM
    DEPTH_EXCEEDED = "depth_exceeded", FORM
    INPUT_TOO_LARGE = "input_too_large", FORM
    LIMIT_EXCEEDED = "limit_exceeded", FORM
    HEADER_INVALID = "header_invalid", FORM
    HEADER_FORBIDDEN = "header_forbidden", FORM
    CRIT_UNSUPPORTED = "crit_unsupported", FORM
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed", FORM
    ALGORITHM_MISMATCH = "algorithm_mismatch", FORM
    TYP_MISMATCH = "typ_mismatch", FORM
    VERSION_UNSUPPORTED = "version_unsupported", FORM
    KEY_INVALID = "key_invalid", FORM
    KEY_USE_FORBIDDEN = "key_use_forbidden", FORM
    CURVE_UNSUPPORTED = "curve_unsupported", FORM
    SIGNATURE_MALFORMED = "signature_malformed", FORM
    SIGNATURE_INVALID = "signature_invalid", FORM
    CLAIM_MISSING = "claim_missing", FORM
    CLAIM_INVALID = "claim_invalid", FORM
    # V1 open
    KEY_BINDING_UNEXPECTED = "key_binding_unexpected", "V1"
    RESPONSE_NOT_OK = "response_not_ok", "V1"
    DISCLOSURE_ENCRYPTED = "disclosure_encrypted", "V1"
    # V2 resolve
    KEY_UNKNOWN = "key_unknown", "V2"
    KEY_AMBIGUOUS = "key_ambiguous", "V2"
    ANCHOR_NOT_YET_VALID = "anchor_not_yet_valid", "V2"
    ANCHOR_EXPIRED = "anchor_expired", "V2"
    CERTIFICATE_INVALID = "certificate_invalid", "V2"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted", "V2"
    CERTIFICATE_EXPIRED = "certificate_expired", "V2"
    CERTIFICATE_USE_FORBIDDEN = "certificate_use_forbidden", "V2"
    CERTIFICATE_COUNTRY_MISMATCH = "certificate_country_mismatch", "V2"
    CERTIFICATE_REVOKED = "certificate_revoked", "V2"
    CRL_UNUSABLE = "crl_unusable", "V2"
    # V4 read
    HASH_ALGORITHM_NOT_ALLOWED = "hash_algorithm_not_allowed", "V4"
    REDACTION_MALFORMED = "redaction_malformed", "V4"
    DIGEST_DUPLICATE = "digest_duplicate", "V4"
    DIGEST_MISMATCH = "digest_mismatch", "V4"
    DISCLOSURE_MALFORMED = "disclosure_malformed", "V4"
    DISCLOSURE_DUPLICATE = "disclosure_duplicate", "V4"
    DISCLOSURE_CLASH = "disclosure_clash", "V4"
    DISCLOSURE_UNREFERENCED = "disclosure_unreferenced", "V4"
    CLAIM_NOT_DISCLOSABLE = "claim_not_disclosable", "V4"
    COUNTRY_INVALID = "country_invalid", "V4"
    STATUS_MECHANISM_UNKNOWN = "status_mechanism_unknown", "V4"
    # V5 type and issuer
    ISSUER_MISMATCH = "issuer_mismatch", "V5"
    FORMAT_NOT_ALLOWED = "format_not_allowed", "V5"
    TYPE_NOT_ALLOWED = "type_not_allowed", "V5"
    COUNTRY_NOT_ALLOWED = "country_not_allowed", "V5"
    # V6 validity
    ISSUED_IN_FUTURE = "issued_in_future", "V6"
    NOT_YET_VALID = "not_yet_valid", "V6"
    EXPIRED = "expired", "V6"
    SIGNED_OUTSIDE_CERTIFICATE = "signed_outside_certificate", "V6"
    # V7 bind
    KEY_BINDING_MISSING = "key_binding_missing", "V7"
    HOLDER_KEY_MISSING = "holder_key_missing", "V7"
    NONCE_MISMATCH = "nonce_mismatch", "V7"
    AUDIENCE_MISMATCH = "audience_mismatch", "V7"
    SD_HASH_MISMATCH = "sd_hash_mismatch", "V7"
    KEY_BINDING_STALE = "key_binding_stale", "V7"
    KEY_BINDING_IN_FUTURE = "key_binding_in_future", "V7"
    DEVICE_ELEMENT_NOT_AUTHORIZED = "device_element_not_authorized", "V7"
    READER_KEY_MISSING = "reader_key_missing", "V7"
    # V9 status
    STATUS_MISSING = "status_missing", "V9"
    STATUS_LIST_UNAVAILABLE = "status_list_unavailable", "V9"
    STATUS_LIST_STALE = "status_list_stale", "V9"
    STATUS_INDEX_OUT_OF_RANGE = "status_index_out_of_range", "V9"
    REVOKED = "revoked", "V9"
    SUSPENDED = "suspended", "V9"
    STATUS_NOT_VALID = "status_not_valid", "V9"
    # a status list that comes in
    STATUS_MEDIA_TYPE = "status_media_type", "status"
    STATUS_SUBJECT_MISMATCH = "status_subject_mismatch", "status"
    STATUS_LIST_MALFORMED = "status_list_malformed", "status"
    STATUS_LIST_IN_FUTURE = "status_list_in_future", "status"
    STATUS_LIST_EXPIRED = "status_list_expired", "status"
    STATUS_LIST_TOO_OLD = "status_list_too_old", "status"
    STATUS_LIST_ROLLBACK = "status_list_rollback", "status"
    STATUS_LIST_CONFLICT = "status_list_conflict", "status"
    STATUS_MARKS_MALFORMED = "status_marks_malformed", "status"
    STATUS_FILE_UNREADABLE = "status_file_unreadable", "status"
    STATUS_FILE_MALFORMED = "status_file_malformed", "status"
    STATUS_FILE_UNWRITABLE = "status_file_unwritable", "status"
    # the gateway: challenge, sender proof, ticket
    REQUEST_INVALID = "request_invalid", "request"
    CLOCK_UNUSABLE = "clock_unusable", "request"
    CHALLENGE_INVALID = "challenge_invalid", "challenge"
    CHALLENGE_EXPIRED = "challenge_expired", "challenge"
    REPLAYED = "replayed", "replay"
    REPLAY_GUARD_FULL = "replay_guard_full", "replay"
    REPLAY_GUARD_UNAVAILABLE = "replay_guard_unavailable", "replay"
    PROOF_MISSING = "proof_missing", "proof"
    PROOF_MALFORMED = "proof_malformed", "proof"
    PROOF_METHOD_MISMATCH = "proof_method_mismatch", "proof"
    PROOF_URL_MISMATCH = "proof_url_mismatch", "proof"
    PROOF_TICKET_MISMATCH = "proof_ticket_mismatch", "proof"
    PROOF_KEY_MISMATCH = "proof_key_mismatch", "proof"
    PROOF_STALE = "proof_stale", "proof"
    PROOF_IN_FUTURE = "proof_in_future", "proof"
    PROOF_NONCE_MISSING = "proof_nonce_missing", "proof"
    PROOF_NONCE_MISMATCH = "proof_nonce_mismatch", "proof"
    PROOF_COMPONENT_MISSING = "proof_component_missing", "proof"
    TICKET_MISSING = "ticket_missing", "ticket"
    TICKET_INVALID = "ticket_invalid", "ticket"
    TICKET_EXPIRED = "ticket_expired", "ticket"
    ANCHOR_REMOVED = "anchor_removed", "ticket"
    SIGNED_OUT = "signed_out", "ticket"
    SIGN_OUTS_FULL = "sign_outs_full", "ticket"
    SIGN_OUTS_UNAVAILABLE = "sign_outs_unavailable", "ticket"
    # sharing detection
    SHARING_SUSPECTED = "sharing_suspected", "sharing"
    CREDENTIAL_SHARED = "credential_shared", "sharing"
    # policy
    RESOURCE_NOT_LISTED = "resource_not_listed", "policy"
    CITIZENSHIP_NOT_SHOWN = "citizenship_not_shown", "policy"
    CITIZENSHIP_NOT_PERMITTED = "citizenship_not_permitted", "policy"
    BINDING_TOO_WEAK = "binding_too_weak", "policy"
    ADMISSION_TOO_OLD = "admission_too_old", "policy"
    CREDENTIAL_NOT_ACCEPTED = "credential_not_accepted", "policy"
    ASSURANCE_TOO_LOW = "assurance_too_low", "policy"
    CREDENTIAL_TOO_OLD = "credential_too_old", "policy"
    EVIDENCE_TOO_OLD = "evidence_too_old", "policy"
    STATUS_TOO_OLD = "status_too_old", "policy"
    COMPLETENESS_NOT_SHOWN = "completeness_not_shown", "policy"
    REGION_UNKNOWN = "region_unknown", "policy"
    # the audit log
    AUDIT_UNAVAILABLE = "audit_unavailable", "audit"
    AUDIT_WRITER_PRESENT = "audit_writer_present", "audit"
    AUDIT_MALFORMED = "audit_malformed", "audit"
    AUDIT_INVALID = "audit_invalid", "audit"
    # what an operator, an issuer or a holder configures or asks for
    CONFIGURATION_INVALID = "configuration_invalid", "configuration"
    STORE_UNAVAILABLE = "store_unavailable", "configuration"
    ANCHOR_INVALID = "anchor_invalid", "configuration"
    POLICY_INVALID = "policy_invalid", "configuration"
    CLAIM_RESERVED = "claim_reserved", "issue"
    CLAIM_UNKNOWN = "claim_unknown", "present"
    HOLDER_KEY_MISMATCH = "holder_key_mismatch", "present"
    PEER_MISMATCH = "peer_mismatch", "present"
    STATUS_LIST_FULL = "status_list_full", "publish"
    LEDGER_REFUSED = "ledger_refused", "publish"
    LEDGER_UNAVAILABLE = "ledger_unavailable", "publish"


class CitizenIDError(Exception):
    """The base of all that this library raises; on its own it refuses a configuration or a request to our own side.

    Attributes:
        reason: the rule that refused.
        where: a path into the specification, or ""; never a value of the input.
        step: "V1".."V9" or the door at which it was met; `FORM` until a caller that knows the step has named it.
        line: in a text of the operator's own, such as a policy, or None.
    """

    line: int | None = None

    def __init__(self, reason: Reason, where: str = "") -> None:
        super().__init__(reason, where)
        self.reason: Final = reason
        self.where: Final = where
        self.step = reason.step

    def at(self, step: str) -> None:
        """Name the step at which a Reason of form was met. The innermost caller that knows it wins."""
        if self.step == FORM:
            self.step = step

    def __str__(self) -> str:
        text = f"{self.reason.value} ({self.step})"
        text = f"{text} at {self.where}" if self.where else text
        return text if self.line is None else f"{text} line {self.line}"


class MalformedError(CitizenIDError):
    """The bytes do not have the form that their format prescribes."""


class VerificationError(CitizenIDError):
    """The bytes are well formed, and a rule refuses what they say."""


# What a function, or a part, of an operator's own may raise, short of the end of the program. Clients of stores, of
# databases and of key services derive their errors from `Exception` itself: no list of the built-in ones is enough.
# It stands around what is not ours alone; what reads input names what it expects.
FAILURES: Final = (Exception,)
