"""The holder's door: keep a credential, show only what is asked, prove possession of the key.

A wallet receives a credential (and checks it as a verifier would), lists what it may withhold, and presents a choice
of it to somebody whose identity it knows. `dpop_proof` makes the sender proof that goes with a gateway ticket.

Spec: RFC 9901 sections 4.3, 7.2; ISO/IEC 18013-5 9.1.3; draft-ietf-spice-sd-cwt section 8; RFC 9449 section 4.2; the
profile of each format in specs/.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, final

from . import _registry as reg
from ._choosing import exists, selected, tree_of
from ._crypto import AgreementKey, PublicKey, SigningKey, Unsigned, jwk_text, refuse_copy
from ._errors import CitizenIDError, MalformedError, Reason
from ._limits import DEFAULT_LIMITS, MAX_UNIX_TIME, Limits
from ._model import Attestation, Challenge, ClaimPath, Format, Presentation, Serialization, UnixTime
from ._readers import READERS, Reading, placements_of
from ._wire import base64url
from ._wire.writing import signing_input
from ._writers import WRITERS, PresentOptions
from .trust import TrustAnchors
from .verifier import open_presentation, verify_credential

__all__ = ["Credential", "dpop_proof", "http_signature"]


@final
class Credential:
    """A credential in its holder's hands. Made by `receive`, which verifies it first.

    Attributes:
        attestation: what the issuer stated, all of it.
        format: the credential's format.
        disclosable: what may be withheld: path to value. What is not in it is shown every time.
    """

    __slots__ = ("_data", "_presentation", "_reading", "attestation", "disclosable", "format")

    def __init__(self, data: bytes, presentation: Presentation, reading: Reading) -> None:
        self.attestation: Final[Attestation] = reading.attestation
        self.format: Final = presentation.format
        self._data = data
        self._presentation = presentation
        self._reading = reading
        self.disclosable: Final[Mapping[ClaimPath, Any]] = MappingProxyType(
            {placement.path: _at(reading.claims, placement.path) for placement in placements_of(reading)}
        )

    @classmethod
    def receive(
        cls,
        data: bytes | str,
        *,
        format: Format,
        anchors: TrustAnchors,
        now: UnixTime | int,
        limits: Limits = DEFAULT_LIMITS,
        serialization: Serialization = Serialization.COMPACT,
    ) -> Credential:
        """Take a credential from its issuer, after V1 to V6 (RFC 9901 section 7.2).

        Args:
            data: the credential as received; an mdoc's is its IssuerSigned.
            format: its format.
            anchors: whom this holder accepts credentials from.
            now: integer Unix seconds.
            limits: bounds.
            serialization: how it is written.

        Raises:
            MalformedError: a Reason of form, KEY_BINDING_UNEXPECTED when it comes with a key binding.
            VerificationError: the Reasons of V2 to V6.
        """
        presentations = open_presentation(data, format=format, limits=limits, serialization=serialization)
        if any(each.binding is not None for each in presentations):
            where = READERS[format].binding_path
            raise MalformedError(Reason.KEY_BINDING_UNEXPECTED, where)
        presentation = presentations[0]
        if presentation.declared_type is not None:  # a document of somebody's response, which may have more of them
            error = MalformedError(Reason.MALFORMED_TOKEN, "issuer-signed")
            error.at("V1")
            raise error
        verified = verify_credential(presentation, anchors=anchors, now=now, limits=limits)
        return cls(_bytes_of(data, format), presentation, verified._reading)

    def to_bytes(self) -> bytes:
        """Return the credential as it was received, CBOR without the base64url that it may have come in."""
        return self._data

    def present(
        self,
        disclose: Iterable[ClaimPath | str],
        *,
        challenge: Challenge,
        key: SigningKey | AgreementKey,
        peer: str,
        now: UnixTime | int,
        serialization: Serialization = Serialization.COMPACT,
    ) -> bytes:
        """Present the chosen claims and prove possession of the key. Arguments and Raises as `prepare`.

        With an `AgreementKey` an mdoc's holder proves it by a MAC (deviceMac), for a challenge with the verifier's key.
        One key is for signatures or for MACs and never for both (ISO/IEC 18013-5 9.1.3.5), which is why these are two
        classes: whoever holds a credential for MACs keeps its key as an `AgreementKey` from the beginning.

        Raises:
            CitizenIDError: READER_KEY_MISSING, and KEY_INVALID for a verifier's key on another curve;
                ALGORITHM_NOT_ALLOWED for a MAC in a format that has none.
        """
        by_mac = isinstance(key, AgreementKey)
        public = getattr(key, "public", None)  # of what is no key nothing is asked for: it is not the holder's
        return self._prepare(disclose, challenge, public, by_mac, peer, now, serialization).sign(key)

    def prepare(
        self,
        disclose: Iterable[ClaimPath | str],
        *,
        challenge: Challenge,
        key: PublicKey,
        peer: str,
        now: UnixTime | int,
        serialization: Serialization = Serialization.COMPACT,
    ) -> Unsigned:
        """Prepare a presentation for a signer elsewhere (a secure element).

        Args:
            disclose: claims to show, by path or by the name of a top-level claim; in an mdoc (namespace, element) or
                a namespace alone, for all of it. What stands inside a chosen claim is shown with it, and
                what it stands inside comes along by itself; ("nationalities", 0) shows one nationality and no other.
                An empty choice shows what cannot be withheld and nothing else.
            challenge: what the verifier asked.
            key: the holder's public key; it must be the one in the credential.
            peer: the authenticated identity of who asks, as the transport knows it: the https origin, or over
                OpenID4VP the client_id with its prefix, once it is authenticated as the prefix says. It must equal the
                challenge's audience, or the origin in it: a challenge passed on by somebody else is not answered.
            now: integer Unix seconds.
            serialization: how to write an SD-JWT.

        Raises:
            CitizenIDError: PEER_MISMATCH, HOLDER_KEY_MISMATCH, CLAIM_UNKNOWN for a path the credential does not have,
                CLOCK_UNUSABLE, NONCE_MISMATCH when the format cannot carry the challenge's nonce; CONFIGURATION_INVALID
                for another argument that is not of its type.
        """
        return self._prepare(disclose, challenge, key, False, peer, now, serialization)

    def _prepare(
        self,
        disclose: Iterable[ClaimPath | str],
        challenge: Challenge,
        key: PublicKey | None,
        by_mac: bool,
        peer: str,
        now: UnixTime | int,
        serialization: Serialization,
    ) -> Unsigned:
        if type(now) is not int or not 0 <= now <= MAX_UNIX_TIME:
            raise CitizenIDError(Reason.CLOCK_UNUSABLE, "now")
        if type(serialization) is not Serialization:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "serialization")
        if type(challenge) is not Challenge:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "challenge")
        if type(key) is not PublicKey:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
        # Exactly a text: a class of its own could equal any.
        if type(peer) is not str or peer not in (challenge.audience, challenge.peer):
            raise CitizenIDError(Reason.PEER_MISMATCH, "challenge.audience")
        if key != self.attestation.holder_key:
            raise CitizenIDError(Reason.HOLDER_KEY_MISMATCH, "cnf")
        chosen = self._choose(disclose)
        type_, hash_name = self.attestation.type, self._reading.hash_name
        options = PresentOptions(
            type_, hash_name, chosen, challenge, key, by_mac, UnixTime(now), serialization, self._data
        )
        return WRITERS[self.format].present(self._presentation, options)

    def _choose(self, disclose: Iterable[ClaimPath | str]) -> set[int]:
        tree = tree_of(placements_of(self._reading))
        chosen: set[int] = set()
        if isinstance(disclose, str) or not isinstance(disclose, Iterable):
            raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclose")  # a string is a list of letters: surely a slip
        for wanted in disclose:
            if not isinstance(wanted, str | tuple | list):
                raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclose")
            path: ClaimPath = (wanted,) if isinstance(wanted, str) else tuple(wanted)
            claims = self._reading.claims
            found = list(selected(tree, path, claims))
            # A claim of the person may be named though it is always shown; one of the profile's own (an iat that the
            # issuer has hidden) only where there is something to choose.
            within = claims if found else self.attestation.claims
            # A part of an element would show the whole of it: in an mdoc a path ends there.
            if not path or not exists(within, path) or (self.format is Format.MDOC and len(path) > 2):
                raise CitizenIDError(Reason.CLAIM_UNKNOWN, "disclose")
            chosen.update(found)
        return chosen

    def __repr__(self) -> str:
        return f"<Credential {self.format}>"

    __reduce_ex__ = refuse_copy
    __getstate__ = refuse_copy


def _bytes_of(data: bytes | str, format: Format) -> bytes:
    if not isinstance(data, str):
        return data
    return data.encode("utf-8") if format is Format.SD_JWT_VC else base64url.decode_text(data, "credential")


def _at(claims: Mapping[Any, Any], path: ClaimPath) -> Any:
    value: Any = claims
    for step in path:
        value = value[step]
    return value


def dpop_proof(
    key: SigningKey,
    *,
    method: str,
    url: str,
    ticket: str | None,
    now: UnixTime | int,
    nonce: str | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> str:
    """Make a DPoP proof for one request (RFC 9449 section 4.2). Each request needs a new one.

    Args:
        key: the sender key, to which the ticket is or will be bound.
        method: the HTTP method, as sent.
        url: the URL as sent; query and fragment are left out of the proof.
        ticket: the ticket that goes with the request, or None when there is none yet.
        now: integer Unix seconds.
        nonce: what the server gave in `DPoP-Nonce`.
        random: a source of random bytes for `jti`.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE, TICKET_INVALID for a ticket that is no printable ASCII,
            ALGORITHM_NOT_ALLOWED for a key that JOSE does not know here, CONFIGURATION_INVALID for a method or URL that
            no gateway takes, and for another argument that is not of its type.
    """
    public, _ = _sender(key, method, url, ticket, now)
    if nonce is not None and not _is_line(nonce):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "nonce")
    claims: dict[str, Any] = {
        reg.JTI: _drawn(random),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        reg.IAT: now,
    }
    if ticket is not None:
        claims["ath"] = base64url.encode_text(hashlib.sha256(ticket.encode("ascii")).digest())
    if nonce is not None:
        claims[reg.NONCE] = nonce
    header = {reg.ALG: public.algorithm, reg.TYP: reg.TYP_DPOP, reg.JWK: public.to_jwk()}
    to_be_signed = signing_input(header, claims, "dpop")
    unsigned = Unsigned(to_be_signed, public, lambda signed: to_be_signed + b"." + base64url.encode(signed))
    return unsigned.sign(key).decode("ascii")


def http_signature(
    key: SigningKey,
    *,
    method: str,
    url: str,
    ticket: str | None,
    now: UnixTime | int,
    headers: Mapping[str, str] | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> dict[str, str]:
    """Sign one request as an HTTP message (RFC 9421): the three headers to add. Each request needs new ones.

    Covered are the method, the whole URL, the ticket, and the headers that are given. The body is covered when
    `content-digest` (RFC 9530) is one of them, and whoever reads the body compares it.

    Args:
        key: the sender key, ES256 or Ed25519, to which the ticket is or will be bound.
        method: the HTTP method, as sent.
        url: the URL as sent; signed with scheme and host in lower case, without the default port and a fragment.
        ticket: the ticket that goes with the request, or None when there is none yet.
        now: integer Unix seconds.
        headers: further headers to cover, as sent, by names in lower case.
        random: a source of random bytes for the nonce.

    Raises:
        CitizenIDError: CLOCK_UNUSABLE, TICKET_INVALID for a ticket that is no printable ASCII,
            ALGORITHM_NOT_ALLOWED for another key, CONFIGURATION_INVALID for a method or URL that no gateway takes, for
            headers that say what is said already, are of the signature, are no lines of printable ASCII, or are more
            than a gateway reads, and for another argument that is not of its type.
    """
    public, target = _sender(key, method, url, ticket, now)
    algorithm = _HTTP_ALGORITHMS.get(public.algorithm)
    if algorithm is None:
        raise CitizenIDError(Reason.ALGORITHM_NOT_ALLOWED, "key")
    covered = {reg.COMPONENT_METHOD: method, reg.COMPONENT_TARGET_URI: target}
    if ticket is not None:
        covered[reg.HEADER_TICKET.decode()] = ticket
    for name, text in () if headers is None else _fields(headers):
        covered[name] = text
    names = " ".join(f'"{name}"' for name in covered)
    nonce, keyid = _drawn(random), base64url.encode_text(public.thumbprint)
    stated = f'({names});created={now};nonce="{nonce}";keyid="{keyid}";alg="{algorithm}";tag="{reg.SIGNATURE_TAG}"'
    if len(covered) > _MAX_COMPONENTS or len(stated) > _MAX_STATED_CHARS:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "headers")
    lines = [f'"{name}": {value.strip()}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {stated}']).encode("ascii")
    signature = base64.b64encode(Unsigned(base, public, lambda signed: signed).sign(key)).decode("ascii")
    return {
        "Signature-Input": f"{_LABEL}={stated}",
        "Signature": f"{_LABEL}=:{signature}:",
        "Citizenship-Key": base64url.encode_text(jwk_text(public).encode("ascii")),
    }


def _sender(key: object, method: object, url: object, ticket: object, now: object) -> tuple[PublicKey, str]:
    """Return the public half of a sender key, and the URL as gateways write it, after a look at what both speak of."""
    if type(now) is not int or not 0 <= now <= MAX_UNIX_TIME:
        raise CitizenIDError(Reason.CLOCK_UNUSABLE, "now")
    if ticket is not None and not _is_line(ticket):
        raise CitizenIDError(Reason.TICKET_INVALID, "ticket")
    if type(method) is not str or _METHOD.fullmatch(method) is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "method")
    parts = _URL.fullmatch(url) if type(url) is str and len(url) <= _MAX_URL_CHARS else None
    if parts is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "url")
    public = getattr(key, "public", None)
    if type(public) is not PublicKey:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "key")
    scheme, host, port, path, query = (part or "" for part in parts.groups())
    scheme = scheme.lower()  # RFC 3986 sections 6.2.2.1 and 6.2.3
    port = "" if port == _DEFAULT_PORTS[scheme] else port
    return public, f"{scheme}://{host.lower()}{port}{path or '/'}{query}"


def _drawn(random: Callable[[int], bytes]) -> str:
    block = random(16) if callable(random) else None
    if type(block) is not bytes or len(block) != 16:  # a short one can be guessed
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "random")
    return base64url.encode_text(block)


def _fields(headers: object) -> Iterable[tuple[Any, Any]]:
    # RFC 9421 section 2.1: names in lower case. A component of another kind, which begins with "@", is not the caller's
    # to say, nor is the ticket; what carries the signature is not there yet; and a line feed in a value would end its
    # line in what is signed, and begin another.
    listed: tuple[tuple[Any, Any], ...] = tuple(headers.items()) if isinstance(headers, Mapping) else ((None, None),)
    for name, text in listed:
        fine = type(name) is str and _NAME.fullmatch(name) and name.encode() not in _NOT_COVERED
        if not fine or not (text == "" or _is_line(text)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "headers")
    return listed


def _is_line(text: object) -> bool:
    return type(text) is str and text.isascii() and text.isprintable() and bool(text)


_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110 section 5.6.2, in lower case
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What a gateway can be asked by: of an origin, a path and a query, in printable ASCII (RFC 3986 sections 3.2 to 3.4).
_URL: Final = re.compile(
    r"([Hh][Tt][Tt][Pp][Ss]?)://([A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?"
    r"(/[!\"$->@-~]*)?(\?[!\"$-~]*)?(?:#[!-~]*)?"
)
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}
_MAX_URL_CHARS: Final = 8_192  # as gateways take them
_MAX_COMPONENTS: Final = 32  # as gateways take them
_MAX_STATED_CHARS: Final = 4_000  # of 4,096 that a gateway takes, with the label
_NOT_COVERED: Final = frozenset({reg.HEADER_TICKET, reg.HEADER_SIGNATURE, reg.HEADER_SIGNATURE_INPUT, reg.HEADER_KEY})
_LABEL: Final = "citizenship"
_HTTP_ALGORITHMS: Final = {ours: name for name, ours in reg.HTTP_SIGNATURE_ALGORITHMS.items()}
