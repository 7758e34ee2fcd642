"""What is attacked: the library, or a gateway that somebody has built on it and that answers requests.

Both are tried in a world of their own whose issuer, holder and status list are those of `forge`. A gateway of somebody
else is met over HTTP alone: it is asked without a ticket, its challenge is answered, and the presentation goes to its
admission endpoint.

Spec: specs/testing.md; specs/verification.md (doors).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, final

from .. import CitizenIDError, Format, LocalKey, NeedStatusList, Reason
from .._answer import Answer
from ..gateway import Allow, Binding, Gateway, Request
from ..verifier import VerifiedPresentation
from .checks import expect, of_type
from .forge import mdoc as _mdoc
from .forge import sd_cwt as _sd_cwt
from .forge import sd_jwt as _sd_jwt
from .forge.parts import base64url
from .forge.status_lists import statuses
from .forgery import ALLOWED, Forgery, NotOfferedError, Outcome
from .senders import Sender
from .world import ENDPOINT, ORIGIN, POLICY, UPTIME_S, SimulatedWorld

Handler = Callable[[Request, bytes], Answer]
"""Answers a request and its body. The resource that is asked for is the path behind `RESOURCES`."""

RESOURCES: Final = "/resources/"
_REASONS: Final = {reason.value: reason for reason in Reason}
VERIFY: Final = {Format.SD_JWT_VC: _sd_jwt.verify, Format.MDOC: _mdoc.verify, Format.SD_CWT: _sd_cwt.verify}
ANCHORS: Final = {Format.SD_JWT_VC: _sd_jwt.anchors, Format.MDOC: _mdoc.anchors, Format.SD_CWT: _sd_cwt.anchors}


def forged_world(policy_text: str = POLICY, *, format: Format, **options: Any) -> SimulatedWorld:
    """Return a world that trusts the issuer of `forge` in this format."""
    store = statuses()
    world = SimulatedWorld(policy_text, **{"anchors": ANCHORS[format](), "statuses": store, **options})
    world.statuses = store
    return world


def serving(gateway: Gateway) -> Handler:
    """Return what answers for a gateway of ours: its admission endpoint, and a decision for any other path."""

    def answer(request: Request, body: bytes) -> Answer:
        path = request.url.removeprefix(ORIGIN)
        if path == gateway.admission_path:
            return gateway.admit_http(request, body)
        result = gateway.authorize(request, resource=path.removeprefix(RESOURCES))
        return Answer(200, (), b"") if type(result) is Allow else result.http()

    return answer


_BROKEN: Final = frozenset({500, 502, 504})
"""Of a gateway that raised, and of a server before it that did not reach it: nobody has refused anything."""


def outcome_of(answer: Answer) -> Outcome:
    """Read an answer: whether it allows, and if it is one of ours, why not."""
    if 200 <= answer.status < 300:
        return ALLOWED
    try:
        document = json.loads(answer.body)
        return Outcome(False, _REASONS[document["reason"]], str(document.get("step", "")))
    except (ValueError, TypeError, LookupError):  # an answer of somebody else
        return Outcome(False, failure=f"it answered {answer.status}" if answer.status in _BROKEN else "")


@final
class Party:
    """One client at one gateway, in a world of its own.

    Attributes:
        world: with the clock.
        format: in which it is presented.
        handler: answers.
        client: with DPoP.
        offered: the bindings that tickets may have here.
    """

    def __init__(
        self,
        handler: Callable[[SimulatedWorld], Handler],
        *,
        format: Format,
        offered: frozenset[Binding] = frozenset(Binding),
        **options: Any,
    ) -> None:
        self.world: Final = forged_world(format=format, **options)
        self.offered: Final = offered
        self.format: Final = format
        self.world.wait(-UPTIME_S)  # what answers has been running for a while: a younger one refuses older proofs
        self.handler: Final = handler(self.world)
        self.world.wait(UPTIME_S)
        self.client: Final = Sender(Binding.DPOP)

    def send(self, request: Request, body: bytes = b"") -> Outcome:
        """Send a request, and return what came of it."""
        return outcome_of(self.handler(request, body))

    def challenge(self, sender: Sender | None = None) -> dict[str, Any]:
        """Ask without a ticket, and return what the gateway wants to be shown: challenge, nonce, audience.

        Raises:
            NotOfferedError: when the gateway offers no ticket of this sender's binding.
        """
        asks = sender or self.client
        if asks.binding not in self.offered:
            raise NotOfferedError(asks.binding.name)
        document = json.loads(self.handler(asks.request(self.world, path=RESOURCES + "us-nationals"), b"").body)
        return {name: document[name] for name in ("challenge", "nonce", "audience")}

    def apply(
        self, forgery: Forgery | None = None, sender: Sender | None = None, *, proven_by: LocalKey | None = None
    ) -> Answer:
        """Answer a fresh challenge with a presentation, a good one by default."""
        asked = self.challenge(sender)
        shown = (forgery or Forgery(self.format, {})).made(asked["nonce"], asked["audience"], self.world.now)
        return self.post(shown, asked["challenge"], sender, proven_by=proven_by)

    def post(
        self, shown: bytes | str, challenge: str, sender: Sender | None = None, *, proven_by: LocalKey | None = None
    ) -> Answer:
        """Send a presentation to the admission endpoint."""
        text = shown if isinstance(shown, str) else _text(shown, self.format)
        body = json.dumps({"format": self.format.value, "challenge": challenge, "presentation": text}).encode()
        request = (sender or self.client).request(self.world, path=ENDPOINT, proven_by=proven_by)
        return self.handler(request, body)

    def ticket(self, sender: Sender | None = None) -> str:
        """Be admitted with a good presentation, and return the ticket."""
        answer = self.apply(sender=sender)
        expect(answer.status == 200, f"no ticket: {outcome_of(answer)}")
        return str(json.loads(answer.body)["ticket"])

    def use(
        self, ticket: str | None, resource: str = "us-nationals", *, sender: Sender | None = None, **how: Any
    ) -> Outcome:
        """Ask for a resource with a ticket and a fresh proof; `how` as of `Sender.request`."""
        client = sender or self.client
        return self.send(client.request(self.world, ticket, **{"path": RESOURCES + resource, **how}))


def _text(shown: bytes, format: Format) -> str:
    return shown.decode("latin-1") if format is Format.SD_JWT_VC else base64url(shown).decode()


class Target(Protocol):
    """What trials are tried on."""

    @property
    def name(self) -> str:
        """What a report calls it."""

    @property
    def names_reasons(self) -> bool:
        """Whether every refusal must come with its Reason."""

    def present(self, forgery: Forgery, **judged: Any) -> Outcome:
        """Show a presentation, and return what came of it."""

    def party(self, *, format: Format = Format.SD_JWT_VC, policy_text: str = POLICY, **options: Any) -> Party:
        """Return a client at a gateway with this policy, in a new world; options replace arguments of its Gateway."""


@final
class Library:
    """This library: its verification, and its gateway."""

    name: Final = "library"
    names_reasons: Final = True

    def present(self, forgery: Forgery, **judged: Any) -> Outcome:
        """Verify a presentation; `judged` replaces arguments."""
        try:
            result = VERIFY[forgery.format](forgery.made(), **judged)
        except CitizenIDError as error:
            return Outcome(False, error.reason, error.step, error.where)
        if type(result) is NeedStatusList:
            return Outcome(False, result.reason, "V9")
        of_type(result, VerifiedPresentation)
        return ALLOWED

    def party(self, *, format: Format = Format.SD_JWT_VC, policy_text: str = POLICY, **options: Any) -> Party:
        """Return a client at a gateway of ours."""
        return Party(lambda world: serving(world.gateway), format=format, policy_text=policy_text, **options)


@final
class Served:
    """A gateway that somebody has built. What it must answer: specs/testing.md.

    Args:
        make: returns what answers, given a world; `world.arguments()` are those of a Gateway that trusts its issuer.
        names_reasons: whether it answers with the problem documents of this library.
        formats: in which it takes presentations.
        bindings: what its tickets may be bound to. What takes another format or binding is not tried on it, and the
            report says so; DPoP has to be among them.
        name: what a report calls it.
    """

    def __init__(
        self,
        make: Callable[[SimulatedWorld], Handler],
        *,
        names_reasons: bool = True,
        formats: Iterable[Format] = tuple(Format),
        bindings: Iterable[Binding] = tuple(Binding),
        name: str = "gateway",
    ) -> None:
        self._make = make
        self._names_reasons = names_reasons
        self._formats = frozenset(formats)
        self._bindings = frozenset(bindings)
        self._name = name
        # One format in the place of a list would be its letters: nothing would be tried, and every attack would pass.
        known = self._formats <= frozenset(Format) and self._bindings <= frozenset(Binding)
        expect(known, "formats and bindings are lists of such")
        expect(bool(self._formats) and Binding.DPOP in self._bindings, "a gateway of one format and of DPoP at least")
        expect(name != Library.name, "the library has this name")

    @property
    def name(self) -> str:
        """What a report calls it."""
        return self._name

    @property
    def names_reasons(self) -> bool:
        """Whether every refusal must come with its Reason."""
        return self._names_reasons

    def present(self, forgery: Forgery, **judged: Any) -> Outcome:
        """Answer the gateway's challenge with a presentation, and if it admits, use the ticket."""
        expect(not judged, "the arguments of another's verification cannot be replaced")
        party = self.party(format=forgery.format)
        answer = party.apply(forgery)
        if answer.status != 200:
            return outcome_of(answer)
        used = party.use(json.loads(answer.body)["ticket"])
        # Whatever its ticket is good for: it was admitted, and what must be refused is not.
        return used if used.allowed or used.failure else Outcome(False, failure="admitted, and then refused")

    def party(self, *, format: Format = Format.SD_JWT_VC, policy_text: str = POLICY, **options: Any) -> Party:
        """Return a client at this gateway.

        Raises:
            NotOfferedError: when it does not take this format.
        """
        if format not in self._formats:
            raise NotOfferedError(format.value)
        return Party(self._make, format=format, offered=self._bindings, policy_text=policy_text, **options)
