"""Texts that a sender must have said exactly, compared in a time that tells nothing of where they differ.

Spec: specs/side-channels.md section 1, which lists every comparison of this package and why some need no such care.
"""

from __future__ import annotations

import hmac


def same_text(stated: object, expected: str) -> bool:
    """Return whether `stated` is the text `expected`. How long it takes depends on the lengths alone.

    Args:
        stated: what came, of any type; what is no text is not the same.
        expected: what it must be.
    """
    # `compare_digest` takes no text beyond ASCII, and a lone surrogate has bytes of its own here: the one text that
    # has the same bytes is the same text.
    return type(stated) is str and hmac.compare_digest(
        stated.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )
