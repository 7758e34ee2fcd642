"""What a verifier needs of status lists, whoever keeps them: a store in memory, or a file that many processes share.

Spec: specs/verification.md V9; specs/profile-status-list.md sections 4 and 8.
"""

from __future__ import annotations

from typing import Protocol

from .._errors import CitizenIDError, Reason
from .._model import NeedStatusList, Status, StatusReference, UnixTime
from ..trust import TrustAnchors


class StatusSource(Protocol):
    """The status lists at hand. `StatusStore` and `StatusFile` are such."""

    def check(
        self, reference: StatusReference, *, issuer: str, now: UnixTime | int, any_certificate: bool = False
    ) -> Status | NeedStatusList:
        """Return the status of a credential, or which list is missing; see `StatusStore.check`."""
        ...

    def check_identity(self, identity: bytes, index: int, now: UnixTime) -> Status | NeedStatusList | None:
        """Return the same by what a ticket holds, or None for a list that is not held; see `StatusStore`."""
        ...

    def issued_at(self, identity: bytes) -> UnixTime | None:
        """Return the iat of the list of this identity, or None when it is not held."""
        ...


def check_trust(anchors: object) -> None:
    """Refuse what is no set of anchors. Raises CONFIGURATION_INVALID."""
    if type(anchors) is not TrustAnchors:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "anchors")
