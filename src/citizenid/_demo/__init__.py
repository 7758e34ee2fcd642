"""`citizenid demo`: the four rows of the latency budget, measured in one process with real keys and real status lists.

Each decision is compared with the one that is right, and each case stands beside its floor: the signature checks, key
loads and digests that no implementation could leave out. Only the command line imports this package.

Spec: DESIGN section 1.
"""

from __future__ import annotations

from .measure import ADMISSIONS, AUTHORIZATIONS, ROWS, CaseReport, Report, Row, percentile, run, total
from .table import to_json, to_table
from .world import Door, WrongDecision

__all__ = [
    "ADMISSIONS",
    "AUTHORIZATIONS",
    "ROWS",
    "CaseReport",
    "Door",
    "Report",
    "Row",
    "WrongDecision",
    "percentile",
    "run",
    "to_json",
    "to_table",
    "total",
]
