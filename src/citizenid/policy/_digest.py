"""What names a policy: a digest of what its rules say, so that two processes know whether they decide by the same.

Spec: specs/policy.md section 2; DESIGN section 4 (epochs are content digests).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from .._model import Assurance
from ..countries import Country
from ._rules import Rule

# How the form below is made; a change of it is another digest for the same rules.
_FORM: Final = "citizenid/policy/1"
_NAMES: Final = tuple(field.name for field in fields(Rule) if field.compare)


def digest_of(rules: Iterable[Rule]) -> bytes:
    """Return SHA-256 over what the rules say; lines and the order within a set do not count.

    Numbers, texts and lists of them, as Python writes them in ASCII: that is one text for each, in every release.
    """
    said = [_FORM, [[_plain(getattr(rule, name)) for name in _NAMES] for rule in rules]]
    return sha256(ascii(said).encode()).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, Assurance):
        return [value.framework, value.level]
    if isinstance(value, Country):
        return value.alpha2
    if isinstance(value, Enum):
        return str(value.value)
    return list(value) if isinstance(value, tuple) else value
