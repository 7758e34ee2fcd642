"""Attacks on what memories of a verifier hold: aliases, results, and what was changed where it is stored.

Spec: DESIGN laws 1, 4, 12, section 4 (caches, ticket); specs/profile-status-list.md section 8; specs/threat-model.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import resources
from tempfile import TemporaryDirectory
from typing import Any, Final

from ... import Format, NeedStatusList, Reason, TrustAnchors, verifier
from ...gateway import Consumption
from ...status import Status, StatusStore, read_status_file, write_status_file
from ..attacks import Group, attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import AUDIENCE, NOW, key
from ..forge.status_lists import status_anchors, statuses
from ..forgery import Outcome
from ..targets import VERIFY, Library, Party
from ..trials import Trial, asked, expect, fails, holds, raises
from ..trials import sd_jwt as jwt
from ..world import OTHER_SECRET, SimulatedWorld, request
from ._cached import ATTACKS as _CACHED
from ._cached import Cache, again, ending, same, warm, with_ticket
from ._memories import ATTACKS as _MEMORIES

_LIBRARY: Final = Library()
_PICKLE: Final = b"\x80\x04}\x94\x8c\x05lists\x94]\x94s."  # of {"lists": []}


@attack("CAC-022")
def changed_by_the_caller() -> Iterator[Trial]:
    """Whoever gets the claims changes them, and they are read again."""
    for format in Format:
        yield holds(f"{format.value}, nothing can be changed", partial(_frozen, format))


def _frozen(format: Format) -> None:
    nested: dict[str, Any] = {"list": ["a", ["b"]], "map": {"x": {"y": [1]}}}
    arguments: dict[Format, dict[str, Any]] = {
        Format.SD_JWT_VC: {"payload": nested},
        Format.SD_CWT: {"claims": nested},
        Format.MDOC: {"elements": {"eu.europa.ec.eudi.pid.1": {"nationality": ["US"], **nested}}},
    }
    forgery, filled = same(format, **arguments[format]), Cache()
    verify: Callable[..., Any] = VERIFY[format]
    first = verify(forgery.made(), cache=filled).attestation
    said = _thawed(first.claims)
    _expect_frozen(first.claims)
    for name in ("type", "issuer", "claims", "validity", "holder_key", "status", "citizenship", "anything"):
        fails(partial(setattr, first, name, "changed"), f"{name} can be set", AttributeError, TypeError)
    second = verify(forgery.made(), cache=filled).attestation
    expect(filled.hits == 1 and _thawed(second.claims) == said, "what the cache says has changed")
    expect("map" in str(said), "the nested claims are there")


def _expect_frozen(value: Any) -> None:
    for method in ("__setitem__", "__delitem__", "append", "extend", "update", "pop", "clear", "add", "insert"):
        expect(not hasattr(value, method), f"a {type(value).__name__} has {method}")
    if isinstance(value, Mapping):
        for each in value.values():
            _expect_frozen(each)
    elif isinstance(value, tuple | list):
        for each in value:
            _expect_frozen(each)


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _thawed(each) for name, each in value.items()}
    return [_thawed(each) for each in value] if isinstance(value, tuple | list) else value


@attack("CAC-023", "CACHE_TAMPERED")
def changed_where_it_is_stored() -> Iterator[Trial]:
    """What lies outside of the process was changed: a ticket with the client, the lists and marks in a file."""
    # The ticket is what a gateway remembers of an admission, and the client keeps it: changed, it is none.
    for place in (0, 1, 6, 7, 22, 23, 120, 246, 247):
        yield asked(f"a ticket with another character at {place}", Reason.TICKET_INVALID, _with_changed_ticket(place))
    yield asked("the ticket as it was", None, with_ticket())
    yield asked("no ticket, a pickle", Reason.TICKET_INVALID, lambda party: party.use("gASVBQAAAAAAAACMAU6ULg"))
    yield asked("the ticket of a fleet with other keys", Reason.TICKET_INVALID, _ticket_of_others)
    file = _stored()
    bad = Reason.STATUS_FILE_MALFORMED
    yield holds("the file as it was", partial(_restore, file))
    said = [place for place, byte in enumerate(file) if byte]  # what lies between its parts says nothing
    for place in said[:: len(said) // 20]:
        flipped = bytearray(file)
        flipped[place] ^= 1
        yield raises(f"a bit of byte {place} of the file", bad, partial(_restore, bytes(flipped)))
    for name, data in {
        "a pickle": _PICKLE,
        "nothing": b"",
        "cut": file[:-1],
        "twice": file + file,
        "a marks file": statuses().export_marks(),
    }.items():
        yield raises(f"{name} in place of the file", bad, partial(_restore, data))
    marks, wrong = statuses().export_marks(), Reason.STATUS_MARKS_MALFORMED
    yield holds("the marks as they were", partial(_restore_marks, marks))
    for place in range(0, len(marks), 7):
        flipped = bytearray(marks)
        flipped[place] ^= 128
        yield raises(f"a bit of byte {place} of the marks", wrong, partial(_restore_marks, bytes(flipped)))
    for name, data in {"a pickle": _PICKLE, "nothing": b"", "cut": marks[:-1], "twice": marks * 2}.items():
        yield raises(f"{name} in place of the marks", wrong, partial(_restore_marks, data))
    yield holds("what a cache returns that is no reading, or another's, is a miss", _foreign_readings)
    yield holds("no part of the library unpickles anything", _nobody_unpickles)


def _with_changed_ticket(place: int) -> Callable[[Party], Outcome]:
    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        at = place % len(ticket)  # of somebody else's gateway it may be shorter than ours
        other = "A" if ticket[at] != "A" else "B"
        return party.use(ticket[:at] + other + ticket[at + 1 :])

    return act


def _ticket_of_others(party: Party) -> Outcome:
    world = SimulatedWorld(ticket_keys=[OTHER_SECRET])
    return party.use(world.ticket(world.wallet()))


def _stored() -> bytes:
    with TemporaryDirectory() as folder:
        write_status_file(f"{folder}/lists", statuses())
        with open(f"{folder}/lists", "rb") as file:
            return file.read()


def _restore(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        with open(f"{folder}/lists", "wb") as file:
            file.write(data)
        StatusStore(anchors=status_anchors(), stored=read_status_file(f"{folder}/lists"))


def _restore_marks(data: bytes) -> None:
    StatusStore(anchors=status_anchors(), marks=data)


def _foreign_readings() -> None:
    other = next(iter(warm(same()).entries.values()))  # another credential's: a cache that mixes up its keys
    for found in (True, 1, "accept", _PICKLE, {"allowed": True}, (), object(), other):

        class Foreign:
            def get(self, key: bytes, /) -> Any:
                return found  # noqa: B023  # asked at once

            def put(self, key: bytes, value: Any, /) -> None:
                pass

        thief = jwt(signer=key("attacker"))
        expect(_LIBRARY.present(jwt(), cache=Foreign()).allowed, "a good one")
        expect(_LIBRARY.present(thief, cache=Foreign()).reason is Reason.SIGNATURE_INVALID, "a bad one")


def _nobody_unpickles() -> None:
    pattern = re.compile(r"^\s*(?:import|from)\s+(?:pickle|marshal|shelve|dill|copyreg)\b", re.MULTILINE)
    package = resources.files("citizenid")
    waiting, found = [each for each in package.iterdir() if each.name != "testing"], 0
    while waiting:
        each = waiting.pop()
        if each.is_dir():
            waiting += each.iterdir()
        elif each.name.endswith(".py"):
            found += 1
            expect(pattern.search(each.read_text(encoding="utf-8")) is None, each.name)
    expect(found > 100, "the library was not looked at")


@attack("CAC-025")
def refusal_taken_for_a_yes() -> Iterator[Trial]:
    """A refusal is stored, or tested for truth, and comes back as if it allowed something."""
    yield holds("no result has a truth value", _no_truth)
    yield holds("what was refused after V4 is refused on a hit", _refused_on_a_hit)
    yield asked("refused twice", Reason.REVOKED, again(forgery=_revoked(), before=False))
    yield asked("refused, and good for somebody else", None, _another_is_allowed)


def _revoked() -> Any:
    return same(payload={"status": {"status_list": {"idx": 8, "uri": "https://id.example/status/1"}}})


def _another_is_allowed(party: Party) -> Outcome:
    for _ in range(2):
        party.apply(_revoked())
    return party.use(party.ticket())


def _no_truth() -> None:
    world = SimulatedWorld()
    wallet = world.wallet()
    ticket = world.ticket(wallet)
    verified = _sd_jwt.verify(_sd_jwt.make())
    need = _sd_jwt.verify(_sd_jwt.make(), statuses=StatusStore(anchors=TrustAnchors()))
    presentation = verifier.open_presentation(_sd_jwt.make(), format=Format.SD_JWT_VC)[0]
    results = [
        verified,
        need,
        verifier.verify_credential(presentation, anchors=_sd_jwt.anchors(), now=NOW),
        world.admit(wallet),
        world.ask(wallet, ticket),
        world.ask(wallet, ticket, "europe"),
        world.ask(wallet, "no ticket"),
        world.gateway.authorize(request(ticket), resource="us-nationals"),
        world.gateway.sign_out(request(ticket, world.proof(wallet.sender, ticket))),
        *Consumption,
    ]
    expect(len({type(each) for each in results}) == 9 and type(need) is NeedStatusList, "a kind of result is missing")
    for result in results:
        fails(partial(bool, result), f"a {type(result).__name__} has a truth value", TypeError)
    expect(all(type(each) is Status for each in Status) and Status.VALID.value == 0, "valid is zero, and not true")


def _refused_on_a_hit() -> None:
    for forgery, reason, later in (
        (ending(1)[Format.SD_JWT_VC], Reason.EXPIRED, {"now": NOW + 1}),
        (_revoked(), Reason.REVOKED, {}),
        (same(kb={"aud": AUDIENCE + "/"}), Reason.AUDIENCE_MISMATCH, {}),
        (same(kb_signer=key("thief")), Reason.SIGNATURE_INVALID, {}),
    ):
        filled = Cache()
        for _ in range(3):
            outcome = _LIBRARY.present(forgery, cache=filled, **later)
            expect(outcome.reason is reason, f"{outcome}")
        expect(filled.hits == 2, "the entry was not found")


GROUP: Final = Group(
    "verification cache",
    "a hit says what a verification of this moment would say, never more; nothing that is not verified takes room in a "
    "memory, and nothing that was changed outside of the process is believed",
    (
        *_CACHED,
        *_MEMORIES,
        changed_by_the_caller,
        changed_where_it_is_stored,
        refusal_taken_for_a_yes,
    ),
)
