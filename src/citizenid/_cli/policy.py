"""What `citizenid policy check` and `citizenid policy diff` print: errors with their lines, and who gains or loses."""

from __future__ import annotations

from ..policy import AdmissionPolicy, diff, lint
from .inspection import printable


def check_lines(name: str, text: str) -> list[str]:
    """Return a line for each error of a policy: file, line, path, and what is wrong; none for a policy without one."""
    return [
        f"{printable(name)}:{finding.line or 1}: {finding.where}: {printable(finding.message)}"
        for finding in lint(text)
    ]


def diff_lines(old: str, new: str) -> list[str]:
    """Return a line for each change of who has access.

    Raises:
        CitizenIDError: when one of the two is no policy, or their patterns are too many to be compared.
    """
    return [printable(str(change)) for change in diff(AdmissionPolicy.from_toml(old), AdmissionPolicy.from_toml(new))]
