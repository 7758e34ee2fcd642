"""A bug that is planted on purpose: only a search that is guided by coverage finds it.

Seven nibbles have a branch each: one input in 268 million has all of them, but a search that keeps what passes one
branch needs a few hundred tries for the next. `run.py --prove` adds it to a target.
"""

from __future__ import annotations

BYTES = 7


def deep(data: bytes) -> None:
    """Fail on inputs whose first seven bytes begin with the nibbles 4, 5, 4, 5, 9, 10 and 11."""
    if len(data) < BYTES:
        return
    if data[0] >> 4 == 4:  # one branch each, which the search sees one after the other
        if data[1] >> 4 == 5:
            if data[2] >> 4 == 4:
                if data[3] >> 4 == 5:
                    if data[4] >> 4 == 9:
                        if data[5] >> 4 == 10:
                            if data[6] >> 4 == 11:
                                raise KeyError("the planted bug")
