"""Writes specs/reasons.md: every Reason, read from the code, with what it means and what a client can do.

    python specs/reasons.py            write the page
    python specs/reasons.py --check    exit 1 when the page is not what this would write

Value and step come from `Reason`, the exception from where the source names the Reason, the HTTP status from the
gateway's own answers. Only the two sentences of each row stand here. A new Reason without a row stops this program.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final, NamedTuple

from citizenid import NeedStatusList, Reason
from citizenid.gateway import Deny, NeedPresentation

SPECS: Final = Path(__file__).resolve().parent
SOURCE: Final = SPECS.parent / "src" / "citizenid"
PAGE: Final = SPECS / "reasons.md"

# Raised or returned by these names when a Reason stands among their arguments.
_WAYS: Final = {
    "MalformedError": "Malformed",
    "VerificationError": "Verification",
    "CitizenIDError": "CitizenID",
    "NeedStatusList": "need",
    "need": "need",
    "Deny": "deny",
}
# Where one function picks the Reason and another one raises or returns it.
_INDIRECT: Final = {
    Reason.MALFORMED_JSON: {"Malformed"},
    Reason.DUPLICATE_MEMBER: {"Malformed"},
    Reason.DEPTH_EXCEEDED: {"Malformed"},
    Reason.MALFORMED_CBOR: {"Malformed"},
    Reason.CERTIFICATE_COUNTRY_MISMATCH: {"Verification"},
    Reason.CERTIFICATE_REVOKED: {"Verification"},
    Reason.CRL_UNUSABLE: {"Verification"},
    Reason.CURVE_UNSUPPORTED: {"Malformed"},
    Reason.NONCE_MISMATCH: {"Verification"},
    Reason.AUDIENCE_MISMATCH: {"Verification"},
    Reason.SD_HASH_MISMATCH: {"Verification"},
    Reason.STATUS_LIST_UNAVAILABLE: {"need"},
    Reason.SHARING_SUSPECTED: {"need"},
    Reason.CREDENTIAL_SHARED: {"deny"},
    Reason.AUDIT_UNAVAILABLE: {"CitizenID", "deny"},
    Reason.CITIZENSHIP_NOT_SHOWN: {"need"},
    Reason.BINDING_TOO_WEAK: {"need"},
    Reason.ADMISSION_TOO_OLD: {"need"},
    Reason.CREDENTIAL_NOT_ACCEPTED: {"need"},
    Reason.ASSURANCE_TOO_LOW: {"need"},
    Reason.CREDENTIAL_TOO_OLD: {"need"},
    Reason.EVIDENCE_TOO_OLD: {"need"},
    Reason.STATUS_TOO_OLD: {"need"},
    Reason.COMPLETENESS_NOT_SHOWN: {"need"},
    Reason.REGION_UNKNOWN: {"deny"},
    Reason.CITIZENSHIP_NOT_PERMITTED: {"deny"},
    Reason.RESOURCE_NOT_LISTED: {"deny"},
}
_ORDER: Final = ("Malformed", "Verification", "CitizenID", "need", "deny")
# Doors that no request from outside reaches: there is no HTTP answer.
_OWN_SIDE: Final = frozenset({"status", "configuration", "issue", "present", "publish"})

# Of these a request is told all the same, when a part of the gateway fails while it decides.
_OF_A_PART: Final = frozenset({Reason.STORE_UNAVAILABLE, Reason.CONFIGURATION_INVALID})

_FIX: Final = "correct the software that wrote it"
_WALLET: Final = "use another credential, or have this one issued anew"
_AGAIN: Final = "ask for a new challenge and present again"
_OPERATOR: Final = "nothing; the operator must act"


class Row(NamedTuple):
    """What a Reason means, and what whoever sent the input can do."""

    meaning: str
    action: str


ROWS: Final[dict[Reason, Row]] = {
    # form
    Reason.MALFORMED_TOKEN: Row("The parts are not as many, or not of the kind, that the format has.", _FIX),
    Reason.MALFORMED_BASE64: Row("A part is not base64url without padding in its one canonical spelling.", _FIX),
    Reason.MALFORMED_JSON: Row("A part is not strict JSON in UTF-8, or no object where one is due.", _FIX),
    Reason.MALFORMED_CBOR: Row(
        "A part is not CBOR of definite lengths with the tags and keys of its place, or bytes are left over.", _FIX
    ),
    Reason.DUPLICATE_MEMBER: Row("An object or map has two members of one name.", _FIX),
    Reason.DEPTH_EXCEEDED: Row("Arrays and objects nest deeper than the bound.", "state less deeply"),
    Reason.INPUT_TOO_LARGE: Row("The input, or a part of it, has more bytes than its bound.", "send less"),
    Reason.LIMIT_EXCEEDED: Row("There are more of something than its bound permits.", "send fewer"),
    Reason.HEADER_INVALID: Row("A header parameter has the wrong type or size.", _FIX),
    Reason.HEADER_FORBIDDEN: Row(
        "The header brings a key along, or none where it must, says where to get one, or changes the encoding.", _FIX
    ),
    Reason.CRIT_UNSUPPORTED: Row("The header demands an extension; none is understood here.", _FIX),
    Reason.ALGORITHM_NOT_ALLOWED: Row("The algorithm is not on the closed list.", "sign with an algorithm of the list"),
    Reason.ALGORITHM_MISMATCH: Row("The header names another algorithm than the one of the trusted key.", _FIX),
    Reason.TYP_MISMATCH: Row("The header's typ is not the one of this slot.", "send the right kind of token"),
    Reason.VERSION_UNSUPPORTED: Row("The major version of a structure is not one that is known here.", _FIX),
    Reason.KEY_INVALID: Row(
        "A key is not well formed, not on its curve, weak, or of a kind that is not used here.", _FIX
    ),
    Reason.SIGNATURE_MALFORMED: Row("The signature does not have the length of its algorithm.", _FIX),
    Reason.SIGNATURE_INVALID: Row(
        "The signature is not one of the expected key over these bytes.", "sign with that key"
    ),
    Reason.CLAIM_MISSING: Row("A required claim is not there.", _FIX),
    Reason.CLAIM_INVALID: Row("A claim has the wrong type or an impossible value.", _FIX),
    # V1
    Reason.KEY_BINDING_UNEXPECTED: Row("A credential came from its issuer with a key binding.", "ask the issuer again"),
    Reason.RESPONSE_NOT_OK: Row("The mdoc says that it could not answer: its status is not 0.", "answer again"),
    Reason.DISCLOSURE_ENCRYPTED: Row("A disclosure is encrypted, which is not read here.", "show it in the clear"),
    # V2
    Reason.KEY_UNKNOWN: Row("No trusted key can have signed this.", "use a credential of an issuer trusted here"),
    Reason.KEY_AMBIGUOUS: Row("More than one trusted key may be meant.", "have the issuer name its key by kid"),
    Reason.ANCHOR_NOT_YET_VALID: Row("The issuer is not trusted yet.", "wait, or use another issuer"),
    Reason.ANCHOR_EXPIRED: Row("The issuer is not trusted any more.", _WALLET),
    Reason.CERTIFICATE_INVALID: Row("A certificate is broken, or may not stand where it stands.", _WALLET),
    Reason.CERTIFICATE_UNTRUSTED: Row("The chain of certificates leads to no pinned root.", _WALLET),
    Reason.CERTIFICATE_EXPIRED: Row("A certificate of the chain is outside of its time.", _WALLET),
    Reason.CERTIFICATE_USE_FORBIDDEN: Row("A certificate's key may not be used for what it was used for.", _WALLET),
    Reason.CERTIFICATE_COUNTRY_MISMATCH: Row("A signer's certificate names another country than its root.", _WALLET),
    Reason.CERTIFICATE_REVOKED: Row("A certificate of the chain is on a revocation list.", _WALLET),
    Reason.CRL_UNUSABLE: Row("No revocation list at hand speaks for a certificate of the chain now.", _OPERATOR),
    # V4
    Reason.HASH_ALGORITHM_NOT_ALLOWED: Row("The hash of the disclosures is unknown, or unfit.", _WALLET),
    Reason.REDACTION_MALFORMED: Row(
        "A mark of hidden claims has the wrong shape or stands in the wrong place.", _WALLET
    ),
    Reason.DIGEST_DUPLICATE: Row("A digest occurs twice.", _WALLET),
    Reason.DIGEST_MISMATCH: Row("An element is not the one that was signed.", _WALLET),
    Reason.DISCLOSURE_MALFORMED: Row("A disclosure is no array of the right length and types for its place.", _FIX),
    Reason.DISCLOSURE_DUPLICATE: Row("A disclosure came twice.", "show each once"),
    Reason.DISCLOSURE_CLASH: Row("A disclosure has the name of a claim that is there already.", _WALLET),
    Reason.DISCLOSURE_UNREFERENCED: Row(
        "No digest points to a disclosure.", "show parents with what they contain, and no more"
    ),
    Reason.CLAIM_NOT_DISCLOSABLE: Row("A claim that decides about validity was hidden, or part of one.", _WALLET),
    Reason.COUNTRY_INVALID: Row("A list of countries is no array of distinct ISO 3166-1 alpha-2 codes.", _WALLET),
    Reason.STATUS_MECHANISM_UNKNOWN: Row("The status is kept by a mechanism that is not understood here.", _WALLET),
    # V5
    Reason.ISSUER_MISMATCH: Row("The issuer that is named is not the one the key belongs to.", _WALLET),
    Reason.FORMAT_NOT_ALLOWED: Row("The issuer may not attest in this format.", _WALLET),
    Reason.TYPE_NOT_ALLOWED: Row("The issuer may not issue credentials of this type.", _WALLET),
    Reason.COUNTRY_NOT_ALLOWED: Row("The issuer may attest none of the citizenships it states.", _WALLET),
    # V6
    Reason.ISSUED_IN_FUTURE: Row(
        "The credential says that it was issued, or its evidence checked, in the future.", "wait, or check the clock"
    ),
    Reason.NOT_YET_VALID: Row("The credential is not valid yet.", "wait"),
    Reason.EXPIRED: Row("The credential is not valid any more.", "have it issued anew"),
    Reason.SIGNED_OUTSIDE_CERTIFICATE: Row("It was signed when the signer's certificate was not valid.", _WALLET),
    # V7
    Reason.KEY_BINDING_MISSING: Row(
        "The presentation does not show possession of the holder's key.", "present with a key binding"
    ),
    Reason.HOLDER_KEY_MISSING: Row("The credential names no holder key.", _WALLET),
    Reason.NONCE_MISMATCH: Row("The key binding answers another challenge.", _AGAIN),
    Reason.AUDIENCE_MISMATCH: Row(
        "The key binding, or the credential, is meant for somebody else.", "present to the right verifier"
    ),
    Reason.SD_HASH_MISMATCH: Row("The key binding was made for another set of disclosures.", "sign what is shown"),
    Reason.KEY_BINDING_STALE: Row("The key binding is older than the challenge permits.", _AGAIN),
    Reason.KEY_BINDING_IN_FUTURE: Row("The key binding says that it was made in the future.", "check the clock"),
    Reason.DEVICE_ELEMENT_NOT_AUTHORIZED: Row(
        "The device states an element that the issuer has not authorised it to sign.", "leave it out"
    ),
    Reason.READER_KEY_MISSING: Row(
        "The device proves possession by a MAC, and this verifier has no key for it.", "answer with a signature"
    ),
    # V9
    Reason.STATUS_MISSING: Row("A credential for more than 24 hours has no status reference.", _WALLET),
    Reason.STATUS_LIST_UNAVAILABLE: Row(
        "The status list is not at hand: nothing was decided.", "try again a little later"
    ),
    Reason.STATUS_LIST_STALE: Row(
        "The status list at hand is too old: nothing was decided.", "try again a little later"
    ),
    Reason.STATUS_INDEX_OUT_OF_RANGE: Row("The index lies outside of the list.", _WALLET),
    Reason.REVOKED: Row("The issuer has revoked the credential.", "talk to the issuer"),
    Reason.SUSPENDED: Row("The issuer has suspended the credential.", "talk to the issuer"),
    Reason.STATUS_NOT_VALID: Row("The list says something else than valid.", "talk to the issuer"),
    # a list that comes in
    Reason.STATUS_MEDIA_TYPE: Row("The list came as another media type.", _OPERATOR),
    Reason.STATUS_SUBJECT_MISMATCH: Row("The list is not the one of this URI.", _OPERATOR),
    Reason.STATUS_LIST_MALFORMED: Row("The list inside the token is broken.", _OPERATOR),
    Reason.STATUS_LIST_IN_FUTURE: Row("The list says that it was issued in the future.", _OPERATOR),
    Reason.STATUS_LIST_EXPIRED: Row("The list is past its exp.", _OPERATOR),
    Reason.STATUS_LIST_TOO_OLD: Row("The first list for a URI is older than the cap.", _OPERATOR),
    Reason.STATUS_LIST_ROLLBACK: Row("The list is older than the one that is held.", _OPERATOR),
    Reason.STATUS_LIST_CONFLICT: Row("The list has the iat of the one that is held and other content.", _OPERATOR),
    Reason.STATUS_MARKS_MALFORMED: Row("What should be exported high-water marks is something else.", _OPERATOR),
    Reason.STATUS_FILE_UNREADABLE: Row("There is no file of status lists at the path that may be read.", _OPERATOR),
    Reason.STATUS_FILE_MALFORMED: Row("The file of status lists is foreign, cut short or damaged.", _OPERATOR),
    Reason.STATUS_FILE_UNWRITABLE: Row("The file of status lists could not be written and put in place.", _OPERATOR),
    # the gateway
    Reason.REQUEST_INVALID: Row("The request does not have the form of the endpoint.", _FIX),
    Reason.CLOCK_UNUSABLE: Row("The clock does not give a usable time: nothing can be decided.", _OPERATOR),
    Reason.CHALLENGE_INVALID: Row("The challenge was not made here, or not for this sender key.", _AGAIN),
    Reason.CHALLENGE_EXPIRED: Row("The challenge was answered too late.", _AGAIN),
    Reason.REPLAYED: Row(
        "The proof, or the challenge, was used before.", "make a new proof, or ask for a new challenge"
    ),
    Reason.REPLAY_GUARD_FULL: Row("No more proofs can be remembered right now.", "try again in a minute, less often"),
    Reason.PROOF_MISSING: Row(
        "The ticket, or the challenge, is bound to a sender and no proof of that kind came.",
        "send a DPoP header or a signature, or connect with the certificate",
    ),
    Reason.PROOF_MALFORMED: Row(
        "There are two proofs, or one that has not its form: htu, a signature's input, a certificate.", _FIX
    ),
    Reason.REPLAY_GUARD_UNAVAILABLE: Row(
        "Whether it was used before cannot be told: the fleet's store is away, or has forgotten.", "try again later"
    ),
    Reason.PROOF_METHOD_MISMATCH: Row("The proof is for another method.", "make a proof for this request"),
    Reason.PROOF_URL_MISMATCH: Row("The proof is for another URL.", "make a proof for this request"),
    Reason.PROOF_TICKET_MISMATCH: Row("The proof is for another ticket.", "make a proof for this request"),
    Reason.PROOF_KEY_MISMATCH: Row("The proof is by another key than the ticket is bound to.", "prove with that key"),
    Reason.PROOF_NONCE_MISSING: Row(
        "The proof holds no nonce, and this gateway asks for one.", "make a new proof with the nonce of DPoP-Nonce"
    ),
    Reason.PROOF_NONCE_MISMATCH: Row(
        "The proof's nonce is over, or was made for another sender.", "make a new proof with the nonce of DPoP-Nonce"
    ),
    Reason.PROOF_COMPONENT_MISSING: Row(
        "The signature does not cover method, URL and ticket.", "cover what Accept-Signature names"
    ),
    Reason.PROOF_STALE: Row("The proof is too old.", "make a new proof; check the clock"),
    Reason.PROOF_IN_FUTURE: Row("The proof says that it was made in the future.", "check the clock"),
    Reason.TICKET_MISSING: Row("There is no ticket.", "present a credential"),
    Reason.TICKET_INVALID: Row(
        "The ticket was not sealed by these gateways, or there are two.", "present a credential"
    ),
    Reason.TICKET_EXPIRED: Row("The ticket has ended.", "present a credential"),
    Reason.ANCHOR_REMOVED: Row(
        "The trust in the issuer has ended, or changed, since admission.", "present a credential"
    ),
    Reason.SIGNED_OUT: Row("The session was ended by its sender or by the operator.", "present a credential"),
    Reason.SIGN_OUTS_FULL: Row("No more sessions can be ended right now: this one goes on.", _OPERATOR),
    Reason.SIGN_OUTS_UNAVAILABLE: Row(
        "Whether the session was ended cannot be told: the fleet has not been heard of for too long.", "try again later"
    ),
    # sharing detection
    Reason.SHARING_SUSPECTED: Row(
        "The credential shows more devices, or more places, than one person has.", "present a credential"
    ),
    Reason.CREDENTIAL_SHARED: Row(
        "The credential goes on being used as if several people had it.", "nothing for now; keep it to yourself"
    ),
    # policy
    Reason.RESOURCE_NOT_LISTED: Row("No rule of the policy is about this resource.", "ask for another resource"),
    Reason.CITIZENSHIP_NOT_SHOWN: Row(
        "What was shown does not say enough for the rule.", "present, showing the citizenship asked for"
    ),
    Reason.CITIZENSHIP_NOT_PERMITTED: Row(
        "What was shown does not satisfy the rule.", "nothing, with this citizenship"
    ),
    Reason.BINDING_TOO_WEAK: Row(
        "The rule asks for a stronger sender proof than the ticket has.", "present with a sender key"
    ),
    Reason.ADMISSION_TOO_OLD: Row("The rule asks for a more recent presentation.", "present a credential"),
    Reason.CREDENTIAL_NOT_ACCEPTED: Row(
        "The credential is of an issuer, a format or a type that the rule does not take.", "present another credential"
    ),
    Reason.ASSURANCE_TOO_LOW: Row(
        "The issuer does not state that it checked as well as the rule asks.", "present another credential"
    ),
    Reason.CREDENTIAL_TOO_OLD: Row(
        "The rule asks for a credential that was issued more recently.", "present one that was issued anew"
    ),
    Reason.EVIDENCE_TOO_OLD: Row(
        "The credential does not state that its evidence was checked as recently as the rule asks.",
        "present one that was issued on evidence checked anew",
    ),
    Reason.STATUS_TOO_OLD: Row(
        "The rule asks for a more recent word on the status of the credential: nothing was decided.",
        "try again a little later; a credential without a status list never serves",
    ),
    Reason.COMPLETENESS_NOT_SHOWN: Row(
        "The rule excludes countries, and no complete list of nationalities was shown.",
        "present the whole list, from an issuer that declares it complete",
    ),
    Reason.REGION_UNKNOWN: Row("A rule is for some regions, and this endpoint's is not known.", _OPERATOR),
    # the audit log
    Reason.AUDIT_UNAVAILABLE: Row("What is refused cannot be written down now, so nothing is allowed.", _OPERATOR),
    Reason.AUDIT_WRITER_PRESENT: Row("Another process writes this log.", "name another writer, or end that process"),
    Reason.AUDIT_MALFORMED: Row("A file of an audit log does not have its form.", "look for who changed it"),
    Reason.AUDIT_INVALID: Row(
        "An audit log is not what its checkpoints, keys and witnesses say.", "look for who changed it"
    ),
    # our own side
    Reason.CONFIGURATION_INVALID: Row(
        "An argument of ours cannot be right, or a source of random bytes has failed.", "correct the call"
    ),
    Reason.STORE_UNAVAILABLE: Row(
        "The fleet's store cannot be asked, or what it tells is too old.",
        "try again; look at the server and the network",
    ),
    Reason.ANCHOR_INVALID: Row("A trust anchor is incomplete or contradicts another.", "correct the anchors"),
    Reason.KEY_USE_FORBIDDEN: Row("The key's own use or key_ops does not let it verify.", "use a signing key"),
    Reason.CURVE_UNSUPPORTED: Row(
        "The curve is one of the standard's that no library here has: brainpoolP320r1.", "use another key"
    ),
    Reason.POLICY_INVALID: Row(
        "The policy has an error; the path names the rule, and the error its line.", "correct the policy"
    ),
    Reason.CLAIM_RESERVED: Row("A claim has a name that the format, or the profile, needs itself.", "rename the claim"),
    Reason.CLAIM_UNKNOWN: Row("A path names a claim that the credential does not have.", "correct the path"),
    Reason.HOLDER_KEY_MISMATCH: Row("The key is not the one that this was prepared for.", "use the right key"),
    Reason.PEER_MISMATCH: Row("The challenge is not of the one who asks.", "do not answer it"),
    Reason.STATUS_LIST_FULL: Row("Every index of the list is taken.", "begin another list"),
    Reason.LEDGER_REFUSED: Row(
        "The file is not one that this release can keep a status list in.", "name the right file, or restore it"
    ),
    Reason.LEDGER_UNAVAILABLE: Row(
        "The file cannot be read or written now, or so many lists were prepared that the next iat would be too far "
        "ahead: nothing was done.",
        "try again; look at disk and locks",
    ),
}


def ways() -> dict[Reason, set[str]]:
    """Find in the source how each Reason leaves it."""
    found: dict[Reason, set[str]] = {reason: set(_INDIRECT.get(reason, ())) for reason in Reason}
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):  # what the reviewer's kit makes by hand refuses nobody
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for scope in ast.walk(tree):
            if not isinstance(scope, ast.FunctionDef):
                continue
            picked = _assigned(scope)
            for node in ast.walk(scope):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in _WAYS:
                    # NeedStatusList(uri, reason); everything else takes the Reason first, perhaps as one of two.
                    argument = node.args[-1] if name == "NeedStatusList" else node.args[0]
                    for reason in _reasons(argument) | picked.get(getattr(argument, "id", ""), set()):
                        found[reason].add(_WAYS[name])
    return found


def _reasons(node: ast.AST) -> set[Reason]:
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name))
    return {Reason[part.attr] for part in parts if getattr(part.value, "id", "") == "Reason"}


def _assigned(scope: ast.FunctionDef) -> dict[str, set[Reason]]:
    """Return the Reasons that a function keeps in a variable before it raises one of them."""
    kept: dict[str, set[Reason]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            kept.setdefault(node.targets[0].id, set()).update(_reasons(node.value))
    return kept


def http_status(reason: Reason, how: set[str]) -> str:
    """Ask the gateway's own answers for the status."""
    if reason in (Reason.STATUS_LIST_UNAVAILABLE, Reason.STATUS_LIST_STALE, Reason.STATUS_TOO_OLD):
        return str(NeedStatusList("", reason).http().status)
    if reason in _OF_A_PART:
        return str(Deny(reason, reason.step).http().status)
    if reason.step in _OWN_SIDE or (reason.step == "audit" and reason is not Reason.AUDIT_UNAVAILABLE):
        return "-"
    if (reason.step in ("ticket", "sharing") and "need" in how) or (reason.step == "policy" and "deny" not in how):
        return str(NeedPresentation(reason, "", (), lambda: None).http().status)
    if reason.step == "form":
        denied = {Deny(reason, step).http().status for step in ("V1", "V4", "challenge", "request")}
        denied |= {Deny(reason, "proof").http().status}
        return " or ".join(map(str, sorted(denied, reverse=True)))
    return str(Deny(reason, reason.step).http().status)


def page() -> str:
    """Write the page."""
    if missing := [reason.name for reason in Reason if reason not in ROWS]:
        raise SystemExit(f"no row for {', '.join(missing)}")
    if gone := [str(reason) for reason in ROWS if reason not in set(Reason)]:
        raise SystemExit(f"rows without a Reason: {', '.join(gone)}")
    raised = ways()
    lines = [
        "# Reasons",
        "",
        "Every refusal has exactly one Reason out of this closed list. Written by `python specs/reasons.py` from",
        "`src/citizenid/_errors.py`; do not edit. `tests/test_specs.py` compares.",
        "",
        "- **step**: the step of [verification.md](verification.md), or the door, at which the rule stands. `form`",
        "  belongs to no step: the error says at which one it was met.",
        "- **as**: `Malformed` is `MalformedError`, `Verification` is `VerificationError`, `CitizenID` a plain",
        "  `CitizenIDError` (a mistake on our own side). `need` and `deny` are results of the gateway and of the",
        "  status store, not exceptions. Whatever is raised inside the gateway leaves it as a result, too.",
        "- **HTTP**: the status of the gateway's answer; `-` where no request gets there. `403 or 401`: 401 in a",
        "  sender proof, 403 elsewhere. A 401 carries a fresh challenge where a presentation can help.",
        "- **what to do**: for whoever sent the input, or called.",
        "",
        "| value | step | meaning | as | HTTP | what to do |",
        "|---|---|---|---|---|---|",
    ]
    for reason in Reason:
        row = ROWS[reason]
        how = ", ".join(way for way in _ORDER if way in raised[reason])
        if not how:
            raise SystemExit(f"nothing raises {reason.name}")
        lines.append(
            f"| `{reason.value}` | {reason.step} | {row.meaning} | {how} | {http_status(reason, raised[reason])} |"
            f" {row.action} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check."""
    text = page()
    if arguments == ["--check"]:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
