"""A bug that is planted on purpose: only a search that is guided by coverage finds it.

Each byte of the magic text has a branch of its own. `run.py` adds it to a target where CITIZENID_FUZZ_PLANTED says so.
"""

from __future__ import annotations


def deep(data: bytes, magic: bytes) -> None:
    """Fail on inputs that begin with the magic text."""
    if len(data) < len(magic):
        return
    if data[0] == magic[0]:
        if data[1] == magic[1]:
            if data[2] == magic[2]:
                if data[3] == magic[3]:
                    raise KeyError("the planted bug")
