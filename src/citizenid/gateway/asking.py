"""What a 401 asks for beside its challenge: how a ticket is bound, how fresh, how well assured, and what to show.

    terms = Terms(policy, anchors, resource_metadata="https://api.example/.well-known/oauth-protected-resource")
    NeedPresentation(reason, endpoint, formats, new_challenge, terms.of(rule)).http()

The `WWW-Authenticate` challenges: `DPoP` always (RFC 9449 section 7.1), `Bearer` beside it where the rule takes bearer
tickets and nowhere else (section 7.2: a scheme that is offered is accepted), with the error codes of RFC 6750 section
3.1 and of RFC 9470, and with the URL of the metadata (RFC 9728 section 5.1). The DCQL query stands in the body. An x401
`PROOF-REQUEST` is sent where the operator signs OpenID4VP requests.

Spec: RFC 6750 section 3; RFC 9449 section 7; RFC 9470 section 3; RFC 9728 section 5; specs/profile-openid4vp.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple, final
from urllib.parse import quote

from .. import _registry as reg
from .._errors import FAILURES, CitizenIDError, Reason
from .._model import Assurance, Binding, Challenge, Format, KeyPurpose
from .._wire import base64url
from ..policy import AdmissionPolicy, Rule
from ..trust import TrustAnchors
from .query import dcql_query

_ALGORITHMS: Final = " ".join(reg.JOSE_ALGORITHMS)
_REALM: Final = "citizenship"  # RFC 6750 section 3: Bearer has at least one parameter
# A request without a ticket is told what is asked for, and of no error (RFC 6750 section 3.1).
_NO_ERROR: Final = frozenset({Reason.TICKET_MISSING})
_STEP_UP: Final = frozenset(
    {Reason.ADMISSION_TOO_OLD, Reason.BINDING_TOO_WEAK, Reason.ASSURANCE_TOO_LOW, Reason.SHARING_SUSPECTED}
)
_MAX_HEADER_BYTES: Final = 8_192  # what proxies take in one header; a larger request is found in the body alone
Headers = tuple[tuple[bytes, bytes], ...]


@final
class ProofRequest(NamedTuple):
    """How an operator lets wallets be asked by x401: it takes his registered certificate, which is not ours.

    Attributes:
        sign: given the challenge and a DCQL query of its own, returns a signed OpenID4VP request (RFC 9101, compact)
            with the nonce of the challenge. What fails, or returns no text, sends no header.
        token_endpoint: where the answer can be exchanged for a ticket (RFC 8693).
    """

    sign: Callable[[Challenge, Mapping[str, Any]], str]
    token_endpoint: str

    def header(self, challenge: Challenge, query: Mapping[str, Any]) -> Headers:
        """Return the `PROOF-REQUEST` header, or nothing."""
        import json  # here, because only a refusal needs it: it costs 1.5 ms of every start

        signed = None
        try:
            signed = self.sign(challenge, deepcopy(query))  # ours is kept, and asked of others
        except FAILURES:
            pass  # the body says the same
        if type(signed) is not str or not signed:
            return ()
        request = {"protocol": reg.DC_API_SIGNED, "data": {"request": signed}}
        payload = {
            "scheme": reg.X401_SCHEME,
            "version": reg.X401_VERSION,
            "credential_requirements": {"digital": {"requests": [request]}},
            "oauth": {"token_endpoint": self.token_endpoint},
        }
        value = base64url.encode_text(json.dumps(payload, separators=(",", ":")).encode("ascii")).encode("ascii")
        return ((reg.HEADER_PROOF_REQUEST, value),) if len(value) <= _MAX_HEADER_BYTES else ()

    def __repr__(self) -> str:
        return "<ProofRequest>"


@final
class Asking(NamedTuple):
    """What one rule asks for. The default asks for a ticket that is bound by DPoP, and for nothing in particular.

    Attributes:
        bearer: whether a bearer ticket would do.
        max_age_s: how old an admission may be, or None.
        acr_values: what names the levels that reach the rule's floor of assurance.
        query: the DCQL query, or None.
        resource_metadata: the URL of the metadata of the resource (RFC 9728), or None.
        proof_request: how to ask by x401, or None.
    """

    bearer: bool = False
    max_age_s: int | None = None
    acr_values: tuple[str, ...] = ()
    query: Mapping[str, Any] | None = None
    resource_metadata: str | None = None
    proof_request: ProofRequest | None = None

    def headers(self, reason: Reason, challenge: Challenge | None) -> Headers:
        """Return the headers of the 401 for a reason."""
        parameters = []
        if reason in _STEP_UP:
            parameters.append(("error", "insufficient_user_authentication"))
            if self.acr_values:
                parameters.append(("acr_values", " ".join(self.acr_values)))
            if self.max_age_s is not None:
                parameters.append(("max_age", str(self.max_age_s)))
        elif reason not in _NO_ERROR:
            parameters.append(("error", "invalid_token"))
        if self.resource_metadata is not None:
            parameters.append(("resource_metadata", self.resource_metadata))
        headers = [authenticate("DPoP", *parameters, ("algs", _ALGORITHMS))]
        if self.bearer:
            headers.append(authenticate("Bearer", ("realm", _REALM), *parameters))
        if self.proof_request is not None and challenge is not None and self.query is not None:
            headers += self.proof_request.header(challenge, self.query)
        return tuple(headers)

    def __repr__(self) -> str:
        return "<Asking>"


PLAIN: Final = Asking()


@final
class Terms:
    """What each rule of a policy asks for, made when it is first needed and kept: a query costs more than a decision.

    Args:
        policy: the gateway's policy.
        anchors: whom it trusts.
        resource_metadata: an https URL without fragment, or None.
        proof_request: how to ask by x401, or None.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    def __init__(
        self,
        policy: AdmissionPolicy,
        anchors: TrustAnchors,
        *,
        resource_metadata: str | None = None,
        proof_request: ProofRequest | None = None,
    ) -> None:
        urls = [] if resource_metadata is None else [resource_metadata]
        if proof_request is not None:
            if type(proof_request) is not ProofRequest or not callable(proof_request.sign):
                raise CitizenIDError(Reason.CONFIGURATION_INVALID, "proof_request")
            urls.append(proof_request.token_endpoint)
        if not all(map(_is_url, urls)):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "resource_metadata")
        self._anchors: Final = anchors
        self._resource_metadata: Final = resource_metadata
        self._proof_request: Final = proof_request
        self._made: dict[int, Asking] = {}
        taken = {each for anchor in anchors if anchor.purpose is KeyPurpose.CREDENTIAL for each in anchor.formats}
        self.formats: Final = tuple(each for each in Format if each in taken)
        """In which any of the anchors takes a credential, in one order."""
        # A presentation that is posted for no resource in particular: bearer where any rule takes it.
        self.of_no_rule: Final = Asking(policy.permits_bearer, resource_metadata=resource_metadata)

    def of(self, rule: Rule | None) -> Asking:
        """Return what a rule asks for; for None, what is asked where no rule is known."""
        if rule is None:
            return self.of_no_rule
        made = self._made.get(rule.number)
        if made is None:
            made = self._made[rule.number] = Asking(
                bearer=rule.binding is Binding.BEARER,
                max_age_s=rule.max_admission_age_s,
                acr_values=tuple(sorted(map(acr_of, rule.assurances or ()))),
                query=dcql_query(rule, anchors=self._anchors),
                resource_metadata=self._resource_metadata,
                proof_request=self._proof_request,
            )
        return made

    def __repr__(self) -> str:
        return "<Terms>"


def acr_of(assurance: Assurance) -> str:
    """Return the acr value that names a framework and a level: a URN, since RFC 9470 separates values by spaces."""
    return f"{reg.ACR_ASSURANCE}{quote(assurance.framework, safe='')}:{quote(assurance.level, safe='')}"


def authenticate(scheme: str, *parameters: tuple[str, str]) -> tuple[bytes, bytes]:
    """Return one `WWW-Authenticate` header (RFC 9110 section 11.6.1). The values are ours, and need no escapes."""
    written = ", ".join(f'{name}="{value}"' for name, value in parameters)
    return b"www-authenticate", f"{scheme} {written}".encode("ascii")


def _is_url(url: object) -> bool:
    if type(url) is not str or not url.startswith("https://") or not url.isascii() or not url.isprintable():
        return False
    return len(url) <= 2_048 and not set(url) & set('"\\<> #')
