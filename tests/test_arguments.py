"""What an operator hands in by mistake: an argument of the wrong type is refused as that, by a Reason of our own.

Python would find out somewhere below, or not at all: a list that is empty means "nothing is known", a number of zeros
is a list on which everybody is valid. One table for each door; the values are the same for all.

Spec: DESIGN law 7 (no default for trust); specs/reasons.md (`configuration_invalid`, `anchor_invalid`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mdoc_builders
import pytest
from builders import (
    ABSENT,
    ISSUER,
    NOW,
    STATUS_MEDIA_TYPE,
    STATUS_URI,
    VALID_INDEX,
    VCT,
    accepted,
    anchors,
    challenge,
    dump,
    key,
    make,
    misused,
    raises,
    shared_statuses,
    status_anchors,
    status_token,
    statuses,
)
from places import only_in_words

from citizenid import (
    ANY,
    AgreementKey,
    Attestation,
    Citizenship,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    NeedStatusList,
    Reason,
    StatusReference,
    TrustAnchors,
    Validity,
)
from citizenid._model import StatusKind, UnixTime
from citizenid.gateway import dcql_query, parse_vp_token, unsatisfiable_rules
from citizenid.holder import Credential, dpop_proof, http_signature
from citizenid.issuer import Issuer, prepare_attestation
from citizenid.policy import AdmissionPolicy, diff
from citizenid.status import (
    IdentifierList,
    IdentifierPublisher,
    StatusFile,
    StatusList,
    StatusLists,
    StatusPublisher,
    StatusStore,
    read_status_file,
    write_status_file,
)
from citizenid.trust import issuer_metadata_url
from citizenid.verifier import (
    open_presentation,
    verify,
    verify_credential,
    verify_each,
    verify_presentation,
    verify_status_list,
)

errors_say_where = only_in_words()

GOOD = make()
JUNK: tuple[Any, ...] = (None, 5, True, 1.5, "x", b"x", [], {}, (), object())


def junk(*fine: Any) -> Iterator[Any]:
    """Go through values of the wrong type, without those that this argument may be."""
    return (
        value
        for value in JUNK
        if not any(value is each or (value == each and type(value) is type(each)) for each in fine)
    )


# --- the verifier ---


@pytest.mark.parametrize("name", ["anchors", "challenge", "statuses", "limits", "cache"])
def test_verify_says_so_when_an_argument_is_of_another_type(name: str) -> None:
    world: dict[str, Any] = {
        "format": Format.SD_JWT_VC, "anchors": anchors(), "challenge": challenge(), "statuses": shared_statuses(),
        "now": NOW, "limits": Limits(),
    }  # fmt: skip
    for value in junk(*([None] if name == "cache" else [])):
        for call in [verify] if name == "cache" else [verify, verify_each]:
            error = misused(Reason.CONFIGURATION_INVALID, lambda: call(GOOD, **{**world, name: value}))  # noqa: B023
            assert error.where == name


def test_each_half_of_the_verification_says_so_too() -> None:
    (presentation,) = open_presentation(GOOD, format=Format.SD_JWT_VC)
    credential = verify_credential(presentation, anchors=anchors(), now=NOW)
    first: dict[str, Any] = {"anchors": anchors(), "now": NOW}
    second: dict[str, Any] = {"challenge": challenge(), "statuses": shared_statuses(), "now": NOW}
    calls: list[tuple[str, Callable[[Any], object]]] = [
        ("limits", lambda value: open_presentation(GOOD, format=Format.SD_JWT_VC, limits=value)),
        ("presentation", lambda value: verify_credential(value, **first)),
        ("anchors", lambda value: verify_credential(presentation, **{**first, "anchors": value})),
        ("limits", lambda value: verify_credential(presentation, **first, limits=value)),
        ("credential", lambda value: verify_presentation(value, **second)),
        ("challenge", lambda value: verify_presentation(credential, **{**second, "challenge": value})),
        ("statuses", lambda value: verify_presentation(credential, **{**second, "statuses": value})),
        ("limits", lambda value: verify_presentation(credential, **second, limits=value)),
    ]
    for where, call in calls:
        for value in JUNK:
            error = misused(Reason.CONFIGURATION_INVALID, lambda: call(value))  # noqa: B023
            assert error.where == where


def test_status_lists_are_asked_for_also_where_nothing_refers_to_one() -> None:
    # A credential of an hour needs none: whoever forgot them would find out with the first one that does.
    short = make(payload={"status": ABSENT, "iat": NOW - 10, "exp": NOW + 10})
    accepted(short)
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: accepted(short, statuses=value))  # noqa: B023


def test_a_time_that_is_none_has_its_own_reason() -> None:
    for value in junk(5):
        misused(Reason.CLOCK_UNUSABLE, lambda: accepted(GOOD, now=value))  # noqa: B023


@pytest.mark.parametrize("now", [2**53, 2**63, pytest.param(10**400, id="vast"), -1])
def test_no_clock_shows_what_no_time_can_be(now: int) -> None:
    store, issued = statuses(), GOOD[: GOOD.rindex(b"~") + 1]
    token = verify_status_list(
        status_token(), uri=STATUS_URI, media_type=STATUS_MEDIA_TYPE, anchors=status_anchors(), now=NOW
    )
    for call in (
        lambda: accepted(GOOD, now=now),
        lambda: Credential.receive(issued, format=Format.SD_JWT_VC, anchors=anchors(), now=now),
        lambda: store.ingest(STATUS_URI, status_token(), media_type=STATUS_MEDIA_TYPE, now=now),
        lambda: store.put(token, now=now),
        lambda: store.check(StatusReference(STATUS_URI, VALID_INDEX), issuer=ISSUER, now=now),
        lambda: store.due(now),
        lambda: store.ages(now),
    ):
        misused(Reason.CLOCK_UNUSABLE, call)


# --- anchors ---


def trusted(**changes: Any) -> TrustAnchors:
    """Make anchors of a set of one key."""
    scope: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL, "formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY,
    }  # fmt: skip
    issuer, jwks = changes.pop("issuer", ISSUER), changes.pop("jwks", {"keys": [key("issuer").public.to_jwk()]})
    return TrustAnchors.from_jwks(issuer, jwks, **{**scope, **changes})


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("issuer", ["x"]),
        ("purpose", []),
        ("formats", []),
        ("types", []),
        ("countries", []),
        ("not_before", [5]),
        ("not_after", [5]),
        ("status_issuer", [None, "x"]),
    ],
)
def test_what_an_anchor_is_made_of_has_its_type(name: str, fine: list[Any]) -> None:
    for value in [*junk(*fine), [[]], [None], [5], [{}], [b"x"]]:  # what cannot be in a set is in none
        error = misused(Reason.ANCHOR_INVALID, lambda: trusted(**{name: value}))  # noqa: B023
        assert error.where == f"anchor.{name}"


def test_what_an_anchor_lacks_or_has_too_much_of_is_named() -> None:
    for name, value in (("formats", ()), ("types", ()), ("countries", None), ("not_after", 0)):
        assert misused(Reason.ANCHOR_INVALID, lambda: trusted(**{name: value})).where == f"anchor.{name}"  # noqa: B023
    signer: dict[str, Any] = {"purpose": KeyPurpose.STATUS_LIST, "formats": (), "types": (), "countries": None}
    much = [("formats", [Format.SD_JWT_VC]), ("types", [VCT]), ("countries", ANY), ("countries", ())]
    for name, value in (*much, ("status_issuer", "x")):
        error = misused(Reason.ANCHOR_INVALID, lambda: trusted(**{**signer, name: value}))  # noqa: B023
        assert error.where == f"anchor.{name}"


def test_an_issuer_of_status_lists_that_is_empty_is_not_the_issuer_itself() -> None:
    assert next(iter(trusted(status_issuer="x"))).status_issuer == "x"
    assert next(iter(trusted(status_issuer=None))).status_issuer == ISSUER
    for value in ("", [], {}, (), 0, False):
        misused(Reason.ANCHOR_INVALID, lambda: trusted(status_issuer=value))  # noqa: B023


def test_one_country_or_format_is_no_list_of_them() -> None:
    for changes in ({"countries": Country("US")}, {"countries": "US"}, {"formats": "dc+sd-jwt"}, {"types": VCT}):
        misused(Reason.ANCHOR_INVALID, lambda: trusted(**changes))  # noqa: B023


def test_a_generator_is_as_good_as_a_list() -> None:
    scope: dict[str, Any] = {
        "formats": iter([Format.SD_JWT_VC]), "types": iter([VCT]), "countries": iter([Country("US")]),
    }  # fmt: skip
    (anchor,) = trusted(**scope)
    assert anchor.countries == {Country("US")} and anchor.types == {VCT}
    made = TrustAnchors.from_keys(
        ISSUER,
        iter([key("issuer").public]),
        purpose=KeyPurpose.CREDENTIAL,
        formats=[Format.SD_JWT_VC],
        types=[VCT],
        countries=ANY,
    )
    assert len(TrustAnchors(iter(made))) == 1


def test_a_set_of_keys_is_a_mapping_or_text_or_bytes() -> None:
    for value in junk("x", b"x"):
        misused(Reason.ANCHOR_INVALID, lambda: trusted(jwks=value))  # noqa: B023
    for value in (bytearray(b"{}"), memoryview(b"{}")):
        misused(Reason.ANCHOR_INVALID, lambda: trusted(jwks=value))  # noqa: B023
        misused(
            Reason.ANCHOR_INVALID,
            lambda: TrustAnchors.from_issuer_metadata(
                value,  # noqa: B023
                issuer=ISSUER,
                formats=[Format.SD_JWT_VC],
                types=[VCT],
                countries=ANY,
            ),
        )


def test_half_of_a_surrogate_pair_names_no_other_key() -> None:
    named = dump({"keys": [{**key("issuer").public.to_jwk(), "kid": "KID"}]}).decode()
    assert next(iter(trusted(jwks=named.replace("KID", "?")))).kid == "?"
    raises(Reason.MALFORMED_JSON, None, lambda: trusted(jwks=named.replace("KID", "\ud800")))


def test_the_bound_of_a_set_of_keys_is_one_of_bytes() -> None:
    room = 2**20 - len(dump({"keys": [key("issuer").public.to_jwk()], "x": ""}))
    fitting = dump({"keys": [key("issuer").public.to_jwk()], "x": "é" * (room // 2)}).decode()
    assert len(trusted(jwks=fitting)) == 1
    more = fitting.replace("éé", "ééé", 1)
    assert len(more) < 2**20 < len(more.encode())
    for text in (more, more.encode()):
        raises(Reason.INPUT_TOO_LARGE, None, lambda: trusted(jwks=text))  # noqa: B023


def test_what_is_no_key_and_no_anchor_is_not_trusted() -> None:
    scope: dict[str, Any] = {
        "purpose": KeyPurpose.CREDENTIAL, "formats": [Format.SD_JWT_VC], "types": [VCT], "countries": ANY,
    }  # fmt: skip
    for value in (*JUNK, [None], [5], ["x"], [key("issuer")], key("issuer").public):  # a private key is none of these
        misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors.from_keys(ISSUER, value, **scope))  # noqa: B023
    for value in (*junk([], {}, ()), [None], [5], [anchors()]):
        misused(Reason.ANCHOR_INVALID, lambda: TrustAnchors(value))  # noqa: B023
    for value in JUNK:
        misused(Reason.ANCHOR_INVALID, lambda: anchors() | value)  # noqa: B023
    pem = mdoc_builders.pem(mdoc_builders.root())
    for value in (None, 5, "x", [None], b"x"):
        misused(
            Reason.ANCHOR_INVALID,
            lambda: TrustAnchors.from_certificates(pem, issuer=ISSUER, crls=value, **scope),  # noqa: B023
        )


def test_an_identifier_is_an_url_that_every_program_reads_alike() -> None:
    for url in (
        "https://id.example\\.evil.example", "https://id.example\\x", "https://id.example:99999",
        "https://id.example:x", "https://id.example:-1", "https://id.example/..", "https://id.example/a/../b",
        "https://id.example/./a", "https://id.example/a|b", "https://id.example/{a}", 'https://id.example/"',
        "https://id.example/\x7f", "https://id.example:0", None, 5, b"https://id.example",
        "https://id.example/%2e", "https://id.example/a/%2E%2e/b", "https://id.example/.%2e/b",
        "https://id.example/a[b]", "https://id.example/%", "https://id.example/%2", "https://id.example/%zz",
    ):  # fmt: skip
        misused(Reason.ANCHOR_INVALID, lambda: issuer_metadata_url(url))  # type: ignore[arg-type]  # noqa: B023  # some are no text
    for url, where in (
        ("https://id.example:8443/a..b/%2ex", "https://id.example:8443/.well-known/jwt-vc-issuer/a..b/%2ex"),
        ("https://id.example/...", "https://id.example/.well-known/jwt-vc-issuer/..."),
        ("https://[2001:db8::1]/~a", "https://[2001:db8::1]/.well-known/jwt-vc-issuer/~a"),
    ):
        assert issuer_metadata_url(url) == where


# --- status ---


def test_a_store_is_made_of_anchors_bounds_and_uris() -> None:
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusStore(anchors=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusStore(anchors=status_anchors(), limits=value))  # noqa: B023
    for value in junk([], {}, ()):
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusStore(anchors=status_anchors(), uris=value))  # noqa: B023
    for value in junk(None):
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusStore(anchors=status_anchors(), stored=value))  # noqa: B023
        misused(Reason.STATUS_MARKS_MALFORMED, lambda: StatusStore(anchors=status_anchors(), marks=value))  # noqa: B023
    assert StatusStore(anchors=status_anchors(), uris=iter([STATUS_URI])).uris == (STATUS_URI,)
    assert StatusStore(anchors=status_anchors(), uris=iter([])).uris == ()


def test_what_a_store_holds_outlives_a_slip() -> None:
    store = statuses()
    reference = StatusReference(STATUS_URI, VALID_INDEX)
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: store.reload(anchors=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: store.put(value, now=NOW))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: store.check(value, issuer=ISSUER, now=NOW))  # noqa: B023
    for value in junk("x"):
        misused(Reason.CONFIGURATION_INVALID, lambda: store.check(reference, issuer=value, now=NOW))  # noqa: B023
    for value in junk(5):
        misused(Reason.CLOCK_UNUSABLE, lambda: store.ages(value))  # noqa: B023
    assert type(store.check(reference, issuer="\ud800", now=NOW)) is NeedStatusList
    assert type(store.check(reference, issuer=ISSUER, now=NOW)) is not NeedStatusList


def test_a_file_of_status_lists_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lists"
    write_status_file(path, statuses())
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusFile(path, anchors=value))  # noqa: B023
    for value in junk("x"):
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusFile(value, anchors=status_anchors()))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: read_status_file(value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: write_status_file(value, statuses()))  # noqa: B023
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: write_status_file(path, value))  # noqa: B023
    opened = StatusFile(path, anchors=status_anchors())
    reference = StatusReference(STATUS_URI, VALID_INDEX)
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: opened.reload(anchors=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: opened.check(value, issuer=ISSUER, now=NOW))  # noqa: B023
    for value in junk("x"):
        misused(Reason.CONFIGURATION_INVALID, lambda: opened.check(reference, issuer=value, now=NOW))  # noqa: B023
    for value in junk(5):
        misused(Reason.CLOCK_UNUSABLE, lambda: opened.ages(value))  # noqa: B023
    assert type(opened.check(reference, issuer=ISSUER, now=NOW)) is not NeedStatusList


def test_a_list_is_verified_under_anchors_and_bounds() -> None:
    token = status_token()
    good: dict[str, Any] = {
        "uri": STATUS_URI, "media_type": STATUS_MEDIA_TYPE, "anchors": status_anchors(), "now": NOW, "limits": Limits(),
    }  # fmt: skip
    for name in ("anchors", "limits"):
        for value in JUNK:
            misused(Reason.CONFIGURATION_INVALID, lambda: verify_status_list(token, **{**good, name: value}))  # noqa: B023


def test_a_reference_is_of_a_kind_that_there_is() -> None:
    for kind in (*JUNK, "status_list", "STATUS_LIST", 0):
        misused(Reason.CLAIM_INVALID, lambda: StatusReference(STATUS_URI, 1, kind))  # noqa: B023
    assert StatusReference(STATUS_URI, 1, StatusKind.STATUS_LIST).index == 1


def test_a_number_is_no_list_of_so_many_that_are_valid() -> None:
    for value in junk(b"x"):
        misused(Reason.STATUS_LIST_MALFORMED, lambda: StatusList(1, value))  # noqa: B023
    for packed in (b"\1", bytearray(b"\1"), memoryview(b"\1")):
        assert StatusList(1, packed) == StatusList(1, b"\1")  # type: ignore[arg-type]  # what is copied may be any bytes


def test_a_publisher_signs_with_a_key_and_draws_by_a_function() -> None:
    made: dict[str, Any] = {"uri": STATUS_URI, "size": 100}
    times: dict[str, Any] = {"now": NOW, "ttl_s": 60, "expires_s": 600}
    publishers = (StatusPublisher(**made), IdentifierPublisher(uri=STATUS_URI))
    for publisher in publishers:
        for value in (*JUNK, key("status").public):
            misused(Reason.CONFIGURATION_INVALID, lambda: publisher.publish(value, **times))  # noqa: B023
        for value in JUNK:
            misused(Reason.CONFIGURATION_INVALID, lambda: publisher.prepare(value, **times))  # noqa: B023
        for value in junk([], {}, ()):
            misused(
                Reason.CONFIGURATION_INVALID,
                lambda: publisher.publish(key("status"), **times, certificates=value),  # noqa: B023
            )
        assert publisher.last_issued_at is None  # no iat was used up for any of these
    for value in (*JUNK, ["jwt"], "JWT"):
        misused(
            Reason.CONFIGURATION_INVALID,
            lambda: StatusPublisher(**made).publish(key("status"), **times, format=value),  # noqa: B023
        )
    for value in junk(None):
        misused(Reason.CONFIGURATION_INVALID, lambda: StatusPublisher(**made, randbelow=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: IdentifierPublisher(uri=STATUS_URI, draw=value))  # noqa: B023
        misused(
            Reason.CONFIGURATION_INVALID,
            lambda: StatusLists(uri="https://id.example/{list}", size=100, randbelow=value),  # noqa: B023
        )


def test_a_list_is_read_of_bytes() -> None:
    for value in junk(b"x"):
        misused(
            Reason.STATUS_LIST_MALFORMED,
            lambda: StatusList.decompress(value, bits=1, limit_bytes=64),  # noqa: B023
        )
    for value in (*junk([], {}, ()), [None], ["x"], [5]):
        misused(Reason.STATUS_LIST_MALFORMED, lambda: IdentifierList(value))  # noqa: B023


# --- policies, and what is asked of wallets ---


def test_policies_are_compared_with_policies() -> None:
    policy = AdmissionPolicy.from_toml(POLICY)
    assert diff(policy, policy) == ()
    for value in (*JUNK, POLICY, policy.rules):
        assert misused(Reason.CONFIGURATION_INVALID, lambda: diff(value, policy)).where == "old"  # noqa: B023
        assert misused(Reason.CONFIGURATION_INVALID, lambda: diff(policy, value)).where == "new"  # noqa: B023


def test_a_query_is_made_of_a_rule_and_anchors() -> None:
    policy = AdmissionPolicy.from_toml(POLICY)
    (rule,) = policy.rules
    trust = anchors()
    query = dcql_query(rule, anchors=trust)
    assert query is not None and unsatisfiable_rules(policy, anchors=trust) == ()
    for value in (*JUNK, policy):
        assert misused(Reason.CONFIGURATION_INVALID, lambda: dcql_query(value, anchors=trust)).where == "rule"  # noqa: B023
    for value in (*JUNK, rule):
        error = misused(Reason.CONFIGURATION_INVALID, lambda: unsatisfiable_rules(value, anchors=trust))  # noqa: B023
        assert error.where == "policy"
    for value in (*JUNK, list(trust)):  # an empty list trusts nobody, and nothing would be asked for
        for call in (lambda: dcql_query(rule, anchors=value), lambda: unsatisfiable_rules(policy, anchors=value)):  # noqa: B023
            assert misused(Reason.CONFIGURATION_INVALID, call).where == "anchors"
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: parse_vp_token("{}", query, limits=value))  # noqa: B023


POLICY = """
version = 1
[[rule]]
resource = "model"
nationality = ["US"]
"""


# --- what an issuer states, and who signs it ---


def test_citizenship_is_stated_in_lists_of_countries() -> None:
    for value in (*junk([], {}, ()), Country("US"), ["US"], [None]):
        misused(Reason.COUNTRY_INVALID, lambda: Citizenship(value))  # noqa: B023
        misused(Reason.COUNTRY_INVALID, lambda: Citizenship((), value))  # noqa: B023
    assert Citizenship(iter([Country("US")])).nationalities == (Country("US"),)
    for value in junk({}):
        misused(Reason.CLAIM_INVALID, lambda: Citizenship.from_claims(value))  # noqa: B023
        misused(Reason.CLAIM_INVALID, lambda: Citizenship.from_namespaces(value))  # noqa: B023
        for namespace in ("eu.europa.ec.eudi.pid.1", "org.iso.18013.5.1", "org.citizenid.citizenship.1"):
            misused(Reason.CLAIM_INVALID, lambda: Citizenship.from_namespaces({namespace: value}))  # noqa: B023
        validity = Validity(UnixTime(1), None, UnixTime(2))
        misused(Reason.CLAIM_INVALID, lambda: Attestation("type", ISSUER, value, validity))  # noqa: B023


def prepared(**changes: Any) -> Attestation:
    """Prepare an attestation that is good but for the changes."""
    good: dict[str, Any] = {
        "citizenship": Citizenship([Country("US")]), "issuer": ISSUER, "holder_key": key("holder").public, "now": NOW,
        "lifetime_s": 3_600, "status": None, "format": Format.SD_JWT_VC,
    }  # fmt: skip
    arguments = {**good, **changes}
    return prepare_attestation(arguments.pop("citizenship"), **arguments)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("citizenship", []),
        ("issuer", ["x"]),
        ("holder_key", [None]),
        ("now", [5]),
        ("lifetime_s", [5]),
        ("status", [None]),
        ("claims", [None, {}]),
        ("assurance", [None]),
        ("evidence_at", [None, 5]),
    ],
)
def test_an_attestation_is_made_of_parts_of_our_own(name: str, fine: list[Any]) -> None:
    where = {"claims": "claims", "evidence_at": "evidence_checked_at"}.get(name, f"attestation.{name}")
    others = [key("holder"), key("holder").public.to_jwk()] if name == "holder_key" else []
    for value in (*junk(*fine), *others):
        assert misused(Reason.CLAIM_INVALID, lambda: prepared(**{name: value})).where == where  # noqa: B023


@pytest.mark.parametrize("format_", Format)
def test_what_is_prepared_is_for_somebody(format_: Format) -> None:
    """The holder's key is required: without one nothing can be presented (V7.1)."""
    assert prepared(format=format_).holder_key == key("holder").public
    misused(Reason.HOLDER_KEY_MISSING, lambda: prepared(format=format_, holder_key=None))


def test_an_issuer_has_a_key_and_chances_of_his_own() -> None:
    good: dict[str, Any] = {"identifier": ISSUER, "key": key("issuer")}
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: Issuer(**{**good, "key": value}))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: Issuer(**good, random=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: Issuer(**good, limits=value))  # noqa: B023
    for value in junk("x"):
        misused(Reason.CONFIGURATION_INVALID, lambda: Issuer(**{**good, "identifier": value}))  # noqa: B023
    for value in junk([], {}, ()):
        misused(Reason.CONFIGURATION_INVALID, lambda: Issuer(**good, certificates=value))  # noqa: B023


@pytest.mark.parametrize("format_", [Format.SD_JWT_VC, Format.SD_CWT])
def test_what_is_issued_is_an_attestation_with_parts_of_our_own(format_: Format) -> None:
    issuer, good = Issuer(identifier=ISSUER, key=key("issuer")), prepared(format=format_)
    assert issuer.issue(good, format=format_)
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: issuer.issue(value, format=format_))  # noqa: B023
        misused(Reason.HASH_ALGORITHM_NOT_ALLOWED, lambda: issuer.issue(good, format=format_, hash_algorithm=value))  # noqa: B023
    for value in (*junk(None, [], {}, ()), "", b""):  # the empty one too: no letters are no choice
        misused(Reason.CLAIM_UNKNOWN, lambda: issuer.issue(good, format=format_, disclosable=value))  # noqa: B023
    for name in ("holder_key", "status", "assurance"):
        for value in junk(None, ()):
            made = replaced(good, **{name: value})
            error = misused(Reason.CLAIM_INVALID, lambda: issuer.issue(made, format=format_))  # noqa: B023
            assert error.where == f"attestation.{name}"


def replaced(attestation: Attestation, **changes: Any) -> Attestation:
    """Return the attestation with other parts; `dataclasses.replace` takes any."""
    return replace(attestation, **changes)


def test_a_signature_is_bytes_and_a_key_signs() -> None:
    unsigned = Issuer(identifier=ISSUER, key=key("issuer")).prepare(prepared(), format=Format.SD_JWT_VC)
    for value in (*junk(), 64, [0] * 64):  # sixty-four zeros, to `bytes`
        misused(Reason.SIGNATURE_MALFORMED, lambda: unsigned.complete(value))  # noqa: B023
    for value in (*JUNK, key("issuer").public):
        misused(Reason.CONFIGURATION_INVALID, lambda: unsigned.sign(value))  # noqa: B023
    signature = key("issuer").sign(unsigned.to_be_signed)
    assert len({unsigned.complete(kind(signature)) for kind in (bytes, bytearray, memoryview)}) == 1
    for value in junk():
        misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: LocalKey.generate(value))  # noqa: B023
        misused(Reason.ALGORITHM_NOT_ALLOWED, lambda: AgreementKey.generate(value))  # noqa: B023


# --- holders ---


@pytest.mark.parametrize("format_", [Format.SD_JWT_VC, Format.SD_CWT])
def test_a_holder_answers_a_challenge_with_his_key(format_: Format) -> None:
    data = Issuer(identifier=ISSUER, key=key("issuer")).issue(prepared(format=format_), format=format_)
    trust = TrustAnchors.from_keys(
        ISSUER, [key("issuer").public], purpose=KeyPurpose.CREDENTIAL, formats=[format_], types=[VCT], countries=ANY
    )
    credential = Credential.receive(data, format=format_, anchors=trust, now=NOW)
    good: dict[str, Any] = {"challenge": challenge(), "key": key("holder"), "peer": challenge().audience, "now": NOW}
    assert credential.present(["nationalities"], **good)
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: credential.present([], **{**good, "challenge": value}))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: credential.present([], **{**good, "key": value}))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: credential.prepare([], **{**good, "key": value}))  # noqa: B023
        misused(Reason.PEER_MISMATCH, lambda: credential.present([], **{**good, "peer": value}))  # noqa: B023
    for value in (*junk(5), -1, 2**53, 2**64):  # what no reader takes for a time, and CBOR cannot say
        misused(Reason.CLOCK_UNUSABLE, lambda: credential.present([], **{**good, "now": value}))  # noqa: B023
    for value in JUNK:
        misused(Reason.CONFIGURATION_INVALID, lambda: receive(data, format_, anchors=value))  # noqa: B023
        misused(Reason.CONFIGURATION_INVALID, lambda: receive(data, format_, anchors=trust, limits=value))  # noqa: B023
    for value in junk([], {}, ()):
        misused(Reason.CLAIM_UNKNOWN, lambda: credential.present(value, **good))  # noqa: B023
        misused(Reason.CLAIM_UNKNOWN, lambda: credential.present([value], **good))  # noqa: B023
        if value is not None:  # which is every element
            misused(Reason.CLAIM_UNKNOWN, lambda: credential.present([("nationalities", value)], **good))  # noqa: B023


def receive(data: bytes, format_: Format, **arguments: Any) -> Credential:
    """Receive a credential."""
    return Credential.receive(data, format=format_, now=NOW, **arguments)


SENDS: dict[str, Any] = {"method": "POST", "url": "https://gateway.example/x", "ticket": "ticket", "now": NOW}


@pytest.mark.parametrize("proof", [dpop_proof, http_signature])
def test_a_sender_speaks_of_a_request_in_printable_text(proof: Any) -> None:
    assert proof(key("sender"), **SENDS)
    for value in (*JUNK, key("sender").public):
        misused(Reason.CONFIGURATION_INVALID, lambda: proof(value, **SENDS))  # noqa: B023
    for name in ("method", "url"):
        for value in (*junk("x"), "", "é", "\ud800", "POST\n", "a b\r\nc"):
            error = misused(Reason.CONFIGURATION_INVALID, lambda: proof(key("sender"), **{**SENDS, name: value}))  # noqa: B023
            assert error.where == name
    for value in junk(None, "x"):
        misused(Reason.TICKET_INVALID, lambda: proof(key("sender"), **{**SENDS, "ticket": value}))  # noqa: B023
    for value in (*JUNK, lambda _: b"short", lambda size: "x" * size, lambda size: bytes(size + 1)):
        misused(Reason.CONFIGURATION_INVALID, lambda: proof(key("sender"), **SENDS, random=value))  # noqa: B023
    for value in junk(5):
        misused(Reason.CLOCK_UNUSABLE, lambda: proof(key("sender"), **{**SENDS, "now": value}))  # noqa: B023


@pytest.mark.parametrize("proof", [dpop_proof, http_signature])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("url", url) for url in (
            "/x", "x", "//gateway.example/x", "https:/gateway.example/x", "https://", "https:///x", "https://:443/x",
            "https://user@gateway.example/x", "wss://gateway.example/x", "ftp://gateway.example/x",
            " https://gateway.example/x", "https://gateway.example/x ", "https://gateway.example/a b",
            "https://gateway.example:/x", "https://gateway.example:0443/x", "https://gateway.example:80:443/x",
            "https://gateway.example:x/", "https://[::1/x", "https://gateway.example\\@thief.example/x",
            "https://gateway.example/" + "x" * 8_169,
        )),
        *(("method", method) for method in (" POST", "POST ", "PO ST", "POST,GET", '"POST"', "@")),
    ],
)  # fmt: skip
def test_what_no_gateway_takes_is_not_signed(proof: Any, name: str, value: str) -> None:
    # Each of these was signed, and refused by every gateway: what is wrong shows where it is said.
    misused(Reason.CONFIGURATION_INVALID, lambda: proof(key("sender"), **{**SENDS, name: value}))


@pytest.mark.parametrize("proof", [dpop_proof, http_signature])
@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example", "HTTPS://Gateway.Example:443?a/b", "http://127.0.0.1:8000/x",
        "https://[2001:DB8::1]:8443/x", "https://gateway.example/%7Ea//b/../c;d=e?f=https://x/?y#g",
        "https://gateway.example/" + "x" * 8_168,
    ],
)  # fmt: skip
def test_what_a_gateway_may_take_is_signed(proof: Any, url: str) -> None:
    assert proof(key("sender"), **{**SENDS, "url": url})


def test_a_nonce_in_a_proof_is_text() -> None:
    # RFC 9449 section 8.1: printable ASCII. What a server of ours gives out is base64url.
    for value in (*junk(None, "x"), ["x"], {"x": 1}, "", "a\nb", "\u00e9", "\ud800"):
        misused(Reason.CONFIGURATION_INVALID, lambda: dpop_proof(key("sender"), **SENDS, nonce=value))  # noqa: B023
    assert dpop_proof(key("sender"), **SENDS, nonce="x")


def test_headers_that_are_covered_add_lines_and_replace_none() -> None:
    signed = http_signature(key("sender"), **SENDS, headers={"content-digest": "sha-256=:x:", "x-empty": ""})
    assert set(signed) == {"Signature-Input", "Signature", "Citizenship-Key"}
    assert '"content-digest" "x-empty")' in signed["Signature-Input"]
    for headers in (
        *junk(None, {}), {"@method": "GET"}, {"@target-uri": "https://evil.example/"}, {"citizenship-ticket": "other"},
        {"X-Upper": "x"}, {"": "x"}, {"a b": "x"}, {'a"': "x"}, {"a\n": "x"}, {5: "x"}, {"a": 5}, {"a": None},
        {"a": "x\n\"@method\": GET"}, {"a": "x\r"}, {"a": "é"}, {"a": "\ud800"}, {"signature": "x"},
        {"signature-input": "x"}, {"citizenship-key": "x"}, {f"x-{n}": "x" for n in range(30)}, {"x" * 4_000: "x"},
    ):  # fmt: skip
        misused(Reason.CONFIGURATION_INVALID, lambda: http_signature(key("sender"), **SENDS, headers=headers))  # type: ignore[arg-type]  # noqa: B023  # the misuse
