"""What the command line prints, word by word: the table of the demo, what is inside a credential, and its complaints.

`test_main` runs the commands; here is what they say, where a script or a reader goes by it.
"""

from __future__ import annotations

import errno
import io
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import builders_sd_cwt
import cbor2
import mdoc_builders
import pytest
from builders import (
    AUDIENCE,
    NONCE,
    NOW,
    anchors,
    challenge,
    digest,
    disclosure,
    issuer_half,
    make,
    segment,
    statuses,
)
from rich.console import Console
from rich.table import Table
from rich.text import Text

from citizenid import CitizenIDError, Format, Limits, NeedStatusList, Reason, Serialization, _demo
from citizenid import __main__ as cli
from citizenid._cli.files import UsageError, finish, read_file
from citizenid._cli.inspection import inspection
from citizenid._cli.steps import Steps, verify_steps
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
    credential = inspected(cbor2.dumps(builders_sd_cwt.credential()), Format.SD_CWT)
    assert "none, so this is a credential and no presentation" in credential[-1]
    text = "\n".join(inspected(mdoc_builders.make(), Format.MDOC))
    for member in ("type outside of the signature", "algorithm", "certificates", "device-signed elements"):
        assert f'|   "{member}": ' in text
    assert "document 1 of 1: deviceSignature" in text and '"namespace": ' in text and '"item": ' in text


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


def complaint(act: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        act()
    return str(caught.value)


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "none"
    assert complaint(lambda: read_file(str(missing), 1)) == f"cannot read {missing}: No such file or directory"
    monkeypatch.setattr(sys, "stdin", None)
    assert complaint(lambda: read_file("-", 1)) == "cannot read -: standard input is closed"


def test_options_that_do_not_go_together_are_said_in_words() -> None:
    jwt = cli.ListName.JWT
    assert complaint(lambda: cli.named_lists(["u=f"], [], "")) == "--status-list and --status-jwks go together"
    for wrong in ("f", "=f", "u="):
        assert complaint(lambda wrong=wrong: cli.named_lists([wrong], [], "k")) == "--status-list: write URI=FILE"
    assert cli.named_lists(["https://a/?b=c=file"], [], "k") == [("https://a/?b=c", "file", jwt)]


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
