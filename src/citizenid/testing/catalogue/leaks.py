"""Attacks on what is told: errors, answers, log records, copies, the audit log, and the way a secret is compared.

A marker is planted wherever a sender can put one, each time so that something is wrong with what he sends. Searched is
everything that leaves. The local variables of a frame are what the caller gave; nothing here prints them, so they are
not searched: a traceback is searched as Python prints it.

Spec: DESIGN law 11; specs/threat-model.md (T-10); specs/profile-audit.md section 2.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import cbor2

from ... import AgreementKey, CitizenIDError, Format, LocalKey, Reason
from ...gateway import Allow, Binding
from ...gateway.audit import AuditLog
from ...verifier import open_presentation, verify_credential
from ..attacks import Group, attack
from ..forge import sd_jwt as _sd_jwt
from ..forge.parts import ISSUER, NOW, key
from ..senders import Sender
from ..targets import ANCHORS, VERIFY, Library, Party
from ..trials import Trial, expect, fails, holds
from ..world import SECRET, SimulatedWorld
from ._comparing import comparing_secrets
from ._logs import entries_of, files_in, open_log
from ._marked import MARK, RAW, calls, presentations, proofs, told_by, untold
from ._sending import RESOURCE, prove, result_of


@attack("LEK-001")
def errors_that_tell() -> Iterator[Trial]:
    """A marker stands in each claim, header, key id, disclosure and name, and every kind of refusal is provoked."""
    for name, (format, make) in presentations().items():
        yield holds(name, partial(_tells_nothing, partial(_shown, format, make)))
    for name, call in calls().items():
        yield holds(name, partial(_tells_nothing, call))
    for name, headers in proofs().items():
        yield holds(f"a request, {name}", partial(_answers_nothing, headers))
    yield holds("many kinds of refusals were met", _many_reasons)


def _shown(format: Format, make: Callable[[], Any]) -> object:
    return VERIFY[format](make())


def _tells_nothing(call: Callable[[], object]) -> None:
    untold(told_by(_error_of(call)))


def _error_of(call: Callable[[], object]) -> CitizenIDError:
    return fails(call, "it was not refused", CitizenIDError)


def _answers_nothing(changes: tuple[dict[str, Any], dict[str, Any]]) -> None:
    party = Library().party()
    ticket = party.ticket()
    claims, header = changes
    proof = prove(party, ticket, claims, header)
    for asked in (
        _request(party, ticket, proof),
        _request(party, MARK, proof),
        _request(party, ticket, RAW),
    ):
        result: Any = party.world.gateway.authorize(asked, resource="us-nationals")
        expect(type(result) is not Allow, "a request with a marker was allowed")
        answer = result.http()
        untold([repr(result), repr(asked), repr(answer), answer.body, *(value for _, value in answer.headers)])
    untold([repr(party.world.gateway.authorize(_request(party, None, proof), resource=MARK))])


def _request(party: Party, ticket: str | None, proof: bytes) -> Any:
    sent = party.client.request(party.world, None, path=RESOURCE)
    headers = [(name, value) for name, value in sent.headers if name.lower() != b"dpop"]
    headers += [(b"dpop", proof)] + ([] if ticket is None else [(b"citizenship-ticket", ticket.encode())])
    return sent._replace(headers=headers)


def _many_reasons() -> None:
    errors = [_error_of(partial(_shown, *each)) for each in presentations().values()]
    reasons, steps = {error.reason for error in errors}, {error.step for error in errors}
    expect(len(reasons) >= 20, f"{len(reasons)} kinds of refusals")
    expect(steps >= {"V1", "V2", "V3", "V4", "V5", "V6", "V7"}, f"{sorted(steps)}")


@attack("LEK-002")
def log_records() -> Iterator[Trial]:
    """The same, while every logger listens to everything."""
    yield holds("no record at all is written, and none tells anything", _no_records)


def _no_records() -> None:
    told: list[str] = []

    def handle(_: object, record: Any) -> None:
        told.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text}")

    everything = mock.patch("logging.Logger.isEnabledFor", return_value=True)
    with everything, mock.patch("logging.Logger.handle", handle):
        for each in presentations().values():
            _error_of(partial(_shown, *each))
        for call in calls().values():
            _error_of(call)
        _answers_nothing(proofs()["htm"])
    untold(told)
    expect(not [each for each in told if each.startswith("citizenid")], "the library wrote into a log")


@attack("LEK-004")
def copies_of_secrets() -> Iterator[Trial]:
    """What holds a secret, or claims that were verified, is copied, pickled, or looked into."""
    holders: dict[str, Callable[[], object]] = {
        **{f"a key, {each}": partial(LocalKey.generate, each) for each in ("ES256", "ES384", "Ed25519", "ML-DSA-44")},
        "a key that agrees": partial(AgreementKey.generate, "P-256"),
        "a presentation that was verified": lambda: _sd_jwt.verify(_sd_jwt.make()),
        "a credential that was verified": _verified_credential,
    }
    for name, make in holders.items():
        for how, way in _WAYS.items():
            yield holds(f"{name}, {how}", partial(_is_refused, make, way))
        yield holds(f"{name}, shown", partial(_shows_nothing, make))
    yield holds("private keys do not show in anything", _no_private_key)
    yield holds("what a gateway holds does not show", _gateway_shows_nothing)


# What pickle asks an object for is asked for here: the pickle itself would say no more.
_WAYS: Final[dict[str, Callable[[Any], object]]] = {
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "pickled": lambda held: held.__reduce_ex__(5),
    "pickled as of old": lambda held: held.__reduce_ex__(2),
    "its state": lambda held: held.__getstate__(),
    "its variables": vars,
    "as a dictionary": dataclasses.asdict,
}


def _verified_credential() -> object:
    data = _sd_jwt.make(payload={"given_name": MARK})
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC)
    return verify_credential(presentation, anchors=ANCHORS[Format.SD_JWT_VC](), now=NOW)


def _is_refused(make: Callable[[], object], way: Callable[[Any], object]) -> None:
    held = make()
    error = fails(partial(way, held), f"a {type(held).__name__} was copied", TypeError)
    untold([error, repr(error)])


def _shows_nothing(make: Callable[[], object]) -> None:
    held = make()
    untold([repr(held), str(held), f"{held}", repr([held]), dir(held)])


def _no_private_key() -> None:
    for algorithm in ("ES256", "Ed25519"):
        private = LocalKey.generate(algorithm)
        secret = private.to_private_jwk()["d"].encode()
        raw = base64.urlsafe_b64decode(secret + b"==")
        untold([repr(private), str(private), repr(private.public), repr(private.public.to_jwk())], secret, raw)


def _gateway_shows_nothing() -> None:
    world = SimulatedWorld()
    alice = world.wallet("alice", claims={"given_name": MARK})
    admitted = world.admit(alice)
    sent = Sender(Binding.DPOP).request(world, admitted.ticket)
    shown = [repr(each) for each in (world.gateway, vars(world.gateway), admitted, sent, alice.credential, world.guard)]
    untold(shown, RAW, SECRET, admitted.ticket.encode()[30:80], b"Bearer sk-42")
    attestation = alice.credential.attestation
    untold([repr(attestation), repr(attestation.validity), repr(attestation.holder_key)])


@attack("LEK-008")
def entries_of_refusals() -> Iterator[Trial]:
    """A refusal is written down: by its Reason, a rounded time, a tag that changes daily, and the policy."""
    yield holds("an entry has what it must have, and nothing else", _an_entry)
    yield holds("no file of the log holds anything of anybody", _no_file)


def _audited(*nationalities: str) -> tuple[dict[str, bytes], str, list[bytes]]:
    """Have people with these nationalities refused, and return the files of the log, a ticket, and its entries."""
    ticket = ""
    with TemporaryDirectory() as folder, open_log(folder) as log:
        world = SimulatedWorld(audit=log)
        world.wait(17)  # within a minute
        for number, each in enumerate(nationalities):
            wallet = world.wallet(f"{MARK} {number}", [each], claims={"given_name": MARK, "birthdate": "1984-01-26"})
            ticket = world.ticket(wallet)
            result = world.ask(wallet, ticket, "us-nationals")
            expect(result_of(result).reason is Reason.CITIZENSHIP_NOT_PERMITTED, f"{result}")
            world.gateway.authorize(Sender(Binding.DPOP).request(world, ticket), resource=MARK)
        log.checkpoint()
        files = files_in(folder)
    count = len([name for name in files if name.startswith("w1/tile/entries/")])
    expect(count == 1, "one bundle")
    size = next(int(name.rpartition("/")[2]) for name in files if name.startswith("w1/tile/entries/"))
    return files, ticket, [each for each in entries_of(files, size) if cbor2.loads(each)[1] == "refused"]


def _an_entry() -> None:
    _, _, entries = _audited("DE", "FR")
    read = [cbor2.loads(entry) for entry in entries]
    expect(len(read) >= 2, "two refusals")
    first, second = [each for each in read if each[3] == "citizenship_not_permitted"]
    for version, kind, time, reason, step, policy, rule, resource, tag, commitment in (first, second):
        expect((version, kind, step, reason) == (1, "refused", "policy", "citizenship_not_permitted"), "its kind")
        expect(time == NOW, "a time to the minute")
        expect(len(policy) == 16 and type(rule) is int and resource == "us-nationals", "policy, rule, and its own word")
        expect(len(tag) == 16 and commitment is None, "a tag, and no details")
    expect(first[:8] == second[:8] and first[8] != second[8], "two people differ in more than their tag")


def _no_file() -> None:
    files, ticket, _ = _audited("DE")
    holder = key(f"holder of {MARK} 0").public.thumbprint
    untold(files.values(), RAW, ticket.encode()[20:60], b"1984-01-26", holder[:16], b"id.example", b"Bearer sk-42")
    untold(files, RAW)


@attack("LEK-009")
def hashes_that_can_be_guessed() -> Iterator[Trial]:
    """What can be guessed, such as a country or a birth date, is not hashed into the log."""
    yield holds("no hash of a guess is in any file", _no_guess)
    yield holds("a tag stands for a session, for a day, under a secret", _tags)


def _no_guess() -> None:
    files, _, _ = _audited("DE")
    for guess in ("DE", "DEU", "de", "1984-01-26", "DE1984-01-26", MARK, MARK + " 0", ISSUER, '["DE"]'):
        for name in ("sha256", "sha1", "md5", "sha512", "blake2b"):
            untold(files.values(), hashlib.new(name, guess.encode(), usedforsecurity=False).digest()[:8])


def _tags() -> None:
    with (
        TemporaryDirectory() as folder,
        TemporaryDirectory() as other,
        open_log(folder) as log,
        open_log(other, secret=bytes(range(1, 33))) as another,
    ):
        _expect_tags(log, another)


def _expect_tags(log: AuditLog, another: AuditLog) -> None:
    subject = b"sixteen bytes id"
    tags = [log.tag(subject, NOW), log.tag(subject, NOW + 86_400), log.tag(subject + b"2", NOW)]
    tags.append(another.tag(subject, NOW))
    expect(len(set(tags)) == 4 and {len(tag) for tag in tags} == {16}, "a tag that stays")
    expect(log.tag(subject, NOW) == log.tag(subject, NOW - NOW % 86_400), "one of the same day")
    expect(hashlib.sha256(subject).digest()[:16] not in tags, "a hash that anybody can make")


GROUP: Final = Group(
    "information leaks",
    "nothing that came in leaves by an error, an answer, a log or a copy, and nothing about a secret by how it is "
    "compared",
    (
        errors_that_tell,
        log_records,
        copies_of_secrets,
        comparing_secrets,
        entries_of_refusals,
        hashes_that_can_be_guessed,
    ),
)
