"""Attacks on sender proofs: a ticket that was stolen, a proof that was, and a proof for something else.

Spec: RFC 9449 sections 4.3, 7.1, 11.1; RFC 8705; RFC 9421; specs/profile-sender-proofs.md; specs/profile-dpop.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from ... import Reason
from ...gateway import Binding
from ...holder import dpop_proof
from ..attacks import attack
from ..forge.parts import ABSENT, NOW, key
from ..forge.proofs import ath
from ..forgery import Forgery, Outcome
from ..senders import Sender
from ..targets import Library, Party, outcome_of
from ..trials import Trial, asked, expect, holds
from ..world import ENDPOINT, ORIGIN, SimulatedWorld, request
from ._bindings import (
    admissions_without_proof,
    of_a_clock_ahead,
    proofs_before_a_restart,
    proofs_of_a_ticket_at_admission,
)
from ._sending import BOUND, RESOURCE, THIEF, Act, applying, everywhere, prove, result_of, send, using, with_proof

_URL: Final = ORIGIN + RESOURCE
_MISSING: Final = Reason.PROOF_MISSING
_THREADS: Final = 8


@attack("DPO-001", "PROOF_MISSING")
def no_proof() -> Iterator[Trial]:
    """A ticket that was stolen comes without a proof."""
    for binding in BOUND:
        sender = Sender(binding)
        yield asked(f"{binding.name}, proven", None, using(sender, sender))
        yield asked(f"{binding.name}, no proof", _MISSING, using(sender))
        yield asked(f"{binding.name}, where a bearer would do", _MISSING, using(sender, resource="weak"))
        for other in BOUND:
            if other is not binding:
                shown = using(sender, Sender(other))
                yield asked(f"{binding.name}, another kind of proof: {other.name}", _MISSING, shown)
    elsewhere = [(b"x-dpop", b"a.b.c"), (b"dpo", b"a.b.c"), (b"dpop-proof", b"a.b.c")]
    yield asked("a proof in another header", _MISSING, lambda party: send(party, party.ticket(), [], further=elsewhere))
    yield asked("at admission", _MISSING, lambda party: applying(party, []))
    yield from admissions_without_proof()


@attack("DPO-002", "PROOF_BINDING")
def proof_by_another_key() -> Iterator[Trial]:
    """A ticket that was stolen comes with a good proof by the thief."""
    other = Reason.PROOF_KEY_MISMATCH
    for binding in BOUND:
        bound, thief = Sender(binding), Sender(binding, THIEF)
        yield asked(f"{binding.name}, by the owner", None, using(bound, bound))
        yield asked(f"{binding.name}, by the thief", other, using(bound, thief), step="proof")
        yield asked(f"{binding.name}, where a bearer would do", other, using(bound, thief, resource="weak"))
    thief_key = key(THIEF)
    yield asked("his key, the owner signs", other, with_proof(None, {"jwk": thief_key.public.to_jwk()}))
    yield asked("the owner's key, he signs", Reason.SIGNATURE_INVALID, with_proof(sign=thief_key.sign))
    yield asked("the holder's key", other, with_proof(by=key("holder")))
    yield asked("a key of another algorithm", other, with_proof(by=key(THIEF, "Ed25519")))
    yield asked("a challenge of the owner's", Reason.CHALLENGE_INVALID, _relayed)
    yield from proofs_of_a_ticket_at_admission()
    yield asked("a ticket of the owner's in the proof", Reason.PROOF_TICKET_MISMATCH, _proof_for_another_ticket)


def _relayed(party: Party) -> Outcome:
    return applying(party, [prove(party, None, by=key(THIEF))])


def _proof_for_another_ticket(party: Party) -> Outcome:
    mine, other = party.ticket(), party.ticket()
    return send(party, mine, [prove(party, other, {"htu": _URL})])


@attack("DPO-004", "PROOF_MISSING")
def as_a_bearer() -> Iterator[Trial]:
    """The ticket is sent as a bearer token is."""
    # The ticket has a header of its own, because Authorization has the API key: there it is none, whatever its scheme.
    for scheme in ("Bearer", "DPoP", "bearer", "BEARER", "Basic"):
        yield asked(f"beside it as {scheme}, no proof", _MISSING, _beside(scheme))
        in_place = partial(_without_header, scheme, Reason.TICKET_MISSING)
        yield holds(f"as {scheme} alone it is no ticket", in_place)
        yield holds(f"{scheme} before it makes it none", partial(_with_scheme, scheme))
    yield holds("two tickets are none", _two_tickets)
    yield asked("a bearer header does not weaken a good proof", None, with_proof(further=_authorization("Bearer", "x")))


def _two_tickets() -> None:
    party = Library().party()
    ticket = party.ticket()
    for other in (ticket, party.ticket(), "", "x"):
        further = [(b"Citizenship-Ticket", other.encode())]
        outcome = send(party, ticket, [prove(party, ticket)], further=further)
        expect(outcome.reason is Reason.TICKET_INVALID, f"{outcome}")


def _authorization(scheme: str, ticket: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"{scheme} {ticket}".encode())]


def _beside(scheme: str) -> Act:
    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        return send(party, ticket, [], further=_authorization(scheme, ticket))

    return act


def _without_header(scheme: str, reason: Reason) -> None:
    party = Library().party()
    ticket = party.ticket()
    for proofs in ([], [prove(party, ticket)]):
        outcome = send(party, None, proofs, further=_authorization(scheme, ticket))
        expect(outcome.reason is reason, f"{outcome}")


def _with_scheme(scheme: str) -> None:
    party = Library().party()
    ticket = f"{scheme} {party.ticket()}"
    outcome = send(party, ticket, [prove(party, ticket)])
    expect(outcome.reason is Reason.TICKET_INVALID, f"{outcome}")


@attack("DPO-006", "PROOF_BINDING")
def another_method() -> Iterator[Trial]:
    """The proof is for another method, or for the same one in other letters."""
    mismatch = Reason.PROOF_METHOD_MISMATCH
    yield from everywhere("the method of the request", None)
    for method in ("GET", "PUT", "DELETE", "post", "Post", "POST ", " POST", "PO", "POSTS", "POST\0"):
        yield from everywhere(f"htm {method!r}", mismatch, {"htm": method})
    for method in ("GET", "HEAD", "OPTIONS", "post", "get"):
        yield asked(f"the request is {method}", mismatch, with_proof(method=method))
        yield asked(f"both are {method}", None, with_proof({"htm": method}, method=method))
    yield asked("get is not GET", mismatch, with_proof({"htm": "get"}, method="GET"))
    yield asked("a signed message is replayed as GET", Reason.SIGNATURE_INVALID, _message_as(method="GET"))


@attack("DPO-007", "PROOF_BINDING")
def another_url() -> Iterator[Trial]:
    """The proof is for another scheme, host, port or path."""
    mismatch = Reason.PROOF_URL_MISMATCH
    for name, origin in {
        "scheme": "http://gateway.example",
        "scheme, with the port of the other": "http://gateway.example:443",
        "host": "https://thief.example",
        "host below": "https://api.gateway.example",
        "host that begins alike": "https://gateway.example.thief.example",
        "root label": "https://gateway.example.",
        "port": "https://gateway.example:8443",
        "port of the other scheme": "https://gateway.example:80",
    }.items():
        yield asked(f"another {name}", mismatch, with_proof({"htu": origin + RESOURCE}), step="proof")
        at_admission_too = everywhere(f"another {name} at the door", mismatch, {"htu": origin + ENDPOINT})
        yield at_admission_too[1]
        yield holds(f"another {name}, and so says the request", partial(_wholly_elsewhere, origin))
    for path in ("/", "", RESOURCE + "/", RESOURCE[:-1], RESOURCE.upper(), "/resources/us/a", "/x" + RESOURCE):
        yield asked(f"the path {path!r}", mismatch, with_proof({"htu": ORIGIN + path}))
    yield asked("a proof of an admission", mismatch, with_proof({"htu": ORIGIN + ENDPOINT}))
    message = _message_as(url=ORIGIN + "/resources/us/a")
    yield asked("a signed message is replayed elsewhere", Reason.SIGNATURE_INVALID, message)


def _wholly_elsewhere(origin: str) -> None:
    """Check that the origin is the configured one, and nothing that a request says."""
    world, sender = SimulatedWorld(), Sender(Binding.DPOP)
    ticket, url = sender.ticket(world), origin + RESOURCE
    proof = dpop_proof(sender.key, method="POST", url=url, ticket=ticket, now=world.now)
    hosts = [(b"host", url.split("/")[2].encode()), (b"x-forwarded-host", url.split("/")[2].encode())]
    sent = request(ticket, proof.encode(), url=url, further=hosts)
    outcome = result_of(world.gateway.authorize(sent, resource="us-nationals"))
    expect(outcome.reason is Reason.PROOF_URL_MISMATCH, f"{outcome}")


def _message_as(**changes: Any) -> Act:
    """Return what a party does that sends a signed message as something else than what was signed."""

    def act(party: Party) -> Outcome:
        sender = Sender(Binding.HTTP_SIGNATURE)
        ticket = party.ticket(sender)
        signed = sender.request(party.world, ticket, path=RESOURCE)
        return party.send(signed._replace(**changes))

    return act


@attack("DPO-008")
def spelling_of_a_url() -> Iterator[Trial]:
    """The URL is spelt otherwise: what RFC 3986 sections 6.2.2.1 and 6.2.3 equate is equal, and nothing else."""
    for name, url in {
        "with a query": _URL + "?model=a&b=//c",
        "with an empty query": _URL + "?",
        "with a fragment": _URL + "#part",
        "with both": _URL + "?q#part?q",
        "with the default port": "https://gateway.example:443" + RESOURCE,
        "with a host in capitals": "https://GATEWAY.example" + RESOURCE,
        "with a scheme in capitals": "HTTPS://gateway.example" + RESOURCE,
        "with all of it": "HTTPS://Gateway.Example:443" + RESOURCE + "?q#f",
    }.items():
        yield asked(name, None, with_proof({"htu": url}))
    us = ORIGIN + "/resources/us/a"  # of which the rule takes whatever follows
    yield asked("the request has a query", None, with_proof({"htu": us}, url=us + "?x=1"))
    yield asked("both have another query", None, with_proof({"htu": us + "?y"}, url=us + "?x=1"))
    for name, path in {
        "a dot segment": "/." + RESOURCE,
        "a double dot": "/x/.." + RESOURCE,
        "a double slash": "/" + RESOURCE,
        "a letter percent-encoded": RESOURCE.replace("u", "%75"),
        "a hyphen percent-encoded": RESOURCE.replace("-", "%2D"),
        "a tilde more": RESOURCE + "~",
        "a tilde more, percent-encoded": RESOURCE + "%7E",
        "a parameter": RESOURCE + ";a",
        "a query percent-encoded": RESOURCE + "%3F",
        "a space": RESOURCE + " ",
        "capitals": RESOURCE.upper(),
    }.items():
        yield asked(name, Reason.PROOF_URL_MISMATCH, with_proof({"htu": ORIGIN + path}))
    for name, url in {
        "an empty port": "https://gateway.example:" + RESOURCE,
        "a port with zeros": "https://gateway.example:0443" + RESOURCE,
    }.items():
        yield asked(name, Reason.PROOF_URL_MISMATCH, with_proof({"htu": url}))
    for name, url in {
        "a path alone": RESOURCE,
        "no scheme": "//gateway.example" + RESOURCE,
        "another scheme": "ftp://gateway.example" + RESOURCE,
        "no host": "https://" + RESOURCE,
        "a user": "https://user@gateway.example" + RESOURCE,
        "a host as the user": "https://gateway.example@thief.example" + RESOURCE,
        "a homograph": "https://g\u0430teway.example" + RESOURCE,
        "a full-width slash": "https://gateway.example\uff0fresources/us-nationals",
    }.items():
        yield asked(name, Reason.PROOF_MALFORMED, with_proof({"htu": url}))


@attack("DPO-010", "REPLAY")
def used_twice() -> Iterator[Trial]:
    """The same proof, or the same answer to a challenge, comes a second time."""
    for binding in (Binding.DPOP, Binding.HTTP_SIGNATURE):
        yield asked(f"{binding.name}, once", None, _times(1, binding))
        yield asked(f"{binding.name}, twice", Reason.REPLAYED, _times(2, binding), step="replay")
        yield asked(f"{binding.name}, four times", Reason.REPLAYED, _times(4, binding))
    yield asked("after a minute less a second", Reason.REPLAYED, _times(2, Binding.DPOP, wait=59))
    yield from of_a_clock_ahead()
    yield asked("an admission", Reason.REPLAYED, _admission_again)
    yield asked("an answer to a challenge, with a fresh proof", Reason.REPLAYED, _challenge_again)
    yield asked("the proof of an admission, at another admission", Reason.REPLAYED, _proof_of_admission_again)
    yield asked("two proofs, once each", None, _two_proofs)


def _times(count: int, binding: Binding, wait: int = 0) -> Act:
    def act(party: Party) -> Outcome:
        sender = Sender(binding)
        sent = sender.request(party.world, party.ticket(sender), path=RESOURCE)
        for _ in range(count - 1):
            party.send(sent)
            party.world.wait(wait)
        return party.send(sent)

    return act


def _admission_again(party: Party) -> Outcome:
    proof = prove(party, None)
    expect(applying(party, [proof]).allowed, "the first admission")
    return applying(party, [proof])


def _challenge_again(party: Party) -> Outcome:
    asked_for = party.challenge()
    made = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], party.world.now)
    expect(party.post(made, asked_for["challenge"]).status == 200, "the first admission")
    return outcome_of(party.post(made, asked_for["challenge"]))


def _proof_of_admission_again(party: Party) -> Outcome:
    jti = {"jti": "the only one"}
    expect(applying(party, [prove(party, None, jti)]).allowed, "the first admission")
    ticket = party.ticket()
    return send(party, ticket, [prove(party, ticket, jti)])


def _two_proofs(party: Party) -> Outcome:
    ticket = party.ticket()
    expect(send(party, ticket, [prove(party, ticket)]).allowed, "the first proof")
    return send(party, ticket, [prove(party, ticket)])


@attack("DPO-011", "PROOF_STALE", "CLAIM_TYPE")
def another_time() -> Iterator[Trial]:
    """The proof is too old, from the future, or says no time."""
    yield from proofs_before_a_restart()
    stale, future, invalid = Reason.PROOF_STALE, Reason.PROOF_IN_FUTURE, Reason.CLAIM_INVALID
    ages = {0: None, 60: None, 61: stale, 3_600: stale, -30: None, -31: future, -3_600: future}
    for ago, reason in ages.items():
        yield from everywhere(f"{ago} s ago", reason, {"iat": NOW - ago})
    yield from everywhere("at the beginning of time", stale, {"iat": 0})
    yield from everywhere("at its end", future, {"iat": 2**53 - 1})
    yield from everywhere("no time", Reason.CLAIM_MISSING, {"iat": ABSENT})
    no_times: tuple[Any, ...] = (True, False, None, float(NOW), NOW + 0.5, str(NOW), "", [NOW], {}, -1, 2**53, 1e300)
    for value in no_times:
        yield from everywhere(f"{value!r}", invalid, {"iat": value})
    yield asked("a proof that was kept", stale, _kept(61))
    yield asked("a proof that was kept for a minute", None, _kept(60))
    yield asked("a signed message that was kept", stale, _kept(61, Binding.HTTP_SIGNATURE))


def _kept(seconds: int, binding: Binding = Binding.DPOP) -> Act:
    def act(party: Party) -> Outcome:
        sender = Sender(binding)
        sent = sender.request(party.world, party.ticket(sender), path=RESOURCE)
        party.world.wait(seconds)
        return party.send(sent)

    return act


@attack("DPO-012", "REPLAY")
def one_identifier() -> Iterator[Trial]:
    """One jti comes with another URL, time or signature, and by another key."""
    again: dict[str, Callable[[Party, str], Outcome]] = {
        "the same request": lambda party, ticket: _named(party, ticket),
        "another URL": lambda party, ticket: _named(party, ticket, url=ORIGIN + "/resources/us/a"),
        "another time": lambda party, ticket: _named(party, ticket, iat=NOW - 5),
        "another method": lambda party, ticket: _named(party, ticket, method="GET"),
        "another claim": lambda party, ticket: _named(party, ticket, note="another"),
        "another ticket": lambda party, _: _named(party, party.ticket()),
    }
    for name, second in again.items():
        yield asked(name, Reason.REPLAYED, _after_first(second), step="replay")
    long_ = "x" * 200
    long_again = _after_first(lambda party, ticket: _named(party, ticket, jti=long_), jti=long_)
    yield asked("a long one", Reason.REPLAYED, long_again)
    for name, jti in {"another": "two", "capitals": "One", "a space": "one ", "a long one": long_ + "y"}.items():
        yield asked(f"{name} is another", None, _after_first(partial(_named, jti=jti)))
    yield asked("by another key", None, _by_another_key)


def _named(
    party: Party, ticket: str, *, jti: str = "one", url: str = _URL, method: str = "POST", **claims: Any
) -> Outcome:
    proof = prove(party, ticket, {"jti": jti, "htu": url, "htm": method, "ath": ath(ticket), **claims})
    return send(party, ticket, [proof], url=url, method=method)


def _after_first(second: Callable[[Party, str], Outcome], *, jti: str = "one") -> Act:
    def act(party: Party) -> Outcome:
        ticket = party.ticket()
        expect(_named(party, ticket, jti=jti).allowed, "the first one")
        return second(party, ticket)

    return act


def _by_another_key(party: Party) -> Outcome:
    expect(_named(party, party.ticket()).allowed, "the first one")
    other = Sender(Binding.DPOP, "another client")
    ticket = party.ticket(other)
    return send(party, ticket, [prove(party, ticket, {"jti": "one"}, by=other.key)])


@attack("DPO-014")
def race() -> Iterator[Trial]:
    """Several threads send the same proof at once, and exactly one gets through."""
    for binding in (Binding.DPOP, Binding.HTTP_SIGNATURE):
        yield asked(f"{binding.name}, a request", None, partial(_race, binding))
    yield asked("an admission", None, _race_of_admissions)


def _race(binding: Binding, party: Party) -> Outcome:
    sender = Sender(binding)
    sent = sender.request(party.world, party.ticket(sender), path=RESOURCE)
    return _one_of(lambda: party.send(sent))


def _race_of_admissions(party: Party) -> Outcome:
    asked_for = party.challenge()
    made = Forgery(party.format, {}).made(asked_for["nonce"], asked_for["audience"], party.world.now)
    return _one_of(lambda: outcome_of(party.post(made, asked_for["challenge"])))


def _one_of(send_: Callable[[], Outcome]) -> Outcome:
    """Send from several threads at once. Exactly one is allowed, and the others were too late."""
    start, outcomes = threading.Barrier(_THREADS), list[Outcome]()

    def run() -> None:
        start.wait()
        outcomes.append(send_())

    threads = [threading.Thread(target=run) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = [outcome for outcome in outcomes if outcome.allowed]
    expect(len(outcomes) == _THREADS and len(allowed) == 1, f"{len(allowed)} of {len(outcomes)} got through")
    expect({each.reason for each in outcomes if not each.allowed} <= {Reason.REPLAYED, None}, "another refusal")
    return allowed[0]


ATTACKS: Final = (
    no_proof,
    proof_by_another_key,
    as_a_bearer,
    another_method,
    another_url,
    spelling_of_a_url,
    used_twice,
    another_time,
    one_identifier,
    race,
)
