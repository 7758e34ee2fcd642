"""The gateway's door: one object that decides every request.

    gateway = Gateway(audience=..., external_url=..., anchors=..., policy=..., ticket_keys=[...],
                      statuses=..., replay=...)
    result = gateway.authorize(Request(method, url, headers), resource="claude-3.5-opus")
    if type(result) is not Allow:
        answer = result.http()

Spec: DESIGN section 4; specs/verification.md.
"""

from __future__ import annotations

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._answer import Answer
from .._model import Binding, NeedStatusList
from ..policy import AdmissionPolicy
from ._certificates import CertificateHeader
from ._gateway import Gateway
from ._keys import DailyTicketKeys
from ._record import DURATIONS_S, DecisionKey, Durations
from .asking import Asking, ProofRequest
from .cache import SieveCache
from .http import Admitted, Allow, Deny, NeedPresentation, Request, SignedOut
from .nonces import DPoPNonces
from .query import PresentedCredential, dcql_query, parse_vp_token, unsatisfiable_rules
from .replay import Consumption, MemoryReplayGuard, ReplayGuard
from .sharing import SharingDetector, SharingLimits, Signals
from .sign_outs import MemorySignOuts, SignOuts

__all__ = [
    "DURATIONS_S",
    "AdmissionPolicy",
    "Admitted",
    "Allow",
    "Answer",
    "Asking",
    "Binding",
    "CertificateHeader",
    "Consumption",
    "DPoPNonces",
    "DailyTicketKeys",
    "DecisionKey",
    "Deny",
    "Durations",
    "Gateway",
    "MemoryReplayGuard",
    "MemorySignOuts",
    "NeedPresentation",
    "NeedStatusList",
    "PresentedCredential",
    "ProofRequest",
    "ReplayGuard",
    "Request",
    "SharingDetector",
    "SharingLimits",
    "SieveCache",
    "SignOuts",
    "Signals",
    "SignedOut",
    "dcql_query",
    "parse_vp_token",
    "unsatisfiable_rules",
]
