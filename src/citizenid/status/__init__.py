"""Status lists: the bits, the signed token, what a verifier keeps of them and what an issuer publishes.

Spec: Token Status List (draft-ietf-oauth-status-list); specs/profile-status-list.md.
"""

from __future__ import annotations

from .._model import NeedStatusList, Status, StatusKind, StatusReference
from ._list import StatusList
from ._publisher import StatusPublisher
from ._store import StatusStore
from ._token import STATUS_LIST_MEDIA_TYPES, VerifiedStatusList, verify_status_list

__all__ = [
    "STATUS_LIST_MEDIA_TYPES",
    "NeedStatusList",
    "Status",
    "StatusKind",
    "StatusList",
    "StatusPublisher",
    "StatusReference",
    "StatusStore",
    "VerifiedStatusList",
    "verify_status_list",
]
