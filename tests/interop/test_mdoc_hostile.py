"""DeviceResponses that are signed well and break a rule all the same: we refuse each, and this is who does not.

The sets of names are measured: a peer that mends its ways fails its test here, as one that takes to new ones does. A
peer that brings no certificate path of its own (@owf/mdoc: its caller verifies it) has no part in those cases.

Spec: ISO/IEC 18013-5 8.3.2.1.2, 9.1.2, 9.1.3, 9.3.1, annex B.1.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from builders import raises

import interop.mdoc_world as world
from citizenid import Reason
from citizenid._wire.transcript import session_transcript
from interop.conftest import Peer, Refused
from interop.mdoc_world import NOW, OURS, PID, Forgery, openid4vp, transcript_bytes

AUTH0, OWF, ISOMDOC, PYMDOCCBOR = PEERS = ("auth0", "owf", "isomdoc", "pymdoccbor")
ALL: Final = frozenset(PEERS)
NOBODY: Final[frozenset[str]] = frozenset()
DAY: Final = 86_400


class Case(NamedTuple):
    """What is wrong with it, our answer, and who takes it. `left_out` has no rule of its own to break."""

    forgery: Callable[[], Forgery]
    reason: Reason
    step: str
    taken_by: frozenset[str]
    left_out: frozenset[str] = NOBODY


def _with_items(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[], Forgery]:
    def make() -> Forgery:
        forgery = Forgery()
        change(forgery.items[PID])
        return forgery

    return make


def _valid(signed: int, valid_from: int, valid_until: int) -> Callable[[], Forgery]:
    return lambda: Forgery(validity=(NOW + signed, NOW + valid_from, NOW + valid_until))


CASES: Final = {
    "the device's own key is not the one in the MSO": Case(
        lambda: Forgery(device_key=world.private_key("mallory")),
        Reason.SIGNATURE_INVALID,
        "V8",
        frozenset({PYMDOCCBOR}),
    ),
    "there is no deviceSigned": Case(
        lambda: Forgery(no_device_auth=True), Reason.KEY_BINDING_MISSING, "V7", frozenset({PYMDOCCBOR})
    ),
    "the Document has another docType than the MSO": Case(
        lambda: Forgery(declared=OURS), Reason.TYPE_NOT_ALLOWED, "V5", frozenset({OWF, PYMDOCCBOR})
    ),
    "a namespace is not in the MSO": Case(
        lambda: Forgery(unsigned_namespaces=(OURS,)), Reason.DISCLOSURE_UNREFERENCED, "V4", frozenset({PYMDOCCBOR})
    ),
    "an element stands there twice, with two values": Case(
        _with_items(lambda items: items.append({**items[0], "digestID": 77, "elementValue": "Mallory"})),
        Reason.DISCLOSURE_CLASH,
        "V4",
        ALL,
    ),
    "the random of an item is too short": Case(
        _with_items(lambda items: items[0].update(random=b"15 bytes of it.")), Reason.DISCLOSURE_MALFORMED, "V4", ALL
    ),
    "the device signs elements for which it has no authority": Case(
        lambda: Forgery(device_elements={OURS: {"citizen_of_de": True}}),
        Reason.DEVICE_ELEMENT_NOT_AUTHORIZED,
        "V7",
        ALL,
    ),
    "a deviceMac stands beside the deviceSignature": Case(
        lambda: Forgery(mac_too=True), Reason.MALFORMED_TOKEN, "V1", ALL
    ),
    "the status of the response is an error": Case(
        lambda: Forgery(status=10), Reason.RESPONSE_NOT_OK, "V1", frozenset({AUTH0, OWF, PYMDOCCBOR})
    ),
    "the MSO has expired": Case(_valid(-9_999, -9_999, -31), Reason.EXPIRED, "V6", frozenset({ISOMDOC, PYMDOCCBOR})),
    "the MSO has expired a second ago": Case(  # @owf/mdoc lets 30 seconds pass, unless its caller says otherwise
        _valid(-9_999, -9_999, -1), Reason.EXPIRED, "V6", frozenset({OWF, ISOMDOC, PYMDOCCBOR})
    ),
    "the MSO is not valid yet": Case(
        _valid(-9_999, 600, 900), Reason.NOT_YET_VALID, "V6", frozenset({ISOMDOC, PYMDOCCBOR})
    ),
    "the MSO was signed before its certificate was valid": Case(
        _valid(-40 * DAY, -60, 900), Reason.SIGNED_OUTSIDE_CERTIFICATE, "V6", frozenset({ISOMDOC, PYMDOCCBOR})
    ),
    "the MSO was signed in the future": Case(_valid(600, -60, 900), Reason.ISSUED_IN_FUTURE, "V6", ALL),
    "the certificate is of another IACA": Case(
        lambda: Forgery(certificate=world.document_signer("P-256", "another IACA")),
        Reason.CERTIFICATE_UNTRUSTED,
        "V2",
        frozenset({ISOMDOC}),
        frozenset({OWF}),
    ),
    "the IACA signs as a document signer": Case(
        lambda: Forgery(certificate=world.iaca(), issuer_key=world.private_key("IACA")),
        Reason.CERTIFICATE_INVALID,
        "V2",
        frozenset({AUTH0, ISOMDOC, PYMDOCCBOR}),
        frozenset({OWF}),
    ),
    "the certificate is of a TLS server": Case(
        lambda: Forgery(certificate=world.document_signer("P-256", "IACA", "1.3.6.1.5.5.7.3.1")),
        Reason.CERTIFICATE_USE_FORBIDDEN,
        "V2",
        frozenset({AUTH0, ISOMDOC, PYMDOCCBOR}),
        frozenset({OWF}),
    ),
}


def taken(peer: Peer, response: bytes) -> bool:
    """Whether a peer accepts it."""
    arguments: dict[str, Any] = {
        AUTH0: {"roots": [world.pem(world.iaca())], "transcript": transcript_bytes(openid4vp())},
        OWF: {"roots": [world.pem(world.iaca())], "transcript": transcript_bytes(openid4vp())},
        ISOMDOC: {"transcript": session_transcript(openid4vp())},
        PYMDOCCBOR: {"roots": [world.pem(world.iaca())]},
    }[peer.name]
    try:
        answer = peer.ask("verify", response=response, **arguments)
    except Refused:
        return False
    return bool(answer["valid"]) if peer.name == PYMDOCCBOR else len(answer) == 1


@pytest.fixture(scope="module")
def everybody(auth0: Peer, owf: Peer, isomdoc: Peer, pymdoccbor: Peer) -> tuple[Peer, ...]:
    return auth0, owf, isomdoc, pymdoccbor


def test_the_forger_forges_nothing_by_default(everybody: tuple[Peer, ...]) -> None:
    response = Forgery().answer(openid4vp())
    assert world.claims_of(world.check(response, openid4vp())) == world.CLAIMS
    assert all(taken(peer, response) for peer in everybody)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_is_refused_here_and_taken_by_these_peers(case: Case, everybody: tuple[Peer, ...]) -> None:
    response = case.forgery().answer(openid4vp())
    raises(case.reason, case.step, lambda: world.check(response, openid4vp()))
    asked = [peer for peer in everybody if peer.name not in case.left_out]
    assert {peer.name for peer in asked if taken(peer, response)} == case.taken_by
