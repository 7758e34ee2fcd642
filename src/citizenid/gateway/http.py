"""What goes in and out of a gateway over HTTP: the request as it came, and the answer to every result.

Answers follow RFC 9110 and RFC 6750 (401 with challenges in `WWW-Authenticate`: `asking.py`) and RFC 9457 (the body).
The caller's API key stays in `Authorization`; the ticket has a header of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple, NoReturn, final

from .. import _registry as reg
from .._answer import Answer, json_answer, problem
from .._errors import FAILURES, CitizenIDError, MalformedError, Reason
from .._model import Challenge, Format
from .asking import PLAIN, Asking, authenticate

_ALGORITHMS: Final = " ".join(reg.JOSE_ALGORITHMS)
_PROOF_STEPS: Final = frozenset({"proof", "replay"})
_MAX_HEADERS: Final = 1_000  # servers stop at 100
_MAX_NAME_BYTES: Final = 16_384  # servers stop at 8,192 or so
_TICKET: Final = reg.HEADER_TICKET
_DPOP: Final = reg.HEADER_DPOP
_LENGTHS: Final = frozenset({len(_TICKET), len(_DPOP)})
_ONCE: Final = frozenset({reg.HEADER_SIGNATURE_INPUT, reg.HEADER_SIGNATURE, reg.HEADER_KEY})
_NONCE_REASONS: Final = frozenset({Reason.PROOF_NONCE_MISSING, Reason.PROOF_NONCE_MISMATCH})
_INVALID_TOKEN: Final = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
# By whether it is an admission that was refused: it shows no ticket. A nonce, an algorithm or a key would be asked for
# by its value (RFC 9421 section 5.1), and each signer has his own.
_ACCEPT_SIGNATURE: Final = {
    admission: b'citizenship=("@method" "@target-uri"%s);created;tag="citizenship"' % covered
    for admission, covered in ((False, b' "citizenship-ticket"'), (True, b""))
}

# Nothing was decided about anybody: our own side was not able to, and may be again.
OUR_SIDE: Final = frozenset(
    {
        Reason.CLOCK_UNUSABLE,
        Reason.REPLAY_GUARD_FULL,
        Reason.REPLAY_GUARD_UNAVAILABLE,
        Reason.SIGN_OUTS_FULL,
        Reason.SIGN_OUTS_UNAVAILABLE,
        Reason.STORE_UNAVAILABLE,
        Reason.AUDIT_UNAVAILABLE,
        Reason.CONFIGURATION_INVALID,
    }
)
_RETRY: Final = ((b"retry-after", b"5"),)
# Of a refusal that a presentation can mend, where there is nobody to ask for one: the error of its 401.
_MENDABLE: Final = {
    Reason.TICKET_INVALID: "invalid_token",
    Reason.BINDING_TOO_WEAK: "insufficient_user_authentication",
}
_NO_TRUTH: Final = "a result has no truth value; test for Allow or Admitted"


class Request(NamedTuple):
    """A request as the client sent it.

    Attributes:
        method: "GET", "POST", ...
        url: the absolute URL as the client saw it. Only its path counts: the origin is configured.
        headers: (name, value) pairs in any case; repeats kept, since a second DPoP header must be seen.
        client_certificate: what the TLS terminator hands in of a client that has proven possession of its key: the
            certificate in DER, its SHA-256 (32 bytes), or that as base64url (`x5t#S256`, 43 characters). A proxy's
            header never gets here by itself: see `CertificateHeader`.
    """

    method: str
    url: str
    headers: Iterable[tuple[bytes, bytes]]
    client_certificate: bytes | None = None

    def __repr__(self) -> str:
        return "<Request>"  # its headers hold an API key, a ticket and a proof


def check_request(request: Request) -> None:
    """Refuse what is no request. Raises REQUEST_INVALID."""
    if not isinstance(request, Request):
        raise MalformedError(Reason.REQUEST_INVALID, "request")


def repeatable(request: Request) -> Request:
    """Return a request whose headers can be read more than once.

    Raises:
        MalformedError: REQUEST_INVALID for what is no request, and headers that cannot be read.
    """
    check_request(request)
    headers = request.headers
    if type(headers) is not tuple and type(headers) is not list:
        return request._replace(headers=_held(headers))
    return request


def _held(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Return what somebody else's iterator gives, whatever becomes of it. Raises REQUEST_INVALID."""
    held = None
    try:
        held = tuple(islice(headers, _MAX_HEADERS + 1))
    except FAILURES:
        pass  # raised below, outside of the except block
    if held is None:
        raise MalformedError(Reason.REQUEST_INVALID, "headers")
    return held


class Credentials(NamedTuple):
    """The headers that concern us, as they came.

    Attributes:
        ticket: of `Citizenship-Ticket`.
        proof: of `DPoP`.
        headers: all of them; see `read_fields`.
    """

    ticket: bytes | None
    proof: bytes | None
    headers: Iterable[tuple[bytes, bytes]]

    def __repr__(self) -> str:
        return "<Credentials>"


def read_credentials(headers: Iterable[tuple[bytes, bytes]]) -> Credentials:
    """Find the ticket and the proof among the headers of a request.

    Raises:
        MalformedError: TICKET_INVALID or PROOF_MALFORMED when one of them comes twice, REQUEST_INVALID when the
            headers are no pairs of bytes.
    """
    ticket: Any = None
    proof: Any = None
    if type(headers) is not tuple and type(headers) is not list:
        headers = _held(headers)
    try:
        if len(headers) > _MAX_HEADERS:
            raise TypeError
        for name, value in headers:
            if len(name) in _LENGTHS:  # sorts out all but a few names for the price of one comparison
                lower = name.lower()
                if lower == _TICKET:
                    if ticket is not None:
                        raise MalformedError(Reason.TICKET_INVALID, "ticket")
                    ticket = value
                elif lower == _DPOP:
                    if proof is not None:
                        raise MalformedError(Reason.PROOF_MALFORMED, "dpop")
                    proof = value
                elif type(name) is not bytes:
                    raise TypeError  # text, as a framework decodes it: it must not look as if nothing were there
    except CitizenIDError:
        raise
    except FAILURES:  # each name and value is an object of the caller's framework
        ticket = ""  # refused below, outside of the except block
    if (ticket is not None and type(ticket) is not bytes) or (proof is not None and type(proof) is not bytes):
        raise MalformedError(Reason.REQUEST_INVALID, "headers")
    return tuple.__new__(Credentials, (ticket, proof, headers))  # past the function that names them: half the price


def read_fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return all headers by their names in lower case, stripped, and repeats joined (RFC 9421 section 2.1).

    The headers of a signature themselves stay as they came: they have one spelling.

    Raises:
        MalformedError: PROOF_MALFORMED when a header of a signature comes twice, REQUEST_INVALID when the headers are
            no pairs of bytes, or a name is longer than any server takes.
    """
    fields: dict[bytes, bytes] = {}
    repeated: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if type(name) is not bytes or type(value) is not bytes or len(name) > _MAX_NAME_BYTES:
            raise MalformedError(Reason.REQUEST_INVALID, "headers")
        lower = name.lower()
        if lower not in fields:
            fields[lower] = value if lower in _ONCE else value.strip(b" \t")
        elif lower in _ONCE:
            raise MalformedError(Reason.PROOF_MALFORMED, "http-signature.headers")
        else:
            repeated.setdefault(lower, [fields[lower]]).append(value.strip(b" \t"))
    for name, values in repeated.items():  # at once: one by one, each of a thousand would copy all before it
        fields[name] = b", ".join(values)
    return fields


@final
class Allow(NamedTuple):
    """The request may go on.

    Attributes:
        rule: the number of the policy's rule that decided.
        session_id: 16 random bytes that stand for the admission, or None when the resource is for anyone.
        dpop_nonce: for the header `DPoP-Nonce` of the answer, when the sender's nonce is about to end; else None.
        marked: whether the credential shows signs of being shared, though none that stops it: for whoever looks into
            such things.
        local: whether the fleet's store could not be asked, and what this process knows was enough for the rule.
    """

    rule: int
    session_id: bytes | None = None
    dpop_nonce: str | None = None
    marked: bool = False
    local: bool = False

    def __repr__(self) -> str:
        return f"Allow(rule={self.rule})"

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)


@final
class Admitted(NamedTuple):
    """A presentation was verified, or a ticket renewed, and this is the ticket for what follows.

    Attributes:
        ticket: for the header `Citizenship-Ticket`; ASCII, of constant length.
        expires_at: exclusive, Unix seconds.
        ends_at: exclusive, Unix seconds: no renewal reaches beyond.
        dpop_nonce: as in `Allow`.
    """

    ticket: str
    expires_at: int
    ends_at: int
    dpop_nonce: str | None = None

    def __repr__(self) -> str:
        return f"Admitted(expires_at={self.expires_at})"

    def http(self) -> Answer:
        """Return 200 with the ticket."""
        document = {"ticket": self.ticket, "expires_at": self.expires_at, "ends_at": self.ends_at}
        return json_answer(200, document, headers=_nonce(self.dpop_nonce))

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)


@final
class SignedOut(NamedTuple):
    """The session is over: from now on its tickets, renewed ones too, are refused wherever the fleet's set is seen.

    Attributes:
        session_id: as in `Allow`.
        until: when its last ticket would have ended, Unix seconds.
    """

    session_id: bytes
    until: int

    def __repr__(self) -> str:
        return "SignedOut()"

    def http(self) -> Answer:
        """Return 204."""
        return Answer(204, ((b"cache-control", b"no-store"),), b"")

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)


@final
class Deny(NamedTuple):
    """The request is refused.

    Attributes:
        reason: the rule that refused.
        step: the step of specs/verification.md, or the door, at which it did.
        where: a path into the specification.
        dpop_nonce: what the sender must put into his next proof, when this is what was missing.
        admission: whether an admission was refused: its proof is about no ticket.
    """

    reason: Reason
    step: str
    where: str = ""
    dpop_nonce: str | None = None
    admission: bool = False

    @classmethod
    def of(cls, error: CitizenIDError) -> Deny:
        """Return the refusal that an error stands for."""
        return cls(error.reason, error.step, error.where)

    def http(self) -> Answer:
        """Return 401 when the sender proof failed or a presentation can help, 503 when our side was not able to decide.

        403 otherwise.
        """
        members = {"step": self.step}
        if self.reason in OUR_SIDE:
            return problem(503, self.reason, headers=_RETRY, members=members)
        if self.step in _PROOF_STEPS:
            return problem(401, self.reason, headers=self._challenge(), members=members)
        if self.reason in _MENDABLE:
            return problem(401, self.reason, headers=_challenge(_MENDABLE[self.reason]), members=members)
        return problem(403, self.reason, members=members)

    def _challenge(self) -> tuple[tuple[bytes, bytes], ...]:
        if self.where.startswith("http-signature"):
            return (*_INVALID_TOKEN, (b"accept-signature", _ACCEPT_SIGNATURE[self.admission]))  # RFC 9421 section 5.1
        if self.where.startswith("mtls"):
            return _INVALID_TOKEN  # RFC 8705 section 3
        if self.where == "challenge":  # that was used before: no new proof mends it, and a new presentation does
            return _challenge("invalid_token")
        if self.reason in _NONCE_REASONS:
            return _challenge("use_dpop_nonce") + _nonce(self.dpop_nonce)
        return _challenge("invalid_dpop_proof")

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)


@final
class NeedPresentation(NamedTuple):
    """A presentation could help: there is no usable ticket, or it shows too little, too weakly, too long ago.

    Attributes:
        reason: what is missing.
        endpoint: where to POST the presentation.
        formats: the formats that are accepted: those of the anchors.
        new_challenge: makes a fresh challenge, or returns None when the request showed no sender key to bind it to.
        asking: what the rule asks for, or None where nothing in particular is.
        new_nonce: makes what the sender's next DPoP proof must hold, or returns None; None where no nonces are used.
    """

    reason: Reason
    endpoint: str
    formats: tuple[Format, ...]
    new_challenge: Callable[[], Challenge | None]
    asking: Asking | None = None
    new_nonce: Callable[[], str | None] | None = None

    def __repr__(self) -> str:
        return f"NeedPresentation(reason={self.reason!r})"

    def http(self) -> Answer:
        """Return 401 with a fresh challenge, the endpoint, the formats, and what to show as a DCQL query."""
        members: dict[str, Any] = {"endpoint": self.endpoint, "formats": list(self.formats)}
        challenge = self.new_challenge()
        if challenge is not None:
            members |= {"challenge": challenge.to_text(), "nonce": challenge.nonce, "audience": challenge.audience}
        asking = PLAIN if self.asking is None else self.asking
        if asking.query is not None:
            members["dcql_query"] = asking.query
        nonce = None if self.new_nonce is None else self.new_nonce()
        headers = asking.headers(self.reason, challenge) + _nonce(nonce)
        return problem(401, self.reason, headers=headers, members=members)

    def __bool__(self) -> NoReturn:
        raise TypeError(_NO_TRUTH)


def _nonce(nonce: str | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if nonce is None else ((reg.HEADER_DPOP_NONCE, nonce.encode("ascii")),)


def _challenge(error: str) -> tuple[tuple[bytes, bytes], ...]:
    return (authenticate("DPoP", ("error", error), ("algs", _ALGORITHMS)),)
