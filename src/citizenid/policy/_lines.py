"""On which line of a TOML text what stands: to report with, never to decide by.

`tomllib` gives values without places. This scanner reads a text that `tomllib` has read already, so that it need not
know what is valid: it follows tables, keys and brackets, steps over strings and comments, and counts lines. Were it
wrong, an error would name the wrong line and still be the right error.

Spec: specs/policy.md section 1; TOML 1.0.0.
"""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]
"""Keys, and for a table of an array its number from 1."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRINGS: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
# What stands in no key, from left to right; what is left open goes on to where the reader gives up, so that nothing is
# looked through twice.
_TEXTS: Final = re.compile(
    r'#[^\n]*|"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)|\'\'\'.*?(?:\'{3,5}|\Z)|"(?:[^"\\\n]|\\[^\n])*"?|\'[^\'\n]*\'?',
    re.DOTALL,
)
_MAX_PARTS: Final = 64  # of the keys of a line: a policy has three, and a key of n parts costs the reader n paths of n
_QUOTES: Final = frozenset("\"'")
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line of every table and key, from 1: ("rule", 2) and ("rule", 2, "binding")."""
    return _Scanner(text).scan()


def has_long_key(text: str) -> bool:
    """Say whether a line has more full stops than keys of a policy, outside of texts and comments: before it is read.

    Beside the parts of keys, numbers with a fraction have one, and no policy has any.
    """
    return any(line.count(".") >= _MAX_PARTS for line in _TEXTS.sub("", text).split("\n"))


def line_at(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of what stands at a path, or of the nearest table around it, or None."""
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), None)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.counted = 0  # up to here, line ends are counted
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}  # how many tables an array has so far

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self.skip(_BLANK)
            if self.position >= len(self.text):
                return self.lines
            if self.text[self.position] == "[":
                table = self.header()
            else:
                self.pair(table)  # steps over a character at least, whatever it is

    def header(self) -> Path:
        array = self.text.startswith("[[", self.position)
        line = self.here()
        self.position += 1 + array
        *outer, last = self.key()
        table = self.resolved(outer)
        if array:
            self.tables[(*table, last)] = number = self.tables.get((*table, last), 0) + 1
            self.lines.setdefault((*table, last), line)
            table = (*table, last, number)
        else:
            table = self.resolved([*outer, last])
        self.lines.setdefault(table, line)
        self.position = min(self.position + 1 + array, len(self.text))
        return table

    def resolved(self, keys: list[str]) -> Path:
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self.tables:
                path = (*path, self.tables[path])
        return path

    def pair(self, table: Path) -> None:
        line = self.here()
        path = table
        for key in self.key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.value(path)

    def value(self, path: Path) -> None:
        """Step over "=" and a value; tables that stand in an array of its own get their lines."""
        depth = tables = 0
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in _QUOTES:
                self.string()
                continue
            if character == "#":
                self.skip(_BLANK)
                if not depth:
                    return
                continue
            if character == "\n" and not depth:
                return
            if character == "{" and depth == 1:
                tables += 1
                self.lines.setdefault((*path, tables), self.here())
            depth += (character in _OPENING) - (character in _CLOSING)
            self.position += 1

    def key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self.skip(_SPACE)
            start = self.position
            if self.text[start : start + 1] in _QUOTES:
                self.string()
                keys.append(self.text[start + 1 : self.position - 1])
            else:
                self.skip(_BARE)
                keys.append(self.text[start : self.position])
            self.skip(_SPACE)
            if not self.text.startswith(".", self.position):
                return keys
            self.position += 1

    def string(self) -> None:
        found = _STRINGS.match(self.text, self.position)
        self.position = len(self.text) if found is None else found.end()

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()

    def here(self) -> int:
        self.line += self.text.count("\n", self.counted, self.position)
        self.counted = self.position
        return self.line
