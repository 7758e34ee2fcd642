"""The table of targets: what each is, which functions it must reach, and where its seeds come from.

`reaches` names functions that take foreign bytes,
by module and qualified name; `test_targets.py` runs the seeds of a
target and holds that each of them was called, and that no function of `FOREIGN` is missing from the table.

Spec: specs/assurance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from . import certificates, doors, lists, logs, presentations, syntaxes


class Target(NamedTuple):
    """A target.

    Attributes:
        one: takes an input; whatever it raises is a finding.
        seeds: makes the inputs to begin with.
        reaches: the functions of the library it is for, below `citizenid.`.
        words: a dictionary of the syntax, for mutations.
        max_bytes: of an input.
        against: the independent implementation that it compares with, if there is one.
    """

    one: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    reaches: tuple[str, ...]
    words: tuple[bytes, ...] = ()
    max_bytes: int = 4_096
    against: str = ""

    def inputs(self) -> list[bytes]:
        """Return the seeds, each once; libFuzzer would cut one that is longer than an input may be."""
        return [seed for seed in dict.fromkeys(self.seeds()) if len(seed) <= self.max_bytes]


_JSON: Final = (
    b'{"', b'":', b'","', b'"}', b"[]", b"{}", b"null", b"true", b"false", b"1e400", b"-0", b"\\u0000", b"\\ud800",
    b'"_sd":[',
    b'{"...":"', b'"_sd_alg":"sha-256"', b'"@0"', b'"@1"', b"@sd_hash", b'"status":', b'"cnf":{"jwk":', b'"exp":',
    b'"nbf":',
    b'"iat":', b'"iss":', b'"vct":', b'"aud":', b'"nonce":', b'"nationalities":["', b'"citizenships":["',
    b'"nationalities_complete":true', b'"kid":"', b'"alg":"', b'"typ":"', b'"x5c":["', b'"crit":[', b'"b64":false',
    b'"jwk":{', b"1800000000", b"9007199254740992", b'"assurance":{', b'"evidence_checked_at":', b"\n--\n",
)  # fmt: skip
_CBOR: Final = (
    b"\xa0", b"\x80", b"\xf6", b"\xf5", b"\xf4", b"\xf7", b"\xf8\x3b", b"\xd8\x3c", b"\xd8\x18", b"\xd2",
    b"\xc0\x74",
    b"\xd9\x03\xec", b"\x9f", b"\xbf", b"\xff", b"\x1a\x6b\x49\xd2\x00", b"\x1b", b"\x3b", b"\xfb", b"\xf9\x7e\x00",
    b"\x19\xff\xff", b"\x58\x20", b"\x40", b"\x60", b"\x18\x21", b"\x18\x22", b"\xa1\x01\x27", b"\xa1\x01\x26",
    b"\x6bdigestID", b"lvalueDigests", b"mdeviceKeyInfo", b"lvalidityInfo", b"fstatus", b"kstatus_list", b"cidx",
    b"curi",
    b"odigestAlgorithm", b"gdocType", b"gversionc1.0", b"mnationalities", b"\n--\n", b"@00@@@@@", b"@01@@@@@",
    b"jnameSpaces", b"jissuerAuth", b"ldeviceSigned", b"qelementIdentifier", b"lelementValue", b"frandom",
    b"nkeyAuthorizations",
)  # fmt: skip
_DER: Final = (
    b"\x30\x82", b"\x30\x80", b"\x02\x01\x00", b"\x05\x00", b"\x01\x01\xff", b"\x03\x02\x01\x06",
    b"\x06\x03\x55\x1d\x13",
    b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x25", b"\x06\x03\x55\x1d\x0e", b"\x06\x03\x55\x1d\x23",
    b"\x06\x03\x55\x1d\x1e",
    b"\x06\x03\x55\x1d\x11", b"\x06\x03\x55\x1d\x20", b"\x06\x03\x55\x1d\x24", b"\x17\x0d", b"\x18\x0f", b"\x0c",
    b"\x13", b"\xa3",
    b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\n--\n", b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
)  # fmt: skip
_HTTP: Final = (
    b"citizenship-ticket: ", b"dpop: ", b"DPoP: ", b"signature-input: ", b"signature: ", b"citizenship-key: ",
    b"x-forwarded-client-cert: ", b"client-cert: ", b"Hash=", b"POST", b"/citizenship", b"/v1/chat", b"https://",
    b"#", b"?",
    b'"@method"', b'"@target-uri"', b'"citizenship-ticket"', b";created=", b";expires=", b";keyid=", b";alg=",
    b";tag=",
    b";nonce=", b'"presentation":"', b'"challenge":"', b'"format":"', b"\n--\n", b"\r\n", b"gzip", b"dcz",
    b";q=0.5",
)  # fmt: skip
_TOML: Final = (
    b"version = 1\n", b"[[rule]]\n", b'resource = "', b"anyone = true\n", b'citizenship = ["US"]\n',
    b'nationality = ["',
    b'none_of = ["', b"max_admission_age_s = ", b'binding = "bearer"\n', b'"*"', b'"a/*"', b"not_before = ",
    b"not_after = ",
    b"region = ", b"assurance = ", b"format = ", b"issuer = ", b"type = ", b'store_down = "local"',
    b'sharing = "mark"',
    b"max_status_age_s = ", b"max_evidence_age_s = ", b"max_credential_age_s = ", b"2027-01-15T08:00:00Z", b"'''",
    b'"""', b"# ",
    b"inf", b"nan", b"0x", b"1_0", b"{ ", b"[rule]\n", b"\\U0010ffff",
)  # fmt: skip

TARGETS: Final[dict[str, Target]] = {
    "base64url": Target(
        syntaxes.base64url_one,
        syntaxes.base64url_seeds,
        ("_wire.base64url:decode", "_wire.base64url:decode_text", "_wire.base64url:decode_sized",
         "_wire.base64url:decode_standard"),
        max_bytes=512,
        against="RFC 4648 bit by bit",
    ),
    "json": Target(
        syntaxes.json_one,
        syntaxes.json_seeds,
        ("_wire.json:parse", "_wire.json:parse_tree", "_wire.json:parse_object"),
        _JSON,
        against="json of the standard library, made strict",
    ),
    "cbor": Target(
        syntaxes.cbor_one,
        syntaxes.cbor_seeds,
        ("_wire.cbor:decode", "_wire.cbor:decode_marked", "_wire.cbor:load", "_wire.cbor:load_signed",
         "_wire.cbor:load_each", "_wire.cbor:member_slices", "_wire.heads:unwrap", "_wire.heads:refuse_costly"),
        _CBOR,
        against="a slow decoder written from RFC 8949",
    ),
    "jws": Target(
        syntaxes.jws_one,
        syntaxes.jws_seeds,
        ("_wire.jws:open_compact", "_wire.jws:read_header", "_crypto.keys:verify_signature",
         "_crypto.unsigned:Unsigned.complete"),
        _JSON,
        against="PyJWT",
    ),
    "cose": Target(
        syntaxes.cose_one,
        syntaxes.cose_seeds,
        ("_wire.cose:read_message", "_wire.cose:read_header", "_wire.cose:sign1", "_wire.cose:hint_of",
         "_wire.cose:typ_of", "_wire.cose:untag",
         "_wire.device_response:read_canonical", "_wire.device_response:read_documents"),
        _CBOR,
    ),
    "keys": Target(
        syntaxes.keys_one,
        syntaxes.keys_seeds,
        ("_wire.keys:read_public_jwk", "_wire.keys:read_private_jwk", "_wire.keys:read_cose_key",
         "_crypto.keys:load_holder_key",
         "_crypto.keys:PublicKey.from_jwk", "_crypto.keys:PublicKey.from_pem", "_crypto.keys:LocalKey.from_jwk",
         "_crypto.keys:LocalKey.from_pem", "_crypto.agreement:AgreementKey.from_jwk",
         "_crypto.agreement:AgreementKey.from_pem",
         "_wire.dates:date_time", "_wire.dates:rfc_3339", "_wire.dates:is_full_date",
         "_wire.elements:element_value"),
        (*_JSON, *_CBOR),
    ),
    "inflate": Target(
        syntaxes.inflate_one,
        syntaxes.inflate_seeds,
        ("status._list:StatusList.decompress", "status._list:inflate", "status._identifiers:IdentifierList.unpack"),
        max_bytes=1_024,
        against="zlib",
    ),
    "sd_jwt_vc": Target(
        presentations.sd_jwt_vc_one,
        presentations.sd_jwt_vc_seeds,
        ("verifier:verify", "verifier:open_presentation", "verifier:verify_credential",
         "verifier:verify_presentation",
         "_readers.sd_jwt_vc:open_presentation", "_redaction.restoring:restore",
                  "trust:TrustAnchors.resolve"),
        _JSON,
        max_bytes=8_192,
    ),
    "sd_jwt_peer": Target(
        presentations.sd_jwt_peer_one,
        presentations.sd_jwt_peer_seeds,
        ("_readers.sd_jwt_vc:open_presentation", "_redaction.restoring:restore"),
        _JSON,
        max_bytes=8_192,
        against="sd-jwt, the reference implementation of RFC 9901",
    ),
    "sd_cwt": Target(
        presentations.sd_cwt_one,
        presentations.sd_cwt_seeds,
        ("verifier:verify", "_readers._sd_kbt:open_presentation"),
        _CBOR,
        max_bytes=8_192,
    ),
    "mdoc": Target(
        presentations.mdoc_one,
        presentations.mdoc_seeds,
        ("verifier:verify", "verifier:verify_each", "_readers.mdoc:open_presentation"),
        _CBOR,
        max_bytes=8_192,
    ),
    "inspect": Target(
        presentations.inspect_one,
        presentations.inspect_seeds,
        ("_cli.inspection:inspection", "_cli.cbor_inspection:sections", "_cli.steps:verify_steps"),
        (*_JSON, *_CBOR),
        max_bytes=6_144,
        against="`verify`, for what is told step by step",
    ),
    "holder": Target(
        presentations.holder_one,
        presentations.holder_seeds,
        ("holder:Credential.receive", "holder:Credential.present"),
        (*_JSON, *_CBOR),
        max_bytes=8_192,
        against="the verifier, for what the holder shows",
    ),
    "x5chain": Target(
        certificates.x5chain_one,
        certificates.x5chain_seeds,
        ("_x509.path:verify_path", "_x509.path:check_chain", "_x509.path:signer_window",
         "_x509.certificates:open_certificate",
         "_x509.certificates:read_certificate",
         "_x509.revocation:load_crls", "_x509.der:survey"),
        _DER,
        against="cryptography.x509.verification",
    ),
    "trust": Target(
        certificates.trust_one,
        certificates.trust_seeds,
        ("trust:TrustAnchors.from_jwks", "trust:TrustAnchors.from_issuer_metadata",
         "trust:TrustAnchors.from_certificates",
         "trust:TrustAnchors.from_document_signers", "trust:TrustAnchors.from_vical", "_vical:read_vical",
         "_issuer_metadata:keys_of_metadata", "_issuer_metadata:issuer_metadata_url",
         "_issuer_metadata:signature_keys",
         "_x509.anchors:load_roots", "_x509.anchors:load_signers", "_x509.revocation:load_crls",
         "_x509.der:is_quiet_list"),
        (*_DER, *_JSON, *_CBOR),
        max_bytes=8_192,
    ),
    "status_list": Target(
        lists.status_list_one,
        lists.status_list_seeds,
        ("status._token:verify_status_list", "status._store:StatusStore.ingest", "status._store:StatusStore.check",
         "status._records:check_mark",
         "status._bitstring:claims_of_credential", "status._bitstring:list_of_credential"),
        (*_JSON, *_CBOR),
    ),
    "status_file": Target(
        lists.status_file_one,
        lists.status_file_seeds,
        ("status._file:read_status_file", "status._file:StatusFile.check_identity",
         "status._file_layout:read_head", "status._file_layout:read_directory",
         "status._records:read_marks", "status._records:unpack_marks"),
        max_bytes=16_384,
    ),
    "fetching": Target(
        lists.fetching_one,
        lists.fetching_seeds,
        ("integrations._codings:decode", "integrations._codings:dictionary_id",
         "integrations._sources:read_aggregation",
         "integrations._addresses:open_url", "integrations._addresses:may_connect",
         "integrations._exchange:exchange",
         "integrations._exchange:decoded", "integrations._exchange:retry_after_s", "integrations._exchange:age_s",
         "integrations._exchange:entity_tag", "integrations._exchange:media_type",
         "integrations._negotiation:fields",
         "integrations._negotiation:preferred", "integrations._negotiation:codings",
         "integrations._negotiation:held",
         "integrations._negotiation:asked_times", "integrations._negotiation:read_time"),
        _HTTP,
        against="gzip of the standard library, zstandard",
    ),
    "gateway": Target(
        doors.gateway_one,
        doors.gateway_seeds,
        ("gateway._gateway:Gateway.authorize", "gateway._gateway:Gateway.admit",
         "gateway._gateway:Gateway.admit_http",
         "gateway._gateway:Gateway.renew", "gateway._gateway:Gateway.sign_out", "gateway.http:read_credentials",
         "gateway.http:read_fields", "gateway._admission:read_body", "gateway._admission:admit",
         "gateway._doors:admit", "gateway._doors:admit_http", "gateway._sender:check_signed",
         "gateway.challenge:ChallengeKeys.recognise"),
        (*_HTTP, *_JSON),
        max_bytes=8_192,
    ),
    "ticket": Target(
        doors.ticket_one,
        doors.ticket_seeds,
        ("gateway.ticket:TicketKeys.open", "gateway.ticket:TicketKeys.open_fields",
         "_crypto.sealing:SealingKey.open",
         "status._store:StatusStore.check_identity", "gateway._authorization:authorize",
         "gateway.challenge:ChallengeKeys.recognise", "gateway.challenge:ChallengeKeys.check_sender"),
        max_bytes=256,
    ),
    "dpop": Target(
        doors.dpop_one,
        doors.dpop_seeds,
        ("gateway.proofs:check_dpop", "gateway.proofs:unverified_sender", "gateway.proofs:normalise_url",
         "gateway.nonces:NonceKeys.age"),
        (*_JSON, *_HTTP),
    ),
    "http_signature": Target(
        doors.http_signature_one,
        doors.http_signature_seeds,
        ("gateway._http_signatures:check_http_signature", "gateway.http:read_fields"),
        _HTTP,
    ),
    "server": Target(
        doors.server_one,
        doors.server_seeds,
        ("gateway._certificates:certificate_thumbprint", "integrations._asgi_scope:read_request",
         "integrations._asgi_scope:header_of", "integrations._litellm_bodies:_passes",
         "integrations._litellm_bodies:_read_form"),
        (*_HTTP, *_JSON),
    ),
    "policy": Target(
        doors.policy_one,
        doors.policy_seeds,
        ("policy._policy:AdmissionPolicy.from_toml", "policy._policy:lint", "policy._policy:AdmissionPolicy.decide",
         "policy._compare:diff", "gateway.query:dcql_query"),
        _TOML,
        max_bytes=2_048,
        against="tomllib, and the rules it reads",
    ),
    "query": Target(
        doors.query_one,
        doors.query_seeds,
        ("gateway.query:parse_vp_token", "gateway.query:check_dcql_query", "_model.challenge:Challenge.from_text",
         "_model.challenge:Challenge.openid4vp",
         "_model.challenge:Handover.from_text", "_wire.transcript:session_transcript"),
        (*_JSON, b'"credentials":[', b'"credential_sets":[', b'"meta":{', b'"claims":[', b'"path":[',
         b'"multiple":true',
         b"openid4vp,", b"dc_api,", b"transcript,", b"2.300.s"),
        max_bytes=8_192,
    ),
    "note": Target(
        logs.note_one,
        logs.note_seeds,
        ("gateway._audit.note:open_note", "gateway._audit.note:parse_checkpoint",
         "gateway._audit.note:open_checkpoint",
         "gateway._audit.note:VerifierKey.parse", "gateway._audit.proofs:verify_proof",
         "gateway._audit.witness:cosigned", "gateway._audit.log:AuditLog.learn", "gateway._audit.peers:Peers.learn",
         "gateway._audit.log:AuditLog.add_cosignatures",
         "gateway._audit.merkle:verify_inclusion", "gateway._audit.merkle:verify_consistency"),
        ("\u2014 ".encode(), b"\n\n", b"\ntime ", b"\nlog ", b"gateway.example/audit/w1", b"witness.example/w",
         b"\nindex ", b"=\n",
         b"c2sp.org/tlog-proof@v1", b"\n--\n"),
        max_bytes=2_048,
        against="RFC 6962 section 2.1, as it stands there",
    ),
    "audit": Target(
        logs.audit_one,
        logs.audit_seeds,
        ("gateway._audit.verification:verify_audit", "gateway._audit.entry:read_entries",
         "gateway._audit.entry:unpacked",
         "gateway._audit.wal:WalReader.batches"),
        (*_CBOR, b"refused", b"allowed", b"counted", b"\n--\n"),
    ),
    "fleet": Target(
        logs.fleet_one,
        logs.fleet_seeds,
        ("integrations._fleet:Envelope.open", "integrations._channel:FleetChannel._hear",
         "integrations._sign_outs:ValkeySignOuts._hear"),
        max_bytes=1_024,
    ),
}  # fmt: skip
