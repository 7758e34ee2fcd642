"""Rows of the table: how one is judged, printed, written as JSON and drawn.

Spec: DESIGN section 8 (benches); the picture is plain SVG, written here, without a plotting library.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.backends.openssl import backend

from ._measure import Plan, Samples, Spread

_LIBRARIES: Final = ("citizenid", "cbor2", "cryptography", "jiter", "pybase64", "pyjwt", "pynacl")


class Kind(StrEnum):
    """What a row is for."""

    FIGURE = "figure"  # a target; a miss fails the run, but not a quick one, where noise rules
    BUDGET = "budget"  # a hundredth of the article's figure; a miss fails every run
    INFORMATION = "information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        name: short and unique.
        step: what was measured, in words.
        value: the measurement, in `unit`.
        unit: "us", "ms", "x".
        floor: the floor in the same unit, or None.
        floor_is: what the floor consists of.
        ratio: step to floor, of each sample, or None.
        target: what `ratio` (or, without one, `value`) must not exceed, or None.
        reached: whether the target is reached, or None without one.
        kind: what it is for.
        note: what else there is to say.
        details: further numbers, for the JSON alone.
    """

    name: str
    step: str
    value: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    ratio: Spread | None = None
    target: float | None = None
    reached: bool | None = None
    kind: Kind = Kind.INFORMATION
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def against_floor(
    name: str, step: str, samples: Samples, *, floor_is: str, target: float | None = None, note: str = ""
) -> Row:
    """Make the row of a step whose ratio to its floor counts."""
    ratio = samples.ratio()
    return Row(
        name=name,
        step=step,
        value=samples.us("step"),
        unit="us",
        floor=samples.us("floor"),
        floor_is=floor_is,
        ratio=ratio,
        target=target,
        reached=None if target is None else ratio.median <= target,
        kind=Kind.INFORMATION if target is None else Kind.FIGURE,
        note=note,
        details={"iterations": samples.iterations, "samples": {name: list(us) for name, us in samples.runs.items()}},
    )


def failures(rows: Iterable[Row], *, quick: bool) -> list[Row]:
    """Return the rows that fail the run."""
    return [row for row in rows if row.reached is False and (row.kind is Kind.BUDGET or not quick)]


def table(rows: Sequence[Row]) -> str:
    """Write the rows as one table of plain text."""
    head = ("step", "measured", "floor", "ratio (least - most)", "target", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    written = []
    for line in lines:
        first, *rest, last = line
        numbers = [cell.rjust(width) for cell, width in zip(rest, widths[1:-1], strict=True)]
        written.append("  ".join((first.ljust(widths[0]), *numbers, last)).rstrip())
    written.insert(1, "-" * max(map(len, written)))
    return "\n".join(written)


def _cells(row: Row) -> tuple[str, ...]:
    measured = f"{_number(row.value)} {row.unit}".rstrip()
    floor = "-" if row.floor is None else f"{_number(row.floor)} {row.unit}"
    ratio = "-" if row.ratio is None else f"x{row.ratio.median:.2f}"
    if row.ratio is not None and row.ratio.least < row.ratio.greatest:
        ratio += f" ({row.ratio.least:.2f} - {row.ratio.greatest:.2f})"
    mark = "x" if row.ratio is not None else ""
    target = "-" if row.target is None else f"<= {mark}{row.target:g}" + ("" if mark else f" {row.unit}".rstrip())
    verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
    return row.step, measured, floor, ratio, target, "; ".join(filter(None, (verdict, row.note)))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def document(rows: Iterable[Row], plan: Plan, *, quick: bool, core: int | None) -> dict[str, Any]:
    """Return everything as JSON has it."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "pinned_to_core": core,
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "openssl": backend.openssl_version_text(),
            **{name: version(name) for name in _LIBRARIES if _installed(name)},
        },
        "plan": {"quick": quick, **plan._asdict()},
        "rows": [{**asdict(row), "ratio": row.ratio and row.ratio._asdict()} for row in rows],
    }


def _installed(name: str) -> bool:
    try:
        version(name)
    except ImportError:  # PackageNotFoundError: run from a source tree that is not installed
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def picture(rows: Iterable[Row]) -> str:
    """Draw the ratios to the floor as an SVG bar chart: a bar with its spread, the floor at 1, the target as a mark."""
    drawn = [(row, row.ratio) for row in rows if row.ratio is not None and row.unit in ("us", "ms")]
    label_px, chart_px, line_px, top_px = 420, 460, 30, 44
    most = max([2.0, *(max(ratio.greatest, row.target or 0) for row, ratio in drawn)]) * 1.08
    height_px = top_px + line_px * len(drawn) + 34

    def x(ratio: float) -> float:
        return round(label_px + chart_px * ratio / most, 1)

    def line(left: float, top: float, right: float, bottom: float, style: str) -> str:
        return f'<line x1="{left}" y1="{top}" x2="{right}" y2="{bottom}" {style}/>'

    def text(left: float, top: float, words: str, anchor: str = "start") -> str:
        return f'<text x="{left}" y="{top}" text-anchor="{anchor}">{escape(words)}</text>'

    width_px = label_px + chart_px + 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" font-family="sans-serif"'
        ' font-size="13" role="img" aria-label="Ratios to the floor">',
        f'<rect width="{width_px}" height="{height_px}" fill="#ffffff"/>',
        text(14, 24, "Time of each step in multiples of its floor (median of the samples; whisker: least to most)"),
    ]
    bottom = top_px + line_px * len(drawn)
    for tick in range(int(most) + 1):
        parts.append(line(x(tick), top_px, x(tick), bottom, 'stroke="#dddddd"'))
        parts.append(text(x(tick), bottom + 18, f"x{tick}", "middle"))
    for position, (row, ratio) in enumerate(drawn):
        top = top_px + line_px * position
        middle = top + line_px / 2
        color = "#c0392b" if row.reached is False else "#2e7d5b" if row.reached else "#7f8c9b"
        width = round(x(ratio.median) - label_px, 1)
        parts.append(text(label_px - 10, middle + 4, row.step, "end"))
        parts.append(f'<rect x="{label_px}" y="{top + 6}" width="{width}" height="{line_px - 12}" fill="{color}"/>')
        parts.append(line(x(ratio.least), middle, x(ratio.greatest), middle, 'stroke="#111111"'))
        parts.append(text(x(max(ratio.greatest, row.target or 0)) + 8, middle + 4, f"x{ratio.median:.2f}"))
        if row.target is not None:
            parts.append(
                line(x(row.target), top + 2, x(row.target), top + line_px - 2, 'stroke="#111" stroke-width="2"')
            )
    parts.append(line(x(1), top_px - 4, x(1), bottom, 'stroke="#111111" stroke-dasharray="4 3"'))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
