"""Status lists: by index or by identifier, the signed token, what a verifier keeps and what an issuer publishes.

Spec: Token Status List (draft-ietf-oauth-status-list); ISO/IEC 18013-5 second edition 12.3.6; W3C Bitstring Status List
v1.0; specs/profile-status-list.md.
"""

from __future__ import annotations

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._model import NeedStatusList, Status, StatusKind, StatusReference
from ._file import StatusFile, read_status_file
from ._file_writing import write_status_file
from ._identifier_publisher import IdentifierPublisher, IdentifierState
from ._identifiers import IdentifierList
from ._ledger import StatusChange
from ._list import StatusList
from ._lists import StatusLists
from ._protocol import StatusSource
from ._publisher import StatusPublisher
from ._records import StoredStatuses
from ._store import StatusStore
from ._token import STATUS_LIST_MEDIA_TYPES, VerifiedStatusList, verify_status_list

__all__ = [
    "STATUS_LIST_MEDIA_TYPES",
    "IdentifierList",
    "IdentifierPublisher",
    "IdentifierState",
    "NeedStatusList",
    "Status",
    "StatusChange",
    "StatusFile",
    "StatusKind",
    "StatusList",
    "StatusLists",
    "StatusPublisher",
    "StatusReference",
    "StatusSource",
    "StatusStore",
    "StoredStatuses",
    "VerifiedStatusList",
    "read_status_file",
    "verify_status_list",
    "write_status_file",
]
