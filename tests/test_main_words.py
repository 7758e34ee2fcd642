"""What the command line prints, word by word: the table of the demo, what is inside a credential, and its complaints.

`test_main` runs the commands; here is what they say, where a script or a reader goes by it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import builders_sd_cwt
import cbor2
import mdoc_builders
import pytest
from builders import (
    AUDIENCE,
    ISSUER,
    NONCE,
    NOW,
    STATUS_URI,
    anchors,
    challenge,
    digest,
    disclosure,
    issuer_half,
    key,
    make,
    segment,
    status_token,
    statuses,
)
from rich.console import Console
from rich.table import Table
from rich.text import Text

from citizenid import CitizenIDError, Country, Format, Limits, NeedStatusList, Reason, Serialization, _demo
from citizenid import __main__ as cli
from citizenid._cli.cbor_inspection import _opened
from citizenid._cli.files import UsageError, finish, read_file
from citizenid._cli.inspection import inspection
from citizenid._cli.policy import check_lines
from citizenid._cli.steps import Steps, _codes, verify_steps
from citizenid._demo.floor import BACKEND_VERSION

# --- the demo ---

ROW: Final = _demo.Row("a row", 0.5, 0.005)
OTHER: Final = _demo.Row("another", 2.0, 0.02)
GOOD: Final = _demo.CaseReport("good", "Allow", "", 10_000, 0, "", 1_500, 2_345_678, 1_000, 5_000, 5_000_000)
ASKED: Final = _demo.CaseReport("asked", "NeedPresentation", "x", 7, 0, "", 999_950, 999_949, None, None, 5_000_000)
BAD: Final = _demo.CaseReport(
    "bad", "Deny", "revoked", 2_000, 1_234, "Allow", 10_000, 30_000_000, 20_000, 20_500_000, 20_000_000
)
SLOW: Final = _demo.CaseReport("slow", "Deny", "expired", 20, 0, "", 10_000, 21_000_000, None, None, 20_000_000)
FINE: Final = _demo.Report(Format.MDOC, ((ROW, (GOOD, ASKED)),))
FAILED: Final = _demo.Report(Format.SD_JWT_VC, ((ROW, (GOOD,)), (OTHER, (BAD, SLOW))))
COLUMNS: Final = [
    ("  case", 26, "left"), ("decision", 30, "left"), ("runs", 6, "right"), ("p50", 8, "right"), ("p99", 8, "right"),
    ("floor", 8, "right"), ("/floor", 6, "right"),
]  # fmt: skip


def parts(report: _demo.Report) -> list[Any]:
    """Each text with its style, and of each table its columns and rows."""
    found: list[Any] = []
    for part in _demo.to_table(report).renderables:
        if isinstance(part, Text):
            found.append((part.plain, str(part.style)))
        else:
            assert isinstance(part, Table)
            assert (part.box, part.padding, part.header_style) == (None, (0, 1, 0, 0), "dim")
            assert [(each.header, each.width, each.justify) for each in part.columns] == COLUMNS
            found.append(list(zip(*(each.cells for each in part.columns), strict=True)))
    return found


def test_the_table_of_the_demo() -> None:
    good = ("  good", "Allow", "10,000", "1.5 us", "2.35 ms", "1.0 us", "1.50")
    floor = ("floor: signature checks, key loads and digests that the case cannot avoid, in this same run", "")
    assert parts(FINE) == [
        ("1. a row: 0.5 s in the article, at p99 5 ms here", "bold"),
        [good, ("  asked", "Need x", "7", "1.00 ms", "999.9 us", "-", "-")],
        ("", ""),
        ("credentials: mso_mdoc", ""),
        ("every decision right, every budget kept", "bold green"),
        floor,
    ]
    assert parts(FAILED) == [
        ("1. a row: 0.5 s in the article, at p99 5 ms here", "bold"),
        [good],
        ("", ""),
        ("2. another: 2 s in the article, at p99 20 ms here", "bold"),
        [
            ("  bad", "Deny revoked", "2,000", "10.0 us", "30.00 ms", "20.0 us", "0.50"),
            ("  slow", "Deny expired", "20", "10.0 us", "21.00 ms", "-", "-"),
        ],
        ("  WRONG: bad: 1,234 of 2,000 decisions, first Allow", "bold red"),
        ("  LATE: bad: 30.00 ms at p99, where the floor alone takes 20.50 ms", "bold red"),
        ("  LATE: slow: 21.00 ms at p99", "bold red"),
        ("", ""),
        ("credentials: dc+sd-jwt", ""),
        ("FAILED: see WRONG and LATE above", "bold red"),
        floor,
    ]


def test_every_case_of_the_table_has_one_line() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(_demo.to_table(FINE))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[1:4] == [
        "  case                     decision                         runs      p50      p99    floor /floor",
        "  good                     Allow                          10,000   1.5 us  2.35 ms   1.0 us   1.50",
        "  asked                    Need x                              7  1.00 ms 999.9 us        -      -",
    ]


def test_the_document_of_the_demo() -> None:
    good = {
        "case": "good", "decision": "Allow", "reason": None, "count": 10_000, "wrong": 0, "first_wrong": None,
        "p50_us": 1.5, "p99_us": 2_345.678, "floor_us": 1.0, "floor_p99_us": 5.0, "within_budget": True,
    }  # fmt: skip
    bad = {
        "case": "bad", "decision": "Deny", "reason": "revoked", "count": 2_000, "wrong": 1_234, "first_wrong": "Allow",
        "p50_us": 10.0, "p99_us": 30_000.0, "floor_us": 20.0, "floor_p99_us": 20_500.0, "within_budget": False,
    }  # fmt: skip
    slow = {
        "case": "slow", "decision": "Deny", "reason": "expired", "count": 20, "wrong": 0, "first_wrong": None,
        "p50_us": 10.0, "p99_us": 21_000.0, "floor_us": None, "floor_p99_us": None, "within_budget": False,
    }  # fmt: skip
    assert _demo.to_json(FAILED) == {
        "ok": False,
        "format": "dc+sd-jwt",
        "rows": [
            {"row": "a row", "article_s": 0.5, "budget_us": 5_000.0, "cases": [good]},
            {"row": "another", "article_s": 2.0, "budget_us": 20_000.0, "cases": [bad, slow]},
        ],
        "versions": {"python": platform.python_version(), "cryptography": BACKEND_VERSION},
    }
    assert (_demo.to_json(FINE)["ok"], _demo.to_json(FINE)["format"]) == (True, "mso_mdoc")


# --- the commands ---


def test_every_group_of_commands_says_what_it_is_for() -> None:
    app = cli.make_app()
    assert app.info.help == "Issue, cache and verify signed citizenship attestations."
    assert app.info.no_args_is_help is True and app.pretty_exceptions_enable is False
    assert app._add_completion is False
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    assert {name: (group.info.help, group.info.no_args_is_help) for name, group in groups.items() if group} == {
        "policy": ("Check a policy, or compare two.", True),
        "audit": ("Look after audit logs.", True),
    }
    assert groups["audit"] is not None and groups["audit"].pretty_exceptions_enable is False


class Drawn:
    """What draws progress: what it was told, and after how many trials it drew."""

    made: list[Drawn] = []  # noqa: RUF012  # emptied by each test

    def __init__(self, **named: Any) -> None:
        self.named, self.tasks, self.added, self.drawn = named, [SimpleNamespace(completed=0)], [], []
        self.made.append(self)

    def __enter__(self) -> Drawn:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add_task(self, *given: Any, **named: Any) -> int:
        self.added.append((given, named))
        return 0

    def advance(self, task: int) -> None:
        self.tasks[task].completed += 1

    def refresh(self) -> None:
        self.drawn.append(self.tasks[0].completed)


@pytest.mark.parametrize(("quick", "trials"), [(True, (1_000, 100)), (False, (10_000, 1_000))])
@pytest.mark.parametrize(("report", "code"), [(FINE, 0), (FAILED, 1)])
def test_the_demo_says_what_it_found(
    quick: bool, trials: tuple[int, int], report: _demo.Report, code: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked: list[dict[str, Any]] = []

    def run(advance: Callable[[], None] = lambda: None, **named: Any) -> _demo.Report:
        asked.append(named)
        for _ in range(501):
            advance()
        return report

    monkeypatch.setattr(_demo, "run", run)
    monkeypatch.setattr("rich.progress.Progress", Drawn)
    Drawn.made.clear()
    for as_json in (True, False):
        assert cli.run_demo(quick=quick, as_json=as_json, format=Format.MDOC) == code
    document, table = capsys.readouterr().out.split("\n}\n")
    assert document + "\n}" == json.dumps(_demo.to_json(report), indent=2)
    assert table.startswith("1. a row: 0.5 s in the article") and max(map(len, table.splitlines())) <= 100
    for named in asked:
        assert named == {"authorizations": trials[0], "admissions": trials[1], "format": Format.MDOC}
        assert {type(named["authorizations"]), type(named["admissions"])} == {int}
    (drawn,) = Drawn.made
    console = drawn.named.pop("console")
    assert console.stderr is True and drawn.named == {"auto_refresh": False, "transient": True}
    total = _demo.total(authorizations=trials[0], admissions=trials[1])
    assert drawn.added == [(("deciding",), {"total": total})]
    assert drawn.drawn == [250, 500]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_table_has_the_width_of_the_terminal_and_no_colours_of_its_own(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Page(Console):
        def __init__(self, **named: Any) -> None:
            made.append(named)
            super().__init__(file=io.StringIO(), force_terminal=terminal, **named)

    monkeypatch.setattr(_demo, "run", lambda **_: FINE)
    monkeypatch.setattr("rich.progress.Progress", Drawn)
    monkeypatch.setattr("rich.console.Console", Page)
    assert cli.run_demo(quick=True, as_json=False, format=Format.MDOC) == 0
    expected = [{"stderr": True}, {"highlight": False}]
    assert made == (expected if terminal else [*expected, {"highlight": False, "width": 100}])


@pytest.mark.parametrize("as_json", [True, False])
def test_a_demo_that_cannot_go_on_says_why(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(**_: Any) -> _demo.Report:
        raise _demo.WrongDecision("a citizen was not admitted but got Deny expired")

    monkeypatch.setattr(_demo, "run", run)
    assert cli.run_demo(quick=True, as_json=as_json, format=Format.MDOC) == 1
    out, err = capsys.readouterr()
    assert err.endswith("citizenid: a citizen was not admitted but got Deny expired\n")
    wrong = {"ok": False, "wrong": "a citizen was not admitted but got Deny expired"}
    assert out == (json.dumps(wrong, indent=2) + "\n" if as_json else "")


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_says_how_to_install_it(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    assert capsys.readouterr() == ("", f"{cli.HINT}\n")


def test_what_a_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    monkeypatch.setattr(cli, "finish", lambda app: app and None)
    cli.main()
    assert [stream.errors for stream in streams] == ["backslashreplace"] * 2


def test_an_error_of_a_policy_that_stands_nowhere_is_told_at_its_first_line() -> None:
    assert check_lines("a\x1b", "")[0] == "a\\u001b:1: policy.version: version must be the integer 1"
    assert check_lines("a", "version = 1\n\n[[rule]]\nx = 1\n")[0].startswith("a:3: policy.rule[1].resource: ")


# --- what is inside ---

NOTICE: Final = "UNVERIFIED, all of it: no signature, digest, time or status was checked. Lines with | are foreign."


def inspected(data: bytes | str, format: Format = Format.SD_JWT_VC, limits: Limits = cli.LIMITS) -> list[str]:
    return inspection(data, format=format, serialization=Serialization.COMPACT, limits=limits)


def test_what_is_inside_of_a_credential() -> None:
    name, element = disclosure("s", "name", "Zo\u00eb"), disclosure("s", "US")
    half = issuer_half(
        payload={"_sd": [digest(name), digest(b"decoy")], "nationalities": [{"...": digest(element)}]},
        disclosures=[name, element],
    )
    lines = inspected(half)
    assert lines[:3] == [NOTICE, "", "UNVERIFIED issuer-jwt header"]
    titles = [line for line in lines if line.startswith("UNVERIFIED") and line != NOTICE]
    assert titles == [
        "UNVERIFIED issuer-jwt header",
        "UNVERIFIED issuer-jwt payload",
        "UNVERIFIED disclosure 1 of 2: object member",
        "UNVERIFIED disclosure 2 of 2: array element",
        "UNVERIFIED digests without a disclosure here (withheld claims or decoys): 1",
        "UNVERIFIED key binding: none, so this is a credential and no presentation",
    ]
    assert lines[-4:] == ["", titles[-2], "", titles[-1]]
    for text in ('|   "Zo\u00eb"', '|   "US"', '|   "alg": "ES256",'):
        assert text in lines
    assert f"  digest (sha256) {digest(name)}, referenced by: issuer-jwt payload" in lines


def test_what_is_inside_of_a_presentation() -> None:
    lines = inspected(make())
    at = lines.index("UNVERIFIED kb-jwt header")
    assert lines[at - 1 : at + 5] == [
        "",
        "UNVERIFIED kb-jwt header",
        "| {",
        '|   "alg": "ES256",',
        '|   "typ": "kb+jwt"',
        "| }",
    ]
    at = lines.index("UNVERIFIED kb-jwt payload")
    assert f'|   "aud": "{AUDIENCE}",' in lines[at:] and f'|   "nonce": "{NONCE}",' in lines[at:]


def test_where_a_key_binding_cannot_be_read_is_said() -> None:
    with pytest.raises(CitizenIDError) as caught:
        inspected(issuer_half() + b".".join([segment({"alg": "ES256", "typ": "kb+jwt"}), segment(b"{"), b"AA"]))
    assert (caught.value.reason, caught.value.where) == (Reason.MALFORMED_JSON, "kb-jwt.payload")


@pytest.mark.parametrize(("part", "wrong", "reason", "where"), [
    (0, b"{", Reason.MALFORMED_JSON, "issuer-jwt.header"),
    (1, b"{", Reason.MALFORMED_JSON, "issuer-jwt.payload"),
])  # fmt: skip
def test_where_it_cannot_be_read_is_said(part: int, wrong: bytes, reason: Reason, where: str) -> None:
    segments = issuer_half().rstrip(b"~").split(b".")
    segments[part] = segment(wrong)
    with pytest.raises(CitizenIDError) as caught:
        inspected(b".".join(segments) + b"~")
    assert (caught.value.reason, caught.value.where) == (reason, where)


def test_bounds_hold_for_whoever_looks_inside() -> None:
    few = Limits(disclosures=1)
    two = issuer_half(disclosures=[disclosure("s", "a", 1), disclosure("s", "b", 2)])
    with pytest.raises(CitizenIDError) as caught:
        inspected(two, limits=few)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    for format, data in ((Format.MDOC, mdoc_builders.make()), (Format.SD_CWT, builders_sd_cwt.make())):
        with pytest.raises(CitizenIDError) as caught:
            inspected(data, format, Limits(presentation_bytes=20))
        assert caught.value.reason is Reason.INPUT_TOO_LARGE


def test_what_is_inside_of_the_formats_in_cbor() -> None:
    text = "\n".join(inspected(builders_sd_cwt.make(), Format.SD_CWT))
    for title in ("SD-CWT", "SD-CWT: what the issuer signed", "SD-CWT: key binding"):
        assert f"\nUNVERIFIED {title}\n" in text
    for member in ('"algorithm": "ES256"', '"typ": ', '"kid": ', '"certificates": []', '"claims": {'):
        assert f"|   {member}" in text
    assert "type outside of the signature" not in text and "namespace" not in text
    outer, _, binding = text.partition("UNVERIFIED SD-CWT: key binding\n")
    assert '|   "algorithm": "ES256",' in outer and '|   "algorithm": "ES256",' in binding
    name = builders_sd_cwt.disclosure("s" * 16, "Zoe", "name")
    text = "\n".join(inspected(builders_sd_cwt.make(builders_sd_cwt.hide(name), [name]), Format.SD_CWT))
    assert "UNVERIFIED SD-CWT: disclosure 1 of 1\n| [\n" in text
    credential = inspected(cbor2.dumps(builders_sd_cwt.credential()), Format.SD_CWT)
    assert "none, so this is a credential and no presentation" in credential[-1]
    text = "\n".join(inspected(mdoc_builders.make(), Format.MDOC))
    for member in ("type outside of the signature", "algorithm", "certificates", "device-signed elements"):
        assert f'|   "{member}": ' in text
    assert "document 1 of 1: deviceSignature" in text and '"namespace": ' in text and '"item": ' in text


def test_bytes_inside_of_bytes_are_opened_wherever_they_stand() -> None:
    inner = cbor2.CBORTag(24, cbor2.dumps([1]))
    assert _opened(cbor2.dumps([inner])) == [{"tag 24": [1]}]
    assert _opened(cbor2.dumps(cbor2.CBORTag(25, [inner]))) == {"tag 25": [{"tag 24": [1]}]}
    assert _opened(cbor2.dumps({"a": inner})) == {"a": {"tag 24": [1]}}
    deep = b"\x01"
    for _ in range(5):
        deep = cbor2.dumps(cbor2.CBORTag(24, deep))
    value, levels = _opened(deep), 0
    while type(value) is dict:
        value, levels = value["tag 24"], levels + 1
    assert levels == 4 and value.startswith("h'")


# --- step by step ---


def test_the_stage_says_how_far_a_verification_came() -> None:
    world: dict[str, Any] = {
        "format": Format.SD_JWT_VC, "anchors": anchors(), "challenge": challenge(), "statuses": statuses(), "now": NOW,
        "limits": cli.LIMITS,
    }  # fmt: skip
    good = make()
    for data, changes, stage in (
        (b"", {}, "V1"),
        (good, {"limits": Limits(presentation_bytes=10)}, "V1"),
        (good, {"now": NOW + 10**9}, "V2"),
        (good, {"challenge": challenge(nonce="another nonce")}, "V7"),
        (good, {}, "V7"),
    ):
        assert verify_steps(data, **{**world, **changes}).stage == stage
    short = Limits(unreferenced_validity_s=1, clock_skew_s=0)
    assert verify_steps(make(payload={"iat": NOW + 1}), **{**world, "limits": short}).stage == "V2"


def test_the_last_steps_keep_the_bounds_that_were_given() -> None:
    world: dict[str, Any] = {
        "format": Format.SD_JWT_VC, "anchors": anchors(), "challenge": challenge(), "statuses": statuses(),
    }  # fmt: skip
    early = make(kb={"iat": NOW + 30})
    assert verify_steps(early, **world, now=NOW, limits=Limits()).exit_code == 0
    refused = verify_steps(early, **world, now=NOW, limits=Limits(clock_skew_s=0))
    assert (refused.to_json()["reason"], refused.stage) == ("key_binding_in_future", "V7")


def test_citizenships_are_told_in_one_line() -> None:
    assert _codes([Country("US"), Country("FR")]) == "US FR"
    assert _codes([]) == "none"


def test_a_need_of_a_list_is_told_to_machines_and_to_people() -> None:
    steps = Steps(NeedStatusList("https://issuer.example/list", Reason.STATUS_LIST_STALE), "V7")
    document = steps.to_json()
    assert {name: document[name] for name in ("outcome", "reason", "step", "uri")} == {
        "outcome": "status_list_needed", "reason": "status_list_stale", "step": "V9",
        "uri": "https://issuer.example/list",
    }  # fmt: skip
    assert document["steps"][-1] == {"step": "V9", "outcome": "status_list_needed"}
    lines = list(steps.to_lines())
    assert lines[8:] == [
        "V9  status                          status list needed",
        "status list needed: status_list_stale (V9): https://issuer.example/list",
    ]
    assert lines[0] == "V1  open the presentation           passed"


# --- files and options ---


def test_one_byte_more_than_may_be_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = tmp_path / "file"
    name.write_bytes(b"0123456789")
    for bound in (0, 5, 9, 10):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"0123456789")))
        assert read_file(str(name), bound) == read_file("-", bound) == b"0123456789"[: bound + 1]


def test_a_list_may_end_its_line_and_none_is_cut(tmp_path: Path) -> None:
    keys, name = tmp_path / "keys", tmp_path / "list"
    keys.write_text(json.dumps({"keys": [{**key("status").public.to_jwk(), "kid": "s1"}]}))

    def refused(body: bytes) -> list[Reason]:
        name.write_bytes(body)
        named = [(STATUS_URI, str(name), cli.ListName.JWT)]
        return [error.reason for error in cli.read_status_lists(named, str(keys), ISSUER, NOW)[1]]

    for end in (b"", b"\n", b"\r\n"):
        assert refused(status_token() + end) == []
        assert refused(b"a" * (cli.LIMITS.status_list_bytes + 1) + end) == [Reason.INPUT_TOO_LARGE]
    for wrong in (b"\n\n", b"\r\r\n", b" "):
        assert len(refused(status_token() + wrong)) == 1
    assert len(refused(b"\n" + status_token())) == len(refused(b"\r" + status_token())) == 1


def complaint(act: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        act()
    return str(caught.value)


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "none"
    assert complaint(lambda: read_file(str(missing), 1)) == f"cannot read {missing}: No such file or directory"

    def open_(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("builtins.open", open_)
    assert complaint(lambda: read_file("file", 1)) == "cannot read file: OSError"
    monkeypatch.undo()
    monkeypatch.setattr(sys, "stdin", None)
    assert complaint(lambda: read_file("-", 1)) == "cannot read -: standard input is closed"


def test_options_that_do_not_go_together_are_said_in_words() -> None:
    jwt = cli.ListName.JWT
    assert complaint(lambda: cli.named_lists(["u=f"], [], "")) == "--status-list and --status-jwks go together"
    options = "--audience, --nonce, --max-age-s: "
    assert complaint(lambda: cli.read_challenge("", "", "n", 1)).startswith(options)
    countries = "name --country at least once, or --any-country"
    for codes, all_ in ((["US"], True), ([], False)):
        assert complaint(lambda codes=codes, all_=all_: cli.read_countries(codes, all_)) == countries
    for wrong in ("f", "=f", "u="):
        assert complaint(lambda wrong=wrong: cli.named_lists([wrong], [], "k")) == "--status-list: write URI=FILE"
    assert cli.named_lists(["https://a/?b=c=file"], [], "k") == [("https://a/?b=c", "file", jwt)]


def test_anchors_that_are_none_are_said_by_their_options(tmp_path: Path) -> None:
    name = tmp_path / "roots"
    name.write_bytes(b"no certificate")
    world: list[Any] = ["https://issuer.example", Format.MDOC, ["type"], [Country("US")]]
    told = complaint(lambda: cli.read_anchors("", str(name), *world))
    assert told.startswith("--certificates, --issuer, --type: ")
    told = complaint(lambda: cli.read_anchors(str(name), "", *world))
    assert told.startswith("--jwks, --issuer, --type: ")


class Broken(io.StringIO):
    """An output that fails, and the descriptor of a file that does not."""

    def __init__(self, error: OSError, descriptor: int) -> None:
        super().__init__()
        self._error, self._descriptor = error, descriptor

    def flush(self) -> None:
        raise self._error

    def fileno(self) -> int:
        return self._descriptor


@pytest.mark.parametrize(("error", "told"), [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
    (BrokenPipeError(), "BrokenPipeError"),
], ids=["full", "pipe"])  # fmt: skip
def test_what_could_not_be_printed_is_said_in_words(
    error: OSError, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "out").open("wb") as file:
        descriptor = file.fileno()
        monkeypatch.setattr(sys, "stdout", Broken(error, descriptor))
        with pytest.raises(SystemExit) as exit_:
            finish(lambda: None)
        assert exit_.value.code == 2
        assert capsys.readouterr().err == f"citizenid: cannot print: {told}\n"
        os.write(descriptor, b"what is left")  # goes nowhere from then on
    assert (tmp_path / "out").read_bytes() == b""
