"""Against the PyPI package http-message-signatures: what it signs our gateway takes, what our client signs it takes.

Spec: RFC 9421 sections 2.5, 3.1, 3.2, 3.3.4 and 3.3.6.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from gateway.senders import Sender
from gateway.world import NOW, ORIGIN, PATH, World, allowed, base64url, denied, unbase64url

from citizenid import LocalKey, Reason
from citizenid.gateway import Binding, Request
from citizenid.holder import http_signature
from interop.conftest import Peer, Refused

URL = ORIGIN + PATH + "?model=a&b=%41"
BOTH = pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])


def pem_of(key: LocalKey, *, private: bool) -> bytes:
    """Write a key as PEM with `cryptography` alone."""
    secret = unbase64url(key.to_private_jwk()["d"])
    handle: Any = (
        ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
        if key.algorithm == "ES256"
        else ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    made: bytes
    if private:
        made = handle.private_bytes(pem, pkcs8, serialization.NoEncryption())
    else:
        made = handle.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made


@BOTH
def test_what_it_signs_we_take(algorithm: str, httpsig: Peer) -> None:
    sender = Sender(Binding.HTTP_SIGNATURE, "peer " + algorithm, algorithm)
    world = World()
    ticket = sender.ticket(world)
    digest = "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"
    signed = httpsig.ask(
        "sign",
        algorithm=algorithm,
        key=pem_of(sender.key, private=True),
        method="POST",
        url=URL,
        headers={"citizenship-ticket": ticket, "x-digest": f"  {digest} "},
        components=["@method", "@target-uri", "citizenship-ticket", "x-digest"],
        created=NOW,
        key_id=base64url(sender.key.public.thumbprint).decode(),
        nonce="a nonce",
        label="theirs",
        tag="citizenship",
    )
    headers = [(name.encode(), value.encode()) for name, value in signed.items()]
    headers += [
        (b"citizenship-ticket", ticket.encode()),
        (b"x-digest", digest.encode()),
        (b"citizenship-key", base64url(json.dumps(sender.key.public.to_jwk()).encode())),
    ]
    other = Request("POST", URL + "&c", headers)
    denied(world.gateway.authorize(other, resource="weak"), Reason.SIGNATURE_INVALID, "proof")
    allowed(world.gateway.authorize(Request("POST", URL, headers), resource="weak"))


@BOTH
def test_what_our_client_signs_it_takes(algorithm: str, httpsig: Peer) -> None:
    sender = Sender(Binding.HTTP_SIGNATURE, "peer " + algorithm, algorithm)
    signed = http_signature(
        sender.key, method="POST", url=URL, ticket="a-ticket", now=NOW, headers={"content-type": "text/plain"}
    )
    headers = {"citizenship-ticket": "a-ticket", "content-type": "text/plain", **signed}
    key = pem_of(sender.key, private=False)
    covered = httpsig.ask("verify", algorithm=algorithm, key=key, method="POST", url=URL, headers=headers)
    assert {'"@method"', '"@target-uri"', '"citizenship-ticket"', '"content-type"'} <= set(covered)
    headers["citizenship-ticket"] = "another"
    with pytest.raises(Refused):
        httpsig.ask("verify", algorithm=algorithm, key=key, method="POST", url=URL, headers=headers)
