"""Our own vectors (specs/vectors), each run against the library, and the proof that no Reason is without one.

The files are data: this test reads them with the standard library and calls the public functions that specs/vectors/
README.md names. A Reason that no data can bring about stands in `NOT_DATA` with why, and the test that covers it.

Spec: specs/vectors/README.md; specs/README.md (precedence).
"""

from __future__ import annotations

import ast
import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from cbor2 import CBORTag

from citizenid import (
    ANY,
    AgreementKey,
    Assurance,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    Handover,
    HandoverKind,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    NeedStatusList,
    Reason,
    Serialization,
    StatusKind,
    StatusReference,
    TrustAnchors,
    UnixTime,
    VerificationError,
)
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import thaw
from citizenid._wire import base64url
from citizenid.gateway import (
    AdmissionPolicy,
    Admitted,
    Allow,
    Binding,
    Deny,
    Gateway,
    MemoryReplayGuard,
    NeedPresentation,
    Request,
)
from citizenid.gateway.proofs import ProofRules, SenderKeys, check_dpop
from citizenid.holder import Credential
from citizenid.policy import Facts
from citizenid.status import StatusStore, verify_status_list
from citizenid.verifier import VerifiedPresentation, verify, verify_each

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "specs" / "vectors"
CBOR_KINDS: Final = ("mdoc", "sd_cwt")
KINDS: Final = ("presentation", *CBOR_KINDS, "status_list", "dpop", "policy", "anchors", "gateway")
FILES: Final[dict[str, dict[str, Any]]] = {
    kind: json.loads((FOLDER / f"{kind}.json").read_text("utf-8")) for kind in KINDS
}
BY_VALUE: Final = {reason.value: reason for reason in Reason}
PROGRAMS: Final = {
    "generate.py",
    "generate_cbor.py",
    "generate_mdoc.py",
    "generate_mdoc_refusals.py",
    "generate_sd_cwt.py",
}
NOT_DATA: Final = {
    Reason.PROOF_NONCE_MISSING: (
        "a gateway that asks for nonces, which no case is configured to do",
        "tests/gateway/test_nonces.py::test_where_one_is_required_it_is_required_everywhere",
    ),
    Reason.PROOF_NONCE_MISMATCH: (
        "the same",
        "tests/gateway/test_nonces.py::test_what_is_no_nonce_is_refused",
    ),
    Reason.PROOF_COMPONENT_MISSING: (
        "a signature over the message, which the cases of a gateway do not have",
        "tests/gateway/test_http_signatures.py::test_every_component_is_required",
    ),
    Reason.SIGNED_OUT: (
        "what a sender has done before, which is no event of a case",
        "tests/gateway/test_sign_outs.py::test_who_signs_out_is_out",
    ),
    Reason.SIGN_OUTS_FULL: (
        "a set of the operator's that is full",
        "tests/gateway/test_sign_outs.py::test_a_full_set_refuses_loudly_and_forgets_nobody",
    ),
    Reason.CONFIGURATION_INVALID: (
        "what a program hands over, not what comes in",
        "tests/test_issuer.py::test_an_issuer_has_an_identifier",
    ),
    Reason.CLAIM_RESERVED: (
        "refused to an issuer who states a claim of the profile as one of the person",
        "tests/test_issuer.py::test_citizenship_is_stated_once",
    ),
    Reason.CLAIM_UNKNOWN: (
        "refused to a holder who chooses what the credential does not have",
        "tests/test_holder.py::test_a_choice_that_the_credential_does_not_have_is_refused",
    ),
    Reason.HOLDER_KEY_MISMATCH: (
        "refused to a holder who would sign with another key",
        "tests/test_holder.py::test_only_the_key_of_the_credential_answers",
    ),
    Reason.PEER_MISMATCH: (
        "refused to a holder who would answer a challenge that was passed on",
        "tests/test_holder.py::test_who_asks_must_be_who_the_challenge_names",
    ),
    Reason.STATUS_LIST_FULL: (
        "refused to an issuer whose list has no index left",
        "tests/status/test_publisher.py::test_a_full_list_has_given_out_every_index_once",
    ),
    Reason.REPLAY_GUARD_UNAVAILABLE: (
        "what a store of the fleet does not answer",
        "tests/integrations/test_valkey.py::test_the_gateway_refuses_with_a_reason_of_its_own",
    ),
    Reason.SIGN_OUTS_UNAVAILABLE: (
        "needs a set of the fleet that has heard nothing for too long",
        "tests/integrations/test_valkey.py::test_a_gateway_that_hears_of_no_sign_outs_lets_nobody_in_and_says_why",
    ),
    Reason.SHARING_SUSPECTED: (
        "needs requests from several places",
        "tests/gateway/test_sharing_door.py::test_the_counts_first_mark_and_then_ask_for_a_step_up",
    ),
    Reason.CREDENTIAL_SHARED: (
        "needs requests from several places",
        "tests/gateway/test_sharing_door.py::test_the_rule_says_what_follows",
    ),
    Reason.STORE_UNAVAILABLE: (
        "refused to an operator whose server cannot be asked",
        "tests/integrations/test_valkey.py::test_a_server_that_is_away_is_said_to_be",
    ),
    Reason.LEDGER_REFUSED: (
        "refused to an issuer whose file is none of ours, or damaged",
        "tests/status/test_ledger.py::test_a_file_that_is_not_ours_is_refused_and_not_touched",
    ),
    Reason.LEDGER_UNAVAILABLE: (
        "refused to an issuer whose file is locked, or whose disk is full",
        "tests/status/test_ledger.py::test_a_file_that_is_locked_is_unavailable_and_nothing_was_done",
    ),
    Reason.AUDIT_UNAVAILABLE: (
        "what a gateway does while its disk is full",
        "tests/gateway/test_audit_faults.py::test_on_a_full_disk_refusals_stand_and_nothing_is_allowed",
    ),
    Reason.AUDIT_WRITER_PRESENT: (
        "refused to an operator who starts a second writer of one log",
        "tests/gateway/test_audit.py::test_a_log_has_one_writer",
    ),
    Reason.AUDIT_MALFORMED: (
        "a folder of files and no single input",
        "tests/gateway/test_audit_verification.py::test_entries_that_are_none_are_refused_though_they_are_signed",
    ),
    Reason.AUDIT_INVALID: (
        "a folder of files and no single input",
        "tests/gateway/test_audit_verification.py::test_a_root_that_is_not_the_tree_s_is_refused",
    ),
    Reason.STATUS_MARKS_MALFORMED: (
        "what a store exported and its operator hands over again",
        "tests/status/test_file.py::test_marks_that_are_cut_or_changed_anywhere_are_refused",
    ),
    Reason.STATUS_FILE_UNREADABLE: (
        "a file of the operator's own machine",
        "tests/status/test_file.py::test_what_is_no_file_is_refused_at_once",
    ),
    Reason.STATUS_FILE_MALFORMED: (
        "a file of the operator's own machine",
        "tests/status/test_file.py::test_a_file_that_is_cut_anywhere_is_refused",
    ),
    Reason.STATUS_FILE_UNWRITABLE: (
        "a file of the operator's own machine",
        "tests/status/test_file.py::test_a_writer_that_fails_leaves_the_old_file_and_nothing_else",
    ),
}


def cases(kind: str) -> pytest.MarkDecorator:
    """Parametrise a test with the cases of a file."""
    listed = FILES[kind]["cases"]
    return pytest.mark.parametrize("case", listed, ids=[case["id"] for case in listed])


def expected_of(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return every verdict that a case demands."""
    if "expected" in case:
        yield case["expected"]
    yield from case.get("expected_each", ())
    for event in case.get("events", ()):
        yield from expected_of(event)


def from_text(text: str) -> bytes:
    """Decode base64url; for data that is none of the attacker's."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_json(value: object) -> object:
    """Write a value of CBOR as README.md does: bytes and integer names have a form of their own."""
    if isinstance(value, bytes):
        return {"bytes": base64url.encode_text(value)}
    if isinstance(value, dict):
        return {name if isinstance(name, str) else f"#{name}": as_json(item) for name, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


def make_anchors(listed: list[dict[str, Any]]) -> TrustAnchors:
    """Make anchors as README.md describes them."""
    made = TrustAnchors()
    for stated in listed:
        rest = dict(stated)
        issuer, keys, pem = rest.pop("issuer"), rest.pop("jwks", None), rest.pop("certificates", None)
        signers = rest.pop("document_signers", None)
        rest["purpose"] = KeyPurpose(rest["purpose"])
        if "formats" in rest:
            rest["formats"] = [Format(name) for name in rest["formats"]]
        if "countries" in rest:
            codes = rest["countries"]
            rest["countries"] = ANY if codes == "any" else [Country(code) for code in codes]
        if "crls" in rest:
            rest["crls"] = [from_text(crl) for crl in rest["crls"]]
        if keys is not None:
            made |= TrustAnchors.from_jwks(issuer, keys, **rest)
        elif signers is not None:
            made |= TrustAnchors.from_document_signers(signers, issuer=issuer, **rest)
        else:
            made |= TrustAnchors.from_certificates(pem, issuer=issuer, **rest)
    return made


def named_anchors(kind: str, names: list[str]) -> TrustAnchors:
    return make_anchors([FILES[kind]["anchors"][name] for name in names])


def limits_of(case: dict[str, Any]) -> Limits:
    return Limits(**case["limits"]) if "limits" in case else DEFAULT_LIMITS


def check_refusal(error: CitizenIDError, expected: dict[str, Any]) -> None:
    """Compare a refusal: exactly this Reason at this step, of a kind for foreign bytes, with nothing of them in it."""
    assert (error.reason.value, error.step) == (expected["reason"], expected["step"])
    assert error.__cause__ is None and error.__context__ is None
    assert error.where == expected.get("where", error.where)
    if expected["step"] != "configuration":
        assert type(error) in (MalformedError, VerificationError)


# --- the files ---


@pytest.mark.parametrize("kind", KINDS)
def test_file_says_what_it_is(kind: str) -> None:
    document = FILES[kind]
    assert (document["kind"], document["version"]) == (kind, 1)
    ids = [case["id"] for case in document["cases"]]
    assert len(set(ids)) == len(ids)
    assert all(case["title"] for case in document["cases"])
    verdicts = [verdict for case in document["cases"] for verdict in expected_of(case)]
    assert any("reason" not in verdict for verdict in verdicts), "no accept"
    assert any("reason" in verdict for verdict in verdicts), "no refusal"


def test_no_other_file_is_there() -> None:
    there = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert there == {"README.md", "shared.py"} | PROGRAMS | {f"{kind}.json" for kind in KINDS}


def test_files_are_what_the_generator_makes() -> None:
    done = subprocess.run([sys.executable, FOLDER / "generate.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_reason_has_a_vector_or_a_reason_why_not() -> None:
    met = {
        BY_VALUE[verdict["reason"]]
        for document in FILES.values()
        for case in document["cases"]
        for verdict in expected_of(case)
        if "reason" in verdict
    }
    assert met | NOT_DATA.keys() == set(Reason)
    assert not met & NOT_DATA.keys()


@pytest.mark.parametrize("reason", NOT_DATA, ids=lambda reason: reason.value)
def test_what_is_no_vector_has_a_test(reason: Reason) -> None:
    why, node = NOT_DATA[reason]
    file, _, name = node.partition("::")
    text = (ROOT / file).read_text("utf-8")
    (function,) = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef) and each.name == name]
    assert why
    assert f"Reason.{reason.name}" in (ast.get_source_segment(text, function) or "")


@pytest.mark.parametrize("kind", ["presentation", *CBOR_KINDS])
def test_every_step_has_a_refusal(kind: str) -> None:
    steps = {verdict.get("step") for case in FILES[kind]["cases"] for verdict in expected_of(case)}
    assert {f"V{number}" for number in range(1, 10)} <= steps


def test_private_keys_are_in_the_file() -> None:
    """Whoever adds a case of his own can sign it."""
    keys = {name: LocalKey.from_jwk(jwk) for name, jwk in FILES["presentation"]["keys"].items()}
    (jwk,) = FILES["presentation"]["anchors"]["issuer"]["jwks"]["keys"]
    assert keys["issuer/Ed25519"].public.to_jwk() == {name: jwk[name] for name in ("crv", "kty", "x")}
    assert {key.algorithm for key in keys.values()} == {"Ed25519", "ES256"}
    for kind in CBOR_KINDS:
        for name, jwk in FILES[kind]["keys"].items():
            assert LocalKey.from_jwk(jwk).algorithm == name.rpartition("/")[2]


# --- the cases ---

Verdict = VerifiedPresentation | NeedStatusList | CitizenIDError


def challenge_of(case: dict[str, Any]) -> Challenge:
    stated = dict(case["challenge"])
    if isinstance(stated["nonce"], dict):
        stated["nonce"] = from_text(stated["nonce"]["bytes"])
    if "handover" in stated:
        handover = dict(stated["handover"], kind=HandoverKind(stated["handover"]["kind"]))
        for name in handover.keys() & {"jwk_thumbprint", "transcript"}:
            handover[name] = from_text(handover[name])
        stated["handover"] = Handover(**handover)
    if "reader_key" in case:
        stated["reader_key"] = AgreementKey.from_jwk(case["reader_key"])
    return Challenge(**stated)


def verdicts_on(kind: str, case: dict[str, Any], data: str | bytes, cache: Any = None) -> tuple[Verdict, ...]:
    """Return the verdict on a case, or on each of its documents; what refuses all of it is raised."""
    anchors = named_anchors(kind, case["anchors"])
    common: dict[str, Any] = {"format": Format(case["format"]), "anchors": anchors, "now": case["now"]}
    common["serialization"] = Serialization(case.get("serialization", "compact"))
    if case["operation"] == "receive":
        Credential.receive(data, **common)
        return ()
    statuses = StatusStore(anchors=anchors)
    for name in case["status_lists"]:
        fetched = FILES[kind]["status_lists"][name]
        statuses.ingest(fetched["uri"], fetched["token"], media_type=fetched["media_type"], now=fetched["fetched_at"])
    common |= {"challenge": challenge_of(case), "statuses": statuses, "limits": limits_of(case)}
    if case["operation"] == "verify_each":
        return verify_each(data, **common)
    return (verify(data, cache=cache, **common),)


def check_verdict(verdict: Verdict, expected: dict[str, Any]) -> None:
    if "step" in expected:
        assert isinstance(verdict, CitizenIDError)
        check_refusal(verdict, expected)
        return
    if "need_status_list" in expected:
        assert isinstance(verdict, NeedStatusList)
        assert (verdict.uri, verdict.reason.value) == (expected["need_status_list"], expected["reason"])
        return
    assert isinstance(verdict, VerifiedPresentation)
    attestation, citizenship = verdict.attestation, verdict.citizenship
    found = {
        "type": attestation.type,
        "issuer": attestation.issuer,
        "claims": as_json(thaw(attestation.claims)),
        "nationalities": [country.alpha2 for country in citizenship.nationalities],
        "citizenships": [country.alpha2 for country in citizenship.citizenships],
        "complete": citizenship.complete,
        "status": None if verdict.status is None else verdict.status.name.lower(),
    }
    if attestation.assurance is not None:
        found["assurance"] = [attestation.assurance.framework, attestation.assurance.level]
    if attestation.evidence_at is not None:
        found["evidence_at"] = attestation.evidence_at
    assert json.dumps(found, sort_keys=True) == json.dumps(expected["valid"], sort_keys=True)  # so that 1 is not true


def check_presentation(kind: str, case: dict[str, Any], data: str | bytes, cache: Any = None) -> None:
    if "expected" in case and "step" in case["expected"]:
        with pytest.raises(CitizenIDError) as caught:
            verdicts_on(kind, case, data, cache)
        check_refusal(caught.value, case["expected"])
        return
    verdicts = verdicts_on(kind, case, data, cache)
    for verdict, expected in zip(verdicts, expected_of(case), strict=True):
        check_verdict(verdict, expected)


@cases("presentation")
def test_presentation(case: dict[str, Any]) -> None:
    check_presentation("presentation", case, case["input"])


@cases("presentation")
def test_presentation_as_bytes_and_again(case: dict[str, Any]) -> None:
    """Bytes are as text, and no verdict depends on what was verified before."""
    for _ in range(2):
        check_presentation("presentation", case, case["input"].encode())


@cases("mdoc")
def test_mdoc(case: dict[str, Any]) -> None:
    check_cbor("mdoc", case)


@cases("sd_cwt")
def test_sd_cwt(case: dict[str, Any]) -> None:
    check_cbor("sd_cwt", case)


def check_cbor(kind: str, case: dict[str, Any]) -> None:
    """Text is as bytes, a cache changes nothing, and two cases are about text alone."""
    check_presentation(kind, case, case["input"])
    if case.get("expected", {}).get("reason") == "malformed_base64":
        return
    data, cache = from_text(case["input"]), MemoryCache()
    for _ in range(2):
        check_presentation(kind, case, data, cache)


class MemoryCache(dict[bytes, Any]):
    """A cache without a bound."""

    def put(self, key: bytes, value: Any, /) -> None:
        self[key] = value


def signatures_in(value: object) -> Iterator[bytes]:
    """Return the last part of each COSE array of four, whatever it stands in, embedded CBOR and headers included."""
    if isinstance(value, CBORTag):
        yield from signatures_in(value.value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from signatures_in(item)
    elif isinstance(value, (list, tuple)):  # under a tag cbor2 makes tuples
        if len(value) == 4 and isinstance(value[0], bytes) and isinstance(value[3], bytes) and len(value[3]) >= 32:
            yield value[3]
            yield from signatures_in(cbor2.loads(value[0]))
        for item in value:
            yield from signatures_in(item)


@pytest.mark.parametrize("kind", CBOR_KINDS)
def test_an_accept_with_a_byte_of_a_signature_changed_is_refused(kind: str) -> None:
    """Issuer and holder alike: whatever was signed, an accept hangs on it."""
    tried = 0
    for case in FILES[kind]["cases"]:
        if "valid" not in case.get("expected", ()):
            continue
        data = from_text(case["input"])
        found = list(signatures_in(cbor2.loads(data)))
        assert len(found) == 2, case["id"]
        for signature in found:
            assert data.count(signature) == 1
            changed = signature[:16] + bytes((signature[16] ^ 1,)) + signature[17:]
            with pytest.raises(CitizenIDError) as caught:
                verdicts_on(kind, case, data.replace(signature, changed))
            assert caught.value.reason is Reason.SIGNATURE_INVALID
            assert caught.value.step in ("V3", "V8")
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("kind", CBOR_KINDS)
def test_an_accept_that_ends_early_is_refused(kind: str) -> None:
    for case in FILES[kind]["cases"]:
        if "valid" not in case.get("expected", ()):
            continue
        data = from_text(case["input"])
        for size in (0, 1, len(data) // 3, len(data) // 2, len(data) - 1):
            with pytest.raises(MalformedError) as caught:
                verdicts_on(kind, case, data[:size])
            assert (caught.value.reason, caught.value.step) == (Reason.MALFORMED_CBOR, "V1")


@pytest.mark.parametrize("kind", CBOR_KINDS)
def test_an_accept_in_another_format_is_refused(kind: str) -> None:
    """The caller names the format; bytes of another never pass."""
    other = next(FILES[each]["cases"][0]["format"] for each in CBOR_KINDS if each != kind)
    for case in FILES[kind]["cases"]:
        if "valid" in case.get("expected", ()):
            with pytest.raises(CitizenIDError) as caught:
                verdicts_on(kind, {**case, "format": other}, case["input"])
            assert caught.value.step == "V1"


@cases("status_list")
def test_status_list(case: dict[str, Any]) -> None:
    anchors, limits = named_anchors("status_list", case["anchors"]), limits_of(case)
    store = StatusStore(anchors=anchors, limits=limits)
    for earlier in case["earlier"]:
        store.ingest(case["uri"], earlier["token"], media_type=case["media_type"], now=earlier["now"])
    expected = case["expected"]

    def ingest() -> None:
        store.ingest(case["uri"], case["input"], media_type=case["media_type"], now=case["now"])

    if "step" in expected:
        with pytest.raises(CitizenIDError) as caught:
            ingest()
        check_refusal(caught.value, expected)
        return
    ingest()
    valid = expected["valid"]
    token = verify_status_list(
        case["input"], uri=case["uri"], media_type=case["media_type"], anchors=anchors, now=case["now"]
    )
    assert len(token.statuses) == valid["size"]
    assert {str(index): token.statuses.raw(int(index)) for index in valid["statuses"]} == valid["statuses"]
    issuer = token.anchor.issuer
    for index, value in valid["statuses"].items():
        purpose = valid.get("purpose")
        kind = StatusKind.STATUS_LIST if purpose is None else StatusKind.BITSTRING
        reference = StatusReference(case["uri"], int(index), kind, purpose=purpose)
        status = store.check(reference, issuer=issuer, now=valid["usable_until"] - 1)
        assert not isinstance(status, NeedStatusList)
        told = 2 * value if purpose == "suspension" else value
        assert int(status) == (told if told <= 2 else 0x100)
        stale = store.check(reference, issuer=issuer, now=valid["usable_until"])
        assert stale == NeedStatusList(case["uri"], Reason.STATUS_LIST_STALE)


@cases("dpop")
def test_dpop(case: dict[str, Any]) -> None:
    rules = ProofRules(case["origin"], case["max_age_s"], DEFAULT_LIMITS, SenderKeys(4))

    def check() -> bytes:
        try:
            return check_dpop(
                case["input"].encode(),
                method=case["method"],
                url=case["url"],
                ticket=None if case["ticket"] is None else case["ticket"].encode(),
                rules=rules,
                not_before=case["not_before"],
                now=UnixTime(case["now"]),
            ).thumbprint
        except CitizenIDError as error:
            error.at("proof")  # as the gateway does
            raise

    for _ in range(2):  # a sender key that was seen before changes nothing
        if "step" in case["expected"]:
            with pytest.raises(CitizenIDError) as caught:
                check()
            check_refusal(caught.value, case["expected"])
        else:
            assert base64url.encode_text(check()) == case["expected"]["valid"]["thumbprint"]


FACTS: Final = ("issuer", "type", "credential_age_s", "evidence_age_s", "status_age_s", "region", "now")


@cases("policy")
def test_policy(case: dict[str, Any]) -> None:
    expected = case["expected"]
    if expected.get("step") == "configuration":
        with pytest.raises(CitizenIDError) as caught:
            AdmissionPolicy.from_toml(case["policy"])
        check_refusal(caught.value, expected)
        return
    stated = case["facts"]
    facts = Facts(
        frozenset(map(Country, stated["nationalities"])),
        frozenset(map(Country, stated["citizenships"])),
        Binding[stated["binding"].upper()],
        stated["admission_age_s"],
        stated=frozenset(map(Country, stated.get("stated", []))),
        complete=stated.get("complete", False),
        format=Format(stated["format"]) if "format" in stated else None,
        assurance=Assurance(*stated["assurance"]) if "assurance" in stated else None,
        **{name: stated.get(name) for name in FACTS},
    )
    verdict = AdmissionPolicy.from_toml(case["policy"]).decide(case["resource"], facts)
    assert verdict.rule == expected["rule"]
    if "reason" in expected:
        assert verdict.reason is BY_VALUE[expected["reason"]]
        assert verdict.reason.step == expected["step"]
    else:
        assert verdict.permitted


@cases("anchors")
def test_anchors(case: dict[str, Any]) -> None:
    expected = case["expected"]
    if "step" in expected:
        with pytest.raises(CitizenIDError) as caught:
            make_anchors(case["anchors"])
        check_refusal(caught.value, expected)
    else:
        assert len(make_anchors(case["anchors"])) == expected["valid"]["anchors"]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_gateway(stated: dict[str, Any], clock: Clock, monotonic: Clock) -> Gateway:
    statuses = StatusStore(anchors=named_anchors("gateway", stated["status_anchors"]))
    for fetched in stated["status_lists"]:
        statuses.ingest(fetched["uri"], fetched["token"], media_type=fetched["media_type"], now=fetched["fetched_at"])
    return Gateway(
        audience=stated["audience"],
        external_url=stated["external_url"],
        anchors=named_anchors("gateway", stated["anchors"]),
        policy=AdmissionPolicy.from_toml(stated["policy"]),
        ticket_keys=[bytes.fromhex(secret) for secret in stated["ticket_keys"]],
        statuses=statuses,
        replay=MemoryReplayGuard(max_entries=stated["max_replay_entries"], monotonic=monotonic),
        clock=clock,
        monotonic=monotonic,
    )


def described(result: object) -> dict[str, Any]:
    """Describe a result as README.md does."""
    if isinstance(result, Allow):
        return {"result": "allow", "rule": result.rule}
    if isinstance(result, Admitted):
        return {"result": "admitted", "expires_at": result.expires_at}
    if isinstance(result, Deny):
        return {"result": "deny", "reason": result.reason.value, "step": result.step}
    if isinstance(result, NeedPresentation):
        return {"result": "need_presentation", "reason": result.reason.value}
    assert isinstance(result, NeedStatusList)
    return {"result": "need_status_list", "reason": result.reason.value}


@cases("gateway")
def test_gateway(case: dict[str, Any]) -> None:
    clock, monotonic = Clock(case["gateway"]["started_at"]), Clock(0)
    gateway = make_gateway(case["gateway"], clock, monotonic)
    for event in case["events"]:
        clock.now = event["now"]
        monotonic.now = max(monotonic.now, event["now"] - case["gateway"]["started_at"])
        if event["event"] == "ingest":
            gateway.statuses.ingest(event["uri"], event["token"], media_type=event["media_type"], now=event["now"])
            continue
        stated = event["request"]
        headers = [(name.encode(), value.encode()) for name, value in stated["headers"]]
        request = Request(stated["method"], stated["url"], headers)
        result: object
        if event["event"] == "authorize":
            result = gateway.authorize(request, resource=event["resource"])
        else:
            result = gateway.admit(
                event["presentation"], format=event["format"], challenge=event["challenge"], request=request
            )
            if isinstance(result, Admitted):
                assert len(base64.urlsafe_b64decode(result.ticket)) == 186
        assert described(result) == event["expected"]
