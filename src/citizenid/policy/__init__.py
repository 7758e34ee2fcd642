"""Who may use what: rules per resource, written in TOML, decided by pure functions.

    version = 1

    [[rule]]
    resource = "claude-3.5-opus"      # an exact name, a pattern with `*`, or a list of them
    citizenship = ["US"]              # or: nationality = [...], or: anyone = true

    [[rule]]
    resource = "deepseek-v3"
    anyone = true
    none_of = ["US"]                  # in a list of nationalities that its issuer declares complete

    [[rule]]
    resource = ["reports/*", "drafts/*"]
    nationality = ["DE", "FR"]
    binding = "bearer"                # the floor; "dpop" when it is left out
    max_admission_age_s = 600         # how long ago the presentation may have been
    assurance = { eidas = "substantial" }
    region = "eu-*"                   # elsewhere the rule does not exist

The first rule whose resource matches decides; what no rule lists is denied. Patterns are case-sensitive and know only
`*`, which also crosses `/`; a pattern that would hide a later rule is an error. A name is matched as it is: resolve
aliases before. Nationality and citizenship are different things, and a rule names which of them it needs; a citizen is
a national, never the other way round. What a rule asks for and nobody knows refuses.

`lint` lists every error of a policy with its line, `AdmissionPolicy.explain` says why it decides so, and `diff` who
gains and who loses by another one.

Spec: specs/policy.md; DESIGN section 7.
"""

from __future__ import annotations

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from ._compare import Change, ChangeKind, diff
from ._explain import ConditionReport, ConditionState, Explanation, PassedOver
from ._facts import Facts, Verdict
from ._findings import Finding
from ._policy import AdmissionPolicy, lint
from ._rules import Rule, SharingResponse, StoreDown

__all__ = [
    "AdmissionPolicy",
    "Change",
    "ChangeKind",
    "ConditionReport",
    "ConditionState",
    "Explanation",
    "Facts",
    "Finding",
    "PassedOver",
    "Rule",
    "SharingResponse",
    "StoreDown",
    "Verdict",
    "diff",
    "lint",
]
