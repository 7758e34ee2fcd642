"""Mutations of SD-JWT VC presentations, compact: by anybody on the way, by the issuer, and by the holder.

Spec: RFC 9901 sections 4, 7 and 9; SD-JWT VC section 2; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from typing import Final

from ... import LocalKey, Reason
from ..forge.parts import (
    ABSENT,
    OTHER_INDEX,
    REVOKED_INDEX,
    STATUS_SIZE,
    STATUS_URI,
    SUSPENDED_INDEX,
    base64url,
    key,
)
from ..forge.parts import dump as dump_json
from ..forge.sd_jwt import digest, disclosure
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, row
from ._text import nested
from .sd_jwt_on_the_way import BY_ANYBODY
from .sd_jwt_parts import SALT, Parts, binds, headed, hidden, kept, of, signed, states, status

R: Final = Reason


# --- by the issuer ---


def _expired(parts: Parts, choice: Choice) -> None:
    parts.disclosures = []
    parts.payload |= {"iat": parts.now - 2 * DAY, "nbf": ABSENT, "exp": parts.now - choice.below(DAY)}
    parts.payload["evidence_checked_at"] = ABSENT


def _unbound(parts: Parts, _: Choice) -> None:
    parts.payload["cnf"] = ABSENT


def _bound_to_another(parts: Parts, _: Choice) -> None:
    parts.payload["cnf"] = {"jwk": dict(key("another holder", parts.holder.algorithm).public.to_jwk())}


def _private_key(parts: Parts, _: Choice) -> None:
    holder: LocalKey = parts.holder
    parts.payload["cnf"] = {"jwk": dict(holder.to_private_jwk())}


def _use_of_key(parts: Parts, choice: Choice) -> None:
    parts.payload["cnf"]["jwk"] |= choice.of({"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": []})


def _two_digests(parts: Parts, choice: Choice) -> None:
    made = digest(b"decoy", parts.algorithm)
    parts.payload["_sd"] = [*parts.payload.get("_sd", []), made, made]


def _digest_elsewhere(parts: Parts, _: Choice) -> None:
    text = disclosure(SALT, "x", 1)
    parts.disclosures = [text]
    parts.payload |= {"a": {"_sd": [digest(text, parts.algorithm)]}, "b": {"_sd": [digest(text, parts.algorithm)]}}


def _clash(parts: Parts, choice: Choice) -> None:
    text = disclosure(SALT, "x", choice.below(9))
    parts.disclosures = [text]
    parts.payload |= {"x": 1, "_sd": [digest(text, parts.algorithm)]}


def _payload(*texts: bytes) -> Edit:
    def edit(parts: Parts, choice: Choice) -> None:
        parts.payload = choice.of(*texts)

    return signed(edit)


def _twice_claimed(parts: Parts, _: Choice) -> None:
    parts.payload = dump_json(kept(parts.payload))[:-1] + b',"vct":"urn:citizenid:citizenship:1"}'


def _without_status(parts: Parts, choice: Choice) -> None:
    parts.payload |= {
        "status": ABSENT,
        "iat": parts.now - 60,
        "nbf": ABSENT,
        "exp": parts.now - 60 + DAY + 1 + choice.below(DAY),
    }


def _long(parts: Parts, choice: Choice) -> None:
    parts.disclosures = [disclosure(SALT, "x" * 300, choice.below(9))]
    parts.payload["_sd"] = [digest(parts.disclosures[0], parts.algorithm)]


_BAD_COUNTRIES: Final = (["XX"], ["us"], ["USA"], ["US", "US"], "US", [1], [None], ["UK"], ["US "], [["US"]], {"US": 1})

_BY_THE_ISSUER: Final[tuple[Mutation, ...]] = (
    row("expired", R.EXPIRED, signed(_expired), step="V6"),
    row(
        "not valid yet",
        R.NOT_YET_VALID,
        states(nbf=lambda n, c: n + 1 + c.below(DAY), exp=lambda n, c: n + 3 * DAY),
        step="V6",
    ),
    row(
        "issued in the future",
        R.ISSUED_IN_FUTURE,
        states(iat=lambda n, c: n + 31 + c.below(DAY), nbf=ABSENT, exp=lambda n, c: n + 3 * DAY),
        step="V6",
    ),
    row(
        "ends before it begins",
        R.CLAIM_INVALID,
        states(iat=lambda n, c: n, nbf=ABSENT, exp=lambda n, c: n - c.below(DAY)),
        step="V4",
    ),
    row(
        "a time that is none",
        R.CLAIM_INVALID,
        states(exp=of(1.9e9, "1900000000", True, -1, 2**53, None, [])),
        step="V4",
    ),
    row("no exp", R.CLAIM_MISSING, states(exp=ABSENT), step="V4"),
    row("no vct", R.CLAIM_MISSING, states(vct=ABSENT), step="V4"),
    row("a vct that is no text", R.CLAIM_INVALID, states(vct=of(1, None, [], "", {"v": 1})), step="V4"),
    row(
        "another vct",
        R.TYPE_NOT_ALLOWED,
        states(vct=of("urn:other", "urn:citizenid:citizenship:2", "URN:citizenid:citizenship:1")),
        step="V5",
    ),
    row(
        "another issuer's name",
        R.ISSUER_MISMATCH,
        states(iss=of("https://other.example", "https://id.example/", "https://ID.example")),
        step="V5",
    ),
    row("an issuer that is no text", R.CLAIM_INVALID, states(iss=of(1, [], "")), step="V4"),
    row(
        "another typ, signed",
        R.TYP_MISMATCH,
        headed("header", typ=("JWT", "vc+sd-jwt", "DC+SD-JWT", ABSENT)),
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
    row("no holder key", R.HOLDER_KEY_MISSING, signed(_unbound), step="V7"),
    row("another holder's key", R.SIGNATURE_INVALID, signed(_bound_to_another), step="V8"),
    row("a private holder key", R.KEY_INVALID, signed(_private_key), step="V4"),
    row("a holder key for another use", R.KEY_USE_FORBIDDEN, signed(_use_of_key), step="V4"),
    row("countries that are none", R.COUNTRY_INVALID, states(nationalities=of(*_BAD_COUNTRIES)), step="V4"),
    row(
        "citizenships of countries that are none",
        R.COUNTRY_INVALID,
        states(citizenships=of(*_BAD_COUNTRIES)),
        step="V4",
    ),
    row(
        "completeness that is no boolean",
        R.CLAIM_INVALID,
        states(nationalities_complete=of(1, "true", None, [])),
        step="V4",
    ),
    row(
        "an assurance that is none",
        R.CLAIM_INVALID,
        states(assurance=of("high", {}, {"framework": "nist"}, {"framework": "nist", "level": 1})),
        step="V4",
    ),
    row(
        "evidence from after the issuing",
        R.CLAIM_INVALID,
        states(iat=lambda n, c: n - 60, nbf=ABSENT, evidence_checked_at=lambda n, c: n + c.below(DAY)),
        step="V4",
    ),
    row(
        "for another audience",
        R.AUDIENCE_MISMATCH,
        states(aud=of("https://other.example", ["https://other.example"])),
        step="V7",
    ),
    row(
        "a hash that is not of the list",
        R.HASH_ALGORITHM_NOT_ALLOWED,
        states(_sd_alg=of("sha-1", "md5", "SHA-256", "sha256", None, 1)),
        step="V4",
    ),
    row("a digest twice", R.DIGEST_DUPLICATE, signed(_two_digests), step="V4"),
    row("a digest in two places", R.DIGEST_DUPLICATE, signed(_digest_elsewhere), step="V4"),
    row("marks of another shape", R.REDACTION_MALFORMED, states(_sd=of("x", {}, [1], None)), step="V4"),
    row("a mark with company", R.REDACTION_MALFORMED, states(x=[{"...": "abc", "y": 1}]), step="V4"),
    row("a hash named below the top", R.REDACTION_MALFORMED, states(x={"_sd_alg": "sha-256"}), step="V4"),
    row(
        "a control claim hidden",
        R.CLAIM_NOT_DISCLOSABLE,
        hidden(*((SALT, name, 1) for name in ("exp", "nbf", "cnf", "status", "vct", "iss", "aud")), also={}),
        step="V4",
    ),
    row("a claim that is there already", R.DISCLOSURE_CLASH, signed(_clash), step="V4"),
    row(
        "a disclosure of another shape",
        R.DISCLOSURE_MALFORMED,
        hidden((SALT,), (SALT, "x", 1, 2), (1, "x", 1), (SALT, 1, 1), (SALT, "_sd", []), (SALT, "...", 1), (SALT, 1)),
        step="V4",
    ),
    row("a disclosure with a long name", R.DISCLOSURE_MALFORMED, signed(_long), step="V4"),
    row(
        "a disclosure that is no JSON",
        R.MALFORMED_JSON,
        hidden(base64url(b"["), base64url(b'["a",1'), base64url(b"\xff"), base64url(b"[NaN]")),
        step="V4",
    ),
    row("a payload that is no JSON", R.MALFORMED_JSON, _payload(b"{", b"[]", b"\xff", b"{} {}", b"1"), step="V4"),
    row("a claim twice", R.DUPLICATE_MEMBER, signed(_twice_claimed), step="V4"),
    row("arrays in arrays", R.DEPTH_EXCEEDED, states(x=lambda n, c: nested(40 + c.below(40))), step="V4"),
)


# --- by the holder ---


def _another_signs(parts: Parts, _: Choice) -> None:
    parts.holder = key("thief", parts.holder.algorithm)


def _another_kind_signs(parts: Parts, _: Choice) -> None:
    parts.holder = key("thief", "Ed25519" if parts.holder.algorithm == "ES256" else "ES256")
    parts.kb_header["alg"] = parts.holder.algorithm


def _missing(parts: Parts, choice: Choice) -> None:
    name = choice.of("nonce", "aud", "iat", "sd_hash")
    parts.hashed = name != "sd_hash"
    parts.kb[name] = ABSENT


_BY_THE_HOLDER: Final[tuple[Mutation, ...]] = (
    row("another nonce", R.NONCE_MISMATCH, binds(nonce=of("another-nonce", "x")), step="V7"),
    row(
        "another audience",
        R.AUDIENCE_MISMATCH,
        binds(aud=of("https://evil.example", "https://gateway.example/", "HTTPS://gateway.example")),
        step="V7",
    ),
    row(
        "an audience that is no single text",
        R.AUDIENCE_MISMATCH,
        binds(aud=of(["https://gateway.example"], 1, None, {})),
        step="V7",
    ),
    row("another sd_hash", R.SD_HASH_MISMATCH, binds(sd_hash=of("A" * 43, "x")), step="V7"),
    row("a claim of the key binding missing", R.CLAIM_MISSING, signed(_missing), step="V7"),
    row("bound in the future", R.KEY_BINDING_IN_FUTURE, binds(iat=lambda n, c: n + 31 + c.below(DAY)), step="V7"),
    row(
        "bound, but not before later", R.KEY_BINDING_IN_FUTURE, binds(nbf=lambda n, c: n + 1 + c.below(DAY)), step="V7"
    ),
    row("bound long ago", R.KEY_BINDING_STALE, binds(iat=lambda n, c: n - 601 - c.below(DAY)), step="V7"),
    row("a key binding that has ended", R.KEY_BINDING_STALE, binds(exp=lambda n, c: n - c.below(DAY)), step="V7"),
    row(
        "a time of the key binding that is none",
        R.CLAIM_INVALID,
        binds(iat=of("1", 1.5, True, None, -1, 2**53)),
        step="V7",
    ),
    row(
        "another typ of the key binding",
        R.TYP_MISMATCH,
        headed("kb_header", typ=("JWT", "dc+sd-jwt", "KB+JWT", ABSENT)),
        step="V7",
    ),
    row("signed by a thief", R.SIGNATURE_INVALID, signed(_another_signs), step="V8"),
    row("signed by a thief with another algorithm", R.ALGORITHM_MISMATCH, signed(_another_kind_signs), step="V8"),
    row("the holder brings a key along", R.HEADER_FORBIDDEN, headed("kb_header", jwk={}), step="V1"),
    row("the holder asks for an extension", R.CRIT_UNSUPPORTED, headed("kb_header", crit=["x"]), step="V1"),
)

TABLE: Final = (*BY_ANYBODY, *_BY_THE_ISSUER, *_BY_THE_HOLDER)
