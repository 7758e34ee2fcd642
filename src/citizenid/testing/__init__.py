"""The security reviewer's kit: attacks on the library, or on a gateway that is built on it, and what refused which.

`attack_catalogue()` is every known case as code. `strategies` makes what is valid; `mutations` makes it hostile, and
says which Reasons may answer it. `SimulatedWorld` has issuers, wallets, status lists, gateways, and two clocks that are
moved by hand; `forge` makes by hand what no honest writer would. `Served` attacks a gateway of somebody else over HTTP
alone, and `-p citizenid.testing.plugin` prints case by case what refused what. The extra is `testing`.

>>> from citizenid.testing import SimulatedWorld, attack_catalogue
>>> attack = attack_catalogue()[0]
>>> attack.id, attack.what
('ALG-001', "The issuer's JWS says alg none and has no signature.")
>>> str(attack.run()[1])
"ALG-001 alg 'none', no signature: algorithm_not_allowed at V1, as expected"

A session of an honest client, and what ends it:

>>> world = SimulatedWorld()
>>> ada = world.wallet("ada", nationalities=["US"])
>>> ticket = world.ticket(ada)
>>> world.ask(ada, ticket)
Allow(rule=3)
>>> world.publisher_of(ada).revoke(ada.status)
>>> world.wait(60)
>>> world.publish()
>>> world.ask(ada, ticket).reason.value
'revoked'

The names here are loaded when they are asked for: loading the plugin loads none of them.

Spec: specs/testing.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .attacks import Attack, Finding, Group, UnexpectedOutcomeError
    from .catalogue import REASON_NAMES, attack_catalogue
    from .forgery import Outcome
    from .mutations import Hostile, Mutation, mutate
    from .senders import Sender
    from .targets import RESOURCES, Handler, Library, Party, Served, serving
    from .trials import Kind, Trial
    from .world import SimulatedWorld, Wallet

__all__ = [
    "REASON_NAMES",
    "RESOURCES",
    "Attack",
    "Finding",
    "Group",
    "Handler",
    "Hostile",
    "Kind",
    "Library",
    "Mutation",
    "Outcome",
    "Party",
    "Sender",
    "Served",
    "SimulatedWorld",
    "Trial",
    "UnexpectedOutcomeError",
    "Wallet",
    "attack_catalogue",
    "mutate",
    "serving",
]

_HOMES: Final = {
    "attacks": ("Attack", "Finding", "Group", "UnexpectedOutcomeError"),
    "catalogue": ("REASON_NAMES", "attack_catalogue"),
    "forgery": ("Outcome",),
    "mutations": ("Hostile", "Mutation", "mutate"),
    "senders": ("Sender",),
    "targets": ("RESOURCES", "Handler", "Library", "Party", "Served", "serving"),
    "trials": ("Kind", "Trial"),
    "world": ("SimulatedWorld", "Wallet"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
