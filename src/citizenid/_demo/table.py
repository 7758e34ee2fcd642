"""What the demo found, as a table for people and as a document for machines.

Spec: DESIGN section 1.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .floor import BACKEND_VERSION
from .measure import CaseReport, Report


def to_json(report: Report) -> dict[str, Any]:
    """Return the facts of the table, for machines. Times are in microseconds."""
    rows = []
    for row, cases in report.rows:
        found = [
            {
                "case": case.title,
                "decision": case.decision,
                "reason": case.reason or None,
                "count": case.count,
                "wrong": case.wrong,
                "first_wrong": case.first_wrong or None,
                "p50_us": case.p50_ns / 1e3,
                "p99_us": case.p99_ns / 1e3,
                "floor_us": None if case.floor_ns is None else case.floor_ns / 1e3,
                "floor_p99_us": None if case.floor_p99_ns is None else case.floor_p99_ns / 1e3,
                "within_budget": not case.late,
            }
            for case in cases
        ]
        rows.append({"row": row.title, "article_s": row.article_s, "budget_us": row.budget_s * 1e6, "cases": found})
    versions = {"python": platform.python_version(), "cryptography": BACKEND_VERSION}
    return {"ok": report.ok, "format": report.format.value, "rows": rows, "versions": versions}


def to_table(report: Report) -> Group:
    """Return the table, at most 100 columns wide and readable without colour."""
    parts: list[Table | Text] = []
    for number, (row, cases) in enumerate(report.rows, 1):
        title = f"{number}. {row.title}: {row.article_s:g} s in the article, at p99 {row.budget_s * 1e3:g} ms here"
        parts.append(Text(title, style="bold"))
        parts.append(_row_table(cases))
        for case in cases:
            if case.wrong:
                text = f"  WRONG: {case.title}: {case.wrong:,} of {case.count:,} decisions, first {case.first_wrong}"
                parts.append(Text(text, style="bold red"))
            if case.late:
                text = f"  LATE: {case.title}: {_time(case.p99_ns)} at p99"
                if case.floor_p99_ns is not None:
                    text += f", where the floor alone takes {_time(case.floor_p99_ns)}"
                parts.append(Text(text, style="bold red"))
        parts.append(Text())
    parts.append(Text(f"credentials: {report.format.value}"))
    verdict = "every decision right, every budget kept" if report.ok else "FAILED: see WRONG and LATE above"
    parts.append(Text(verdict, style="bold green" if report.ok else "bold red"))
    parts.append(Text("floor: signature checks, key loads and digests that the case cannot avoid, in this same run"))
    return Group(*parts)


_SHORT: Final = {"NeedPresentation": "Need"}  # so that a line has 100 columns


def _row_table(cases: Sequence[CaseReport]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("  case", width=26)
    table.add_column("decision", width=30)
    for name, width in (("runs", 6), ("p50", 8), ("p99", 8), ("floor", 8), ("/floor", 6)):
        table.add_column(name, width=width, justify="right")
    for case in cases:
        floor = ("-", "-") if case.floor_ns is None else (_time(case.floor_ns), f"{case.p50_ns / case.floor_ns:.2f}")
        numbers = (f"{case.count:,}", _time(case.p50_ns), _time(case.p99_ns), *floor)
        decision = f"{_SHORT.get(case.decision, case.decision)} {case.reason}".rstrip()
        table.add_row(f"  {case.title}", decision, *numbers)
    return table


def _time(nanoseconds: int) -> str:
    if nanoseconds < 999_950:  # what would be written as 1000.0 us has no room in its column
        return f"{nanoseconds / 1e3:.1f} us"
    return f"{nanoseconds / 1e6:.2f} ms"
