"""What is attacked: a gateway of somebody else is made as one that has been running for a while.

Spec: specs/testing.md.
"""

from __future__ import annotations

import pytest

from citizenid.gateway import Gateway
from citizenid.testing import SimulatedWorld, attack_catalogue
from citizenid.testing.forge.parts import NOW
from citizenid.testing.targets import Handler, Served, serving
from citizenid.testing.world import UPTIME_S


@pytest.mark.parametrize("number", ["DPO-011", "DPO-012"])
def test_a_gateway_that_is_made_for_the_world_takes_proofs_from_before(number: str) -> None:
    (attack,) = (each for each in attack_catalogue(served=True) if each.id == number)
    attack.run(Served(lambda world: serving(Gateway(**world.arguments()))))


def test_it_is_made_before_now_and_asked_at_now() -> None:
    made: list[tuple[float, float]] = []

    def make(world: SimulatedWorld) -> Handler:
        made.append((world.clock(), world.monotonic()))
        return serving(world.gateway)

    party = Served(make).party()
    assert party.world.now == NOW
    assert made == [(NOW - UPTIME_S, party.world.monotonic() - UPTIME_S)]
