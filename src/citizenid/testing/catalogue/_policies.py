"""The case of the group `policy` about policies themselves: what says nothing permits nothing, and is no policy.

Spec: specs/policy.md sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ... import Country, Reason
from ...gateway import AdmissionPolicy, Allow, Binding, Deny
from ...policy import Facts
from ..attacks import attack
from ..forgery import called
from ..trials import Trial, expect, holds, raises
from ..world import POLICY, SimulatedWorld

RULE: Final = 'version = 1\n[[rule]]\nresource = "r"\n'
_CONFIGURATION: Final = Reason.POLICY_INVALID


@attack("POL-009", "CONFIG_INVALID")
def policies_that_say_nothing() -> Iterator[Trial]:
    """A policy without rules, a rule without a condition, or with one that is not understood."""
    us = 'nationality = ["US"]\n'
    rules = {
        "an empty list": "nationality = []", "no condition": "", "a misspelt key": 'nationalty = ["US"]',
        "an unknown condition": us + "age_over = 18", "anyone is false": "anyone = false",
        "a number": "nationality = [1]", "anyone is a text": 'anyone = "true"', "a text": 'nationality = "US"',
        "a wildcard": 'nationality = ["*"]', "two conditions": us + 'citizenship = ["US"]',
        "lower case": 'nationality = ["us"]', "twice": 'nationality = ["US", "US"]',
        "and none": 'nationality = ["US", ""]',
        "anyone with a binding": 'anyone = true\nbinding = "mtls"', "asked and excluded": us + 'none_of = ["US"]',
        "anyone who excludes nobody": "anyone = true\nnone_of = []", "an unknown binding": us + 'binding = "none"',
    }  # fmt: skip
    for name, rule in rules.items():
        yield raises(f"rule: {name}", _CONFIGURATION, partial(AdmissionPolicy.from_toml, RULE + rule))
    anyone = "anyone = true\n"
    documents: dict[str, Any] = {
        "the empty text": "", "no rules": "version = 1", "an empty array": "version = 1\nrule = []", "None": None,
        "no version": RULE.replace("version = 1", "") + anyone, "another version": RULE.replace("= 1", "= 2") + anyone,
        "bytes": RULE.encode() + b"anyone = true", "no TOML": "{}", "no resource": "version = 1\n[[rule]]\n" + anyone,
        "a default": 'default = "allow"\n' + RULE + anyone, "true": True,
        "no names": RULE.replace('"r"', "[]") + anyone,
    }  # fmt: skip
    for name, document in documents.items():
        yield raises(f"document: {name}", _CONFIGURATION, partial(AdmissionPolicy.from_toml, document))
    yield raises("a policy of no rules", _CONFIGURATION, partial(AdmissionPolicy, ()))
    none: tuple[Any, ...] = (None, True, "", POLICY, (), {}, lambda resource, facts: True)
    for number, each in enumerate(none):
        made = partial(SimulatedWorld, policy=each)
        yield raises(f"a gateway whose policy is none, {number}", Reason.CONFIGURATION_INVALID, made)
    yield holds("what no rule lists is denied", _unlisted_resources)
    yield holds("a reload of what is none changes nothing", _reload)


def _unlisted_resources() -> None:
    policy = AdmissionPolicy.from_toml(RULE + "anyone = true")
    country = frozenset({Country("US")})
    facts = Facts(country, country, Binding.MTLS, 0)
    expect(policy.decide("r", facts).permitted, "a rule for anyone refuses somebody")
    others: tuple[Any, ...] = ("", "R", "r ", " r", "r/", "rr", "*", "r\0", None, 5, b"r", "r" * 10_000)
    for resource in others:
        expect(policy.decide(resource, facts).reason is Reason.RESOURCE_NOT_LISTED, "what nobody listed was allowed")


def _reload() -> None:
    world = SimulatedWorld()
    wallet = world.anybody()
    ticket = world.ticket(wallet)
    wrong: Any = "version = 1"
    outcome = called(lambda: world.gateway.reload(policy=wrong))
    expect(outcome.reason is Reason.CONFIGURATION_INVALID, "what is no policy was taken")
    expect(type(world.ask(wallet, ticket)) is Allow, "the old policy is gone")
    expect(type(world.ask(wallet, ticket, "europe")) is Deny, "the old policy is gone")
