"""What is wrong with a policy, and where. A finding names keys and numbers, and of the text nothing but its lines.

Spec: specs/policy.md section 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple, final

from .._errors import CitizenIDError, Reason
from ._lines import Path, line_at


@final
class Finding(NamedTuple):
    """An error of a policy.

    Attributes:
        line: where it stands, from 1, or None when it stands nowhere.
        where: the path of an error that refuses the policy, such as "policy.rule[2].citizenship".
        message: what is wrong, in words.
    """

    line: int | None
    where: str
    message: str

    def to_error(self) -> CitizenIDError:
        """Return the error that refuses the policy: POLICY_INVALID."""
        error = CitizenIDError(Reason.POLICY_INVALID, self.where)
        error.line = self.line
        return error


class Findings:
    """Gathers findings, in the order in which they are met.

    Args:
        lines: of the text that is read; empty for rules that were not read from one.
    """

    def __init__(self, lines: dict[Path, int]) -> None:
        self.lines = lines
        self.found: list[Finding] = []

    def add(self, where: str, message: str, *path: str | int) -> None:
        """Note an error. `path` leads to what it is about."""
        self.found.append(Finding(line_at(self.lines, path), where, message))


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" for the known word that looks most like this one, or nothing."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names) if isinstance(word, str) and len(word) < 100 else []
    return f" (did you mean {names[close[0]]}?)" if close else ""
