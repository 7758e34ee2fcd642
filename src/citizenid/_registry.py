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
CRIT: Final = "crit"
JWK: Final = "jwk"
B64: Final = "b64"  # RFC 7797: no profile here uses it
# Headers that supply a key or say where to get one. A key comes from the anchors alone (RFC 8725 section 3.10);
# DPoP is the one place where `jwk` is the subject of the proof (RFC 9449 section 4.2).
KEY_SUPPLYING_HEADERS: Final = frozenset({JWK, "jku", "x5u"})

# Algorithms of the house (RFC 7518 section 3.4, RFC 8037, RFC 9864, RFC 9964), by the name a key carries. Nothing else
# exists: no none, no HMAC, no RSA. `EdDSA` is the older name of Ed25519 here (RFC 9864 section 4.1).
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
# --- JWK (RFC 7518 section 6, RFC 8037 section 2, RFC 9964 section 4): (kty, crv) to algorithm and coordinate bytes ---
JWK_CURVES: Final = {
    ("EC", "P-256"): ("ES256", 32),
    ("EC", "P-384"): ("ES384", 48),
    ("EC", "P-521"): ("ES512", 66),
    ("OKP", "Ed25519"): ("Ed25519", 32),
}
ML_DSA_PUBLIC_BYTES: Final = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}  # FIPS 204 table 2
ML_DSA_SEED_BYTES: Final = 32  # RFC 9964 section 4: `priv` is the seed alone
JWK_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
SIGNATURE_BYTES: Final = {
    "ES256": 64,  # RFC 7518 section 3.4: R and S at full length
    "ES384": 96,
    "ES512": 132,
    "Ed25519": 64,  # RFC 8032 section 5.1.6
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
# Claims that MUST NOT be selectively disclosed, nor anything inside them: section 2.2.2.3 and RFC 9901 section 9.7.
CONTROL_CLAIMS: Final = frozenset({ISS, AUD, EXP, NBF, CNF, VCT, "vct#integrity", AKA_VCTS, STATUS})
WELL_KNOWN_ISSUER: Final = "/.well-known/jwt-vc-issuer"  # section 4.1

# --- Token Status List ---
STATUS_LIST: Final = "status_list"  # sections 4.2, 6.2
STATUS_BITS: Final = frozenset({1, 2, 4, 8})  # section 4.1
STATUS_VALID: Final = 0x00  # section 7.1
STATUS_INVALID: Final = 0x01
STATUS_SUSPENDED: Final = 0x02

# --- Citizenship claims (specs/profile-sd-jwt-vc.md; EUDI PID rulebook 1.7 table 4.1.1) ---
NATIONALITIES: Final = "nationalities"
CITIZENSHIPS: Final = "citizenships"
NATIONALITIES_COMPLETE: Final = "nationalities_complete"
ASSURANCE: Final = "assurance"
VCT_CITIZENSHIP: Final = "urn:citizenid:citizenship:1"

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
