"""What `audit verify` shows of a report: values and lines. What it says was verified by `gateway.audit`.

Spec: specs/profile-audit.md section 6.
"""

from __future__ import annotations

import base64
from typing import Any

from ..gateway.audit import AuditReport, LogReport


def to_json(report: AuditReport) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {"ok": True, "logs": [_log(log) for log in report.logs]}


def _log(log: LogReport) -> dict[str, Any]:
    others = [{"origin": origin, "size": size, "root": _text(root)} for origin, size, root in log.others]
    return {**log._asdict(), "root": _text(log.root), "others": others}


def to_lines(report: AuditReport, now: int) -> list[str]:
    """Return a report as lines of text."""
    lines = []
    for log in report.logs:
        lines += [
            log.origin,
            f"  {log.size:,} entries, root {_text(log.root)}, checkpoint {now - log.time:,} s old",
            f"  refused: {_counts(log.refused)}",
            f"  counted: {_counts(log.counted)}; allowed {log.allowed:,}, of these {log.marked:,} marked",
            f"  samples of allowed requests: {log.sampled:,}",
        ]
        if log.unwritten:
            lines.append(f"  WITHOUT AN ENTRY: {_counts(log.unwritten)}")
        if log.pending is None:
            lines.append("  no write-ahead file: a copy")
        elif log.pending or log.torn_bytes:
            lines.append(f"  after the checkpoint: {log.pending:,} entries, {log.torn_bytes:,} bytes of a torn end")
        if log.witnessed is not None:
            lines.append(f"  witnessed: {log.witnessed:,} entries")
    return [*lines, "valid"]


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
