"""What others say of an audit log: witnesses that cosign it, a clock, a second log; and what a gateway writes into it.

Cosignatures are made by hand here.

Spec: C2SP tlog-cosignature, signed-note; specs/profile-audit.md A-1 to A-9.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final

from ... import Reason, StatusReference
from ...gateway.audit import verify_audit
from ..forge.parts import NOW, key, unbase64url
from ..trials import Trial, expect, holds, of_type, raises
from ..world import SimulatedWorld, request
from ._logs import keys_of, open_log, verify_files, written
from ._sending import result_of

_INVALID: Final = Reason.AUDIT_INVALID
_NOTE: Final = "w1/checkpoint"


def _verifier(name: str) -> tuple[str, bytes]:
    """Return the verifier key of a witness, and the four bytes by which its signatures are found."""
    raw = b"\4" + unbase64url(key(name, "Ed25519").public.to_jwk()["x"])
    identity = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return f"{name}+{identity.hex()}+{base64.b64encode(raw).decode()}", identity


def _cosigned(note: bytes, name: str, *, by: str | None = None, at: int = NOW) -> bytes:
    """Return a checkpoint with the line of a witness behind it."""
    text = note.rpartition(b"\n\n")[0] + b"\n"
    signed = key(by or name, "Ed25519").sign(b"cosignature/v1\ntime %d\n" % at + text)
    line = base64.b64encode(_verifier(name)[1] + at.to_bytes(8, "big") + signed).decode()
    return note + f"\u2014 {name} {line}\n".encode()


def told_by_others() -> Iterator[Trial]:
    """The newest entries are cut off, or the log has stopped, and somebody else knows of it."""
    log = written()
    for age_s, reason in ((60, None), (-60, None), (61, _INVALID), (-61, _INVALID)):
        check = partial(verify_files, log.files, now=NOW + age_s, max_age_s=60)
        yield (
            holds(f"a heartbeat {age_s} s ago", check)
            if reason is None
            else raises(f"a heartbeat {age_s} s ago", reason, check)
        )
    note, name = log.files[_NOTE], "witness.example/w"
    asked: dict[str, Any] = {"witnesses": [_verifier(name)[0]]}
    signed = {**log.files, _NOTE: _cosigned(note, name)}
    yield holds("a witness has cosigned it", partial(verify_files, signed, **asked))
    yield raises("no witness has cosigned it", _INVALID, partial(verify_files, log.files, **asked))
    other = {**log.files, _NOTE: _cosigned(note, "other.example/w")}
    yield raises("another witness has", _INVALID, partial(verify_files, other, **asked))
    two: dict[str, Any] = {"witnesses": [_verifier(each)[0] for each in (name, "other.example/w")]}
    yield raises("one witness of two has", _INVALID, partial(verify_files, signed, **two))
    forged = {**log.files, _NOTE: _cosigned(note, name, by="a thief")}
    yield raises("a thief has, in its name", Reason.SIGNATURE_INVALID, partial(verify_files, forged, **asked))
    earlier = {**log.files, "w1/witnessed": _cosigned(log.earlier, name)}
    yield holds("it has cosigned an earlier one", partial(verify_files, earlier, **asked))
    later = {**log.earlier_files, "w1/witnessed": _cosigned(note, name)}
    yield raises("it has cosigned a later one", _INVALID, partial(verify_files, later, **asked))
    foreign = {**log.files, "w1/witnessed": _cosigned(written(100).files[_NOTE], name)}
    yield raises("it has cosigned another history", _INVALID, partial(verify_files, foreign, **asked))
    second = written(50, writer="w2").files
    both = {**log.files, **second}
    yield holds("two logs", partial(verify_files, both, writers=("w1", "w2")))
    yield raises("one of two logs is gone", _INVALID, partial(verify_files, log.files, writers=("w1", "w2")))
    yield raises("a log of which nobody knows", _INVALID, partial(verify_files, both, writers=("w1",)))
    of_another = partial(verify_files, log.files, previous=[second["w2/checkpoint"]])
    yield raises("a checkpoint of another log was kept", _INVALID, of_another)
    renamed = {path.replace("w2/", "w1/"): data for path, data in second.items()}
    yield raises("another log in its place", _INVALID, partial(verify_files, renamed))


def written_by_a_gateway() -> None:
    """Check that each refusal of somebody who has shown a ticket or a credential is in the log, by its Reason."""
    with TemporaryDirectory() as folder, open_log(folder) as log:
        world = SimulatedWorld()
        ada, hans = world.wallet("ada"), world.wallet("hans", ["DE"])
        tickets = world.ticket(ada), world.ticket(hans)
        world.gateway = world.another_gateway(audit=log)
        proof = world.proof(ada.sender, tickets[0])
        world.gateway.authorize(request(tickets[0], proof), resource="us-nationals")
        outcomes = [
            world.gateway.authorize(request(tickets[0], proof), resource="us-nationals"),
            world.ask(hans, tickets[1]),
            world.ask(hans, tickets[1], "us/a"),
        ]
        world.publisher_of(ada).revoke(of_type(ada.status, StatusReference))
        world.wait(60)
        world.publish()
        outcomes += [world.ask(ada, tickets[0]), world.admit(ada)]
        log.checkpoint()
        expected: dict[str, int] = {}
        for each in map(result_of, outcomes):
            expect(each.reason is not None, "a refusal was allowed")
            expected[str(each.reason)] = expected.get(str(each.reason), 0) + 1
        report = verify_audit(folder, keys=keys_of("w1"), now=NOW).logs[0]
        expect(dict(report.refused) == expected, f"{report.refused} of {expected}")
