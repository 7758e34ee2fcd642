"""Strategies for status lists as they are published: JWT and CWT, identifier lists, bitstrings.

Spec: Token Status List sections 4, 5 and 6; ISO/IEC 18013-5 second edition 12.3.6.4; W3C Bitstring Status List v1.0.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, final

from hypothesis import strategies as st

from ... import LocalKey, NeedStatusList, Status, StatusReference, TrustAnchors
from ...status import IdentifierPublisher, StatusPublisher, StatusStore
from ..forge.parts import ISSUER, NOW, key
from ..forge.status_lists import status_anchors

FORMS: Final = ("jwt", "cwt", "identifier", "bitstring")
MEDIA_TYPES: Final = {
    "jwt": "application/statuslist+jwt",
    "cwt": "application/statuslist+cwt",
    "identifier": "application/identifierlist+cwt",
    "bitstring": "application/vc+jwt",
}
_ENTRIES: Final = 131_072  # W3C Bitstring Status List section 4.2: the least


@final
@dataclass(frozen=True, slots=True, repr=False)
class PublishedList:
    """A status list, and what it says.

    Attributes:
        data: as it is fetched.
        form: "jwt", "cwt", "identifier" or "bitstring". `media_type`: of the response.
        uri: where it is fetched.
        bits: of an entry; 1 in an identifier list.
        says: references into it, with what it says of each.
        signer: signed it.
        anchors: trust who signed it.
        now: when it is fetched.
    """

    data: bytes
    form: str
    uri: str
    bits: int
    says: tuple[tuple[StatusReference, Status], ...]
    signer: LocalKey
    anchors: TrustAnchors
    now: int = NOW

    @property
    def media_type(self) -> str:
        """The media type of the response."""
        return MEDIA_TYPES[self.form]

    def ingest(self, data: bytes | str | None = None, *, media_type: str | None = None) -> StatusStore:
        """Take the list, or `data` in its place, into a new store, and return it."""
        store = StatusStore(anchors=self.anchors)
        body = self.data if data is None else data
        sent_as = self.media_type if media_type is None else media_type
        store.ingest(self.uri, body, media_type=sent_as, now=self.now)
        return store

    def status(self, store: StatusStore, reference: StatusReference) -> Status | NeedStatusList:
        """Look a reference up, as a verifier does."""
        return store.check(reference, issuer=ISSUER, now=self.now)

    def __repr__(self) -> str:
        """Return what it is, without its bytes."""
        return f"<PublishedList {self.form} of {self.bits} bits, {[fate.name for _, fate in self.says]}>"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:  # hypothesis would print every field
        printer.text(repr(self))


@st.composite
def status_lists(draw: st.DrawFn, *, forms: Iterable[str] = FORMS, now: int = NOW) -> PublishedList:
    """Status lists of an issuer, of every form and number of bits, with a few entries that are not valid.

    A list is for 1 to 256 credentials, a bitstring for 131,072; it says something of each of up to eight references.
    """
    form = draw(st.sampled_from(tuple(forms)))
    uri = "https://id.example/status/" + draw(st.text("0123456789abcdef", min_size=1, max_size=8))
    signer = key("status")
    fates = st.sampled_from([Status.VALID, Status.INVALID])
    times: dict[str, Any] = {
        "now": now - draw(st.integers(0, 600)),
        "ttl_s": draw(st.integers(60, 43_200)),
        "expires_s": 86_400,
    }
    chance = random.Random(draw(st.integers(0, 2**32 - 1)))  # noqa: S311  # which index is whose: no secret in a test
    if form == "identifier":
        identifiers = IdentifierPublisher(uri=uri, draw=chance.randbytes)
        stated = [(identifiers.allocate(), fate) for fate in draw(st.lists(fates, max_size=8))]
        for reference, fate in stated:
            if fate is Status.INVALID:
                identifiers.revoke(reference)
        data = identifiers.publish(signer, kid="s1", **times)
        return PublishedList(data, form, uri, 1, tuple(stated), signer, status_anchors(), now)
    bits = draw(st.sampled_from([1, 2] if form == "bitstring" else [1, 2, 4, 8]))
    if bits > 1 and form != "bitstring":
        fates |= st.just(Status.SUSPENDED)
    purpose = draw(st.sampled_from(["revocation", "suspension"])) if form == "bitstring" else None
    if purpose is not None:
        bits = 1 if purpose == "revocation" else 2
        fates = st.sampled_from([Status.VALID, Status.INVALID if purpose == "revocation" else Status.SUSPENDED])
    stated = []
    fated = draw(st.lists(fates, max_size=8))
    publisher = StatusPublisher(
        uri=uri,
        size=_ENTRIES if form == "bitstring" else max(1, len(fated), draw(st.integers(1, 256))),
        bits=bits,
        purpose=purpose,
        issuer=ISSUER if form == "bitstring" else None,
        randbelow=chance.randrange,
    )
    for fate in fated:
        reference = publisher.allocate()
        if fate is Status.INVALID:
            publisher.revoke(reference)
        elif fate is Status.SUSPENDED:
            publisher.suspend(reference)
        stated.append((reference, fate))
    data = publisher.publish(signer, kid="s1", **{"format": form, **times})
    return PublishedList(data, form, uri, bits, tuple(stated), signer, status_anchors(), now)
