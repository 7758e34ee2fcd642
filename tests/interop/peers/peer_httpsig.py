"""http-message-signatures: RFC 9421 by ES256 and Ed25519."""

import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.structures import CaseInsensitiveDict
from serve import serve

ALGORITHMS = {"ES256": algorithms.ECDSA_P256_SHA256, "Ed25519": algorithms.ED25519}


class _Message:
    def __init__(self, method: str, url: str, headers: dict[str, str]) -> None:
        self.method, self.url, self.headers = method, url, CaseInsensitiveDict(headers)


class _Resolver(HTTPSignatureKeyResolver):  # type: ignore[misc]  # the package has no types
    def __init__(self, pem: str) -> None:
        self._pem = bytes.fromhex(pem)

    def resolve_public_key(self, key_id: str) -> Any:
        return serialization.load_pem_public_key(self._pem)

    def resolve_private_key(self, key_id: str) -> Any:
        return serialization.load_pem_private_key(self._pem, None)


def sign(
    algorithm: str, key: str, method: str, url: str, headers: dict[str, str], components: list[str], **stated: Any
) -> dict[str, str]:
    """Sign a request; `stated` are the parameters but created, which is a number of seconds."""
    message = _Message(method, url, headers)
    created = datetime.datetime.fromtimestamp(stated.pop("created"), datetime.UTC)
    signer = HTTPMessageSigner(signature_algorithm=ALGORITHMS[algorithm], key_resolver=_Resolver(key))
    signer.sign(message, created=created, covered_component_ids=tuple(components), include_alg=True, **stated)
    return {name: message.headers[name] for name in ("Signature-Input", "Signature")}


def verify(algorithm: str, key: str, method: str, url: str, headers: dict[str, str]) -> list[str]:
    """Verify the one signature of a request, whatever its age; return what it covers."""
    verifier = HTTPMessageVerifier(signature_algorithm=ALGORITHMS[algorithm], key_resolver=_Resolver(key))
    verifier.max_clock_skew = datetime.timedelta(days=365_000)
    (result,) = verifier.verify(_Message(method, url, headers), max_age=datetime.timedelta(days=365_000))
    return list(result.covered_components)


serve(sign, verify)
