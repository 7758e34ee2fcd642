"""What a reviewer tries on a gateway: every known attack, mutations of what is valid, and sessions over time."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citizenid.gateway import Gateway
from citizenid.testing import Served, SimulatedWorld, attack_catalogue, serving
from citizenid.testing.mutations import TABLES, every_mutation, valid_of

GATEWAY = Served(lambda world: serving(Gateway(**world.arguments())))  # here stands what answers for your own


@pytest.mark.parametrize("attack", attack_catalogue(), ids=str)
def test_attacks_on_the_library(attack):
    attack.run()


@pytest.mark.parametrize("attack", attack_catalogue(served=True), ids=str)
def test_attacks_on_the_gateway(attack):
    attack.run(GATEWAY)


@pytest.mark.parametrize("form", TABLES)
@settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_nothing_hostile_is_admitted(form, data):
    for hostile in data.draw(valid_of(form).flatmap(every_mutation)):
        hostile.judge(GATEWAY if hostile.served else None)


def test_a_revocation_ends_a_session_in_its_last_second_as_well():
    world = SimulatedWorld()
    ada = world.wallet("ada", nationalities=["US"])
    ticket = world.ticket(ada)
    world.wait(3_599)
    assert world.ask(ada, ticket).rule == 3
    world.publisher_of(ada).revoke(ada.status)
    world.publish()
    assert world.ask(ada, ticket).reason == "revoked"
