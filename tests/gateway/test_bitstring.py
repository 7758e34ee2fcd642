"""A gateway with the lists of the W3C: what a bit says refuses the next request of a ticket, for each purpose.

Spec: Bitstring Status List v1.0; specs/verification.md V9; specs/profile-status-list.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from citizenid import (
    Attestation,
    Citizenship,
    Country,
    Format,
    NeedStatusList,
    Reason,
    StatusReference,
    UnixTime,
    Validity,
)
from citizenid.gateway import Admitted
from citizenid.holder import Credential
from citizenid.issuer import Issuer
from citizenid.status import StatusFile, StatusPublisher, write_status_file

from .world import DAY, ISSUER, NOW, VCT, Wallet, World, allowed, anchors, denied, key, status_anchors

ENTRIES: Final = 131_072


class Lists:
    """Two lists of the world's issuer, for revocations and for suspensions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.revocations = self._list("revocation", 1)
        self.suspensions = self._list("suspension", 2)

    def _list(self, purpose: str, bits: int) -> StatusPublisher:
        uri = f"https://id.example/bits/{purpose}"
        return StatusPublisher(uri=uri, size=ENTRIES, bits=bits, purpose=purpose, issuer=ISSUER)

    def publish(self) -> None:
        self.world.wait(1)
        for publisher in (self.revocations, self.suspensions):
            body = publisher.publish(key("status"), now=self.world.now, ttl_s=43_200, expires_s=DAY, format="bitstring")
            self.world.statuses.ingest(publisher.uri, body, media_type="application/vc+jwt", now=self.world.now)


def wallet(*status: StatusReference) -> Wallet:
    stated = Attestation(
        type=VCT,
        issuer=ISSUER,
        claims=Citizenship([Country("US")]).to_claims(Format.SD_JWT_VC),
        validity=Validity(UnixTime(NOW), None, UnixTime(NOW + 30 * DAY)),
        holder_key=key("holder of alice").public,
        status=status,
    )
    data = Issuer(identifier=ISSUER, key=key("issuer")).issue(stated, format=Format.SD_JWT_VC)
    return Wallet(
        "alice",
        Credential.receive(data, format=Format.SD_JWT_VC, anchors=anchors(), now=NOW),
        None,
        format=Format.SD_JWT_VC,
    )


def test_a_set_bit_refuses_the_next_request_and_the_next_presentation(tmp_path: Path) -> None:
    world = World()
    lists = Lists(world)
    references = (lists.revocations.allocate(), lists.suspensions.allocate())
    alice = wallet(*references)
    assert world.admit(alice) == NeedStatusList(references[0].uri)  # nothing was decided
    lists.publish()
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))

    lists.suspensions.suspend(references[1])
    lists.publish()
    denied(world.ask(alice, ticket), Reason.SUSPENDED, "V9")
    denied(world.admit(alice), Reason.SUSPENDED, "V9")
    lists.suspensions.reinstate(references[1])
    lists.revocations.revoke(lists.revocations.allocate())  # somebody else's
    lists.publish()
    allowed(world.ask(alice, ticket))

    lists.revocations.revoke(references[0])
    lists.publish()
    denied(world.ask(alice, ticket), Reason.REVOKED, "V9")
    denied(world.admit(alice), Reason.REVOKED, "V9")
    # The same by the file that all workers share.
    write_status_file(tmp_path / "lists", world.statuses)
    world.gateway = world.another_gateway(statuses=StatusFile(tmp_path / "lists", anchors=status_anchors()))
    denied(world.ask(alice, ticket), Reason.REVOKED, "V9")
    denied(world.admit(alice), Reason.REVOKED, "V9")


def test_a_ticket_of_a_w3c_list_is_as_long_as_another() -> None:
    world = World()
    lists = Lists(world)
    lists.publish()
    lengths = set()
    for status in (
        (world.publisher.allocate(),),
        (lists.revocations.allocate(),),
        (lists.revocations.allocate(), lists.suspensions.allocate()),
        (world.publisher.allocate(), lists.suspensions.allocate()),
    ):
        found = world.admit(wallet(*status))
        assert isinstance(found, Admitted), found
        lengths.add(len(found.ticket))
    assert len(lengths) == 1
