"""By what a list is known, and by what a ticket knows the status of a credential.

An identity begins with a bit that says its kind: 0 for lists that are asked by an index, 1 for identifier lists. So a
place in the one can never be taken for a place in the other.

Spec: specs/profile-status-list.md sections 2, 4 and 8.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from .. import _registry as reg
from .._model import KeyPurpose, StatusKind, StatusReference
from ..trust import TrustAnchor
from ._bitstring import for_purpose
from ._identifiers import TAG_BYTES, IdentifierList, tag_of
from ._list import StatusList
from ._token import VerifiedStatusList

_STATUS_LIST: Final = StatusKind.STATUS_LIST
_BITSTRING: Final = StatusKind.BITSTRING
_IDENTITY_BYTES: Final = 16
_LISTED: Final = 0x80  # the first bit
PREFIX_BYTES: Final = 10  # of the identity of an identifier list: a ticket has the tag of the identifier in the rest


@lru_cache(maxsize=4_096)  # few lists stand behind many credentials
def status_identity(
    uri: str,
    issuer: str,
    certificate: bytes | None = None,
    kind: StatusKind = _STATUS_LIST,
    purpose: str | None = None,
) -> bytes:
    """Return the 16 bytes by which a list is known: SHA-256 over (URI, trust point, kind, purpose), cut.

    The first bit is set for an identifier list and for no other. With a certificate, the list counts only when it is
    signed under that.
    """
    name = uri.encode("utf-8", "surrogatepass")  # a foreign text may hold half of a surrogate pair
    point = issuer.encode("utf-8", "surrogatepass")
    if certificate is not None:
        point = b"\0" + certificate + hashlib.sha256(point).digest()
    if kind is not _STATUS_LIST:  # a label would have to be a digest to be taken for it
        point = (b"\1" if purpose is None else b"\2" + purpose.encode()) + hashlib.sha256(point).digest()
    digest = hashlib.sha256(len(name).to_bytes(4, "big") + name + point).digest()
    first = digest[0] | _LISTED if kind is StatusKind.IDENTIFIER_LIST else digest[0] & ~_LISTED
    return bytes([first]) + digest[1:_IDENTITY_BYTES]


# What a list may be, by the bits of an entry; identifiers have none. An identity says which of them it is.
_MECHANISMS: Final[dict[int | None, tuple[tuple[StatusKind, str | None], ...]]] = {
    None: ((StatusKind.IDENTIFIER_LIST, None),),
    1: ((_STATUS_LIST, None), (_BITSTRING, reg.REVOCATION)),
    2: ((_STATUS_LIST, None), (_BITSTRING, reg.SUSPENSION)),
    4: ((_STATUS_LIST, None),),
    8: ((_STATUS_LIST, None),),
}


def is_identity_of(identity: bytes, uri: str, anchor: TrustAnchor | None, bits: int | None) -> bool:
    """Whether this is the identity of a list at `uri` by this signer, who may sign lists.

    Args:
        identity: of the list, by itself or under its signer's certificate.
        uri: of the list.
        anchor: its signer.
        bits: of each entry, or None for a list of identifiers.
    """
    if anchor is None or anchor.purpose is not KeyPurpose.STATUS_LIST:
        return False
    points = [None] if anchor.root is None else [None, anchor.root.der]
    return any(
        identity == status_identity(uri, anchor.issuer, point, kind, purpose)
        for kind, purpose in _MECHANISMS[bits]
        for point in points
    )


def identity_of(reference: StatusReference, anchor: TrustAnchor) -> bytes:
    """Return the identity of the list that counts for a credential of this anchor."""
    named = anchor.status_issuer != anchor.issuer
    certificate = None if named else reference.certificate
    return status_identity(reference.uri, anchor.status_issuer, certificate, reference.kind, reference.purpose)


_INDEX_BYTES: Final = TAG_BYTES - (_IDENTITY_BYTES - PREFIX_BYTES)  # four, as an index has in a ticket
_MAX_INDEX: Final = (1 << 8 * _INDEX_BYTES) - 1


def place_of(reference: StatusReference, anchor: TrustAnchor) -> tuple[bytes, int]:
    """Return the 16 bytes and the integer by which a ticket knows the status of a credential (`check_identity`).

    They are the identity of a status list and the index in it, or the beginning of the identity of an identifier list
    and the tag of the identifier: the one as long as the other, so that a ticket's length tells neither.
    """
    identity = identity_of(reference, anchor)
    if reference.identifier is None:
        return identity, reference.index
    tag = tag_of(reference.identifier)
    split = _IDENTITY_BYTES - PREFIX_BYTES
    return identity[:PREFIX_BYTES] + tag[:split], int.from_bytes(tag[split:], "big")


def tag_in_place(identity: bytes, index: int) -> bytes:
    """Return the tag that `place_of` split; what it never gave is the tag of nobody."""
    return identity[PREFIX_BYTES:] + (index & _MAX_INDEX).to_bytes(_INDEX_BYTES, "big")


def add_prefix(prefixes: dict[bytes, bytes], identity: bytes) -> None:
    """Note the beginning of an identifier list's identity; one that two lists share leads to neither of them."""
    if identity[0] & _LISTED and prefixes.setdefault(identity[:PREFIX_BYTES], identity) != identity:
        prefixes[identity[:PREFIX_BYTES]] = b""


def prefixes_of(identities: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the beginnings of the identities of identifier lists among these, as `add_prefix` notes them."""
    prefixes: dict[bytes, bytes] = {}
    for identity in identities:
        add_prefix(prefixes, identity)
    return prefixes


def parts_of(token: VerifiedStatusList) -> list[tuple[bytes, StatusList | IdentifierList]]:
    """Return what a token says, each with its identity: one list, or one for each purpose."""
    parts = []
    for purpose in token.purposes or (None,):
        statuses = token.statuses
        if type(statuses) is StatusList:
            statuses = for_purpose(statuses, purpose)
        parts.append((status_identity(token.uri, token.anchor.issuer, None, token.kind, purpose), statuses))
    return parts
