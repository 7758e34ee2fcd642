"""Attacks and trials: which outcomes are as expected, and that an attack with another one is reported as a failure.

Spec: specs/testing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from citizenid import Format, Reason
from citizenid.gateway import Answer, Binding, Consumption, Gateway, Request
from citizenid.testing import Attack, Served, Trial, UnexpectedOutcomeError, attack_catalogue, serving
from citizenid.testing.attacks import JOURNAL
from citizenid.testing.forge.parts import NOW
from citizenid.testing.forgery import ALLOWED, NOT_OFFERED, Outcome
from citizenid.testing.senders import Sender
from citizenid.testing.targets import Handler
from citizenid.testing.trials import Kind, accepted, asked, expect, holds, mdoc, raises, refused, sd_jwt
from citizenid.testing.world import SimulatedWorld

EXPIRED_AT_V6 = Outcome(False, Reason.EXPIRED, "V6", "exp")
UNNAMED = Outcome(False)
BROKEN = Outcome(False, failure="ValueError: x")


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
        (Kind.REFUSED, Reason.EXPIRED, "", BROKEN, False, False),
        (Kind.REFUSED, Reason.EXPIRED, "", BROKEN, True, False),
        (Kind.ACCEPTED, None, "", BROKEN, False, False),
        (Kind.REFUSED, Reason.EXPIRED, "", NOT_OFFERED, True, True),
        (Kind.ACCEPTED, None, "", NOT_OFFERED, True, True),
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


def test_a_check_that_fails_is_a_finding_and_the_other_trials_are_tried_all_the_same() -> None:
    def no_such_thing() -> None:
        raise KeyError("x\ny " + "z" * 300)

    def wrong() -> None:
        expect(False, "it does not hold")

    trials = [holds("one", wrong), holds("two", no_such_thing), holds("three", lambda: None)]
    with pytest.raises(UnexpectedOutcomeError) as failed:
        Attack("X-1", "x", (), lambda: trials).run()
    assert [each.trial.name for each in failed.value.findings] == ["one", "two"]
    assert isinstance(failed.value.__cause__, AssertionError)
    assert [each.trial.name for each in JOURNAL.findings[-3:]] == ["one", "two", "three"]
    first, second, _ = (each.outcome for each in JOURNAL.findings[-3:])
    assert first == Outcome(False, failure="AssertionError: it does not hold")
    assert len(second.failure) == 200 and second.failure.startswith(r"KeyError: 'x\ny z")
    assert str(failed.value).startswith("X-1 one: failed, AssertionError: it does not hold, NOT as expected: holds")


def test_a_gateway_that_raises_has_not_refused() -> None:
    def raising(world: SimulatedWorld) -> Handler:
        def answer(request: Request, body: bytes) -> Answer:
            raise ZeroDivisionError("x")

        return answer

    trial = refused("x", Reason.EXPIRED, sd_jwt(payload={"exp": NOW}))
    for names_reasons in (False, True):
        with pytest.raises(UnexpectedOutcomeError) as failed:
            Attack("X-1", "x", (), lambda: [trial]).run(Served(raising, names_reasons=names_reasons))
        assert failed.value.findings[0].outcome.failure == "ZeroDivisionError: x"
        assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_trials_that_cannot_be_made_are_a_finding_after_those_that_could() -> None:
    def trials() -> Iterator[Trial]:
        yield holds("one", lambda: None)
        raise ValueError("x")

    with pytest.raises(UnexpectedOutcomeError) as failed:
        Attack("X-1", "x", (), trials).run()
    assert [str(each) for each in JOURNAL.findings[-2:]] == [
        "X-1 one: allowed, as expected",
        "X-1 its trials are made: failed, ValueError: x, NOT as expected: holds",
    ]
    assert failed.value.findings == tuple(JOURNAL.findings[-1:])


def test_what_a_gateway_does_not_offer_is_not_tried_on_it_and_the_rest_is() -> None:
    def ours(world: SimulatedWorld) -> Handler:
        return serving(Gateway(**world.arguments()))

    only = Served(ours, formats=[Format.SD_JWT_VC], bindings=[Binding.DPOP], name="mine")
    trials = [
        accepted("taken", sd_jwt()),
        accepted("another format", mdoc()),
        asked("another binding", None, lambda party: party.use(party.ticket(Sender(Binding.MTLS)))),
        asked("the same binding", None, lambda party: party.use(party.ticket())),
    ]
    findings = Attack("X-1", "x", (), lambda: trials).run(only)
    assert [each.outcome for each in findings] == [ALLOWED, NOT_OFFERED, NOT_OFFERED, ALLOWED]
    assert all(each.expected and each.target == "mine" for each in findings)
    assert str(findings[1]) == "X-1 [mine] another format: not offered, as expected"


@pytest.mark.parametrize(
    "wrong",
    [
        {"formats": []},
        {"formats": Format.SD_JWT_VC},  # its letters, which are no formats: no attack on a format would be tried
        {"formats": "dc+sd-jwt"},
        {"formats": [Format.SD_JWT_VC, "mdoc"]},
        {"bindings": [Binding.MTLS]},
        {"bindings": [Binding.DPOP, "mtls"]},
        {"name": "library"},
    ],
    ids=repr,
)
def test_a_gateway_offers_a_format_and_dpop_and_is_not_called_as_the_library_is(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Served(forgetful, **wrong)


@pytest.mark.parametrize("trials", [[], [raises("x", Reason.EXPIRED, lambda: None), holds("y", lambda: None)]])
def test_an_attack_of_which_nothing_could_be_tried_fails(trials: list[Trial]) -> None:
    with pytest.raises(UnexpectedOutcomeError) as failed:
        Attack("X-1", "x", (), lambda: trials).run(Served(forgetful))
    assert failed.value.findings == ()
