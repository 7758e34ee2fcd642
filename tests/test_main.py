"""The command line: exit codes, what is printed, and that nothing from outside gets to the terminal unescaped.

Commands run in this process through `main()`, as the installed script does; two tests start a process of their own.
The demo runs here with few trials, since its counts are parameters, and with gateways and budgets that are wrong.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import builders_sd_cwt
import cbor2
import mdoc_builders
import pytest
from builders import (
    ABSENT,
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    REVOKED_INDEX,
    STATUS_URI,
    SUSPENDED_INDEX,
    VCT,
    anchors,
    base64url,
    challenge,
    digest,
    disclosure,
    issuer_half,
    key,
    make,
    refused,
    status_claim,
    status_token,
    statuses,
    to_json,
    unbase64url,
)
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from citizenid import (
    Challenge,
    CitizenIDError,
    Format,
    LocalKey,
    MalformedError,
    Reason,
    Serialization,
    StatusReference,
    VerificationError,
    _demo,
)
from citizenid import __main__ as cli
from citizenid._cli import auditing as _auditing
from citizenid._cli import inspection as _inspection
from citizenid._cli.files import finish
from citizenid._cli.steps import STEPS, Steps, verify_steps
from citizenid._demo import cases as _cases
from citizenid._demo import world as _world
from citizenid.gateway import Admitted, Allow, Deny, Gateway, NeedPresentation, NeedStatusList, Request
from citizenid.gateway._audit.note import NOTE_SIGNATURE, VerifierKey
from citizenid.gateway.audit import AuditReport, LogReport
from citizenid.status import IdentifierPublisher, StatusPublisher

ROOT = Path(__file__).resolve().parent.parent
PASSED: Final = ["passed"] * 9
# Of our own environment a process gets what coverage needs to count it, and nothing else.
MEASURED: Final = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
# A shared machine may take the processor away for milliseconds; with so few trials each of them is the p99.
PATIENT: Final = tuple(row._replace(budget_s=60.0) for row in _demo.ROWS)

FEW: Final[dict[str, Any]] = {"authorizations": 20, "admissions": 4, "rows": PATIENT}

# The oldest typer that we support imports names which the newest click is about to drop. That is between those two.
pytestmark = pytest.mark.filterwarnings("ignore:'click[.][a-z._]+' is deprecated:DeprecationWarning")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line and return exit code, standard output and standard error."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["citizenid", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        code = exit_.value.code
        printed = capsys.readouterr()
        assert isinstance(code, int)
        return code, printed.out, printed.err

    return run


def jwks(name: str, kid: str) -> bytes:
    return json.dumps({"keys": [{**key(name).public.to_jwk(), "kid": kid}]}).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that `verify` is told of, in the world of builders.py."""
    (tmp_path / "presentation").write_bytes(make())
    (tmp_path / "jwks").write_bytes(jwks("issuer", "k1"))
    (tmp_path / "status-jwks").write_bytes(jwks("status", "s1"))
    (tmp_path / "list").write_bytes(status_token())
    return tmp_path


def options(folder: Path, **changes: str | None) -> list[str]:
    """The options of a good `verify`; a change replaces one, None leaves it out."""
    good: dict[str, str | None] = {
        "jwks": str(folder / "jwks"),
        "issuer": ISSUER,
        "type": VCT,
        "country": "US",
        "audience": AUDIENCE,
        "nonce": NONCE,
        "status-list": f"{STATUS_URI}={folder / 'list'}",
        "status-jwks": str(folder / "status-jwks"),
        "now": str(NOW),
    }
    given = good | {name.replace("_", "-"): value for name, value in changes.items()}
    return [f"--{name}={value}" for name, value in given.items() if value is not None]


# --- the extra ---


def test_without_the_extra_one_line_says_how_to_install_it() -> None:
    for missing in ("typer", "rich"):
        code = f"import sys; sys.modules[{missing!r}] = None; from citizenid.__main__ import main; main()"
        done = _python("-c", code)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", cli.HINT + "\n")
    assert "citizenid[cli]" in cli.HINT


def test_the_library_never_imports_what_the_command_line_needs() -> None:
    doors = "citizenid, citizenid.gateway, citizenid.holder, citizenid.issuer, citizenid.status, citizenid.verifier"
    done = _python("-c", f"import sys, {doors}; print({{'typer', 'rich', 'click'}} & set(sys.modules))")
    assert (done.returncode, done.stdout) == (0, "set()\n")


def test_it_runs_as_a_module() -> None:
    done = _python("-m", "citizenid", "--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("demo", "inspect", "verify"))


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**MEASURED, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


# --- verify ---


def test_a_valid_presentation_passes_nine_steps(run: Run, folder: Path) -> None:
    code, out, err = run("verify", str(folder / "presentation"), *options(folder))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:9]] == list(STEPS)
    assert all(line.endswith("  passed") for line in lines[:9])
    assert lines[9:] == ["valid: citizenships shown: none", "       nationalities shown: US"]


def test_a_valid_presentation_as_json(run: Run, folder: Path) -> None:
    (folder / "presentation").write_bytes(make(payload={"nationalities": ["US", "FR"], "citizenships": ["US"]}))
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder), "--json")
    assert code == 0
    assert json.loads(out) == {
        "outcome": "valid",
        "steps": [{"step": step, "outcome": "passed"} for step in STEPS],
        "refused_status_lists": [],
        "issuer": ISSUER,
        "type": VCT,
        "nationalities": ["US"],  # of France this issuer may attest nothing here
        "citizenships": ["US"],
        "complete": False,
        "not_after": NOW + 30 * 86_400,
        "status": "valid",
    }


def test_any_country_must_be_written(run: Run, folder: Path) -> None:
    (folder / "presentation").write_bytes(make(payload={"nationalities": ["US", "FR"]}))
    arguments = [str(folder / "presentation"), *options(folder, country=None), "--json"]
    assert json.loads(run("verify", *arguments, "--any-country")[1])["nationalities"] == ["US", "FR"]
    assert run("verify", *arguments)[0] == 2
    assert run("verify", *arguments, "--any-country", "--country=US")[0] == 2
    assert json.loads(run("verify", *arguments, "--country=FR", "--country=US")[1])["nationalities"] == ["US", "FR"]


def test_a_short_lived_credential_needs_no_list(run: Run, folder: Path) -> None:
    (folder / "presentation").write_bytes(make(payload={"exp": NOW + 3_600, "status": ABSENT}))
    arguments = options(folder, status_list=None, status_jwks=None)
    code, out, _ = run("verify", str(folder / "presentation"), *arguments, "--json")
    assert (code, json.loads(out)["status"]) == (0, None)


REFUSALS: Final[list[tuple[str, dict[str, Any], Reason]]] = [
    ("V1", {"header": {"alg": "none"}}, Reason.ALGORITHM_NOT_ALLOWED),
    ("V2", {"header": {"kid": "k2"}}, Reason.KEY_UNKNOWN),
    ("V3", {"signer": key("thief")}, Reason.SIGNATURE_INVALID),
    ("V4", {"disclosures": [disclosure("salt", "name", 1)]}, Reason.DISCLOSURE_UNREFERENCED),
    ("V4", {"payload": {"cnf": {"jwk": {**key("holder").public.to_jwk(), "use": "enc"}}}}, Reason.KEY_USE_FORBIDDEN),
    ("V5", {"payload": {"vct": "urn:other"}}, Reason.TYPE_NOT_ALLOWED),
    ("V5", {"payload": {"iss": "https://other.example"}}, Reason.ISSUER_MISMATCH),
    ("V6", {"payload": {"exp": NOW}}, Reason.EXPIRED),
    ("V7", {"kb": {"nonce": "another-nonce"}}, Reason.NONCE_MISMATCH),
    ("V7", {"kb": {"iat": NOW - 301}}, Reason.KEY_BINDING_STALE),
    ("V8", {"kb_signer": key("thief")}, Reason.SIGNATURE_INVALID),
    ("V9", {"payload": {"status": status_claim(REVOKED_INDEX)}}, Reason.REVOKED),
    ("V9", {"payload": {"status": status_claim(SUSPENDED_INDEX)}}, Reason.SUSPENDED),
    ("V9", {"payload": {"status": status_claim(1_000_000)}}, Reason.STATUS_INDEX_OUT_OF_RANGE),
]


@pytest.mark.parametrize(("step", "changes", "reason"), REFUSALS)
def test_the_step_that_refuses_is_named_and_none_after_it_is_reached(
    run: Run, folder: Path, step: str, changes: dict[str, Any], reason: Reason
) -> None:
    (folder / "presentation").write_bytes(make(**changes))
    error = refused(make(**changes), reason, step)  # the library says the same
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder), "--json")
    document = json.loads(out)
    assert (code, document["outcome"]) == (1, "refused")
    assert (document["reason"], document["step"], document["where"]) == (reason.value, step, error.where)
    place = int(step[1]) - 1
    expected = ["passed"] * place + ["refused"] + ["not_reached"] * (8 - place)
    assert [each["outcome"] for each in document["steps"]] == expected
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder))
    assert code == 1
    assert out.splitlines()[-1] == f"refused: {error}"
    assert out.splitlines()[place].endswith("  refused")


def test_a_refusal_at_no_step_calls_nothing_passed_that_may_not_be() -> None:
    # No Reason does this today; one that did must not print nine times "passed" above its refusal.
    error = VerificationError(Reason.KEY_USE_FORBIDDEN, "cnf")
    assert error.step not in STEPS
    outcomes = [outcome for _, outcome in Steps(error, "V2").outcomes()]
    assert outcomes == ["passed", "refused", *["not reached"] * 7]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": "another-nonce"}, "nonce_mismatch"),
        ({"audience": "https://other.example"}, "audience_mismatch"),
        ({"now": str(NOW + 60), "max_age_s": "59"}, "key_binding_stale"),
        ({"now": str(NOW + 40 * 86_400)}, "expired"),
        ({"issuer": "https://other.example"}, "issuer_mismatch"),
        ({"type": "urn:other"}, "type_not_allowed"),
        ({"country": "FR"}, "country_not_allowed"),
        ({"serialization": "flattened"}, "malformed_json"),
    ],
)
def test_every_option_counts(run: Run, folder: Path, change: dict[str, str], reason: str) -> None:
    if "now" in change:  # a list that is fresh then
        issued_at = int(change["now"])
        (folder / "list").write_bytes(status_token(payload={"iat": issued_at, "exp": issued_at + 86_400}))
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder, **change), "--json")
    assert (code, json.loads(out)["reason"]) == (1, reason)


def test_the_clock_decides_when_no_time_is_given(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 0.9)
    assert run("verify", str(folder / "presentation"), *options(folder, now=None))[0] == 0


@pytest.mark.parametrize("general", [False, True])
def test_the_json_serialisations_must_be_named(run: Run, folder: Path, general: bool) -> None:
    (folder / "presentation").write_bytes(to_json(make(), general=general))
    name, other = ("general", "flattened") if general else ("flattened", "general")
    assert run("verify", str(folder / "presentation"), *options(folder, serialization=name))[0] == 0
    assert run("verify", str(folder / "presentation"), *options(folder, serialization=other))[0] == 1
    assert run("verify", str(folder / "presentation"), *options(folder))[0] == 1


def of_format(folder: Path, format_: Format) -> list[str]:
    """The options of a good `verify` of the presentation that a format's builders make."""
    if format_ is Format.SD_CWT:
        return options(folder, format="sd-cwt")
    (folder / "root.pem").write_bytes(mdoc_builders.pem(mdoc_builders.root()))
    asked = {"challenge": mdoc_builders.challenge().to_text(), "audience": None, "nonce": None}
    trusted = {"certificates": str(folder / "root.pem"), "jwks": None, "type": mdoc_builders.PID}
    return options(folder, format="mdoc", **asked, **trusted)


@pytest.mark.parametrize(
    ("format_", "data"), [(Format.SD_CWT, builders_sd_cwt.make()), (Format.MDOC, mdoc_builders.make())]
)
def test_cbor_is_read_as_it_is_and_as_base64url(run: Run, folder: Path, format_: Format, data: bytes) -> None:
    for content_, code in ((data, 0), (base64url(data), 0), (base64url(data) + b"\n", 0), (data + b"\n", 1)):
        (folder / "presentation").write_bytes(content_)
        assert run("verify", str(folder / "presentation"), *of_format(folder, format_))[0] == code
    # and what is read as another format is refused, not guessed at
    (folder / "presentation").write_bytes(data)
    assert run("verify", str(folder / "presentation"), *options(folder))[0] == 1


def test_of_two_documents_none_is_verified(run: Run, folder: Path) -> None:
    two = mdoc_builders.response(
        *[mdoc_builders.document(mdoc_builders.issuer_signed(), mdoc_builders.device_signed())] * 2
    )
    error = mdoc_builders.refused(two, Reason.LIMIT_EXCEEDED, "V1")  # the library says the same
    (folder / "presentation").write_bytes(two)
    code, out, _ = run("verify", str(folder / "presentation"), *of_format(folder, Format.MDOC), "--json")
    document = json.loads(out)
    assert (code, document["reason"], document["step"]) == (1, "limit_exceeded", "V1")
    assert document["where"] == error.where
    assert [each["outcome"] for each in document["steps"]] == ["refused", *["not_reached"] * 8]


@pytest.mark.parametrize("both", [True, False])
def test_issuers_are_trusted_by_keys_or_by_certificates(run: Run, folder: Path, both: bool) -> None:
    changes = {"certificates": str(folder / "jwks")} if both else {"jwks": None}
    code, out, err = run("verify", str(folder / "presentation"), *options(folder, **changes))
    assert (code, out, err) == (2, "", "citizenid: name --jwks or --certificates\n")


@pytest.mark.parametrize(
    "changes", [{"challenge": "x"}, {"challenge": "x", "nonce": None}, {"audience": None, "nonce": None}]
)
def test_a_challenge_is_described_in_one_way(run: Run, folder: Path, changes: dict[str, str | None]) -> None:
    code, out, err = run("verify", str(folder / "presentation"), *options(folder, **changes))
    assert (code, out, err) == (2, "", "citizenid: name --challenge, or --audience and --nonce\n")


def test_a_challenge_that_is_none_is_a_wrong_call(run: Run, folder: Path) -> None:
    changes = {"challenge": "{", "audience": None, "nonce": None}
    code, out, err = run("verify", str(folder / "presentation"), *options(folder, **changes))
    assert (code, out) == (2, "")
    assert err.startswith("citizenid: --challenge: challenge_invalid")


def test_a_missing_status_list_is_a_need_and_no_verdict(run: Run, folder: Path) -> None:
    arguments = [str(folder / "presentation"), *options(folder, status_list=None, status_jwks=None)]
    code, out, _ = run("verify", *arguments, "--json")
    document = json.loads(out)
    assert (code, document["outcome"], document["uri"]) == (3, "status_list_needed", STATUS_URI)
    assert [each["outcome"] for each in document["steps"]] == ["passed"] * 8 + ["status_list_needed"]
    code, out, _ = run("verify", *arguments)
    assert code == 3
    assert out.splitlines()[-1] == f"status list needed: status_list_unavailable (V9): {STATUS_URI}"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (status_token(signer=key("thief")), "signature_invalid"),
        (status_token(payload={"sub": "https://id.example/status/2"}), "status_subject_mismatch"),
        (status_token(payload={"exp": NOW}), "status_list_expired"),
        (b"\x1b[2J", "malformed_token"),
    ],
)
def test_a_refused_status_list_says_nothing(run: Run, folder: Path, token: bytes, reason: str) -> None:
    (folder / "list").write_bytes(token)
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder), "--json")
    document = json.loads(out)
    assert (code, document["outcome"]) == (3, "status_list_needed")
    assert [each["reason"] for each in document["refused_status_lists"]] == [reason]
    code, out, _ = run("verify", str(folder / "presentation"), *options(folder))
    assert code == 3
    assert out.startswith(f"status list refused, so it says nothing: {reason} ")


def of_publishers(folder: Path) -> dict[str, bytes]:
    """Tokens of every form that a publisher writes, for the URI of builders.py."""
    common: dict[str, Any] = {"now": NOW, "ttl_s": 3_600, "expires_s": 86_400, "kid": "s1"}
    listed = StatusPublisher(uri=STATUS_URI, size=1_000)
    worded = StatusPublisher(uri=STATUS_URI, size=131_072, purpose="revocation", issuer=ISSUER)
    return {
        "jwt": listed.publish(key("status"), **common),
        "cwt": listed.publish(key("status"), format="cwt", **(common | {"now": NOW + 1})),
        "identifiers": IdentifierPublisher(uri=STATUS_URI).publish(key("status"), **common),
        "bitstring": worded.publish(key("status"), format="bitstring", **common),
    }


@pytest.mark.parametrize("kind", ["jwt", "cwt", "identifiers", "bitstring"])
def test_a_list_of_every_form_is_taken_in_by_its_name_and_by_no_other(run: Run, folder: Path, kind: str) -> None:
    for name, token in of_publishers(folder).items():
        (folder / "list").write_bytes(token)
        _, out, _ = run(
            "verify", str(folder / "presentation"), *options(folder, status_list_type=kind, now=str(NOW + 1)), "--json"
        )
        reasons = [each["reason"] for each in json.loads(out)["refused_status_lists"]]
        assert reasons == [] if name == kind else len(reasons) == 1


def test_a_cwt_list_decides(run: Run, folder: Path) -> None:
    publisher = StatusPublisher(uri=STATUS_URI, size=1_000, randbelow=lambda bound: bound - 1)
    publisher.allocate_many(1_000)
    arguments = [str(folder / "presentation"), *options(folder, status_list_type="cwt", now=str(NOW))]
    for revoked, code in ((False, 0), (True, 1)):
        if revoked:
            publisher.revoke(StatusReference(STATUS_URI, 0))
        token = publisher.publish(
            key("status"), now=NOW - 2 + revoked, ttl_s=3_600, expires_s=86_400, kid="s1", format="cwt"
        )
        (folder / "presentation").write_bytes(make(payload={"status": status_claim(0)}))
        (folder / "list").write_bytes(token)
        assert run("verify", *arguments)[0] == code


def test_the_last_byte_of_a_cwt_is_no_line_end(run: Run, folder: Path) -> None:
    publisher = StatusPublisher(uri=STATUS_URI, size=1_000)
    for moment in range(NOW, NOW + 4_000):
        token = publisher.publish(key("status"), now=moment, ttl_s=3_600, expires_s=86_400, kid="s1", format="cwt")
        if token.endswith(b"\n"):
            break
    assert token.endswith(b"\n")
    (folder / "list").write_bytes(token)
    arguments = options(folder, status_list_type="cwt", now=str(moment))
    _, out, _ = run("verify", str(folder / "presentation"), *arguments, "--json")
    assert json.loads(out)["refused_status_lists"] == []


@pytest.mark.parametrize("types", [("jwt", "cwt"), ("cwt", "jwt"), ("cwt",)])
def test_what_each_list_is_is_said_in_turn_or_once_for_all(run: Run, folder: Path, types: tuple[str, ...]) -> None:
    for name, token in of_publishers(folder).items():
        (folder / name).write_bytes(token)
    named = [f"--status-list={STATUS_URI}={folder / name}" for name in ("jwt", "cwt")]
    arguments = [*options(folder, status_list=None, now=str(NOW + 1)), *named]
    arguments += [f"--status-list-type={each}" for each in types]
    _, out, _ = run("verify", str(folder / "presentation"), *arguments, "--json")
    assert len(json.loads(out)["refused_status_lists"]) == {("jwt", "cwt"): 0, ("cwt", "jwt"): 2, ("cwt",): 1}[types]
    code, out, err = run("verify", str(folder / "presentation"), *arguments, *["--status-list-type=cwt"] * 2)
    assert (code, out) == (2, "")
    assert err == "citizenid: --status-list-type: write it once, or for each --status-list\n"


def test_a_list_for_another_uri_does_not_serve(run: Run, folder: Path) -> None:
    other = "https://id.example/status/2"
    (folder / "list").write_bytes(status_token(payload={"sub": other}))
    arguments = options(folder, status_list=f"{other}={folder / 'list'}")
    assert run("verify", str(folder / "presentation"), *arguments)[0] == 3


def test_the_issuer_s_own_keys_sign_no_list_unless_they_are_named(run: Run, folder: Path) -> None:
    (folder / "list").write_bytes(status_token(signer=key("issuer"), header={"kid": "k1"}))
    assert run("verify", str(folder / "presentation"), *options(folder))[0] == 3
    named = options(folder, status_jwks=str(folder / "jwks"))
    assert run("verify", str(folder / "presentation"), *named)[0] == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"jwks": "missing"}, "cannot read missing"),
        ({"status_jwks": "missing"}, "cannot read missing"),
        ({"status_list": f"{STATUS_URI}=missing"}, "cannot read missing"),
        ({"status_list": "missing"}, "URI=FILE"),
        ({"status_list": "=missing"}, "URI=FILE"),
        ({"status_jwks": None}, "go together"),
        ({"status_list": None, "status_jwks": None, "status_list_type": "cwt"}, "--status-list-type"),
        ({"status_list_type": "application/statuslist+cwt"}, "--status-list-type"),
        ({"jwks": "-", "status_jwks": "-"}, "name - for standard input once"),
        ({"jwks": "-", "status_list": f"{STATUS_URI}=-"}, "name - for standard input once"),
        ({"status_list": None}, "go together"),
        ({"country": "ZZ"}, "--country: country_invalid"),
        ({"country": None}, "--any-country"),
        ({"nonce": "short"}, "challenge_invalid"),
        ({"max_age_s": "0"}, "challenge_invalid"),
        ({"issuer": ""}, "anchor_invalid"),
        ({"now": "-1"}, "--now"),
        ({"now": str(2**53)}, "--now"),
        ({"now": "soon"}, "--now"),
        ({"audience": None}, "--audience"),
        ({"serialization": "any"}, "--serialization"),
    ],
)
def test_a_wrong_call_is_exit_code_2(run: Run, folder: Path, changes: dict[str, str | None], says: str) -> None:
    code, out, err = run("verify", str(folder / "presentation"), *options(folder, **changes))
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "-"],
        ["policy", "check", "-"],
        ["policy", "diff", "-", str(ROOT / "README.md")],
        ["audit", "verify", ".", "--key=x", "--previous=-"],
    ],
)
def test_without_standard_input_it_is_a_wrong_call(arguments: list[str]) -> None:
    code = "import sys; sys.stdin = None; from citizenid.__main__ import main; main()"
    done = _python("-c", code, *arguments)
    expected = "citizenid: cannot read -: standard input is closed\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


@pytest.mark.parametrize(
    "arguments", [["policy", "diff", "-", "-"], ["audit", "verify", ".", "--key=x", "--previous=-", "--previous=-"]]
)
def test_standard_input_is_read_once(run: Run, arguments: list[str]) -> None:
    assert run(*arguments) == (2, "", "citizenid: name - for standard input once\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("buffered", [True, False])
def test_what_could_not_be_printed_is_no_verdict(folder: Path, buffered: bool) -> None:
    command = [sys.executable, *([] if buffered else ["-u"]), "-m", "citizenid"]
    environment = {**MEASURED, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command, "verify", str(folder / "presentation"), *options(folder)],
            env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "citizenid: cannot print: No space left on device\n")


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("command", ["verify", "inspect", "--help", "demo"])
def test_a_pipe_that_nobody_reads_is_no_verdict(folder: Path, buffered: bool, command: str) -> None:
    arguments = [str(folder / "presentation")] if command in ("verify", "inspect") else []
    arguments += {"verify": options(folder), "demo": ["--quick"]}.get(command, [])
    environment = {**MEASURED, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, *([] if buffered else ["-u"]), "-m", "citizenid", command, *arguments],
            env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    # The demo's progress ends in a line of its own.
    assert (done.returncode, done.stderr.lstrip()) == (2, "citizenid: cannot print: Broken pipe\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("output", ["full", "closed", "read"])
@pytest.mark.parametrize("named", ["presentation", "missing", "broken"])
def test_where_not_even_an_error_can_be_printed_it_is_no_verdict(folder: Path, output: str, named: str) -> None:
    (folder / "broken").write_bytes(b"")
    environment = {**MEASURED, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    program = "import sys; sys.stdout = None; from citizenid.__main__ import main; main()"
    start = ["-c", program] if output == "closed" else ["-m", "citizenid"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, *start, "inspect", str(folder / named)],
            env=environment, stdout=full if output == "full" else subprocess.DEVNULL, stderr=full, timeout=60,
            check=False,
        )  # fmt: skip
    said = named == "presentation" and output != "full"
    assert done.returncode == (0 if said else 2)


def test_an_error_goes_to_no_other_stream_than_that_of_errors(run: Run, tmp_path: Path) -> None:
    program = "import sys; sys.stderr = None; from citizenid.__main__ import main; main()"
    done = _python("-c", program, "inspect", str(tmp_path / "missing"))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_program_that_ends_without_a_word_has_ended_well(monkeypatch: pytest.MonkeyPatch) -> None:
    for output in (sys.stdout, None):  # None: it was closed before the start
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(SystemExit) as caught:
            finish(lambda: None)
        assert caught.value.code == 0


def test_options_of_an_audit_that_are_none_are_a_wrong_call(run: Run, tmp_path: Path) -> None:
    vkey = VerifierKey.of("example.org/log", NOTE_SIGNATURE, LocalKey.generate("Ed25519").public).to_text()
    code, out, err = run("audit", "verify", str(tmp_path), f"--key={vkey}", "--max-age-s=-5")
    assert (code, out) == (2, "")
    assert err.startswith("citizenid: configuration_invalid")


@pytest.mark.parametrize("option", ["--key", "--witness"])
def test_verifier_keys_that_are_none_are_a_wrong_call_and_no_verdict_on_a_log(
    run: Run, tmp_path: Path, option: str
) -> None:
    good = VerifierKey.of("example.org/log", NOTE_SIGNATURE, LocalKey.generate("Ed25519").public).to_text()
    name, key_id, _ = good.split("+", 2)
    small = b"\x01" + bytes(32)  # a point of small order: it verifies what nobody has signed
    expected = hashlib.sha256(name.encode() + b"\n" + small).hexdigest()[:8]
    weak = f"{name}+{expected}+{base64.b64encode(small).decode()}"
    for text in ("x", "", "\udcff", good + "A", f"{name}+{key_id}+", weak):
        keys = [f"--key={text}"] if option == "--key" else [f"--key={good}", f"--witness={text}"]
        code, out, err = run("audit", "verify", str(tmp_path), *keys)
        assert (code, out) == (2, "")
        assert err.startswith("citizenid: ") and len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": []}', b'{"keys": [{"kty": "EC"}]}', b" " * 1_048_577])
@pytest.mark.parametrize("option", ["jwks", "status-jwks"])
def test_a_key_set_that_is_none_is_a_wrong_call(run: Run, folder: Path, option: str, content: bytes) -> None:
    (folder / option).write_bytes(content)
    code, out, err = run("verify", str(folder / "presentation"), *options(folder))
    assert (code, out) == (2, "")
    assert err.startswith(f"citizenid: --{option}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_file_that_cannot_be_read_is_exit_code_2(run: Run, folder: Path, command: str) -> None:
    further = options(folder) if command == "verify" else []
    for name in (folder / "missing", folder):
        code, out, err = run(command, str(name), *further)
        assert (code, out) == (2, "")
        assert err.startswith(f"citizenid: cannot read {name}: ")
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_line_end_belongs_to_the_file_and_nothing_else_does(run: Run, folder: Path, command: str) -> None:
    further = options(folder) if command == "verify" else []
    token = make()
    for end, code in ((b"", 0), (b"\n", 0), (b"\r\n", 0), (b"\n\n", 1), (b" ", 1), (b"\t\n", 1), (b"\0", 1)):
        assert run(command, "-", *further, stdin=token + end)[0] == code
        (folder / "presentation").write_bytes(token + end)
        assert run(command, str(folder / "presentation"), *further)[0] == code


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_no_more_is_read_than_may_be(run: Run, folder: Path, command: str) -> None:
    further = [*options(folder), "--json"] if command == "verify" else []
    code, out, err = run(command, "-", *further, stdin=b"a" * 10_000_000)
    assert code == 1
    assert "input_too_large" in out + err


@given(st.binary(max_size=200), st.sampled_from(Serialization))
def test_verify_refuses_any_bytes_with_a_reason(data: bytes, serialization: Serialization) -> None:
    steps = verify_steps(
        data,
        format=Format.SD_JWT_VC,
        anchors=anchors(),
        challenge=challenge(),
        statuses=statuses(),
        now=NOW,
        limits=cli.LIMITS,
        serialization=serialization,
    )
    assert isinstance(steps.result, MalformedError)
    assert steps.exit_code == 1
    assert [outcome for _, outcome in steps.outcomes()] == ["refused", *["not reached"] * 8]


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_verify_says_what_the_verifier_says(position: int, difference: int) -> None:
    data = bytearray(GOOD)
    data[position % len(data)] ^= difference
    world: dict[str, Any] = {
        "format": Format.SD_JWT_VC,
        "anchors": anchors(),
        "challenge": challenge(),
        "statuses": STATUSES,
        "now": NOW,
        "limits": cli.LIMITS,
    }
    steps = verify_steps(bytes(data), **world)
    assert isinstance(steps.result, CitizenIDError)  # one byte off is never valid
    error = refused(bytes(data), steps.result.reason)
    assert (steps.stopped_at, steps.result.where) == (error.step, error.where)


GOOD: Final = make()
STATUSES: Final = statuses()


# --- inspect ---


NESTED: Final = [
    disclosure("salt-0", "outer", {"_sd": [digest(disclosure("salt-1", "inner", 1))]}),
    disclosure("salt-1", "inner", 1),
    disclosure("salt-2", "US"),
    disclosure("salt-3", "not named anywhere"),
]
HIDDEN: Final = digest(b"withheld")


def nested() -> bytes:
    """A presentation of each kind of disclosure, one of which nothing names, and one digest without a disclosure."""
    payload = {"_sd": [digest(NESTED[0]), HIDDEN], "nationalities": [{"...": digest(NESTED[2])}]}
    return make(payload=payload, disclosures=NESTED)


def inspection(data: bytes, serialization: Serialization) -> list[str]:
    return _inspection.inspection(data, format=Format.SD_JWT_VC, serialization=serialization, limits=cli.LIMITS)


def sections(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines of each section by its title."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in lines[1:]:
        if line.startswith("UNVERIFIED "):
            title = line.removeprefix("UNVERIFIED ")
            found[title] = []
        elif line:
            found[title].append(line)
    return found


def content(lines: list[str]) -> Any:
    """Read the JSON of a section back: nothing of it is lost."""
    return json.loads("".join(line.removeprefix("| ") for line in lines if line.startswith("| ")))


def test_inspect_shows_every_part_and_calls_each_unverified() -> None:
    lines = inspection(nested(), Serialization.COMPACT)
    assert lines[0].startswith("UNVERIFIED, all of it")
    found = sections(lines)
    assert list(found) == [
        "issuer-jwt header",
        "issuer-jwt payload",
        "disclosure 1 of 4: object member",
        "disclosure 2 of 4: object member",
        "disclosure 3 of 4: array element",
        "disclosure 4 of 4: array element",
        "digests without a disclosure here (withheld claims or decoys): 1",
        "kb-jwt header",
        "kb-jwt payload",
    ]
    assert content(found["issuer-jwt header"])["kid"] == "k1"
    assert content(found["issuer-jwt payload"])["_sd"] == [digest(NESTED[0]), HIDDEN]
    assert content(found["kb-jwt payload"])["nonce"] == NONCE
    places = ["issuer-jwt payload", "disclosure 1", "issuer-jwt payload", "NOTHING"]
    for number, (encoded, place) in enumerate(zip(NESTED, places, strict=True)):
        shown = list(found.values())[2 + number]
        assert content(shown) == json.loads(unbase64url(encoded))
        assert shown[-1] == f"  digest (sha256) {digest(encoded)}, referenced by: {place}"


def test_inspect_shows_a_digest_that_is_named_twice() -> None:
    payload = {"_sd": [digest(NESTED[1])] * 2, "other": {"_sd": [digest(NESTED[1])]}}
    lines = inspection(make(payload=payload, disclosures=[NESTED[1]]), Serialization.COMPACT)
    shown = [line for line in sections(lines)["disclosure 1 of 1: object member"] if not line.startswith("|")]
    joined = "".join(line.removeprefix("  ") for line in shown)
    assert joined.endswith(f"referenced by: {', '.join(['issuer-jwt payload'] * 3)}")


def test_inspect_computes_digests_by_the_algorithm_that_is_named() -> None:
    payload = {"_sd_alg": "sha-512", "_sd": [digest(NESTED[1], "sha-512")]}
    text = "\n".join(inspection(issuer_half(payload=payload, disclosures=[NESTED[1]]), Serialization.COMPACT))
    assert "digest (sha512)" in text
    assert "referenced by: issuer-jwt payload" in text.replace("\n  ", "")


@pytest.mark.parametrize("general", [False, True])
def test_inspect_reads_all_serialisations_alike(general: bool) -> None:
    serialization = Serialization.GENERAL if general else Serialization.FLATTENED
    shown = inspection(to_json(nested(), general=general), serialization)
    token = nested()
    assert sections(shown).keys() == sections(inspection(token, Serialization.COMPACT)).keys()


def test_inspect_says_of_a_credential_that_it_is_no_presentation() -> None:
    lines = inspection(issuer_half(), Serialization.COMPACT)
    assert lines[-1] == "UNVERIFIED key binding: none, so this is a credential and no presentation"


def test_inspect_verifies_nothing(run: Run, folder: Path) -> None:
    forged = make({"typ": "other"}, {"exp": 1, "vct": 7}, signer=key("thief"), kb={"sd_hash": "wrong"}, kb_sign=bytes)
    (folder / "presentation").write_bytes(forged)
    code, out, err = run("inspect", str(folder / "presentation"))
    assert (code, err) == (0, "")
    assert all(line.startswith(("UNVERIFIED ", "| ", "  ")) for line in out.splitlines()[1:] if line)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.MALFORMED_TOKEN),
        (b"\x1b[2J\x1b[31mvalid\n", Reason.MALFORMED_TOKEN),
        (make(header={"alg": "none"}), Reason.ALGORITHM_NOT_ALLOWED),
        (make(payload=b'{"a":1,"a":2}'), Reason.DUPLICATE_MEMBER),
        (make(payload=b'{"a":1e400}'), Reason.MALFORMED_JSON),
        (make(payload=b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"), Reason.DEPTH_EXCEEDED),
        (make(payload={"_sd_alg": "md5"}), Reason.HASH_ALGORITHM_NOT_ALLOWED),
        (make(disclosures=[base64url(b"[]")]), Reason.DISCLOSURE_MALFORMED),
        (make(disclosures=[b"not+base64url"]), Reason.MALFORMED_BASE64),
        (make(disclosures=[NESTED[1], NESTED[1]]), Reason.DISCLOSURE_DUPLICATE),
        (make(disclosures=[disclosure(str(number), 1) for number in range(1_001)]), Reason.LIMIT_EXCEEDED),
        (make(kb=b"[]"), Reason.MALFORMED_JSON),
        (b"a" * 262_145, Reason.INPUT_TOO_LARGE),
    ],
)
def test_what_cannot_be_read_is_one_line_with_a_reason(run: Run, folder: Path, data: bytes, reason: Reason) -> None:
    (folder / "presentation").write_bytes(data)
    code, out, err = run("inspect", str(folder / "presentation"))
    assert (code, out) == (1, "")
    assert err.startswith(f"citizenid: {reason.value} (")
    assert err.endswith("\n")
    assert err[:-1].isprintable()


@given(st.binary(max_size=300), st.sampled_from(Serialization))
def test_inspect_never_answers_with_another_exception(data: bytes, serialization: Serialization) -> None:
    with pytest.raises(MalformedError):
        inspection(data, serialization)


@given(st.binary(max_size=300), st.sampled_from([Format.SD_CWT, Format.MDOC]))
def test_inspect_of_cbor_never_answers_with_another_exception(data: bytes, format_: Format) -> None:
    with pytest.raises(CitizenIDError):
        _inspection.inspection(data, format=format_, serialization=Serialization.COMPACT, limits=cli.LIMITS)


def test_inspect_shows_a_namespace_as_the_foreign_text_it_is() -> None:
    """No title holds a text of the input: it could move the cursor, or go on in a line that looks like one of ours."""
    for hostile in ("\x1b[2J", "a\nVERIFIED", "\u202e", " " * 90 + "VERIFIED, all of it"):
        lines = _inspection.inspection(
            mdoc_builders.make(elements={hostile: {"a": True}}),
            format=Format.MDOC,
            serialization=Serialization.COMPACT,
            limits=cli.LIMITS,
        )
        assert all(line.isprintable() and len(line) <= _inspection.COLUMNS for line in lines[1:])
        assert not any("VERIFIED" in line.removeprefix("UNVERIFIED") for line in lines[1:] if not line.startswith("| "))
        assert "UNVERIFIED document 1 of 1: disclosure 1 of 1" in lines
        assert any(line.startswith('|   "namespace": ') for line in lines)


def inspected_claims(claims: dict[Any, Any]) -> Any:
    """Return the claims of an SD-CWT as inspect shows them."""
    lines = _inspection.inspection(
        builders_sd_cwt.make(claims), format=Format.SD_CWT, serialization=Serialization.COMPACT, limits=cli.LIMITS
    )
    return content(sections(lines)["SD-CWT: what the issuer signed"])


def test_inspect_opens_three_levels_of_cbor_in_cbor_and_no_more() -> None:
    content_ = b"\x00"
    for _ in range(2_000):
        content_ = cbor2.dumps(CBORTag(24, content_))
    shown = inspected_claims({"x": cbor2.loads(content_)})["x"]
    for _ in range(4):
        shown = shown["tag 24"]
    assert shown.startswith("h'd818")


def test_inspect_shows_bytes_that_are_no_cbor_as_bytes() -> None:
    assert inspected_claims({"x": CBORTag(24, b"\xff\x01")})["x"] == {"tag 24": "h'ff01'"}


def test_inspect_shows_both_of_two_claims_whose_names_json_takes_for_one() -> None:
    hidden = builders_sd_cwt.hide(builders_sd_cwt.disclosure(bytes(16), "US", "nationality"))
    false = {"1": "https://false.example", "-1": 0, '"1"': 0, "redacted claim keys": 0, "redacted element": 0, "01 ": 0}
    shown = inspected_claims({**hidden, **false, -1: 5})
    assert (shown["1"], shown["-1"], len(shown["redacted claim keys"])) == (ISSUER, 5, 1)
    assert shown['"1"'] == "https://false.example"
    assert {'"-1"', '"\\"1\\""', '"redacted claim keys"', '"redacted element"', "01 "} <= shown.keys()
    assert len(shown) == len(builders_sd_cwt.good_claims()) + 8


def inspected(data: bytes, format_: Format) -> dict[str, Any]:
    """Return what inspect shows of CBOR, by section."""
    lines = _inspection.inspection(data, format=format_, serialization=Serialization.COMPACT, limits=cli.LIMITS)
    assert lines[0].startswith("UNVERIFIED, all of it")
    return {title: content(shown) for title, shown in sections(lines).items()}


def test_inspect_shows_the_disclosures_of_a_document_by_namespace() -> None:
    shown = inspected(mdoc_builders.make(), Format.MDOC)
    disclosures = {title: value for title, value in shown.items() if "disclosure" in title}
    elements = [(space, name, value) for space, each in mdoc_builders.ELEMENTS.items() for name, value in each.items()]
    assert len(disclosures) == len(elements) > 1
    for number, (title, value), (space, name, stated) in zip(
        itertools.count(1), disclosures.items(), elements, strict=False
    ):
        assert title.endswith(f": disclosure {number} of {len(elements)}")
        assert value["namespace"] == space
        assert value["item"]["elementIdentifier"] == name
        assert value["item"]["elementValue"] == stated


@pytest.mark.parametrize("mac", [False, True])
def test_inspect_says_how_the_device_answered(mac: bool) -> None:
    device = {"reader_public": mdoc_builders.key("reader").public_key()} if mac else {}
    shown = inspected(mdoc_builders.make(device=device), Format.MDOC)
    (kind,) = [title for title in shown if "device" in title.partition(": ")[2].lower() and "issuer" not in title]
    assert kind.endswith("deviceMac" if mac else "deviceSignature")
    assert shown[kind]["algorithm"] == ("HMAC 256/256" if mac else "-7")  # as its header says it: ES256
    assert shown[kind]["device-signed elements"] == {}


def test_inspect_says_of_a_cbor_credential_that_it_is_no_presentation() -> None:
    credentials = {
        Format.MDOC: mdoc_builders.dump(mdoc_builders.issuer_signed()),
        Format.SD_CWT: cbor2.dumps(builders_sd_cwt.credential()),
    }
    for format_, data in credentials.items():
        (binding,) = [shown for title, shown in inspected(data, format_).items() if title.endswith("key binding")]
        assert binding == "none, so this is a credential and no presentation"


hostile_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=150) | st.sampled_from(
    [
        "\x1b[2J\x1b[H",
        "\u202eevil",
        "\r\nvalid: yes",
        "\x9b31m",
        "\u2028",
        "\x7f",
        "a" * 500,
        "\uff21" * 200,
        "\U000e0041",
    ]
)


@given(st.dictionaries(hostile_text, hostile_text | st.integers() | st.lists(hostile_text, max_size=3), max_size=4))
def test_nothing_of_the_input_reaches_the_terminal_unescaped(claims: dict[str, Any]) -> None:
    claims = {name: value for name, value in claims.items() if name not in ("_sd_alg", "_sd", "...")}
    lines = inspection(make(payload=json.dumps(claims).encode()), Serialization.COMPACT)
    for line in lines:
        assert line.isprintable()
        assert cell_len(line) <= 100  # so that no terminal of that width begins a line that we did not mark
        assert line == "" or line.startswith(("UNVERIFIED", "| ", "  digest"))
    assert content(sections(lines)["issuer-jwt payload"]) == claims


def test_inspect_shows_the_longest_integer_that_is_read() -> None:
    number = int("9" * 4_300)
    lines = inspection(make(payload=f'{{"n":{number}}}'.encode()), Serialization.COMPACT)
    assert content(sections(lines)["issuer-jwt payload"]) == {"n": number}


def test_letters_of_every_script_stay_readable_and_a_poor_terminal_gets_escapes() -> None:
    assert _inspection.printable("Zoë Ωmega 山田") == "Zoë Ωmega 山田"
    assert _inspection.printable("a\x1b[2Jb\n") == "a\\u001b[2Jb\\n"
    code = (
        "import sys; from pathlib import Path; from citizenid.__main__ import main;"
        "sys.argv = ['citizenid', 'inspect', '-']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**MEASURED, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii"},
        input=make(payload={"name": "山田"}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert b'"name": "\\u5c71\\u7530"' in done.stdout


def test_what_is_printed_may_go_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook, or whoever calls `main()`, has streams of his own, without an encoding."""
    monkeypatch.setattr(sys, "argv", ["citizenid", "inspect", str(folder / "presentation")])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 0
    assert (
        sections(printed.getvalue().splitlines()).keys() == sections(inspection(make(), Serialization.COMPACT)).keys()
    )


def test_the_name_of_a_file_is_escaped_too(run: Run) -> None:
    code, _, err = run("inspect", "\x1b[2Jmissing")
    assert code == 2
    assert err == "citizenid: cannot read \\u001b[2Jmissing: No such file or directory\n"


# --- demo ---


EXPECTED: Final = [
    ("citizen, cached token", ["Allow", "Allow"], ["", ""]),
    ("citizen, first time", ["Admitted"], [""]),
    (
        "not a citizen, blocked",
        ["Deny", "Deny", "NeedPresentation"],
        ["citizenship_not_permitted", "revoked", "ticket_missing"],
    ),
    (
        "spoofed origin or borrowed key",
        ["Deny"] * 5,
        ["proof_missing", "proof_key_mismatch", "replayed", "challenge_invalid", "nonce_mismatch"],
    ),
]


class Between:
    """A door before the gateway, that a test makes wrong."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.presentations: list[bytes | str] = []

    def challenge(self, *, sender: bytes | None) -> Challenge:
        return self.gateway.challenge(sender=sender)

    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        self.presentations.append(data)
        return self.gateway.admit(data, format=format, challenge=challenge, request=request)

    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        return self.gateway.authorize(request, resource=resource)


class AllowsAll(Between):
    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        self.gateway.authorize(request, resource=resource)
        return Allow(1)


class AdmitsAll(Between):
    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        result = super().admit(data, format=format, challenge=challenge, request=request)
        return result if type(result) is Admitted else Admitted("ticket", 1, 1)


class AdmitsNobody(Between):
    def admit(
        self, data: bytes | str, *, format: Format, challenge: str, request: Request
    ) -> Admitted | Deny | NeedStatusList:
        return Deny(Reason.REVOKED, "V9")


class NeverRevokes(Between):
    """Decides by what was known at admission: forgets the list, as a cache of verdicts would."""

    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        result = super().authorize(request, resource=resource)
        return Allow(1) if isinstance(result, Deny) and result.reason is Reason.REVOKED else result


class OtherReason(Between):
    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        result = super().authorize(request, resource=resource)
        return Deny(Reason.SIGNATURE_INVALID, "proof") if isinstance(result, Deny) else result


class WrongOnce(Between):
    """Lets one of many thieves in."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.refusals = itertools.count(1)

    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        result = super().authorize(request, resource=resource)
        return Allow(1) if isinstance(result, Deny) and next(self.refusals) == 55 else result


@pytest.fixture(scope="module", params=list(Format))
def report(request: pytest.FixtureRequest) -> _demo.Report:
    """A run of few trials with the real gateway, in each format."""
    return _demo.run(**FEW, format=request.param)


def cases(report: _demo.Report) -> Iterator[_demo.CaseReport]:
    for _, found in report.rows:
        yield from found


def wrong(report: _demo.Report) -> dict[str, int]:
    return {case.title: case.wrong for case in cases(report) if case.wrong}


def test_the_demo_decides_the_four_rows_rightly(report: _demo.Report) -> None:
    assert report.ok
    assert [row.title for row, _ in report.rows] == [title for title, _, _ in EXPECTED]
    for (_, found), (_, decisions, reasons) in zip(report.rows, EXPECTED, strict=True):
        assert [case.decision for case in found] == decisions
        # A device signs the nonce without showing it: there the signature does not hold.
        unseen = "signature_invalid" if report.format is Format.MDOC else "nonce_mismatch"
        assert [case.reason for case in found] == [reason.replace("nonce_mismatch", unseen) for reason in reasons]
        assert all(0 < case.p50_ns <= case.p99_ns for case in found)
    assert [case.floor_ns is None for case in cases(report)].count(True) == 3  # bearer, no credential, no proof


def test_the_budgets_are_a_hundredth_of_the_article_s_figures() -> None:
    assert [row.article_s for row in _demo.ROWS] == [0.1, 1.5, 0.5, 2.0]
    assert [row.budget_s for row in _demo.ROWS] == pytest.approx([0.001, 0.015, 0.005, 0.02])
    assert (_demo.AUTHORIZATIONS, _demo.ADMISSIONS) == (10_000, 1_000)


def test_every_trial_counts_and_every_admission_is_another() -> None:
    doors: list[Between] = []
    steps: list[None] = []

    def wrap(gateway: Gateway) -> Between:
        doors.append(Between(gateway))
        return doors[0]

    report = _demo.run(**FEW, wrap=wrap, advance=lambda: steps.append(None), format=Format.SD_JWT_VC)
    counted = sum(case.count for case in cases(report))
    assert len(steps) == counted == _demo.total(authorizations=20, admissions=4) == 8 * 20 + 3 * 4
    seen = doors[0].presentations
    captured = len(seen) - len(set(seen))
    assert captured == 4  # the one case that posts the same twice


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (
            AllowsAll,
            {
                "citizen of France": 20,
                "revoked in mid-session": 20,
                "no credential": 20,
                "stolen ticket, no proof": 20,
                "stolen ticket, own proof": 20,
                "request replayed": 20,
            },
        ),
        (AdmitsAll, {"presentation relayed": 4, "presentation captured": 4}),
        (NeverRevokes, {"revoked in mid-session": 20}),
        (
            OtherReason,
            {
                "citizen of France": 20,
                "revoked in mid-session": 20,
                "stolen ticket, no proof": 20,
                "stolen ticket, own proof": 20,
                "request replayed": 20,
            },
        ),
        (WrongOnce, {"stolen ticket, no proof": 1}),
    ],
)
def test_every_wrong_decision_is_found(door: type[Between], expected: dict[str, int]) -> None:
    found = _demo.run(**FEW, wrap=door, format=Format.SD_JWT_VC)
    assert wrong(found) == expected
    assert not found.ok


class AllowsNobody(Between):
    def authorize(self, request: Request, *, resource: str) -> Allow | Deny | NeedPresentation | NeedStatusList:
        return Deny(Reason.CITIZENSHIP_NOT_PERMITTED, "policy")


def test_the_demo_ends_where_a_citizen_is_not_allowed() -> None:
    """What is timed as a refusal must have been permitted before: otherwise everything would be refused."""
    with pytest.raises(_demo.WrongDecision) as caught:
        _demo.run(**FEW, wrap=AllowsNobody, format=Format.SD_JWT_VC)
    assert str(caught.value) == "a citizen was not allowed but got Deny citizenship_not_permitted"


def test_a_demo_of_any_length_goes_on_with_other_citizens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session serves a number of trials, and what comes after them is decided in the same way."""
    for module in (_cases, _world):
        monkeypatch.setattr(module, "SESSIONS_EACH", 2)
    monkeypatch.setattr(_cases, "_REVOKED_TOGETHER", 2)
    doors: list[Between] = []

    def wrap(gateway: Gateway) -> Between:
        doors.append(Between(gateway))
        return doors[0]

    report = _demo.run(authorizations=5, admissions=1, rows=PATIENT, wrap=wrap, format=Format.SD_JWT_VC)
    assert report.ok and wrong(report) == {}
    # Five trials are three sessions, in each of six cases. Those who are revoked are two and then another two: each is
    # asked for twice. The three cases that admit have a citizen each.
    assert len(set(doors[0].presentations)) == 6 * 3 + 4 + 3


def test_the_demo_ends_where_a_citizen_is_not_admitted() -> None:
    with pytest.raises(_demo.WrongDecision) as caught:
        _demo.run(**FEW, wrap=AdmitsNobody, format=Format.SD_JWT_VC)
    assert str(caught.value) == "a citizen was not admitted but got Deny revoked"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the command run few trials, with whatever is wrong for the test."""
    real = _demo.run

    def set_up(**changes: Any) -> None:
        def run(
            *, authorizations: int, admissions: int, advance: Callable[[], None] = lambda: None, format: Format
        ) -> _demo.Report:
            assert (authorizations, admissions) in ((1_000, 100), (10_000, 1_000))
            return real(**(FEW | {"advance": advance, "format": format} | changes))

        monkeypatch.setattr(_demo, "run", run)

    return set_up


def test_the_command_prints_a_table_of_100_columns_without_colour(
    run: Run, small: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small()
    monkeypatch.setattr(cli, "_PROGRESS_EVERY", 50)
    code, out, _ = run("demo", "--quick")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in out
    for number, (title, _, reasons) in enumerate(EXPECTED, 1):
        assert any(line.startswith(f"{number}. {title}: ") for line in lines)
        assert all(reason in out for reason in reasons)
    assert "every decision right, every budget kept" in lines


def test_a_terminal_gets_a_table_of_its_own_width(
    run: Run, small: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small()
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, run("demo", "--quick")[1].splitlines())) > 70  # a file does not change with a window
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, _ = run("demo", "--quick")
    assert code == 0
    assert max(cell_len(Text.from_ansi(line).plain) for line in out.splitlines()) <= 70


def test_the_command_prints_json_and_no_progress(run: Run, small: Callable[..., None]) -> None:
    small()
    code, out, err = run("demo", "--json")
    document = json.loads(out)
    assert (code, err, document["ok"]) == (0, "", True)
    for row, (title, decisions, reasons) in zip(document["rows"], EXPECTED, strict=True):
        assert row["row"] == title
        assert [case["decision"] for case in row["cases"]] == decisions
        assert [case["reason"] or "" for case in row["cases"]] == reasons
        assert all(case["within_budget"] and case["wrong"] == 0 for case in row["cases"])
        assert all(0 < case["p50_us"] <= case["p99_us"] for case in row["cases"])


@pytest.mark.parametrize("further", [[], ["--json"]])
@pytest.mark.parametrize(
    "changes",
    [
        {"wrap": AllowsAll},
        {"wrap": WrongOnce},
        {"wrap": AdmitsNobody},
        {"rows": tuple(row._replace(budget_s=1e-9) for row in PATIENT)},
        {"rows": (*PATIENT[:3], PATIENT[3]._replace(budget_s=1e-9))},
    ],
)
def test_a_wrong_decision_or_a_missed_budget_is_exit_code_1(
    run: Run, small: Callable[..., None], changes: dict[str, Any], further: list[str]
) -> None:
    small(**changes)
    code, out, err = run("demo", "--quick", *further)
    assert code == 1
    if further:
        assert json.loads(out)["ok"] is False
    elif changes.get("wrap") is AdmitsNobody:
        assert "a citizen was not admitted" in err
    else:
        assert "FAILED" in out
        assert ("LATE: " if "rows" in changes else "WRONG: ") in out


def test_what_is_wrong_stands_in_the_table() -> None:
    found = _demo.run(**FEW, wrap=WrongOnce, format=Format.SD_JWT_VC)
    console = Console(width=100, file=io.StringIO(), highlight=False)
    console.print(_demo.to_table(found))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "WRONG: stolen ticket, no proof: 1 of 20 decisions, first Allow" in text
    assert "LATE:" not in text


def test_one_slow_case_misses_the_budget_of_its_row_alone(report: _demo.Report) -> None:
    slow = next(cases(report))
    assert not slow.late
    missed = _demo.CaseReport(
        slow.title, "Allow", "", 100, 0, "", slow.p50_ns, slow.budget_ns + 1, slow.floor_ns, None, slow.budget_ns
    )
    assert missed.late
    assert not _demo.Report(report.format, ((_demo.ROWS[0], (missed,)), *report.rows[1:])).ok


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=300), st.sampled_from([50, 99]))
def test_a_percentile_is_a_time_that_was_measured(times: list[int], percent: int) -> None:
    found = _demo.percentile(times, percent)
    assert found in times
    assert sum(time <= found for time in times) * 100 >= percent * len(times)
    assert sum(time < found for time in times) * 100 < percent * len(times)


# --- policies ---

POLICY = 'version = 1\n[[rule]]\nresource = "a"\nnationality = ["DE"]\n'


def test_a_policy_is_checked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY, "utf-8")
    assert run("policy", "check", str(file)) == (0, "no error\n", "")
    file.write_text(POLICY + 'binding = "tls"\n[[rule]]\nresource = "a"\nanyone = true\nnone = 1\n', "utf-8")
    code, output, error = run("policy", "check", str(file))
    assert (code, error) == (1, "")
    assert [line.removeprefix(f"{file}:").partition(": ")[0] for line in output.splitlines()] == ["5", "9"]
    assert "policy.rule[1].binding: " in output and "policy.rule[2]: unknown key" in output


@pytest.mark.parametrize(
    "data", [b"", b"version = 1\n\xff", b"\xff\xfe", POLICY.encode("utf-16"), b"\0", b"x" * 5_000_000]
)
def test_what_is_no_policy_is_one_error(run: Run, data: bytes) -> None:
    code, output, error = run("policy", "check", "-", stdin=data)
    assert (code, error) == (1, "")
    assert output.startswith(("-:1: ", "-:2: "))


def test_two_policies_are_compared(run: Run, tmp_path: Path) -> None:
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text(POLICY, "utf-8")
    new.write_text(POLICY.replace('"DE"', '"DE", "FR"'), "utf-8")
    assert run("policy", "diff", str(old), str(old)) == (0, "no difference\n", "")
    assert run("policy", "diff", str(old), str(new)) == (1, "gains: a (rule 1 -> 1): nationals of FR\n", "")
    new.write_text("version = 2", "utf-8")
    code, output, error = run("policy", "diff", str(old), str(new))
    assert (code, output) == (2, "")
    assert error == "citizenid: policy_invalid (configuration) at policy.version line 1\n"


@pytest.mark.parametrize("command", [("check",), ("diff", "-")])
def test_a_policy_that_cannot_be_read_is_exit_code_2(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    code, output, error = run("policy", *command, str(tmp_path / "nothing"), stdin=POLICY.encode())
    assert (code, output) == (2, "")
    assert error.startswith("citizenid: cannot read ")


# --- what an audit log says ---

AUDITED: Final = LogReport(
    "gate.example/w1", 12_345, b"r" * 32, NOW - 4_000, {"revoked": 1_000, "expired": 2}, 30, {}, {}, 1_700, 40, None, 0,
    (), None,
)  # fmt: skip
TOLD: Final = [
    "gate.example/w1",
    "  12,345 entries, root cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=, checkpoint 4,000 s old",
    "  refused: expired 2, revoked 1,000",
    "  counted: none; allowed 1,700, of these 40 marked",
    "  samples of allowed requests: 30",
]


@pytest.mark.parametrize(("changes", "told"), [
    ({}, [*TOLD, "  no write-ahead file: a copy"]),
    ({"pending": 0}, TOLD),
    ({"pending": 1_234}, [*TOLD, "  after the checkpoint: 1,234 entries, 0 bytes of a torn end"]),
    ({"pending": 0, "torn_bytes": 1_007}, [*TOLD, "  after the checkpoint: 0 entries, 1,007 bytes of a torn end"]),
    ({"pending": 0, "witnessed": 0}, [*TOLD, "  witnessed: 0 entries"]),
    (
        {"unwritten": {"revoked": 2, "expired": 1_000}, "witnessed": 1_111},
        [*TOLD, "  WITHOUT AN ENTRY: expired 1,000, revoked 2", "  no write-ahead file: a copy",
         "  witnessed: 1,111 entries"],
    ),
    (
        {"pending": 0, "counted": {"malformed": 7_000}},
        [*TOLD[:3], "  counted: malformed 7,000; allowed 1,700, of these 40 marked", TOLD[4]],
    ),
])  # fmt: skip
def test_a_report_of_logs_in_lines(changes: dict[str, Any], told: list[str]) -> None:
    log = AUDITED._replace(**changes)
    assert _auditing.to_lines(AuditReport((log,)), NOW) == [*told, "valid"]
    assert _auditing.to_lines(AuditReport((log, AUDITED)), NOW) == [
        *told,
        *TOLD,
        "  no write-ahead file: a copy",
        "valid",
    ]


def test_a_report_of_logs_as_json_has_everything() -> None:
    other = ("gate.example/w2", 7, b"o" * 32)
    log = AUDITED._replace(others=(other,), counted={"malformed": 1}, unwritten={"revoked": 3}, pending=5, witnessed=9)
    document = _auditing.to_json(AuditReport((log, AUDITED)))
    assert document == json.loads(json.dumps(document))
    assert document == {"ok": True, "logs": [
        {
            "origin": "gate.example/w1", "size": 12_345, "root": "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=",
            "time": NOW - 4_000, "refused": {"revoked": 1_000, "expired": 2}, "sampled": 30,
            "counted": {"malformed": 1}, "unwritten": {"revoked": 3}, "allowed": 1_700, "marked": 40, "pending": 5,
            "torn_bytes": 0, "witnessed": 9, "others": [
                {"origin": "gate.example/w2", "size": 7, "root": "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28="},
            ],
        },
        {
            "origin": "gate.example/w1", "size": 12_345, "root": "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=",
            "time": NOW - 4_000, "refused": {"revoked": 1_000, "expired": 2}, "sampled": 30, "counted": {},
            "unwritten": {}, "allowed": 1_700, "marked": 40, "pending": None, "torn_bytes": 0, "others": [],
            "witnessed": None,
        },
    ]}  # fmt: skip
