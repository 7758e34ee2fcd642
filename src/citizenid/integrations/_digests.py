"""Whether a body is the one whose digest its sender states: a signature that covers `content-digest` covers it then.

Spec: RFC 9530 section 2; RFC 9651 section 3.2; specs/profile-sender-proofs.md section 3.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

_NAME: Final = b"content-digest"
_ALGORITHMS: Final = {b"sha-256": hashlib.sha256, b"sha-512": hashlib.sha512}  # the active ones (RFC 9530 section 5)
_MAX_FIELD_BYTES: Final = 1_024  # both of them take 160
_MEMBER: Final = re.compile(rb"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):")


def is_as_stated(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
    """Tell whether a body is as `Content-Digest` says, if that is there; what cannot be compared is not as it says.

    Args:
        headers: pairs of bytes.
        body: as it came, its content codings not undone.
    """
    values = [value for name, value in headers if name.lower() == _NAME]
    if not values:
        return True
    field = b",".join(values)
    stated: dict[bytes, bytes] = {}
    for item in field.split(b",") if len(field) <= _MAX_FIELD_BYTES else (b"",):
        member = _MEMBER.fullmatch(item.strip(b" \t"))
        if member is None or member[1] in stated:
            return False
        stated[member[1]] = member[2]
    known = _ALGORITHMS.keys() & stated.keys()
    return bool(known) and all(b64encode(_ALGORITHMS[each](body).digest()) == stated[each] for each in known)
