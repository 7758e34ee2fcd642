"""What a reviewer tries on a gateway: every known attack, mutations of what is valid, and sessions over time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizenid import Format
from citizenid.gateway import Gateway
from citizenid.testing import Served, SimulatedWorld, attack_catalogue, serving
from citizenid.testing.mutations import mutations
from citizenid.testing.strategies import presentations

GATEWAY = Served(lambda world: serving(Gateway(**world.arguments())))  # here stands what answers for your own


@pytest.mark.parametrize("attack", attack_catalogue(), ids=str)
def test_attacks_on_the_library(attack):
    attack.run()


@pytest.mark.parametrize("attack", attack_catalogue(served=True), ids=str)
def test_attacks_on_the_gateway(attack):
    attack.run(GATEWAY)


@settings(deadline=None)
@given(st.sampled_from(Format).flatmap(presentations).flatmap(mutations))
def test_nothing_hostile_is_admitted(hostile):
    hostile.judge(GATEWAY if hostile.served else None)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3_000), max_size=5))
def test_a_revocation_ends_a_session_whenever_it_comes(pauses):
    world = SimulatedWorld()
    ada = world.wallet("ada", nationalities=["US"])
    for seconds in pauses:
        world.wait(seconds)
        world.publish()
        assert world.ask(ada, world.ticket(ada)).rule == 3
    ticket = world.ticket(ada)
    world.publisher_of(ada).revoke(ada.status)
    world.publish()
    assert world.ask(ada, ticket).reason == "revoked"
