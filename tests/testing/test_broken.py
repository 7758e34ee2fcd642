"""Where the library is broken the catalogue says so: each kind of check, with the library broken in just that way.

A check that cannot fail checks nothing. What is broken here is one function or one answer; the trial that must see it
is tried by itself.

Spec: specs/testing.md.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest import mock

import pytest

from citizenid import (
    Attestation,
    Challenge,
    CitizenIDError,
    Format,
    LocalKey,
    NeedStatusList,
    Reason,
    Status,
    StatusKind,
    StatusReference,
    TrustAnchor,
)
from citizenid.gateway import Admitted, Allow, Consumption, Deny
from citizenid.gateway._parts import Parts
from citizenid.gateway._record import Record
from citizenid.gateway.challenge import ChallengeKeys
from citizenid.policy import Rule
from citizenid.status import StatusStore
from citizenid.testing import Library, attack_catalogue
from citizenid.testing.catalogue._marked import MARK
from citizenid.testing.catalogue.denial_of_service import _lists_no_more, _says_no_more
from citizenid.testing.forge import mdoc as forged_mdoc
from citizenid.testing.forge.status_lists import status_token
from citizenid.testing.forgery import MAKE, came_of
from citizenid.testing.targets import VERIFY

JWT = Format.SD_JWT_VC


def tried(number: str, name: str) -> None:
    """Try one trial of an attack."""
    (attack,) = (each for each in attack_catalogue() if each.id == number)
    trial = next(each for each in attack.trials() if each.name == name)
    assert trial.act(Library()).allowed


def verifying(verify: Callable[[Any], object], format: Format = JWT) -> AbstractContextManager[Any]:
    """Break verification."""
    return mock.patch.dict(VERIFY, {format: verify})


def telling(data: Any) -> object:
    raise CitizenIDError(Reason.EXPIRED, f"exp {MARK}")


def logging_it(data: Any) -> object:
    logging.getLogger("citizenid.verifier").warning("refused a presentation")
    raise CitizenIDError(Reason.EXPIRED, "exp")


def carrying(data: Any) -> object:
    error = CitizenIDError(Reason.EXPIRED, "exp")
    error.__context__ = ValueError("x")
    raise error


BROKEN = {
    "an error tells": (verifying(telling), "LEK-001", "dc+sd-jwt, type", "something of the input was told"),
    "an error carries another": (verifying(carrying), "LEK-001", "dc+sd-jwt, type", "carries another"),
    "nothing is refused": (verifying(lambda data: None), "LEK-001", "dc+sd-jwt, type", "it was not refused"),
    "a record is written": (
        verifying(logging_it),
        "LEK-002",
        "no record at all is written, and none tells anything",
        "the library wrote into a log",
    ),
    "a key is copied": (
        mock.patch.object(LocalKey, "__copy__", lambda self: self, create=True),
        "LEK-004",
        "a key, ES256, copied",
        "a LocalKey was copied",
    ),
    "what is verified can be changed": (
        mock.patch.object(Attestation, "__setattr__", object.__setattr__),
        "CAC-022",
        "dc+sd-jwt, nothing can be changed",
        "type can be set",
    ),
    "a refusal is false": (
        mock.patch.object(Deny, "__bool__", return_value=False),
        "API-007",
        "no result has a truth value",
        "a Deny is true or false",
    ),
    "an admission is true": (
        mock.patch.object(Admitted, "__bool__", return_value=True),
        "CAC-025",
        "no result has a truth value",
        "an? Admitted has a truth value",
    ),
    "a need is true": (
        mock.patch.object(NeedStatusList, "__bool__", return_value=True),
        "STA-015",
        "it is a need, and no word on the credential",
        "a need is true or false",
    ),
    "the log is not asked": (
        mock.patch.object(Record, "_allowed", return_value=None),
        "LOG-012",
        "it raises ValueError('x')",
        "allowed, and not written down",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_check_that_must_see_it_fails(broken: str) -> None:
    breaking, number, name, text = BROKEN[broken]
    tried(number, name)
    with breaking, pytest.raises(AssertionError, match=text):
        tried(number, name)


# --- rules that are not kept ---


def only_the_first_list(store: StatusStore, reference: StatusReference, **how: Any) -> object:
    return ASKED(store, reference, **how) if reference.kind is StatusKind.STATUS_LIST else Status.VALID


def believing(keys: ChallengeKeys, text: str, **how: Any) -> Any:
    challenge, binding, nonce = RECOGNISED(keys, text, **how)
    return replace(challenge, max_age_s=Challenge.from_text(text).max_age_s), binding, nonce


ASKED, RECOGNISED = StatusStore.check, ChallengeKeys.recognise
UNKEPT: dict[str, tuple[AbstractContextManager[Any], str, tuple[str, ...]]] = {
    "a key binding of any age": (
        mock.patch("citizenid._readers.sd_jwt_vc._check_binding_time"),
        "TIM-001",
        ("a key binding of an hour", "a key binding, a second older"),
    ),
    "an SD-KBT of any age": (
        mock.patch("citizenid._readers.sd_cwt._check_binding_time"),
        "TIM-001",
        ("an SD-KBT of an hour", "an SD-KBT, a second older"),
    ),
    "a challenge of any age": (
        mock.patch("citizenid.gateway.challenge.expires_at", return_value=2**40),
        "TIM-001",
        ("a challenge, after an hour", "a challenge at its end"),
    ),
    "a challenge says how old an answer may be": (
        mock.patch.object(ChallengeKeys, "recognise", believing),
        "TIM-001",
        ("a key binding of an hour, and a challenge that says it may be",),
    ),
    "an issuer is trusted with every country": (
        mock.patch.multiple(TrustAnchor, may_attest=lambda anchor, country: True, proven=lambda anchor, stated: stated),
        "CHN-018",
        ("of two nationalities the other one is left out",),
    ),
    "a sender proof ends by nobody's word": (
        mock.patch("citizenid.gateway.proofs._check_bounds"),
        "TIM-001",
        ("a sender proof at its end",),
    ),
    "suspended is as good as valid": (
        mock.patch("citizenid.verifier.check_status_valid"),
        "CAC-008",
        ("suspended",),
    ),
    "one of two lists is asked": (
        mock.patch.object(StatusStore, "check", only_the_first_list),
        "CAC-008",
        (
            "status list and bitstring, revoked in the bitstring",
            "status list and identifier list, revoked in the identifier list",
        ),
    ),
    "one of two lists is asked for a ticket": (
        mock.patch.dict("citizenid.gateway._authorization._NOT_VALID", {Status.INVALID: Allow(1, bytes(16))}),
        "CAC-008",
        ("status list and bitstring, revoked in the bitstring, a ticket",),
    ),
    "no CRL is asked": (
        mock.patch("citizenid._x509.revocation.Revocation.judge", return_value=2**40),
        "KEY-012",
        (
            "the signer is revoked: mso_mdoc",
            "the signer is revoked: a gateway",
            "an intermediate is revoked: dc+sd-jwt",
            "a list that is due: sd-cwt",
            "the signer of a list is revoked: status list token",
        ),
    ),
    "a guard that gives no answer is as good as one that does": (
        mock.patch.object(Parts, "use", return_value=Consumption.FRESH),
        "DPO-016",
        (
            "a guard that raises, DPOP",
            "a guard that says true, HTTP_SIGNATURE",
            "a guard that cannot be asked, the proof at admission",
            "a guard that cannot be asked, the challenge at admission",
        ),
    ),
    "every rule exists everywhere and always": (
        mock.patch.multiple(Rule, passed_over=lambda rule, now, region: None, undecided=lambda rule, now, region: None),
        "POL-012",
        ("a rule that has ended", "a rule that has not begun", "a rule for eu-*, in us-1"),
    ),
    "of a proxy's header the first element counts": (
        mock.patch("citizenid.gateway._certificates._XFCC", re.compile(b"(?i:hash)=([0-9a-f]{64}).*")),
        "DPO-024",
        ("x-forwarded-client-cert, two elements", "x-forwarded-client-cert, two hashes"),
    ),
    "a bitstring says the same for every purpose": (
        mock.patch("citizenid.status._bitstring.reg.BITSTRING_PURPOSES", frozenset({"revocation", "message"})),
        "STA-016",
        ("a good bitstring, then one of a message",),
    ),
    "suspended is as good as valid for a ticket": (
        mock.patch.dict("citizenid.gateway._authorization._NOT_VALID", {Status.SUSPENDED: Allow(1, bytes(16))}),
        "CAC-008",
        ("a ticket, suspended",),
    ),
}


@pytest.mark.parametrize("unkept", UNKEPT)
def test_a_rule_that_is_not_kept_is_seen_by_the_trials_that_are_for_it(unkept: str) -> None:
    breaking, number, names = UNKEPT[unkept]
    (attack,) = (each for each in attack_catalogue() if each.id == number)
    trials = [each for each in attack.trials() if each.name in names]
    assert {each.name for each in trials} == set(names)
    assert all(each.meets(came_of(partial(each.act, Library()))[0], names_reasons=True) for each in trials)
    with breaking:
        outcomes = [(each, came_of(partial(each.act, Library()))[0]) for each in trials]
    assert [each.name for each, outcome in outcomes if each.meets(outcome, names_reasons=False)] == []


# --- what became of a good object by accident ---


def accepting_all(format: Format, **how: Any) -> AbstractContextManager[Any]:
    """Break verification: whatever it is, it is taken for this presentation."""
    verdict = VERIFY[format](MAKE[format](**how))
    return verifying(lambda data: verdict, format)


@pytest.mark.parametrize("format", [JWT, Format.SD_CWT])
def test_a_changed_presentation_that_is_accepted_fails_the_check(format: Format) -> None:
    good = MAKE[format]()
    _says_no_more(format, good[:-1], good)
    _says_no_more(format, good, good)
    with accepting_all(format), pytest.raises(AssertionError, match="it was accepted"):
        _says_no_more(format, good[:-1], good)


def test_a_changed_mdoc_may_be_accepted_and_say_less_but_nothing_else() -> None:
    good = MAKE[Format.MDOC]()
    pid = {"nationality": ["US"]}
    with accepting_all(Format.MDOC):
        _says_no_more(Format.MDOC, good[:-1], good)
    other = forged_mdoc.make({forged_mdoc.PID: pid | {"nationality": ["DE"]}})
    with pytest.raises(AssertionError, match="something else was accepted"):
        _says_no_more(Format.MDOC, other, good)


def test_a_changed_list_that_is_refused_or_says_the_same_passes_and_another_one_fails() -> None:
    good = status_token()
    for same in (good, good[:-1], status_token()):
        _lists_no_more(same, good)
    with pytest.raises(AssertionError, match="another list was taken in"):
        _lists_no_more(status_token({5: 1}), good)
