"""What a credential or presentation contains, in lines for a terminal. Nothing is verified, and every section says so.

Text from outside has every character escaped that does not print, and stands in lines that are broken and marked here,
so that no input can move the cursor or look like a line of ours.

Spec: RFC 9901 sections 4 and 8.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from .. import Format, Limits, Serialization
from .._model import SignedObject
from .._readers import sd_jwt_vc
from .._wire import base64url
from .._wire import json as strict_json
from ..verifier import open_presentation
from .cbor_inspection import sections

COLUMNS: Final = 100  # of a terminal; a line of ours is never longer


_NOTICE: Final = "UNVERIFIED, all of it: no signature, digest, time or status was checked. Lines with | are foreign."


def inspection(data: bytes | str, *, format: Format, serialization: Serialization, limits: Limits) -> list[str]:
    """Return what a credential or presentation contains, in lines that are safe to print. Nothing is verified.

    Raises:
        MalformedError: a Reason of form.
        VerificationError: HASH_ALGORITHM_NOT_ALLOWED, DISCLOSURE_MALFORMED, DISCLOSURE_DUPLICATE, RESPONSE_NOT_OK.
    """
    if format is not Format.SD_JWT_VC:
        found = sections(data, format, limits)
        return [_NOTICE, *(line for title, value in found for line in _section(title, value))]
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC, limits=limits, serialization=serialization)
    credential, binding = presentation.credential, presentation.binding
    header = _header(credential.to_be_signed, "issuer-jwt", limits)
    payload = strict_json.parse_object(credential.payload, "issuer-jwt.payload", limits.depth)
    hash_name = sd_jwt_vc.take_hash_name(dict(payload))
    disclosures = sd_jwt_vc.decode_disclosures(presentation.disclosures, hash_name, limits)
    in_payload = Counter(_digests(payload))
    lines = [
        _NOTICE,
        *_section("issuer-jwt header", header),
        *_section("issuer-jwt payload", payload),
    ]
    inner: dict[str, list[str]] = {}
    for disclosure in disclosures.values():
        for digest in _digests(disclosure.value):
            inner.setdefault(digest, []).append(f"disclosure {disclosure.position + 1}")
    for digest, disclosure in disclosures.items():
        encoded = presentation.disclosures[disclosure.position]
        array = strict_json.parse(base64url.decode(encoded, "disclosure"), "disclosure", limits.depth)
        places = ["issuer-jwt payload"] * in_payload[digest] + inner.get(digest, [])
        kind = "array element" if disclosure.name is None else "object member"
        lines += _section(f"disclosure {disclosure.position + 1} of {len(disclosures)}: {kind}", array)
        lines += wrapped("  ", f"digest ({hash_name}) {digest}, referenced by: {', '.join(places) or 'NOTHING'}")
    hidden = len({*in_payload, *inner} - set(disclosures))
    lines += ["", f"UNVERIFIED digests without a disclosure here (withheld claims or decoys): {hidden}"]
    if type(binding) is not SignedObject:
        return [*lines, "", "UNVERIFIED key binding: none, so this is a credential and no presentation"]
    lines += _section("kb-jwt header", _header(binding.to_be_signed, "kb-jwt", limits))
    return lines + _section("kb-jwt payload", strict_json.parse_object(binding.payload, "kb-jwt.payload", limits.depth))


def _header(to_be_signed: bytes, where: str, limits: Limits) -> Any:
    where += ".header"
    return strict_json.parse_object(base64url.decode(to_be_signed.partition(b".")[0], where), where, limits.depth)


def _digests(value: Any) -> list[str]:
    """Collect what stands where digests stand: in `_sd` arrays and in objects with the one member `...`."""
    digests: list[str] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if type(each) is dict:
            listed = each.get("_sd")
            digests += [text for text in listed if type(text) is str] if type(listed) is list else []
            if len(each) == 1 and type(each.get("...")) is str:
                digests.append(each["..."])
            pending += each.values()
        elif type(each) is list:
            pending += each
    return digests


def _section(title: str, value: Any) -> list[str]:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return ["", f"UNVERIFIED {title}", *(part for line in text.split("\n") for part in wrapped("| ", line))]


def wrapped(mark: str, line: str) -> list[str]:
    """Break a line where the terminal would, so that every line on the screen begins with our mark."""
    from rich.cells import chop_cells  # of the extra: the command line first asks whether it is there

    return [mark + part for part in chop_cells(printable(line), COLUMNS - len(mark))]


def printable(text: str) -> str:
    r"""Return `text` with every character escaped, as in JSON, that does not print: controls, formats, surrogates.

    >>> print(printable("a\x1b[2Jb"))
    a\u001b[2Jb
    """
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
