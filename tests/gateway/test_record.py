"""What is kept of each decision: counts of all, and an audit log that sees every refusal before the answer leaves.

Spec: specs/profile-audit.md section 1.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from citizenid import CitizenIDError, Format, Reason
from citizenid.gateway import Admitted, Allow, Deny, SignedOut
from citizenid.gateway._audit.entry import Allowed, Counted, Entry, Refused, read_entries
from citizenid.gateway.audit import AuditDetails, AuditLog, WhenUnwritable, verify_audit

from . import tlog_peer as peer
from .audit_world import open_log, vkey
from .notes import FailingLog, Notes
from .world import (
    AUDIENCE,
    DAY,
    ENDPOINT,
    NOW,
    STRICT_POLICY,
    World,
    allowed,
    base64url,
    denied,
    needed,
    request,
)


def noted(**options: Any) -> tuple[World, Notes]:
    notes = Notes()
    return World(audit=notes, **options), notes


def entries(folder: Path) -> list[Entry]:
    """All entries under the checkpoint of the log, found by an independent reader."""
    return read_entries(peer.verify_log(folder / "w1", vkey()).entries)


# --- one place for each result ---


def test_every_door_tells_the_log_once() -> None:
    world, notes = noted()
    alice, bob = world.wallet(), world.wallet("bob", ["FR"])
    admitted = world.admit(alice)
    note = notes.check(admitted)
    assert note is not None and (note.rule, note.resource, note.subject) == (None, None, None)
    ask = world.ask(alice, admitted.ticket, "us/a")
    note = notes.check(allowed(ask))
    assert note is not None
    assert (note.rule, note.resource, note.subject, note.now) == (3, "us/*", ask.session_id, NOW)
    assert note.policy is not None and len(note.policy) == 16
    note = notes.check(needed(world.ask(alice, admitted.ticket, "us-citizens"), Reason.CITIZENSHIP_NOT_SHOWN))
    assert note is not None
    assert (note.step, note.rule, note.resource, note.subject) == ("policy", 2, "us-citizens", ask.session_id)
    note = notes.check(
        denied(world.ask(alice, admitted.ticket, "a made up name"), Reason.RESOURCE_NOT_LISTED, "policy")
    )
    assert note is not None and (note.rule, note.resource, note.subject) == (None, None, ask.session_id)
    assert note.detail == {"where": "resource", "resource": "a made up name", "session": ask.session_id}
    notes.check(needed(world.gateway.authorize(request(), resource="us/a"), Reason.TICKET_MISSING))
    notes.check(world.gateway.authorize(request(), resource="open"))
    french = world.admit(bob)
    notes.check(french)
    notes.check(denied(world.ask(bob, french.ticket), Reason.CITIZENSHIP_NOT_PERMITTED, "policy"))
    proof = world.proof(alice.sender, admitted.ticket)
    renewed = world.gateway.renew(request(admitted.ticket, proof))
    assert isinstance(renewed, Admitted)
    notes.check(renewed)
    note = notes.check(denied(world.gateway.renew(request(admitted.ticket, proof)), Reason.REPLAYED, "replay"))
    assert note is not None and note.subject == ask.session_id
    out = world.gateway.sign_out(request(admitted.ticket, world.proof(alice.sender, admitted.ticket)))
    assert isinstance(out, SignedOut)
    notes.check(out)
    notes.check(needed(world.ask(alice, admitted.ticket), Reason.SIGNED_OUT))


def test_admission_over_http_tells_the_log_once() -> None:
    world, notes = noted()
    alice = world.wallet()
    empty = world.gateway.admit_http(request(proof=world.proof(alice.sender), path=ENDPOINT), b"{}")
    assert empty.status == 401
    assert [note.reason for note in notes.all] == [Reason.TICKET_MISSING]
    world.gateway.admit_http(request(path=ENDPOINT), b"[")
    assert [note.reason for note in notes.all[1:]] == [Reason.MALFORMED_JSON]
    body = b'{"format": "dc+sd-jwt", "challenge": "x", "presentation": "x"}'
    assert world.gateway.admit_http(request(path=ENDPOINT), body).status == 403
    assert [(note.reason, note.step) for note in notes.all[2:]] == [(Reason.CHALLENGE_INVALID, "challenge")]
    assert notes.settled == [1, 2, 3]


@pytest.mark.parametrize("status", [(b"citizenship-ticket", b"x"), (b"dpop", b"x")])
def test_two_tickets_or_two_proofs_are_one_refusal(status: tuple[bytes, bytes]) -> None:
    world, notes = noted()
    twice = request("y", b"y", further=[status])
    result = world.gateway.authorize(twice, resource="us-nationals")
    note = notes.check(result)
    assert note is not None and note.subject is None
    notes.check(world.gateway.authorize(twice, resource="nowhere"))


def test_a_subject_is_whoever_a_genuine_ticket_was_sealed_for_and_nobody_else() -> None:
    world, notes = noted()
    alice = world.wallet()
    ticket = world.ticket(alice)
    session = allowed(world.ask(alice, ticket)).session_id
    forged = ("A" if ticket[0] != "A" else "B") + ticket[1:]
    world.wait(3_600)
    for text, subject in ((ticket, session), (forged, None), ("x", None)):
        world.gateway.authorize(request(text), resource="us-nationals")
        assert notes.all[-1].subject == subject


def test_nobody_fills_a_disk_with_challenges_of_his_own_making(tmp_path: Path) -> None:
    world = World(STRICT_POLICY)
    log = open_log(tmp_path)
    world.gateway = world.another_gateway(audit=log)
    world.wait(1)
    # Version, kind (bearer), an end in the future, and a MAC of nobody's.
    nonce = base64url(bytes([1, 0]) + (world.now + 100).to_bytes(4, "big") + bytes(48)).decode()
    text = f"1.300.s{base64url(nonce.encode()).decode()}.{base64url(AUDIENCE.encode()).decode()}"
    for _ in range(5):
        result = world.gateway.admit(b"x", format=Format.SD_JWT_VC, challenge=text, request=request(path=ENDPOINT))
        assert getattr(result, "reason", None) is Reason.BINDING_TOO_WEAK
    assert log.state().pending == log.state().waiting == 0
    log.close()


# --- a log that cannot be written ---


@pytest.mark.parametrize("position", [None, 7])  # it fails at once, or when it is waited for
@pytest.mark.parametrize("error", [OSError("no disk"), CitizenIDError(Reason.AUDIT_UNAVAILABLE, "audit")])
def test_what_the_log_cannot_take_is_not_allowed_and_refusals_stand(error: Exception, position: int | None) -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    door = world.another_gateway(audit=FailingLog(error, position))
    world.wait(1)
    denied(world.ask(alice, ticket, gateway=door), Reason.AUDIT_UNAVAILABLE, "audit")
    denied(door.authorize(request(), resource="open"), Reason.AUDIT_UNAVAILABLE, "audit")
    needed(world.ask(alice, ticket, "us-citizens", door), Reason.CITIZENSHIP_NOT_SHOWN)
    world.gateway = door
    denied(world.admit(alice), Reason.AUDIT_UNAVAILABLE, "audit")
    denied(door.renew(request(ticket, world.proof(alice.sender, ticket))), Reason.AUDIT_UNAVAILABLE, "audit")
    assert isinstance(door.sign_out(request(ticket, world.proof(alice.sender, ticket))), SignedOut)


@pytest.mark.parametrize("answer", [True, False, 0, "ok", b"", Reason])
def test_a_log_that_answers_with_anything_but_none_allows_nothing(answer: Any) -> None:
    world, notes = noted()
    alice = world.wallet()
    ticket = world.ticket(alice)
    notes.objection = answer
    denied(world.ask(alice, ticket), Reason.AUDIT_UNAVAILABLE, "audit")


def test_the_objection_of_a_log_is_the_reason_and_is_told_to_it() -> None:
    world, notes = noted()
    ticket = world.ticket(alice := world.wallet())
    notes.check_from_here()
    notes.objection = Reason.AUDIT_UNAVAILABLE
    refused = denied(world.ask(alice, ticket), Reason.AUDIT_UNAVAILABLE, "audit")
    notes.check(refused)
    assert refused.http().status == 503


# --- the real log ---


def with_log(folder: Path, **changes: Any) -> tuple[World, AuditLog]:
    world = World()
    log = open_log(folder, clock=None, **changes)
    world.gateway = world.another_gateway(audit=log)
    world.wait(1)
    return world, log


def test_refusals_are_on_the_disk_before_the_answer_leaves_and_an_auditor_accepts_the_log(tmp_path: Path) -> None:
    details = AuditDetails(tmp_path / "details")
    world, log = with_log(tmp_path / "audit", details=details)
    alice = world.wallet()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))
    needed(world.ask(alice, ticket, "us-citizens"), Reason.CITIZENSHIP_NOT_SHOWN)
    assert log.state().pending == 1  # synced, and in no checkpoint yet
    denied(world.ask(alice, ticket, "europe"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
    assert log.state().pending == 2
    for _ in range(5):
        needed(world.gateway.authorize(request("garbage"), resource="europe"), Reason.TICKET_INVALID)
    assert log.state().pending == 2
    log.close()
    details.close()
    first, second, counted = entries(tmp_path / "audit")
    assert isinstance(first, Refused) and isinstance(second, Refused) and isinstance(counted, Counted)
    assert (first.reason, first.step, first.rule, first.resource) == (
        "citizenship_not_shown", "policy", 2, "us-citizens"
    )  # fmt: skip
    assert first.tag == second.tag is not None
    assert first.commitment is not None and first.commitment != second.commitment
    assert counted.refused["ticket_invalid"] == 5
    assert sorted((rule, resource, count) for _, rule, resource, count, _ in counted.allowed if rule) == [
        (3, "us-nationals", 1)
    ]
    (report,) = verify_audit(tmp_path / "audit", keys=[vkey()], now=NOW).logs
    assert report.size == 3
    data = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*") if path.is_file())
    for secret in (ticket.encode(), b"alice", b"US\x82", alice.sender.public.thumbprint):
        assert secret not in data


def test_the_tag_of_a_person_is_the_same_for_a_day_and_another_the_next(tmp_path: Path) -> None:
    world, log = with_log(tmp_path)
    world.gateway = world.another_gateway(audit=log, ticket_lifetime_s=DAY, session_lifetime_s=2 * DAY)
    world.wait(1)
    alice = world.wallet()
    ticket = world.ticket(alice)
    for wait in (0, 60, DAY - 120):  # NOW is at eight in the morning
        world.wait(wait)
        world.publish()
        denied(world.ask(alice, ticket, "europe"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")
    log.close()
    tags = [each.tag for each in entries(tmp_path) if isinstance(each, Refused)]
    assert tags[0] == tags[1] != tags[2]


def test_an_allowed_request_can_be_a_sample(tmp_path: Path) -> None:
    world, log = with_log(tmp_path, sample_allowed_every=2)
    alice = world.wallet()
    ticket = world.ticket(alice)
    for _ in range(4):
        world.wait(1)
        allowed(world.ask(alice, ticket))
    log.close()
    samples = [each for each in entries(tmp_path) if isinstance(each, Allowed)]
    assert len(samples) == 2 and all(each.rule == 3 for each in samples)


def test_a_log_that_was_closed_refuses_or_goes_on_as_the_operator_chose(tmp_path: Path) -> None:
    for choice, expected in ((WhenUnwritable.REFUSE, Deny), (WhenUnwritable.GO_ON, Allow)):
        world, log = with_log(tmp_path / choice.value, when_unwritable=choice)
        alice = world.wallet()
        ticket = world.ticket(alice)
        log.close()
        assert type(world.ask(alice, ticket)) is expected
        denied(world.ask(alice, ticket, "europe"), Reason.CITIZENSHIP_NOT_PERMITTED, "policy")


# --- an event loop ---


class SlowLog(Notes):
    """A log whose disk takes until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = threading.Event()
        self.threads: set[int] = set()

    def settle(self, position: int) -> Reason | None:
        self.threads.add(threading.get_ident())
        assert self.disk.wait(10)
        return super().settle(position)


def test_an_event_loop_goes_on_while_the_log_writes() -> None:
    log = SlowLog()
    world = World(audit=log)
    door = world.gateway
    ticked = []

    async def run() -> list[Any]:
        refusals = [asyncio.create_task(door.authorize_async(request(), resource="us-nationals")) for _ in range(3)]
        await asyncio.sleep(0)
        ticked.append(await door.authorize_async(request(), resource="open"))  # nothing to wait for
        assert not any(each.done() for each in refusals)
        log.disk.set()
        return await asyncio.gather(*refusals)

    assert [each.reason for each in asyncio.run(run())] == [Reason.TICKET_MISSING] * 3
    assert type(ticked[0]) is Allow
    assert threading.get_ident() not in log.threads
    assert sorted(log.settled) == [1, 2, 3]


def test_a_refusal_stands_and_is_written_though_no_thread_can_be_had() -> None:
    world, notes = noted()
    door = world.gateway

    async def run() -> list[Any]:
        await asyncio.get_running_loop().shutdown_default_executor()  # as a server does that goes down
        refusal = await door.authorize_async(request(), resource="us-nationals")
        renewal = await door.renew_async(request())
        ended = await door.sign_out_async(request())
        return [refusal, renewal, ended, await door.admit_http_async(request(path=ENDPOINT), b"{}")]

    *refusals, answer = asyncio.run(run())
    assert [each.reason for each in refusals] == [Reason.TICKET_MISSING] * 3 and answer.status == 401
    assert notes.settled == [1, 2, 3, 4]


def test_each_coroutine_decides_as_its_function() -> None:
    world, notes = noted()
    alice = world.wallet()
    ticket = world.ticket(alice)
    door = world.gateway
    notes.check_from_here()

    def proven() -> Any:
        return request(ticket, world.proof(alice.sender, ticket))

    async def run() -> None:
        notes.check(allowed(await door.authorize_async(proven(), resource="us-nationals")))
        notes.check(needed(await door.authorize_async(proven(), resource="us-citizens"), Reason.CITIZENSHIP_NOT_SHOWN))
        renewed = await door.renew_async(proven())
        assert isinstance(renewed, Admitted)
        notes.check(renewed)
        notes.check(needed(await door.renew_async(request()), Reason.TICKET_MISSING))
        assert (await door.admit_http_async(request(path=ENDPOINT), b"{}")).status == 401
        assert notes.all[-1].reason is Reason.TICKET_MISSING
        notes.check_from_here()
        notes.check(needed(await door.sign_out_async(request()), Reason.TICKET_MISSING))
        notes.check(await door.sign_out_async(proven()))

    asyncio.run(run())
    assert set(notes.settled) == {number for number, note in enumerate(notes.all, 1) if note.reason is not None}


# --- counts ---


def test_every_decision_is_counted_by_door_and_reason() -> None:
    world = World()
    alice = world.wallet()
    ticket = world.ticket(alice)
    for _ in range(3):
        world.wait(1)
        allowed(world.ask(alice, ticket))
    world.ask(alice, ticket, "europe")
    world.gateway.authorize(request(), resource="europe")
    world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge="", request=request())
    challenge = world.gateway.challenge(sender=alice.sender.public.thumbprint).to_text()
    world.gateway.admit(b"", format=Format.SD_JWT_VC, challenge=challenge, request=request())
    world.gateway.renew(request())
    world.gateway.sign_out(request(ticket, world.proof(alice.sender, ticket)))
    assert world.gateway.counts() == {
        ("admit", "admitted", None): 1,
        ("authorize", "allow", None): 3,
        ("authorize", "deny", Reason.CITIZENSHIP_NOT_PERMITTED): 1,
        ("authorize", "need_presentation", Reason.TICKET_MISSING): 1,
        ("admit", "deny", Reason.CHALLENGE_INVALID): 1,
        ("admit", "deny", Reason.PROOF_MISSING): 1,
        ("renew", "need_presentation", Reason.TICKET_MISSING): 1,
        ("sign_out", "signed_out", None): 1,
    }


def test_no_decision_is_lost_between_threads() -> None:
    world = World()

    def many() -> None:
        for _ in range(2_000):
            world.gateway.authorize(request(), resource="open")

    threads = [threading.Thread(target=many) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert world.gateway.counts() == {("authorize", "allow", None): 8_000}


def test_counts_are_a_copy() -> None:
    world = World()
    world.gateway.authorize(request(), resource="open")
    world.gateway.counts().clear()
    assert sum(world.gateway.counts().values()) == 1


# --- configuration ---


class NoSettle:
    """A log that lacks a method."""

    allowed: Callable[..., Any] = print
    refused: Callable[..., Any] = print


@pytest.mark.parametrize("options", [{"audit": object()}, {"audit": NoSettle()}, {"sharing": object()}])
def test_parts_that_could_not_do_their_work_are_refused_when_the_gateway_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World(**options)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
