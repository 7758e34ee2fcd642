"""What a credential or presentation of the CBOR formats contains, as values that JSON can show. Nothing is verified.

Byte strings stand as `h'...'` and tags as `24(...)`, as in diagnostic notation (RFC 8949 section 8); CBOR inside of
byte strings is opened where the format says that there is some.

Spec: ISO/IEC 18013-5 8.3.2.1.2; draft-ietf-spice-sd-cwt section 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from .. import CitizenIDError, Format, Limits
from .._model import DetachedSignature, Presentation, SignedObject
from .._wire import cbor
from .._wire.cbor import CBORTag, Redacted
from ..verifier import open_presentation

_TAGS: Final = frozenset(range(70_000))  # shown, not judged
_LEVELS: Final = 3  # byte strings inside of byte strings that are opened; hostile ones may nest without end


def sections(data: bytes | str, format_: Format, limits: Limits) -> Iterator[tuple[str, Any]]:
    """Yield (title, value) for each part of what was framed.

    Raises:
        MalformedError: a Reason of form.
        VerificationError: RESPONSE_NOT_OK.
    """
    presentations = open_presentation(data, format=format_, limits=limits)
    for number, presentation in enumerate(presentations, 1):
        title = f"document {number} of {len(presentations)}" if format_ is Format.MDOC else "SD-CWT"
        yield from _document(title, presentation)


def _document(title: str, presentation: Presentation) -> Iterator[tuple[str, Any]]:
    signed = presentation.credential
    hint = signed.key_hint
    stated = {"type outside of the signature": presentation.declared_type} if presentation.declared_type else {}
    yield (
        title,
        {
            **stated,
            "algorithm": signed.algorithm,
            "typ": signed.typ,
            "kid": hint.kid,
            "certificates": [f"{len(each)} bytes" for each in hint.certificates],
        },
    )
    yield f"{title}: what the issuer signed", _opened(signed.payload)
    for position, data in enumerate(presentation.disclosures):
        # A namespace is a foreign text, which no title may hold: it stands among what is marked as foreign.
        opened = _opened(data)
        shown = {"namespace": presentation.namespaces[position], "item": opened} if presentation.namespaces else opened
        yield f"{title}: disclosure {position + 1} of {len(presentation.disclosures)}", shown
    binding = presentation.binding
    if type(binding) is DetachedSignature:
        kind = "deviceMac" if binding.mac else "deviceSignature"
        yield f"{title}: {kind}", {"algorithm": binding.algorithm, "device-signed elements": _opened(binding.content)}
    elif type(binding) is SignedObject:
        yield f"{title}: key binding", {"algorithm": binding.algorithm, "claims": _opened(binding.payload)}
    else:
        yield f"{title}: key binding", "none, so this is a credential and no presentation"


def _opened(data: bytes, levels: int = _LEVELS) -> Any:
    """Return what CBOR bytes say, or the bytes when they are none."""
    value: Any = data
    try:
        value = cbor.decode(data, "cbor", _TAGS)
    except CitizenIDError:
        try:
            value = cbor.decode_marked(data, "cbor")
        except CitizenIDError:
            pass  # shown as they are
    return _plain(value, levels)


def _plain(value: Any, levels: int) -> Any:
    kind = type(value)
    if kind is bytes:
        return f"h'{value.hex()}'"
    if kind is list:
        return [_plain(item, levels) for item in value]
    if kind is dict:
        return {_key(key): _plain(item, levels) for key, item in value.items()}
    if kind is CBORTag:
        embedded = value.tag == 24 and type(value.value) is bytes and levels > 0
        return {f"tag {value.tag}": _opened(value.value, levels - 1) if embedded else _plain(value.value, levels)}
    return value


_MARKS: Final = {Redacted.KEYS: "redacted claim keys", Redacted.ELEMENT: "redacted element"}


def _key(key: Any) -> str:
    if type(key) is not str:
        return _MARKS.get(key) or str(key)
    # In JSON 1 and "1" are one name, of which the first would not be shown: such a text stands in quotation marks.
    return json.dumps(key) if _ALIKE.match(key) or key in _MARKS.values() else key


_ALIKE: Final = re.compile(r'-?[0-9]+\Z|"')
