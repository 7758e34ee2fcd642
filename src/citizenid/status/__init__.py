"""Status lists: the bits, the signed token, what a verifier keeps of them and what an issuer publishes.

Spec: Token Status List (draft-ietf-oauth-status-list); specs/profile-status-list.md.
"""

from __future__ import annotations

from .._model import NeedStatusList, Status, StatusKind, StatusReference
from ._file import StatusFile, read_status_file
from ._file_writing import write_status_file
from ._list import StatusList
from ._protocol import StatusLists
from ._publisher import StatusPublisher
from ._records import StoredStatuses
from ._store import StatusStore
from ._token import VerifiedStatusList, verify_status_list

__all__ = [
    "NeedStatusList",
    "Status",
    "StatusFile",
    "StatusKind",
    "StatusList",
    "StatusLists",
    "StatusPublisher",
    "StatusReference",
    "StatusStore",
    "StoredStatuses",
    "VerifiedStatusList",
    "read_status_file",
    "verify_status_list",
    "write_status_file",
]
