"""Mutations: what is valid becomes hostile, together with the Reasons that may answer it.

`TABLES` holds a closed table for each form, and `valid_of(form)` draws what they are for. `mutations(valid)` draws one
from the table of what it is given, `every_mutation(valid)` tries all of it. What anybody on the way can do is marked
`keyless`; the rest is done by an issuer, a holder or an operator who uses his own key.

    @pytest.mark.parametrize("form", TABLES)
    @given(st.data())
    def test_nothing_hostile_is_admitted(form, data):
        for hostile in data.draw(valid_of(form).flatmap(every_mutation)):
            hostile.judge()

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from ... import Challenge, Format, Serialization
from ...gateway import Binding
from ..forgery import NotOfferedError, Outcome
from ..senders import Sender
from ..strategies.chains import Chain, certificate_chains
from ..strategies.policies import policy_tables, reachable_part
from ..strategies.presentations import Presented, presentations
from ..strategies.requests import TicketHeld, tickets
from ..strategies.status_lists import PublishedList
from ..strategies.status_lists import status_lists as published_lists
from ..targets import RESOURCES, Target, outcome_of
from ..world import SimulatedWorld
from . import chains, gateways, mdoc, policies, sd_cwt, sd_jwt, sd_jwt_json, signed_requests, status_lists
from ._frame import CHOICES, Choice, Hostile, Mutation

__all__ = [
    "TABLES", "Choice", "Hostile", "Mutation", "every_mutation", "form_of", "mutate", "mutations", "valid_of"
]  # fmt: skip

TABLES: Final[Mapping[str, tuple[Mutation, ...]]] = MappingProxyType(
    {
        "dc+sd-jwt": sd_jwt.TABLE,
        "dc+sd-jwt in JSON": sd_jwt_json.TABLE,
        "mso_mdoc": mdoc.TABLE,
        "sd-cwt": sd_cwt.TABLE,
        **{f"status list, {form}": table for form, table in status_lists.TABLES.items()},
        "certificate chain": chains.TABLE,
        "request": gateways.TABLE,
        "request, signed": signed_requests.TABLE,
        "request, mutual TLS": signed_requests.OVER_TLS,
        "policy": policies.TABLE,
    }
)
"""The mutations of each form, by its name."""
_REQUESTS: Final = {
    Binding.DPOP: "request",
    Binding.HTTP_SIGNATURE: "request, signed",
    Binding.MTLS: "request, mutual TLS",
}
_NUMBERS: Final = st.lists(st.integers(0, 2**32 - 1), min_size=CHOICES, max_size=CHOICES)


def form_of(valid: Any) -> str:
    """Return the name of the table for something valid.

    Args:
        valid: a `Presented`, a `PublishedList`, a `Chain`, a `TicketHeld` that a proof binds, or rules of a policy as
            tables, all of which can be reached.
    """
    if isinstance(valid, Presented):
        in_json = valid.format is Format.SD_JWT_VC and valid.issued.serialization is not Serialization.COMPACT
        return "dc+sd-jwt in JSON" if in_json else valid.format.value
    if isinstance(valid, PublishedList):
        return f"status list, {valid.form}"
    if isinstance(valid, Chain):
        return "certificate chain"
    return _REQUESTS[valid.sender.binding] if isinstance(valid, TicketHeld) else "policy"


def mutate(valid: Any, mutation: Mutation, numbers: Sequence[int] = (0,)) -> Hostile | None:
    """Make something hostile of what is valid, or return None where there is nothing that the mutation could change.

    Args:
        valid: as `form_of`.
        mutation: of the table of its form.
        numbers: decide what the mutation leaves open.
    """
    form = form_of(valid)
    data = mutation.edit(valid, Choice(numbers))
    if data is None:
        return None
    return Hostile(data, mutation, form, valid, _judges(valid), _served(valid, mutation, numbers))


def valid_of(form: str) -> st.SearchStrategy[Any]:
    """Return a strategy for what the mutations of a form are made of.

    Args:
        form: a name in `TABLES`.
    """
    if form in _PRESENTED:
        format_, serializations = _PRESENTED[form]
        return presentations(format_, serializations=serializations)
    if form in _BINDINGS:  # what a gateway remembers of one example is nothing to the next
        return st.builds(SimulatedWorld).flatmap(lambda world: tickets(world, bindings=[_BINDINGS[form]]))
    if form in _LISTS:
        return published_lists(forms=[_LISTS[form]])
    return certificate_chains() if form == "certificate chain" else policy_tables().map(lambda r: reachable_part(r)[0])


_PRESENTED: Final = {
    "dc+sd-jwt": (Format.SD_JWT_VC, (Serialization.COMPACT,)),
    "dc+sd-jwt in JSON": (Format.SD_JWT_VC, (Serialization.FLATTENED, Serialization.GENERAL)),
    "mso_mdoc": (Format.MDOC, (Serialization.COMPACT,)),
    "sd-cwt": (Format.SD_CWT, (Serialization.COMPACT,)),
}
_BINDINGS: Final = {form: binding for binding, form in _REQUESTS.items()}
_LISTS: Final = {f"status list, {form}": form for form in status_lists.TABLES}


@st.composite
def every_mutation(draw: st.DrawFn, valid: Any, *, variants: int = 1) -> list[Hostile]:
    """All hostile things that can be made of one valid thing, so many of each mutation of its table.

    Args:
        draw: hypothesis.
        valid: as `form_of`.
        variants: how many of each, by numbers that follow one another: among so many ways that a mutation leaves open
            each is gone once, where one number after the other is drawn some of them are not.
    """
    numbers = draw(_NUMBERS)
    turns = [[number + turn for number in numbers] for turn in range(variants)]
    made = (mutate(valid, mutation, each) for mutation in TABLES[form_of(valid)] for each in turns)
    return [hostile for hostile in made if hostile is not None]


@st.composite
def mutations(draw: st.DrawFn, valid: Any, *, among: Iterable[Mutation] | None = None) -> Hostile:
    """Hostile things that are made of one valid thing.

    Args:
        draw: hypothesis.
        valid: as `form_of`.
        among: mutations of the table of its form; all of them by default.
    """
    table = TABLES[form_of(valid)] if among is None else tuple(among)
    numbers = draw(_NUMBERS)
    first = draw(st.integers(0, len(table) - 1))
    for mutation in (*table[first:], *table[:first]):
        hostile = mutate(valid, mutation, numbers)
        if hostile is not None:
            return hostile
    raise AssertionError("none of these mutations can change this")


def _judges(valid: Any) -> Callable[[Any], object]:
    if isinstance(valid, Presented):
        return valid.verify
    if isinstance(valid, PublishedList):
        return status_lists.judged(valid)
    if isinstance(valid, Chain):
        return chains.judged(valid)
    return gateways.judged(valid) if isinstance(valid, TicketHeld) else policies.judged(valid)


def _served(valid: Any, mutation: Mutation, numbers: Sequence[int]) -> Callable[[Target], Outcome] | None:
    """Return what tries a mutation on a gateway of somebody else, if it can be tried there."""
    if isinstance(valid, TicketHeld):
        if valid.sender.binding is Binding.DPOP and mutation.name in gateways.OF_THE_FLEET:
            return None
        return lambda target: _request_served(target, valid.sender, mutation, numbers)
    if isinstance(valid, Presented) and form_of(valid) == valid.format.value and not valid.issued.by_mac:
        return lambda target: _presentation_served(target, valid, mutation, numbers)
    return None


def _presentation_served(target: Target, valid: Presented, mutation: Mutation, numbers: Sequence[int]) -> Outcome:
    party = target.party(format=valid.format, anchors=valid.anchors)
    asked = party.challenge()
    challenge = Challenge(audience=asked["audience"], nonce=asked["nonce"])
    answer = valid.answering(challenge, now=party.world.now)
    edited = mutation.edit(answer, Choice(numbers))
    if edited is None:
        raise NotOfferedError("nothing in the answer to this challenge could be changed")
    return outcome_of(party.post(edited, asked["challenge"]))


def _request_served(target: Target, sender: Sender, mutation: Mutation, numbers: Sequence[int]) -> Outcome:
    party = target.party()
    # Of a resource by a pattern: what a mutation puts behind its name is listed as well.
    held = TicketHeld(party.ticket(sender), sender, party.world, RESOURCES + "us/a")
    sent = mutation.edit(held, Choice(numbers))
    return [party.send(request) for request in sent.requests][-1]
