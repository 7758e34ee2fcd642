"""The paths at which errors say that a rule was broken, held against a table for every error that tests meet.

A test of a refusal asserts its Reason. Where the error says it was met is a word of our specifications as well, and
nobody asserts it a hundred times. A module of tests that assigns `only_at(...)` to a name has it done for each error
that is made while its tests run, whoever makes it and whoever catches it. `only_in_words()` asks for less, of modules
that meet more than a table of theirs could hold: a Reason, and a path made of our words. The words are a closed list as
the Reasons are: nothing of a credential or a request ever stands in a path.

Spec: DESIGN section 5, `error.where`; specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import pytest

from citizenid import CitizenIDError, Reason

WORDS: Final = frozenset(
    """
    1 @context _sd_alg admission_path after aggregation aggregation_path alg anchor anchors anyone app asgi
    assurance ath attestation aud audience audit binding bits body body_bytes body_timeout_s bounds cache
    certificate certificate_header certificates challenge challenge_lifetime_s checkpoint checkpoint_every_s
    citizenid citizenship citizenships claim_name_chars claims client clock clock_skew_s cnf cnonce components
    consistency cose_key cosignature counted countries country counts created credential credentialStatus
    credentialSubject crls cwt_claims day dcql_query decision_app decision_path decode_responses decoys depth
    detail details device-auth device-response deviceKey deviceKeyInfo digestAlgorithm digests directory
    disclosable disclose disclosure disclosures docType documents door dpop dpop_nonces encodedList entries
    entry evidence_checked_at exp expectedUpdate expires expires_s external_url facts fetch file folder format
    formats gateway gather_s handover hash_algorithm header header_bytes headers historical holder_key htm
    http-signature htu iat id identifier identifier-list identifier_list idx inclusion input iss issuer
    issuer-auth issuer-jwt issuer-metadata issuer-signed issuer-signed-item issuing_country issuing_jurisdiction
    jti judge jwk jwks jwks_uri kb-jwt kcwt key keyAuthorizations keyid keys kid kind level lifetime_s
    limit_bytes limits litellm lst max_age_s max_entries max_waiting maxmemory-policy method monotonic mso mtls
    nameSpaces nationalities nationalities_complete nationality nbf new nonce not_after not_before note now old
    open_paths org origin others own path paths payload peers pem policy presentation presentation_bytes
    previous proof proof_max_age_s proof_request proxy publish publishers purpose randbelow random reach
    reader-auth reader_key region reload replay request resolver resource resource_metadata root rule runs salts
    sample_allowed_every scope sd-cwt sd-jwt sd-kbt sd_alg sd_claims sd_hash sealing secret sender serialization
    session_id session_lifetime_s sharing sign_outs signals signature signed socket_timeout sources state status
    status-file status-list status-lists status-marks status_age_s status_issuer status_list status_list_bytes
    status_list_inflated_bytes status_lists statuses statusPurpose statusSize store sub tag telemetry ticket
    ticket_keys ticket_lifetime_s tile time tls ttl ttl_s typ type types undecided_body_bytes
    unreferenced_validity_s until uri uris url validFrom validity validityInfo validUntil valkey valueDigests vc
    vct version versions vical vp_token wait_s wal when_unwritable x x5c x5chain x5t
    """.split()
)

ANCHOR_FIELDS: Final = frozenset(
    f"anchor.{name}" for name in "purpose formats types countries issuer status_issuer not_before not_after".split()
)
"""What of an anchor's scope an error can name."""


class OutOfPlace(AssertionError):
    """An error names a path that its Reason does not have in these tests."""


@contextmanager
def _errors_judged(by: Callable[[Reason, str], bool]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        original = CitizenIDError.__init__

        def init(self: CitizenIDError, reason: Reason, where: str = "") -> None:
            original(self, reason, where)
            if type(where) is not str or not by(reason, where):
                raise OutOfPlace(f"{reason!r} at {where!r}")

        patch.setattr(CitizenIDError, "__init__", init)
        yield


def errors_only_at(places: Mapping[Reason, frozenset[str]]) -> AbstractContextManager[None]:
    """Raise `OutOfPlace`, instead of any error of another Reason or at another path, as long as the block runs."""
    return _errors_judged(lambda reason, where: where in places.get(reason, ()))


def in_words(where: object) -> bool:
    """Whether this is a path that is made of our words."""
    return type(where) is str and WORDS.issuperset(re.sub(r"\[[0-9]+\]", "", where).split("."))


def errors_only_in_words() -> AbstractContextManager[None]:
    """Raise `OutOfPlace`, instead of any error at a path that is not made of our words, as long as the block runs."""
    return _errors_judged(lambda _, where: in_words(where))


def _fixture(judged: Callable[[], AbstractContextManager[None]]) -> Any:
    @pytest.fixture(scope="module", autouse=True)
    def errors_say_where() -> Iterator[None]:
        with judged():
            yield

    return errors_say_where


def only_at(places: Mapping[Reason, frozenset[str]]) -> Any:
    """Return a fixture that holds each error of a module's tests against `places`: Reasons, each with its paths."""
    return _fixture(lambda: errors_only_at(places))


def only_in_words() -> Any:
    """Return a fixture that holds each error of the tests of a module, or of a folder, against our words."""
    return _fixture(errors_only_in_words)
