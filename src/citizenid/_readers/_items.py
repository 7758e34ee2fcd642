"""The items of an mdoc, each matched to the digest that its issuer signed for it.

Column by column, so that each rule is one step for all items. A refusal is that of the first namespace with a fault, as
if the namespaces had been looked at one by one.

Spec: ISO/IEC 18013-5 8.3.2.1.2.2, 9.1.2.5, 9.3.1; specs/profile-mdoc.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from operator import itemgetter, methodcaller
from types import MappingProxyType
from typing import Any, Final

from .. import _registry as reg
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._limits import Limits
from .._model import Presentation
from .._wire import cbor
from .._wire.cbor import CBORTag
from .._wire.dates import is_date

VALUE_TAGS: Final = frozenset({reg.DATE_TIME_TAG, reg.FULL_DATE_TAG})
HASHES: Final = {name: getattr(hashlib, function) for name, function in reg.MDOC_DIGESTS.items()}
_ITEM: Final = "issuer-signed-item"
_MIN_RANDOM_BYTES: Final = 16
# An issuer takes them below 2^31 (9.1.2.5). One that draws 32 bits has digests that are just as good.
_MAX_DIGEST_ID: Final = 2**32 - 1
_SCALARS: Final = frozenset({str, int, bytes, bool, type(None)})
_MAPS: Final = frozenset({dict})
_TEXTS: Final = frozenset({str})
_INTEGERS: Final = frozenset({int})
_BYTES: Final = frozenset({bytes})
_FIELDS: Final = itemgetter("digestID", "random", "elementIdentifier", "elementValue")
_FOUR: Final = frozenset({4})  # members of an item, the ones above, if it has no more
_DIGEST: Final = methodcaller("digest")
_NONE: Final[dict[int, bytes]] = {}
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_Run = tuple[str, int, int]
_Elements = Mapping[str, Any]


def match(
    presentation: Presentation, digests: dict[str, dict[int, bytes]], hash_name: str, limits: Limits
) -> tuple[Mapping[str, _Elements], list[Any]]:
    """Match every item to its digest. The namespaces came as the members of a map, each in one run.

    Args:
        presentation: with the items and their namespaces.
        digests: the digests that were signed, by namespace and digestID.
        hash_name: the name of the digest algorithm in an MSO, one of `HASHES`.
        limits: bounds.

    Returns:
        The claims, and the items of our own namespace as they came, with their tags.

    Raises:
        MalformedError: a Reason of form, CLAIM_INVALID for a date that is none.
        VerificationError: DISCLOSURE_MALFORMED, DISCLOSURE_UNREFERENCED, DIGEST_MISMATCH, DISCLOSURE_DUPLICATE,
            DISCLOSURE_CLASH.
    """
    namespaces, received = presentation.namespaces, presentation.disclosures
    if not received:
        return _NOTHING, []
    items = cbor.load_each(received, _ITEM, VALUE_TAGS)
    runs: list[_Run] = []
    own: list[Any] = []
    start = 0
    by_namespace = dict.fromkeys(namespaces)
    for namespace in by_namespace:
        end = start + namespaces.count(namespace)
        runs.append((namespace, start, end))
        if namespace == reg.MDOC_CITIZENSHIP:
            own = items[start:end]
        start = end
    claims = None
    try:
        claims = _elements(items, received, runs, digests, hash_name, limits)
    except CitizenIDError:
        pass  # raised below: the first namespace with a fault says which it is
    if claims is None:
        alone = partial(_elements_of, items, received, digests, hash_name, limits)
        claims = dict(zip(by_namespace, map(alone, runs), strict=True))
    return MappingProxyType(claims), own


def _elements_of(
    items: list[Any],
    received: tuple[bytes, ...],
    digests: dict[str, dict[int, bytes]],
    hash_name: str,
    limits: Limits,
    run: _Run,
) -> _Elements:
    namespace, start, end = run
    alone = [(namespace, 0, end - start)]
    return _elements(items[start:end], received[start:end], alone, digests, hash_name, limits)[namespace]


def _elements(
    items: list[Any],
    received: tuple[bytes, ...],
    runs: list[_Run],
    digests: dict[str, dict[int, bytes]],
    hash_name: str,
    limits: Limits,
) -> dict[str, _Elements]:
    """Return the elements of each namespace; `runs` says from where to where its items stand."""
    if not (_MAPS.issuperset(map(type, items)) and _FOUR.issuperset(map(len, items))):
        _check_members(items)
    columns = None
    try:
        columns = tuple(zip(*map(_FIELDS, items), strict=True))
    except KeyError:
        pass  # raised below without the key
    if columns is None:
        raise VerificationError(Reason.DISCLOSURE_MALFORMED, _ITEM)
    numbers, randoms, names, values = columns
    if (
        not _INTEGERS.issuperset(map(type, numbers))
        or min(numbers) < 0
        or max(numbers) > _MAX_DIGEST_ID
        or not _BYTES.issuperset(map(type, randoms))
        or min(map(len, randoms)) < _MIN_RANDOM_BYTES
        or not _TEXTS.issuperset(map(type, names))
        or max(map(len, names)) > limits.claim_name_chars
    ):
        raise VerificationError(Reason.DISCLOSURE_MALFORMED, _ITEM)
    expected: list[bytes | None] = []
    distinct = True
    for namespace, start, end in runs:
        own = numbers[start:end]
        expected += map(digests.get(namespace, _NONE).get, own)
        distinct = distinct and len(set(own)) == len(own)
    if expected != list(map(_DIGEST, map(HASHES[hash_name], cbor.embedded_each(received)))):
        raise VerificationError(Reason.DISCLOSURE_UNREFERENCED if None in expected else Reason.DIGEST_MISMATCH, _ITEM)
    if not distinct:
        raise VerificationError(Reason.DISCLOSURE_DUPLICATE, _ITEM)
    if not _SCALARS.issuperset(map(type, values)):
        cbor.check(list(values), _ITEM, VALUE_TAGS)
        values = tuple(map(_freeze, values))
    claims: dict[str, _Elements] = {}
    for namespace, start, end in runs:
        elements = dict(zip(names[start:end], values[start:end], strict=True))
        if len(elements) != end - start:  # EUDI PID_10: two values for one element
            raise VerificationError(Reason.DISCLOSURE_CLASH, _ITEM)
        claims[namespace] = MappingProxyType(elements)
    return claims


def _check_members(items: list[Any]) -> None:
    # The exception: what is no item, or holds more than an item does.
    for item in items:
        cbor.check(item, _ITEM, VALUE_TAGS)
        if type(item) is not dict:
            raise VerificationError(Reason.DISCLOSURE_MALFORMED, _ITEM)


def _freeze(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return tuple([_freeze(item) for item in value])
    if kind is dict:
        return MappingProxyType({name: _freeze(item) for name, item in value.items()})
    if kind is CBORTag:  # a date: its text is the value, as in every other format
        if type(value.value) is not str or not is_date(value.value):  # what else it says, it says as no date
            raise MalformedError(Reason.CLAIM_INVALID, _ITEM)
        return value.value
    return value
