"""An issuer who is trusted no more: removed from the anchors, or revoked by his authority.

An operator who hands in one CRL asks for one of every issuer on a path: where none of an issuer's own counts, nobody
knows of a certificate of his that it is not revoked.

Spec: RFC 5280 sections 5 and 6.3.3; ISO/IEC 18013-5 B.1; specs/verification.md V2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ... import Format, Reason, TrustAnchors
from ...gateway import SieveCache
from ..attacks import attack
from ..forge import sd_jwt
from ..forge.certificates import revocation_list
from ..forge.mdoc_keys import key as private
from ..forge.mdoc_keys import root
from ..forge.parts import NOW, key
from ..forgery import Outcome
from ..targets import Party, outcome_of
from ..trials import Trial, accepted, asked, expect, holds, raises, refused
from ._chains import EVERY, authority, leaf, shown, status_list, trusting
from ._places import here
from ._statuses import shown as used

_OTHER: Final = "https://other.example"
_REVOKED: Final = Reason.CERTIFICATE_REVOKED
_UNUSABLE: Final = Reason.CRL_UNUSABLE
_SERIAL: Final = 4_711


@attack("KEY-012", "ISSUER_UNTRUSTED")
def issuer_removed() -> Iterator[Trial]:
    """The issuer is removed from the anchors after his credential was verified, and remembered."""
    left = sd_jwt.anchors_for(key("other").public, issuer=_OTHER, kid="k2")
    yield raises("the half of the issuer is remembered", Reason.KEY_UNKNOWN, partial(_again, left), step="V2")
    again = sd_jwt.anchors_for(key("other").public)
    yield raises("another key has his kid", Reason.SIGNATURE_INVALID, partial(_again, again), step="V3")
    yield holds("he is still there", partial(_again, sd_jwt.anchors()))
    yield here("a ticket is out", Reason.ANCHOR_REMOVED, partial(_removed, left))
    yield here("a presentation afterwards", Reason.KEY_UNKNOWN, partial(_removed, left, afresh=True))
    yield here("he is still there, and a ticket is out", None, partial(_removed, sd_jwt.anchors()))
    yield from _revoked_certificates()


def _again(anchors: TrustAnchors) -> None:
    cached: Any = SieveCache(8)
    shown = sd_jwt.make()
    sd_jwt.verify(shown, cache=cached)
    expect(len(cached) == 1, "nothing is remembered")
    sd_jwt.verify(shown, cache=cached, anchors=anchors)


def _removed(anchors: TrustAnchors, party: Party, *, afresh: bool = False) -> Outcome:
    ticket = party.ticket()
    expect(party.use(ticket).allowed, "the ticket is refused before")
    party.world.gateway.reload(anchors=anchors)
    return outcome_of(party.apply()) if afresh else party.use(ticket)


def _list(*serials: int, **changes: Any) -> bytes:
    """Return a list of the one IACA that everybody trusts."""
    return revocation_list(root().subject, private("IACA"), serials, **changes)


def _revoked_certificates() -> Iterator[Trial]:
    """Show a chain of which a certificate is revoked, or of which nobody knows that it is not."""
    own = leaf(serial=_SERIAL)
    yield from _each("another certificate is revoked", None, [_list(_SERIAL + 1)], own)
    yield from _each("the signer is revoked", _REVOKED, [_list(_SERIAL)], own)
    yield from _each("the signer is among several", _REVOKED, [_list(1, _SERIAL, 9)], own)
    held = x509.CRLReason(x509.ReasonFlags.certificate_hold)
    yield from _each("the signer is on hold", _REVOKED, [_list(_SERIAL, of_each=[(held, False)])], own)
    yield from _each("revoked in a list in PEM", _REVOKED, [_list(_SERIAL, pem=True)], own)
    earlier, later = {"this_update": NOW - 100}, {"this_update": NOW - 50}
    two = [_list(_SERIAL, **earlier), _list(**later)]
    yield from _each("an earlier list said so", None, two, own)
    two = [_list(**earlier), _list(_SERIAL, **later)]
    for order in (two, two[::-1]):
        yield from _each(f"a later list says so, as the {order.index(two[1]) + 1}.", _REVOKED, order, own)
    yield from _each("the list to come says so", None, [_list(), _list(_SERIAL, this_update=NOW + 1)], own)
    yield from _of_an_intermediate()
    unread = {
        "not due for a second": (None, [_list(next_update=NOW + 1)]),
        "due": (_UNUSABLE, [_list(next_update=NOW)]),
        "overdue": (_UNUSABLE, [_list(next_update=NOW - 1)]),
        "not begun": (_UNUSABLE, [_list(this_update=NOW + 1)]),
        "two of one second": (_UNUSABLE, [_list(), _list(_SERIAL + 1)]),
        "without a number": (_UNUSABLE, [_list(number=None)]),
        "a delta": (_UNUSABLE, [_list(extensions=[(x509.DeltaCRLIndicator(1), True)])]),
        "a part": (_UNUSABLE, [_list(extensions=[(_part(), True)])]),
        "with an unknown demand": (_UNUSABLE, [_list(extensions=[(_unknown(), True)])]),
        "with an unknown demand of an entry": (_UNUSABLE, [_list(1, of_each=[(_unknown(), True)])]),
        "with another issuer's entries": (_UNUSABLE, [_list(1, of_each=[(_elsewhere(), False)])]),
        "by a key of that name": (_UNUSABLE, [revocation_list(root().subject, private("stranger"), ())]),
        "of another authority": (_UNUSABLE, [revocation_list(authority("Other").subject, private("Other"), ())]),
    }
    for name, (reason, lists) in unread.items():
        yield from _each(f"a list that is {name}", reason, lists, own)
    unsigned = authority("IACA", usage={"crl_sign": False})
    yield from _each("a list of whom signs none", _UNUSABLE, [_list()], own, roots=[unsigned])
    none: dict[str, Any] = {"bytes": [b"x"], "a certificate": [own.public_bytes(Encoding.DER)], "text": "x"}
    for name, given in none.items():
        made = partial(trusting, Format.MDOC, root(), crls=given)
        yield raises(f"a list that is {name}", Reason.ANCHOR_INVALID, made)
    both = partial(trusting, Format.MDOC, root(), crls=[_list(pem=True) + _list(_SERIAL, pem=True)])
    yield raises("two lists in one", Reason.ANCHOR_INVALID, both)
    signer = leaf(serial=_SERIAL, purposes=None)
    yield status_list("of a list's signer, nothing is revoked", None, signer, crls=[_list()])
    yield status_list("the signer of a list is revoked", _REVOKED, signer, crls=[_list(_SERIAL)])


def _each(
    name: str,
    reason: Reason | None,
    lists: Sequence[bytes],
    *chain: x509.Certificate,
    roots: Sequence[x509.Certificate] = (),
) -> Iterator[Trial]:
    """Expect this in each format, and of a gateway whose operator has handed in these lists."""
    for format in EVERY:
        said, forged = f"{name}: {format.value}", shown(format, chain)
        trusted = trusting(format, *(roots or (root(),)), crls=lists)
        if reason is None:
            yield accepted(said, forged, anchors=trusted)
        else:
            yield refused(said, reason, forged, step="V2", anchors=trusted)
        if format is Format.MDOC:

            def act(party: Party, forged: Any = forged) -> Any:
                return used(party, forged)

            yield asked(f"{name}: a gateway", reason, act, format=format, anchors=trusted)


def _of_an_intermediate() -> Iterator[Trial]:
    wide = authority("IACA", path_length=1)
    chain = leaf(issuer="CA"), authority("CA", "IACA", serial=_SERIAL)
    below = revocation_list(chain[1].subject, private("CA"), ())
    yield from _each("an intermediate, nothing is revoked", None, [_list(), below], *chain, roots=[wide])
    yield from _each("an intermediate is revoked", _REVOKED, [_list(_SERIAL), below], *chain, roots=[wide])
    yield from _each("an intermediate without a list", _UNUSABLE, [_list()], *chain, roots=[wide])
    yield from _each("an intermediate alone has a list", _UNUSABLE, [below], *chain, roots=[wide])
    his = revocation_list(chain[1].subject, private("CA"), (chain[0].serial_number,))
    yield from _each("revoked by an intermediate", _REVOKED, [_list(), his], *chain, roots=[wide])


def _unknown() -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def _part() -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(None, None, True, False, None, False, False)


def _elsewhere() -> x509.CertificateIssuer:
    return x509.CertificateIssuer([x509.DirectoryName(authority("Other").subject)])
