"""hypothesis strategies for every public type and wire form. What they make is valid; `mutations` makes it hostile.

Values: `countries`, `citizenships`, `assurances`, `validities`, `signing_keys`, `jwks`, `status_references`,
`challenges`, `handovers`, `signals`. What an operator sets, and what a rule is asked about: `limits`, `trust_anchors`,
`agreement_keys`, `ticket_keys`, `sharing_limits`, `facts`, `policy_tables`, `policy_texts`. Wire forms without a
meaning: `json_values`, `json_documents`, `cbor_values`, `base64url_texts`, `compact_jws`, `cose_sign1`. What is issued
and shown, in a format: `attestations`, `credentials`, `presentations`. What is published: `status_lists`,
`certificate_chains`. What goes to a gateway: `tickets`, `dpop_proofs`, `requests`.

The times are around `forge.parts.NOW`, and what is signed verifies in the world of `forge`.

Spec: specs/testing.md.
"""

from __future__ import annotations

from .chains import Chain, Link, certificate_chains
from .policies import policy_tables, policy_texts, rule_tables
from .presentations import Issued, Presented, attestations, credentials, presentations
from .requests import Proof, TicketHeld, dpop_proofs, requests, tickets, unrelated_headers
from .settings import agreement_keys, facts, handovers, limits, sharing_limits, ticket_keys, trust_anchors
from .status_lists import PublishedList, status_lists
from .values import (
    assurances,
    challenges,
    citizenships,
    countries,
    country_lists,
    jwks,
    nonces,
    signals,
    signing_keys,
    status_references,
    validities,
)
from .wire import (
    Signed,
    base64url_texts,
    cbor_values,
    compact_jws,
    cose_sign1,
    json_documents,
    json_values,
    person_claims,
)

__all__ = [
    "Chain",
    "Issued",
    "Link",
    "Presented",
    "Proof",
    "PublishedList",
    "Signed",
    "TicketHeld",
    "agreement_keys",
    "assurances",
    "attestations",
    "base64url_texts",
    "cbor_values",
    "certificate_chains",
    "challenges",
    "citizenships",
    "compact_jws",
    "cose_sign1",
    "countries",
    "country_lists",
    "credentials",
    "dpop_proofs",
    "facts",
    "handovers",
    "json_documents",
    "json_values",
    "jwks",
    "limits",
    "nonces",
    "person_claims",
    "policy_tables",
    "policy_texts",
    "presentations",
    "requests",
    "rule_tables",
    "sharing_limits",
    "signals",
    "signing_keys",
    "status_lists",
    "status_references",
    "ticket_keys",
    "tickets",
    "trust_anchors",
    "unrelated_headers",
    "validities",
]
