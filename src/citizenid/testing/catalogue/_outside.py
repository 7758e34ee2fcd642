"""What reaches outside of the process while something is called: sockets, files, other programs.

Spec: the audit events of CPython (sys.audit).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Final

_HEARD: Final[list[tuple[int, str]]] = []
_LISTENING: Final = threading.Event()
_OUTSIDE: Final = frozenset({"socket", "open", "os", "urllib", "http", "ftplib", "subprocess", "shutil", "mmap"})


def note(event: str, _: object) -> None:
    """Take note of an event of `sys.audit`, while somebody listens and if it reaches outside."""
    if _LISTENING.is_set() and event.partition(".")[0] in _OUTSIDE:
        _HEARD.append((threading.get_ident(), event))


@cache
def _hear() -> None:
    sys.addaudithook(note)  # it stays as long as the process does, and is silent


def heard_during(act: Callable[[], object]) -> list[str]:
    """Return the names of the events of `sys.audit` that reached outside while this was called."""
    _hear()
    del _HEARD[:]
    _LISTENING.set()
    try:
        act()
    finally:
        _LISTENING.clear()
    return [event for thread, event in _HEARD if thread == threading.get_ident()]
