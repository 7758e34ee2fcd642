"""A pytest plugin that reports which rule refused what.

Loaded by `-p citizenid.testing.plugin`, or by `pytest_plugins` in a conftest.

Options:
    --attack-report: print every attack and mutation that was tried, then the rules and how much each of them refused.
    --attack-report-json FILE: write the same as JSON.

What is reported is what was tried in the process of pytest itself: `Attack.run` and `Hostile.judge` note it. Nothing
of the kit is imported here before the session starts, so that whoever measures the coverage of his own tests loses
nothing by loading this.

Spec: specs/testing.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

_STARTED: Final = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("citizenid")
    group.addoption(
        "--attack-report",
        action="store_true",
        default=False,
        help="print which rule refused each attack and mutation",
    )
    group.addoption(
        "--attack-report-json",
        metavar="FILE",
        default=None,
        help="write which rule refused each attack and mutation, as JSON",
    )


def _wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("attack_report")) or config.getoption("attack_report_json") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to report of tests that are spread over workers: whatever they found, it would say that all is well."""
    if _wanted(config) and getattr(config.option, "dist", "no") != "no":
        raise pytest.UsageError("an attack report is of one process: run its tests without workers (-n 0)")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember where the findings of this session begin, and remove the report of another one."""
    if _wanted(session.config):
        from .attacks import JOURNAL

        session.config.stash[_STARTED] = len(JOURNAL.findings)
        path = session.config.getoption("attack_report_json")
        if path is not None:  # where this session ends before it reports, nothing must say how it went
            Path(path).unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Report the findings of this session."""
    if not _wanted(config):
        return
    import json

    from .attacks import JOURNAL
    from .catalogue import GROUPS
    from .mutations import TABLES
    from .report import Report

    groups = {attack.id: (group.name, attack.what) for group in GROUPS for attack in group.attacks}
    rows = {form: tuple(row.name for row in table) for form, table in TABLES.items()}
    report = Report(JOURNAL.findings[config.stash.get(_STARTED, 0) :], groups, rows)
    if config.getoption("attack_report"):
        _print(terminalreporter, report)
    path = config.getoption("attack_report_json")
    if path is not None:
        text = json.dumps(report.to_dict(), ensure_ascii=False, indent=1) + "\n"
        Path(path).write_text(text, encoding="utf-8")
    terminalreporter.write_line(f"attacks: {report.summary}", red=bool(report.unexplained))


def _print(terminalreporter: Any, report: Any) -> None:
    terminalreporter.section("attacks and mutations")
    for line in report.cases():
        terminalreporter.write_line(line)
    terminalreporter.section("rules")
    for line in report.table():
        terminalreporter.write_line(line)
    missing = list(report.missing())
    if missing:
        terminalreporter.section("not tried")
        for line in missing:
            terminalreporter.write_line(line)
    if report.unexplained:
        terminalreporter.section("unexplained", red=True)
        for line in report.unexplained:
            terminalreporter.write_line(str(line))
