"""A gateway over the file of all status lists: it sees what another process revoked, and survives a bad file.

Spec: specs/profile-status-list.md section 8; specs/verification.md V9; DESIGN laws 3, 9 and 13.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from citizenid import CitizenIDError, NeedStatusList, Reason, TrustAnchors
from citizenid.gateway import Admitted
from citizenid.status import StatusFile, write_status_file

from .world import World, allowed, denied, status_anchors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lists"


def written(world: World, path: Path) -> StatusFile:
    write_status_file(path, world.statuses)
    return StatusFile(path, anchors=status_anchors())


def test_a_revocation_in_another_file_refuses_the_next_ticket_and_presentation(path: Path) -> None:
    world = World()
    alice = world.wallet()
    world.gateway = world.another_gateway(statuses=written(world, path))
    ticket = world.ticket(alice)
    allowed(world.ask(alice, ticket))
    world.publisher.revoke(alice.status)
    world.wait(1)
    world.publish()
    write_status_file(path, world.statuses)
    world.wait(1)  # it looks once a second
    denied(world.ask(alice, ticket), Reason.REVOKED, "V9")
    denied(world.admit(alice), Reason.REVOKED, "V9")


def test_a_refused_file_is_no_callers_fault_and_the_lists_count_to_their_ends(path: Path) -> None:
    world = World()
    alice = world.wallet()
    statuses = written(world, path)
    world.gateway = world.another_gateway(statuses=statuses)
    ticket = world.ticket(alice)
    path.unlink()
    path.write_bytes(b"torn")
    world.wait(2)
    allowed(world.ask(alice, ticket))
    assert statuses.refusal is Reason.STATUS_FILE_MALFORMED
    statuses.reload(anchors=TrustAnchors())
    assert world.ask(alice, ticket) == NeedStatusList("")
    assert isinstance(world.admit(alice), NeedStatusList)


@pytest.mark.parametrize("statuses", [None, "store", object(), {}])
def test_what_cannot_be_asked_for_a_status_is_refused_when_the_gateway_is_made(statuses: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        World().another_gateway(statuses=statuses)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


def test_it_admits_by_the_file(path: Path) -> None:
    world = World()
    alice = world.wallet()
    world.gateway = world.another_gateway(statuses=written(world, path))
    assert isinstance(world.admit(alice), Admitted)
