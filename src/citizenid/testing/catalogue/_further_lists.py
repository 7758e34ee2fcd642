"""Lists that count in a way of their own: under one certificate, for identifiers, and at a time of the past.

Spec: ISO/IEC 18013-5 second edition 12.3.6; Token Status List section 8.4; specs/verification.md V9;
specs/profile-status-list.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from cryptography import x509

from ... import Format, KeyPurpose, Reason, TrustAnchors
from ...status import StatusStore, verify_status_list
from ..forge.certificates import der, local_key, pem
from ..forge.mdoc_keys import key, root
from ..forge.parts import ABSENT, ISSUER, NOW, STATUS_MEDIA_TYPE, STATUS_URI, VALID_INDEX
from ..forge.status_lists import IDENTIFIER_MEDIA_TYPE, status_anchors, status_token
from ..forgery import Forgery, Outcome
from ..targets import Party
from ..trials import Trial, accepted, asked, holds, mdoc, raises, refused
from ._chains import authority, leaf
from ._statuses import at, ingested, status_cwt


def _store(*chain: x509.Certificate, above: x509.Certificate) -> StatusStore:
    x5c = [base64.b64encode(each).decode() for each in der(*chain)]
    token = status_token({}, header={"kid": ABSENT, "x5c": x5c}, signer=local_key(key("signer")))
    trusted = TrustAnchors.from_certificates(pem(above), issuer=ISSUER, purpose=KeyPurpose.STATUS_LIST)
    return ingested(token, anchors=trusted)


def lists_under_a_certificate() -> Iterator[Trial]:
    """The list is signed below another certificate than the one that the credential names."""
    other = authority("Other")
    held = _store(leaf(purposes=None), above=root())
    foreign = _store(leaf(issuer="Other", purposes=None), above=other)
    away = Reason.STATUS_LIST_UNAVAILABLE
    yield accepted("mdoc, no certificate is named", at(VALID_INDEX)["mdoc"], statuses=held)
    yield accepted("mdoc, by the certificate it names", _naming(root()), statuses=held)
    yield refused("mdoc, by another certificate", away, _naming(root()), step="V9", statuses=foreign)
    yield refused("mdoc, it names another certificate", away, _naming(other), step="V9", statuses=held)
    yield refused("mdoc, by a key", away, _naming(root()), step="V9", statuses=ingested(status_token({})))


def _naming(certificate: x509.Certificate) -> Forgery:
    return at(VALID_INDEX, certificate=der(certificate)[0])["mdoc"]


def lists_of_the_past() -> Iterator[Trial]:
    """A list that is asked for by a time must have counted then, and its signer is judged by now."""
    body = status_token(payload={"iat": NOW - 100, "nbf": NOW - 90, "exp": NOW - 10})
    past = partial(verify_status_list, body, uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, now=NOW)
    future, over = Reason.STATUS_LIST_IN_FUTURE, Reason.STATUS_LIST_EXPIRED
    for name, time, reason in (
        ("in its first second", NOW - 90, None),
        ("in its last second", NOW - 11, None),
        ("before it was issued", NOW - 101, future),
        ("before it begins", NOW - 91, future),
        ("at its end", NOW - 10, over),
        ("now", NOW, over),
    ):
        call = partial(past, time=time, anchors=status_anchors())
        yield holds(f"asked for {name}", call) if reason is None else raises(f"asked for {name}", reason, call)


_IDENTIFIER: Final = b"of one credential"


def _with_a_ticket(before_s: int, after_s: int, revoked: bool, party: Party) -> Outcome:
    """Be admitted while an identifier list does not name the credential, and use the ticket later."""
    world, kind = party.world, IDENTIFIER_MEDIA_TYPE
    ingested(status_cwt(media_type=kind), into=world.statuses, media_type=kind)
    world.wait(before_s)
    answer = party.apply(mdoc(mso={"status": {"identifier_list": {"id": _IDENTIFIER, "uri": STATUS_URI}}}))
    ticket = json.loads(answer.body)["ticket"]
    world.wait(after_s)
    if revoked:
        listed = {65530: {"identifiers": {_IDENTIFIER: {}}}, 6: world.now}
        ingested(status_cwt(listed, media_type=kind), into=world.statuses, media_type=kind, now=world.now)
    return party.use(ticket)


def stale_identifiers() -> Iterator[Trial]:
    """The identifier list by which somebody was admitted was fetched too long ago."""
    for name, after_s, reason in (("in its last second", 0, None), ("at the end", 1, Reason.STATUS_LIST_STALE)):
        act = partial(_with_a_ticket, 43_199, after_s, False)
        yield asked(f"a ticket by an identifier list, {name} of its ttl", reason, act, format=Format.MDOC)


def listed_identifiers() -> Iterator[Trial]:
    """The identifier list names the credential after somebody was admitted by it."""
    for name, revoked, reason in (("a newer list", False, None), ("a list that names it", True, Reason.REVOKED)):
        act = partial(_with_a_ticket, 0, 1, revoked)
        yield asked(f"a ticket by an identifier list, then {name}", reason, act, format=Format.MDOC)
