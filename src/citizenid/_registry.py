"""Names and numbers taken from specifications and IANA tables, each with its section. No logic.

An import of this module is the only way a spec's literal gets into the code, so that a reviewer finds each one here.
"""

from __future__ import annotations

from typing import Final

# --- JOSE header parameters (RFC 7515 section 4.1) ---
ALG: Final = "alg"
TYP: Final = "typ"
KID: Final = "kid"
X5C: Final = "x5c"
X5T: Final = "x5t"
X5T_S256: Final = "x5t#S256"
X5_THUMBPRINTS: Final = ((X5T, "sha1"), (X5T_S256, "sha256"))  # and the functions of hashlib
CRIT: Final = "crit"
JWK: Final = "jwk"
B64: Final = "b64"  # RFC 7797: no profile here uses it
# Headers that supply a key or say where to get one. A key comes from the anchors alone (RFC 8725 section 3.10);
# DPoP is the one place where `jwk` is the subject of the proof (RFC 9449 section 4.2).
KEY_SUPPLYING_HEADERS: Final = frozenset({JWK, "jku", "x5u"})

# Algorithms of the house (RFC 7518 section 3.4, RFC 8037, RFC 9864, RFC 9964), by the name a key carries. Nothing else
# exists: no none, no HMAC, no RSA. `EdDSA` is the older name of Ed25519 here (RFC 9864 section 4.1). Brainpool curves
# and Ed448 are for the CBOR formats alone, where ISO/IEC 18013-5 asks for them.
JOSE_ALGORITHMS: Final = {
    "ES256": "ES256",
    "ES384": "ES384",
    "ES512": "ES512",
    "Ed25519": "Ed25519",
    "EdDSA": "Ed25519",
    "ML-DSA-44": "ML-DSA-44",
    "ML-DSA-65": "ML-DSA-65",
    "ML-DSA-87": "ML-DSA-87",
}
# What an Ed448 key may say of itself all the same, which a COSE format signs with (RFC 9864 section 2.2, RFC 8037
# section 3.1): the curve leaves EdDSA no second meaning there.
JWK_ALGORITHMS_OF_ED448: Final = frozenset({"Ed448", "EdDSA"})
# Of a key that agrees on others (RFC 7518 section 4.6), on whatever curve: such keys stand in many sets.
JOSE_KEY_AGREEMENT: Final = frozenset({"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"})
# --- JWK (RFC 7518 section 6, RFC 8037 section 2, RFC 9964 section 4): (kty, crv) to algorithm and coordinate bytes ---
JWK_CURVES: Final = {
    ("EC", "P-256"): ("ES256", 32),
    ("EC", "P-384"): ("ES384", 48),
    ("EC", "P-521"): ("ES512", 66),
    ("OKP", "Ed25519"): ("Ed25519", 32),
    ("OKP", "Ed448"): ("Ed448", 57),
    # Not registered for JOSE, where nothing can be signed with them: names for the thumbprint of a COSE key.
    ("EC", "brainpoolP256r1"): ("ESB256", 32),
    ("EC", "brainpoolP384r1"): ("ESB384", 48),
    ("EC", "brainpoolP512r1"): ("ESB512", 64),
}
ML_DSA_PUBLIC_BYTES: Final = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}  # FIPS 204 table 2
ML_DSA_SEED_BYTES: Final = 32  # RFC 9964 section 4: `priv` is the seed alone
JWK_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
SIGNATURE_BYTES: Final = {
    "ES256": 64,  # RFC 7518 section 3.4: R and S at full length
    "ES384": 96,
    "ES512": 132,
    "ESB256": 64,  # RFC 9864 section 2.1: as the above
    "ESB384": 96,
    "ESB512": 128,
    "Ed25519": 64,  # RFC 8032 section 5.1.6
    "Ed448": 114,  # RFC 8032 section 5.2.6
    "ML-DSA-44": 2420,  # FIPS 204 table 2
    "ML-DSA-65": 3309,
    "ML-DSA-87": 4627,
}

# --- typ values; each slot takes exactly one spelling (RFC 8725 section 3.11) ---
TYP_SD_JWT_VC: Final = "dc+sd-jwt"  # SD-JWT VC section 2.2.1
TYP_KEY_BINDING: Final = "kb+jwt"  # RFC 9901 section 4.3
TYP_STATUS_LIST_JWT: Final = "statuslist+jwt"  # Token Status List section 5.1
TYP_DPOP: Final = "dpop+jwt"  # RFC 9449 section 4.2
MEDIA_STATUS_LIST_JWT: Final = "application/statuslist+jwt"  # Token Status List section 8.1
MEDIA_STATUS_LIST_CWT: Final = "application/statuslist+cwt"  # section 8.1; typ in a CWT is the media type (section 5.2)
MEDIA_IDENTIFIER_LIST_CWT: Final = "application/identifierlist+cwt"  # ISO/IEC 18013-5 second edition 12.3.6.4
TYP_VC_JWT: Final = "vc+jwt"  # VC-JOSE-COSE section 3.1.1
MEDIA_VC_JWT: Final = "application/vc+jwt"  # VC-JOSE-COSE section 6.1

# --- JWT claims (RFC 7519 section 4.1) ---
ISS: Final = "iss"
SUB: Final = "sub"
AUD: Final = "aud"
EXP: Final = "exp"
NBF: Final = "nbf"
IAT: Final = "iat"
JTI: Final = "jti"
NONCE: Final = "nonce"
CNF: Final = "cnf"  # RFC 7800 section 3.1

# --- SD-JWT (RFC 9901) ---
SD: Final = "_sd"  # section 4.2.4.1
SD_ELEMENT: Final = "..."  # section 4.2.4.2
SD_ALG: Final = "_sd_alg"  # section 4.1.1
SD_HASH: Final = "sd_hash"  # section 4.3
SD_RESERVED: Final = frozenset({SD, SD_ELEMENT, SD_ALG})
# IANA Named Information Hash Algorithm names, without the truncated ones (section 9.4), to hashlib's.
SD_HASH_ALGORITHMS: Final = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
SD_ALG_DEFAULT: Final = "sha-256"
SALT_BYTES: Final = 18  # section 9.3: 128 bits or more; 144 fill whole groups of base64

# --- SD-JWT VC ---
VCT: Final = "vct"  # section 2.2.2.1
AKA_VCTS: Final = "aka_vcts"  # section 2.2.2.2
STATUS: Final = "status"
CREDENTIAL_STATUS: Final = "credentialStatus"  # W3C VCDM 2.0 section 4.10
# Claims that MUST NOT be selectively disclosed, nor anything inside them: section 2.2.2.3 and RFC 9901 section 9.7; and
# by the profile what says where else a status stands.
CONTROL_CLAIMS: Final = frozenset({ISS, AUD, EXP, NBF, CNF, VCT, "vct#integrity", AKA_VCTS, STATUS, CREDENTIAL_STATUS})
WELL_KNOWN_ISSUER: Final = "/.well-known/jwt-vc-issuer"  # section 4.1

# --- Token Status List ---
STATUS_LIST: Final = "status_list"  # sections 4.2, 6.2
IDENTIFIER_LIST: Final = "identifier_list"  # ISO/IEC 18013-5 second edition 12.3.6.4
TTL: Final = "ttl"  # section 5.1
STATUS_BITS: Final = frozenset({1, 2, 4, 8})  # section 4.1
STATUS_VALID: Final = 0x00  # section 7.1
STATUS_INVALID: Final = 0x01
STATUS_SUSPENDED: Final = 0x02

# --- W3C Bitstring Status List v1.0 ---
VC_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"  # VCDM 2.0 section 4.3
VC_TYPE: Final = "VerifiableCredential"
BITSTRING_ENTRY: Final = "BitstringStatusListEntry"  # section 2.1
BITSTRING_CREDENTIAL: Final = "BitstringStatusListCredential"  # section 2.2
BITSTRING_SUBJECT: Final = "BitstringStatusList"
REVOCATION: Final = "revocation"  # section 2.1, statusPurpose
SUSPENSION: Final = "suspension"
BITSTRING_PURPOSES: Final = frozenset({REVOCATION, SUSPENSION})  # "refresh" and "message" say nothing about validity
BITSTRING_MIN_ENTRIES: Final = 131_072  # section 3.2

# --- Citizenship claims (specs/profile-sd-jwt-vc.md; EUDI PID rulebook 1.7 table 4.1.1) ---
NATIONALITIES: Final = "nationalities"
CITIZENSHIPS: Final = "citizenships"
NATIONALITIES_COMPLETE: Final = "nationalities_complete"
ASSURANCE: Final = "assurance"
EVIDENCE_CHECKED_AT: Final = "evidence_checked_at"  # of our own type alone, and of our own namespace in an mdoc
VCT_CITIZENSHIP: Final = "urn:citizenid:citizenship:1"
# Levels of assurance from the weakest on, by the words that our issuers state: Regulation (EU) No 910/2014 article 8,
# NIST SP 800-63A-4 section 2.
ASSURANCE_LEVELS: Final = {"eidas": ("low", "substantial", "high"), "nist": ("IAL1", "IAL2", "IAL3")}

# --- Extended key purposes (RFC 5280 section 4.2.1.12), as dotted numbers ---
# The first of each is of ISO/IEC 18013-5 (B.1.4, B.1.7, C.1.8), the second its equivalent of ISO/IEC 23220-4.
EKU_DOCUMENT_SIGNER: Final = frozenset({"1.0.18013.5.1.2", "1.0.23220.4.1.2"})
EKU_READER: Final = frozenset({"1.0.18013.5.1.6", "1.0.23220.4.1.6"})
EKU_VICAL_SIGNER: Final = frozenset({"1.0.18013.5.1.8", "1.0.23220.4.1.8"})
# Token Status List section 10 defines id-kp-oauthStatusSigning as { id-kp TBD }: IANA has assigned no number as of
# draft -21, so no purpose is one of a status list signer yet. A guess would be the purpose of somebody else.
EKU_STATUS_LIST_SIGNER: Final[frozenset[str]] = frozenset()

# --- HTTP ---
HEADER_TICKET: Final = b"citizenship-ticket"
HEADER_DPOP: Final = b"dpop"  # RFC 9449 section 4.1
HEADER_DPOP_NONCE: Final = b"dpop-nonce"  # RFC 9449 section 8.1
HEADER_SIGNATURE_INPUT: Final = b"signature-input"  # RFC 9421 section 4.1
HEADER_SIGNATURE: Final = b"signature"  # RFC 9421 section 4.2
HEADER_KEY: Final = b"citizenship-key"  # ours: the public key of an HTTP message signature
HEADER_XFCC: Final = b"x-forwarded-client-cert"  # Envoy
HEADER_CLIENT_CERT: Final = b"client-cert"  # RFC 9440 section 2.2

# --- HTTP Message Signatures (RFC 9421 sections 2.2, 2.3, 3.3.4, 3.3.6) ---
COMPONENT_METHOD: Final = "@method"
COMPONENT_TARGET_URI: Final = "@target-uri"
SIGNATURE_TAG: Final = "citizenship"  # ours (section 2.3: application-specific)
HTTP_SIGNATURE_ALGORITHMS: Final = {"ecdsa-p256-sha256": "ES256", "ed25519": "Ed25519"}

# x401 0.2.0 (a vendor's draft, not of the IETF; 0.1.0 used other names): section "x401 Payload"
HEADER_PROOF_REQUEST: Final = b"proof-request"
X401_SCHEME: Final = "x401"
X401_VERSION: Final = "0.2.0"
DC_API_SIGNED: Final = "openid4vp-v1-signed"  # OpenID4VP 1.0 appendix A.1
ACR_ASSURANCE: Final = "urn:citizenid:assurance:"  # our acr values (RFC 9470 section 3): framework and level follow

# --- COSE header parameters (RFC 9052 section 3.1, RFC 9360, RFC 9596, RFC 9597, draft-ietf-spice-sd-cwt) ---
COSE_ALG: Final = 1
COSE_CRIT: Final = 2
COSE_KID: Final = 4
COSE_KCWT: Final = 13  # the SD-CWT inside an SD-KBT
COSE_CWT_CLAIMS: Final = 15
COSE_TYP: Final = 16
COSE_SD_CLAIMS: Final = 17
COSE_X5CHAIN: Final = 33
COSE_X5T: Final = 34
COSE_X5U: Final = 35
COSE_SD_ALG: Final = 170
COSE_SD_ENCRYPTED: Final = frozenset({171, 172})  # sd_aead_encrypted_claims, sd_aead
COSE_SIGN1_TAG: Final = 18
COSE_MAC0_TAG: Final = 17
CWT_TAG: Final = 61  # RFC 8392 section 6
URI_TAG: Final = 32  # RFC 8949 section 3.4.5.3; of an x5u (RFC 9360 section 2), which is refused

# COSE algorithms (RFC 9053, RFC 9864, RFC 9964) by the name that a key of them carries. The four of RFC 9053 do not say
# the curve: here each means the one that is usual with it.
COSE_ALGORITHMS: Final = {
    -7: "ES256",
    -9: "ES256",
    -35: "ES384",
    -51: "ES384",
    -36: "ES512",
    -52: "ES512",
    -265: "ESB256",
    -267: "ESB384",
    -268: "ESB512",
    -8: "Ed25519",
    -19: "Ed25519",
    -53: "Ed448",
    -48: "ML-DSA-44",
    -49: "ML-DSA-65",
    -50: "ML-DSA-87",
}
COSE_ESB320: Final = -266  # its curve is in no library that we use: a Reason of its own
# ISO/IEC 18013-5 lets each of the four stand for two curves (9.1.2.4): there the key says which, and this table whether
# it may. A family is no algorithm: no key has it.
MDOC_ALGORITHMS: Final = {
    **{number: name for number, name in COSE_ALGORITHMS.items() if not name.startswith("ML-DSA")},
    -7: "-7",
    -35: "-35",
    -36: "-36",
    -8: "-8",
}
ALGORITHM_FAMILIES: Final = {
    "-7": frozenset({"ES256", "ESB256"}),
    "-35": frozenset({"ES384", "ESB384"}),
    "-36": frozenset({"ES512", "ESB512"}),
    "-8": frozenset({"Ed25519", "Ed448"}),
}
MAC_BYTES: Final = 32
COSE_MAC_ALGORITHMS: Final = {5: "HMAC 256/256"}  # RFC 9053 section 3.1; ISO/IEC 18013-5 9.1.3.5
COSE_WRITTEN: Final = {  # what we write: fully specified, RFC 9864
    "ES256": -9,
    "ES384": -51,
    "ES512": -52,
    "ESB256": -265,
    "ESB384": -267,
    "ESB512": -268,
    "Ed25519": -19,
    "Ed448": -53,
    "ML-DSA-44": -48,
    "ML-DSA-65": -49,
    "ML-DSA-87": -50,
}
# What an mdoc says: ISO/IEC 18013-5 table 22 knows these four alone.
MDOC_WRITTEN: Final = {
    "ES256": -7,
    "ES384": -35,
    "ES512": -36,
    "ESB256": -7,
    "ESB384": -35,
    "ESB512": -36,
    "Ed25519": -8,
    "Ed448": -8,
}
COSE_HASHES: Final = {-16: "sha256", -43: "sha384", -44: "sha512"}  # RFC 9054 section 2.1

# --- COSE_Key (RFC 9052 section 7, RFC 9053 section 7, RFC 9964 section 5) ---
COSE_KTY_OKP: Final = 1
COSE_KTY_EC2: Final = 2
COSE_KTY_AKP: Final = 7
COSE_CURVES: Final = {
    (2, 1): ("ES256", 32),
    (2, 2): ("ES384", 48),
    (2, 3): ("ES512", 66),
    (2, 256): ("ESB256", 32),  # ISO/IEC 18013-5 table 22; IANA COSE Elliptic Curves
    (2, 258): ("ESB384", 48),
    (2, 259): ("ESB512", 64),
    (1, 6): ("Ed25519", 32),
    (1, 7): ("Ed448", 57),
}
COSE_BRAINPOOL_P320: Final = (2, 257)
COSE_KEY_OP_VERIFY: Final = 2
COSE_KEY_OP_SIGN: Final = 1

# --- CWT claims (RFC 8392 section 3.1; IANA CWT) ---
CWT_ISS: Final = 1
CWT_SUB: Final = 2
CWT_AUD: Final = 3
CWT_EXP: Final = 4
CWT_NBF: Final = 5
CWT_IAT: Final = 6
CWT_CTI: Final = 7
CWT_CNF: Final = 8
CWT_VCT: Final = 11
CWT_CNONCE: Final = 39
CWT_IDENTIFIER_LIST: Final = 65530  # ISO/IEC 18013-5 second edition 12.3.6.4
CWT_STATUS_LIST: Final = 65533  # Token Status List section 5.2
CWT_TTL: Final = 65534
CWT_STATUS: Final = 65535
# Claims of an SD-CWT that are never redacted: those of draft-ietf-spice-sd-cwt section 7 table 2, and by the profile
# the type and the status.
CWT_CONTROL_CLAIMS: Final = frozenset(
    {CWT_ISS, CWT_AUD, CWT_EXP, CWT_NBF, CWT_IAT, CWT_CTI, CWT_CNF, CWT_VCT, CWT_CNONCE, CWT_STATUS}
)
# The names that these claims and `sub` have in JSON: a claim under such a text would be a second one of its kind.
CWT_CLAIM_TEXTS: Final = frozenset({ISS, SUB, AUD, EXP, NBF, IAT, "cti", CNF, VCT, "cnonce", STATUS})
CNF_COSE_KEY: Final = 1  # RFC 8747 section 3.1
COSE_SD_ALG_DEFAULT: Final = -16  # draft-ietf-spice-sd-cwt section 7: SHA-256
SD_CWT_SALT_BYTES: Final = 16  # draft-ietf-spice-sd-cwt section 5.1

# --- media types of COSE typ (RFC 9596), and the CoAP content formats that stand for them ---
TYP_SD_CWT: Final = "application/sd-cwt"  # draft-ietf-spice-sd-cwt section 15
TYP_KB_CWT: Final = "application/kb+cwt"
COAP_CONTENT_FORMATS: Final = {293: TYP_SD_CWT, 294: TYP_KB_CWT}

# --- mdoc (ISO/IEC 18013-5) ---
MDOC_CITIZENSHIP: Final = "org.citizenid.citizenship.1"  # our docType and our namespace
MDOC_NATIONALITY: Final = "nationality"
MDOC_ISSUING_COUNTRY: Final = "issuing_country"  # stands in the same namespaces, as does:
MDOC_ISSUING_JURISDICTION: Final = "issuing_jurisdiction"
# Where `nationality` is read: the EU PID (an array), the photo ID of ISO/IEC 23220-4 and the mDL (text).
MDOC_NATIONALITY_NAMESPACES: Final = ("eu.europa.ec.eudi.pid.1", "org.iso.23220.1", "org.iso.18013.5.1")
# Which of them the docTypes of others have. Google's ID pass has that of the mDL, and is moving to the photo ID.
MDOC_NATIONALITY_NAMESPACE_OF: Final = {
    "eu.europa.ec.eudi.pid.1": "eu.europa.ec.eudi.pid.1",
    "org.iso.23220.photoid.1": "org.iso.23220.1",
    "org.iso.23220.photoID.1": "org.iso.23220.1",  # as earlier drafts and wallets spell it
    "com.google.wallet.idcard.1": "org.iso.18013.5.1",
    "org.iso.18013.5.1.mDL": "org.iso.18013.5.1",
}
MDOC_NATIONALITY_ARRAYS: Final = frozenset({"eu.europa.ec.eudi.pid.1"})  # EU PID rulebook 3.1.2: an array of codes
EUDI_PID_VCT: Final = "urn:eudi:pid:"  # PID rulebook 4.1: urn:eudi:pid:1, and national types such as urn:eudi:pid:de:1
# In another format they would be claims like any others: what they state of a citizenship, nobody would read.
MDOC_STATING_NAMESPACES: Final = frozenset({MDOC_CITIZENSHIP, *MDOC_NATIONALITY_NAMESPACES})
# The docTypes of mdocs that are known to state it. Only an Attestation that an issuer makes is read by this list: what
# is received is read as the format in which it was received.
MDOC_TYPES: Final = frozenset(
    {
        MDOC_CITIZENSHIP,
        "eu.europa.ec.eudi.pid.1",
        "org.iso.18013.5.1.mDL",
        "org.iso.23220.photoid.1",
        "org.iso.23220.photoID.1",  # as earlier drafts and wallets spell it
        "com.google.wallet.idcard.1",
    }
)
CITIZEN_OF: Final = "citizen_of_"  # and an alpha-2 code in lower case: one boolean element a country
NATIONAL_OF: Final = "national_of_"
MDOC_DIGESTS: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}  # 9.1.2.5, exact spelling
EMBEDDED_TAG: Final = 24  # RFC 8949 section 3.4.5.1
POSITIVE_BIGNUM_TAG: Final = 2  # RFC 8949 section 3.4.3; in a VICAL alone, for serial numbers
DATE_TIME_TAG: Final = 0  # RFC 8949 section 3.4.1
FULL_DATE_TAG: Final = 1004  # RFC 8943
# Elements that are dates, and under which tags: an issuer gives text, and no other element is tagged.
# EU PID rulebook 3.1.2; ISO/IEC 18013-5 table 5; ISO/IEC 23220-2.
# Inside a map a member of such a name is a full-date.
_FULL_DATE: Final = frozenset({FULL_DATE_TAG})
_EITHER_DATE: Final = frozenset({DATE_TIME_TAG, FULL_DATE_TAG})
_DATES_OF_A_DOCUMENT: Final = {
    "birth_date": _FULL_DATE,
    "issue_date": _EITHER_DATE,
    "expiry_date": _EITHER_DATE,
    "portrait_capture_date": frozenset({DATE_TIME_TAG}),
}
MDOC_DATES: Final = {
    "eu.europa.ec.eudi.pid.1": {
        "birth_date": _FULL_DATE,
        "issuance_date": _EITHER_DATE,
        "expiry_date": _EITHER_DATE,
    },
    "org.iso.18013.5.1": _DATES_OF_A_DOCUMENT,
    "org.iso.23220.1": _DATES_OF_A_DOCUMENT,
}
MDOC_RANDOM_BYTES: Final = 32  # ISO/IEC 18013-5 9.1.2.5: at least 16, and 32 for the largest of the digests
HMAC_256: Final = 5  # RFC 9053 section 3.1: HMAC 256/256
