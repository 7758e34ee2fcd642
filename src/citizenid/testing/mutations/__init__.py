"""Mutations: what is valid becomes hostile, together with the Reasons that may answer it.

`TABLES` holds a closed table for each form; `mutations(valid)` draws from the table of what it is given. What anybody
on the way can do is marked `keyless`; the rest is done by an issuer, a holder or an operator who uses his own key.

    @given(st.data())
    def test_nothing_hostile_is_admitted(data):
        valid = data.draw(presentations(Format.MDOC))
        data.draw(mutations(valid)).judge()

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from ... import Challenge, Format, Serialization
from ...gateway import Binding
from ..forgery import Outcome
from ..strategies.chains import Chain
from ..strategies.presentations import Presented
from ..strategies.requests import TicketHeld
from ..strategies.status_lists import PublishedList
from ..targets import RESOURCES, Target, outcome_of
from . import chains, gateways, mdoc, policies, sd_cwt, sd_jwt, sd_jwt_json, signed_requests, status_lists
from ._frame import CHOICES, Choice, Hostile, Mutation

__all__ = ["TABLES", "Choice", "Hostile", "Mutation", "form_of", "mutate", "mutations"]

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


_REQUESTS: Final = {
    Binding.DPOP: "request",
    Binding.HTTP_SIGNATURE: "request, signed",
    Binding.MTLS: "request, mutual TLS",
}


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


@st.composite
def mutations(draw: st.DrawFn, valid: Any, *, among: Iterable[Mutation] | None = None) -> Hostile:
    """Hostile things that are made of one valid thing.

    Args:
        draw: hypothesis.
        valid: as `form_of`.
        among: mutations of the table of its form; all of them by default.
    """
    table = TABLES[form_of(valid)] if among is None else tuple(among)
    numbers = draw(st.lists(st.integers(0, 2**32 - 1), min_size=CHOICES, max_size=CHOICES))
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
    if form_of(valid) == "request" and mutation.name not in gateways.OF_THE_FLEET:
        return lambda target: _request_served(target, mutation, numbers)
    if isinstance(valid, Presented) and form_of(valid) == valid.format.value and not valid.issued.by_mac:
        return lambda target: _presentation_served(target, valid, mutation, numbers)
    return None


def _presentation_served(target: Target, valid: Presented, mutation: Mutation, numbers: Sequence[int]) -> Outcome:
    party = target.party(format=valid.format, anchors=valid.anchors)
    asked = party.challenge()
    challenge = Challenge(audience=asked["audience"], nonce=asked["nonce"])
    answer = valid.answering(challenge, now=party.world.now)
    return outcome_of(party.post(mutation.edit(answer, Choice(numbers)), asked["challenge"]))


def _request_served(target: Target, mutation: Mutation, numbers: Sequence[int]) -> Outcome:
    party = target.party()
    held = TicketHeld(party.ticket(), party.client, party.world, RESOURCES + "us-nationals")
    sent = mutation.edit(held, Choice(numbers))
    return [party.send(request) for request in sent.requests][-1]
