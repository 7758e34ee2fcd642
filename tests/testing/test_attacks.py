"""Attacks and trials: which outcomes are as expected, and that an attack with another one is reported as a failure.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from citizenid import Reason
from citizenid.gateway import Consumption, Gateway
from citizenid.testing import Attack, Served, Trial, UnexpectedOutcomeError, attack_catalogue, serving
from citizenid.testing.attacks import JOURNAL
from citizenid.testing.forge.parts import NOW
from citizenid.testing.forgery import ALLOWED, Outcome
from citizenid.testing.targets import Handler
from citizenid.testing.trials import Kind, holds, raises, refused, sd_jwt
from citizenid.testing.world import SimulatedWorld

EXPIRED_AT_V6 = Outcome(False, Reason.EXPIRED, "V6", "exp")
UNNAMED = Outcome(False)


@pytest.fixture(autouse=True)
def journal() -> Iterator[None]:
    """Leave no finding of an attack that is made to fail."""
    before = len(JOURNAL.findings)
    yield
    del JOURNAL.findings[before:]


@pytest.mark.parametrize(
    ("kind", "reason", "step", "outcome", "names_reasons", "met"),
    [
        (Kind.ACCEPTED, None, "", ALLOWED, True, True),
        (Kind.ACCEPTED, None, "", EXPIRED_AT_V6, True, False),
        (Kind.HOLDS, None, "", ALLOWED, True, True),
        (Kind.REFUSED, Reason.EXPIRED, "", EXPIRED_AT_V6, True, True),
        (Kind.REFUSED, Reason.EXPIRED, "V6", EXPIRED_AT_V6, True, True),
        (Kind.REFUSED, Reason.EXPIRED, "V9", EXPIRED_AT_V6, True, False),
        (Kind.REFUSED, Reason.NOT_YET_VALID, "", EXPIRED_AT_V6, True, False),
        (Kind.REFUSED, Reason.NOT_YET_VALID, "", EXPIRED_AT_V6, False, False),  # who does name one names the right one
        (Kind.REFUSED, Reason.EXPIRED, "", ALLOWED, True, False),
        (Kind.REFUSED, Reason.EXPIRED, "", ALLOWED, False, False),
        (Kind.REFUSED, Reason.EXPIRED, "", UNNAMED, True, False),
        (Kind.REFUSED, Reason.EXPIRED, "", UNNAMED, False, True),
    ],
)
def test_a_trial_is_met_by_its_own_outcome_alone(
    kind: Kind, reason: Reason | None, step: str, outcome: Outcome, names_reasons: bool, met: bool
) -> None:
    trial = Trial("x", kind, reason, step, lambda target: outcome, anywhere=True)
    assert trial.meets(outcome, names_reasons=names_reasons) is met


class Forgetful:
    """A replay guard that has seen nothing before."""

    def consume(self, scope: bytes, token: bytes, lifetime_s: int) -> Consumption:
        """Say that this is new."""
        return Consumption.FRESH


def forgetful(world: SimulatedWorld) -> Handler:
    return serving(Gateway(**(world.arguments() | {"replay": Forgetful()})))


def test_an_attack_that_a_broken_gateway_lets_through_is_reported_with_each_such_trial() -> None:
    (attack,) = (each for each in attack_catalogue(served=True) if each.id == "SIG-008")
    with pytest.raises(UnexpectedOutcomeError) as failed:
        attack.run(Served(forgetful))
    assert len(failed.value.findings) == 2
    for finding in failed.value.findings:
        assert finding in JOURNAL.findings
        assert (finding.id, finding.outcome, finding.trial.reason) == ("SIG-008", ALLOWED, Reason.REPLAYED)
        assert str(finding) in str(failed.value)


def test_an_attack_of_which_one_trial_has_another_reason_is_reported_with_that_trial_alone() -> None:
    old = sd_jwt(payload={"exp": NOW})
    trials = [refused("as it is", Reason.EXPIRED, old), refused("otherwise", Reason.NOT_YET_VALID, old)]
    with pytest.raises(UnexpectedOutcomeError) as failed:
        Attack("X-1", "x", (), lambda: trials).run()
    assert [finding.trial.name for finding in failed.value.findings] == ["otherwise"]
    assert str(failed.value) == "X-1 otherwise: expired at V6, NOT as expected: refused with not_yet_valid"


@pytest.mark.parametrize("trials", [[], [raises("x", Reason.EXPIRED, lambda: None), holds("y", lambda: None)]])
def test_an_attack_of_which_nothing_could_be_tried_fails(trials: list[Trial]) -> None:
    with pytest.raises(UnexpectedOutcomeError) as failed:
        Attack("X-1", "x", (), lambda: trials).run(Served(forgetful))
    assert failed.value.findings == ()
