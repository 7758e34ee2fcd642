"""The examples of RFC 9901, and the test cases of its reference implementation.

The RFC's examples are not credentials of our profile: most have the typ `example+sd-jwt` and no vct. So they are
checked function by function (framing, issuer signature, digests, `restore`, the rules of the key binding), and the
whole pipeline must refuse them with TYP_MISMATCH at V4. The example of A.3 has the right typ and goes through all of
it. The YAML cases are input: each is issued by us, presented with the holder's selection, and read back.

Every file of the folders is used by a test or stands in a table with the reason why not; a test holds that.

Spec: RFC 9901 sections 4 to 8 and appendix A.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from citizenid import (
    ANY,
    Attestation,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    LocalKey,
    MalformedError,
    PublicKey,
    Reason,
    Serialization,
    TrustAnchors,
    UnixTime,
    Validity,
    VerificationError,
)
from citizenid import verifier as library
from citizenid._crypto import verify_signature
from citizenid._limits import DEFAULT_LIMITS
from citizenid._model import Presentation, thaw
from citizenid._readers import READERS, Reading
from citizenid._readers.sd_jwt_vc import decode_disclosures, take_hash_name
from citizenid._redaction import SD_JWT_MARKERS, restore
from citizenid._wire import jws
from citizenid._wire.writing import signing_input
from citizenid.holder import Credential
from citizenid.issuer import Issuer
from citizenid.status import StatusStore

RFC: Final = "sd-jwt/rfc9901-examples"
CASES: Final = ("sd-jwt/oauth-wg-examples-input", "sd-jwt/sd-jwt-python-testcases")
FORMAT: Final = Format.SD_JWT_VC
ISSUED: Final = UnixTime(1_683_000_000)  # iat of all examples
EXPIRES: Final = UnixTime(1_883_000_000)
BOUND: Final = 1_748_537_243  # iat of all key bindings
NONCE: Final = "1234567890"
VERIFIER: Final = "https://verifier.example.org"
# A.3 is valid for six years and names no status list; nobody should accept that, so the bound is lifted for the test.
NO_STATUS: Final = Limits(unreferenced_validity_s=EXPIRES - ISSUED)


@dataclass(frozen=True)
class Example:
    """One published SD-JWT: the file, its section, and what the RFC says of it in other files."""

    file: str
    section: str
    payload: str | None = None  # the issuer-signed payload
    claims: str | None = None  # input claims, all of which were disclosed at issuance
    processed: str | None = None  # the processed payload
    binding: str | None = None  # the payload of the KB-JWT
    serialization: Serialization = Serialization.COMPACT
    bound: bool = False
    typ: str = "example+sd-jwt"


EXAMPLES: Final = {
    "20": Example("20_sec5.1.sd-jwt.txt", "5.1", "18_sec5.1.json", claims="17_sec5.1.json"),
    "21": Example(
        "21_sec5.2.sd-jwt.txt",
        "5.1",
        "18_sec5.1.json",
        processed="23_sec5.2.json",
        binding="22_sec5.2.json",
        bound=True,
    ),
    "29": Example("29_sec8.2.json", "8.2", serialization=Serialization.FLATTENED),
    "30": Example("30_sec8.2.json", "8.2", serialization=Serialization.FLATTENED, bound=True),
    "31": Example("31_sec8.3.json", "8.3", serialization=Serialization.GENERAL, bound=True),
    "34": Example("34_secA.1.sd-jwt.txt", "A.1", "33_secA.1.json", processed="35_secA.1.json"),
    "38": Example("38_secA.2.sd-jwt.txt", "A.2", "37_secA.2.json", processed="39_secA.2.json"),
    "41": Example("41_secA.3.sd-jwt.txt", "A.3", "42_secA.3.json", claims="40_secA.3.json", typ="dc+sd-jwt"),
    "43": Example(
        "43_secA.3.sd-jwt.txt",
        "A.3",
        "42_secA.3.json",
        processed="45_secA.3.json",
        binding="44_secA.3.json",
        bound=True,
        typ="dc+sd-jwt",
    ),
    "47": Example("47_secA.4.sd-jwt.txt", "A.4", "48_secA.4.json", claims="46_secA.4.json"),
    "49": Example("49_secA.4.sd-jwt.txt", "A.4", "48_secA.4.json", processed="50_secA.4.json", bound=True),
}
# Payloads without a signature: (input claims, section of their disclosures, payload).
UNSIGNED: Final = [
    ("24_sec6.json", "6.1", "25_sec6.1.json"),
    ("24_sec6.json", "6.2", "26_sec6.2.json"),
    ("24_sec6.json", "6.2", "27_sec6.2.json"),
    ("24_sec6.json", "6.3", "28_sec6.3.json"),
    ("32_secA.1.json", "A.1", "33_secA.1.json"),
    ("36_secA.2.json", "A.2", "37_secA.2.json"),
]
# Used by tests of their own, below.
SINGLE: Final = {
    "08_sec4.2.1.json",
    "09_sec4.2.2.json",
    "10_sec4.2.2.json",
    "11_sec4.2.4.1.json",
    "12_sec4.2.4.2.json",
    "13_sec4.2.6.json",
    "14_sec4.2.6.txt",
    "15_sec4.2.6.txt",
    "19_sec5.1.jwt.txt",
    "51_secA.5.json",
    "52_secAppB.txt",
    "53_secAppB.txt",
    "54_secAppB.txt",
    "disclosures.json",
}
PROSE: Final = {"INDEX.json": "what the other files are"}

SIGNED = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
BOUND_ONES = pytest.mark.parametrize(
    "example", [example for example in EXAMPLES.values() if example.bound], ids=lambda example: example.file[:2]
)


def load(vectors: Path, file: str) -> Any:
    return json.loads((vectors / RFC / file).read_bytes())


def text(vectors: Path, file: str) -> str:
    return (vectors / RFC / file).read_text("utf-8").strip()


def issuer_key(vectors: Path) -> PublicKey:
    return PublicKey.from_jwk(load(vectors, "51_secA.5.json"))


def opened(vectors: Path, example: Example) -> Presentation:
    (presentation,) = library.open_presentation(
        text(vectors, example.file), format=FORMAT, serialization=example.serialization
    )
    return presentation


def processed(presentation: Presentation) -> dict[str, Any]:
    """V4 up to the processed payload, without the rules of our profile."""
    payload = json.loads(presentation.credential.payload)
    hash_name = take_hash_name(payload)
    disclosures = decode_disclosures(presentation.disclosures, hash_name, DEFAULT_LIMITS)
    claims = restore(payload, disclosures, SD_JWT_MARKERS, DEFAULT_LIMITS).claims
    restored: dict[str, Any] = thaw(claims)
    return restored


def reading() -> Reading:
    """What `bind` needs to know of a credential that our profile does not read."""
    attestation = Attestation("t", "i", {}, Validity(None, None, EXPIRES))
    return Reading(attestation, None, None, "sha256", {}, [])


def pinned(vectors: Path, issuer: str = "https://issuer.example.com", types: tuple[str, ...] = ("t",)) -> TrustAnchors:
    return TrustAnchors.from_keys(
        issuer,
        [issuer_key(vectors)],
        purpose=KeyPurpose.CREDENTIAL,
        formats=[FORMAT],
        types=types,
        countries=ANY,
    )


def pid_anchors(vectors: Path) -> TrustAnchors:
    return pinned(vectors, "https://pid-issuer.bund.de.example", ("urn:eudi:pid:de:1",))


def challenge(**changes: Any) -> Challenge:
    return Challenge(**{"audience": VERIFIER, "nonce": NONCE, **changes})


def no_lists() -> StatusStore:
    return StatusStore(anchors=TrustAnchors())


# --- the RFC's own examples, function by function ---


def test_every_file_is_used_or_has_a_reason(vectors: Path) -> None:
    used = SINGLE | PROSE.keys() | {file for *_, file in UNSIGNED} | {file for file, *_ in UNSIGNED}
    for example in EXAMPLES.values():
        files = (example.file, example.payload, example.claims, example.processed, example.binding)
        used |= {file for file in files if file is not None}
    assert used == {path.name for path in (vectors / RFC).iterdir()}


@SIGNED
def test_framing_and_issuer_signature(vectors: Path, example: Example) -> None:
    presentation = opened(vectors, example)
    assert presentation.credential.typ == example.typ
    assert presentation.credential.algorithm == "ES256"
    assert (presentation.binding is not None) is example.bound
    verify_signature(presentation.credential, issuer_key(vectors), "issuer-jwt")
    with pytest.raises(VerificationError) as caught:
        verify_signature(presentation.credential, LocalKey.generate("ES256").public, "issuer-jwt")
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    if example.serialization is Serialization.COMPACT:
        received = text(vectors, example.file).encode()
        assert received.startswith(presentation.issuer_half)
        assert (presentation.issuer_half == received) is not example.bound


@SIGNED
def test_issuer_signed_payload(vectors: Path, example: Example) -> None:
    if example.payload is None:
        example = EXAMPLES["29"]  # the JSON serialisations print no payload: they must agree with each other
        assert json.loads(opened(vectors, example).credential.payload)["iss"] == "https://issuer.example.com"
    else:
        assert json.loads(opened(vectors, example).credential.payload) == load(vectors, example.payload)


@SIGNED
def test_disclosures_are_the_published_ones(vectors: Path, example: Example) -> None:
    table = load(vectors, "disclosures.json")["disclosure_tables"]
    known = {entry["disclosure"].encode() for entry in table if entry["section"] == example.section}
    shown = set(opened(vectors, example).disclosures)
    if example.section == "8.2" or example.section == "8.3":
        assert shown <= set(opened(vectors, EXAMPLES["29"]).disclosures)
    else:
        assert shown <= known
        if example.claims is not None:
            assert shown == known


@SIGNED
def test_processed_payload(vectors: Path, example: Example) -> None:
    presentation = opened(vectors, example)
    found = processed(presentation)
    if example.processed is not None:
        assert found == load(vectors, example.processed)
    elif example.claims is not None:
        control = json.loads(presentation.credential.payload)
        expected = {name: control[name] for name in ("iss", "iat", "exp", "cnf") if name in control}
        assert found == expected | load(vectors, example.claims)
    else:
        names = {"given_name": "John", "family_name": "Doe"}
        further = {} if example.bound else {"sub": "john_doe_42", "birthdate": "1940-01-01"}
        control = json.loads(presentation.credential.payload)
        assert found == names | further | {name: control[name] for name in ("iss", "iat", "exp", "cnf")}


@pytest.mark.parametrize(("claims", "section", "payload"), UNSIGNED, ids=lambda value: str(value)[:8])
def test_unsigned_payload_with_all_its_disclosures(vectors: Path, claims: str, section: str, payload: str) -> None:
    tree = load(vectors, payload)
    digests = set(re.findall(r'"([\w-]{43})"', json.dumps(tree)))
    table = load(vectors, "disclosures.json")["disclosure_tables"]
    known = [entry for entry in table if entry["section"] == section]
    chosen = [entry for entry in known if entry["digest_sha256"] in digests or section == "6.3"]
    inner = {digest for entry in known for digest in re.findall(r'"([\w-]{43})"', json.dumps(entry["contents"]))}
    chosen += [entry for entry in known if entry["digest_sha256"] in inner and entry not in chosen]
    disclosures = decode_disclosures(
        tuple(entry["disclosure"].encode() for entry in chosen), take_hash_name(tree), DEFAULT_LIMITS
    )
    control = {name: tree[name] for name in ("iss", "iat", "exp", "cnf") if name in tree}
    found = thaw(restore(tree, disclosures, SD_JWT_MARKERS, DEFAULT_LIMITS).claims)
    assert found == control | load(vectors, claims)


def test_every_published_digest_and_disclosure(vectors: Path) -> None:
    document = load(vectors, "disclosures.json")
    entries = document["disclosure_tables"] + document["section_4_2"]
    assert len(document["disclosure_tables"]) == 87
    for entry in entries:
        disclosures = decode_disclosures((entry["disclosure"].encode(),), "sha256", DEFAULT_LIMITS)
        ((digest, decoded),) = disclosures.items()
        assert digest == entry.get("digest_sha256", digest)
        name = [] if decoded.name is None else [decoded.name]
        assert [*name, decoded.value] == entry["contents"][1:]


def test_encodings_of_one_disclosure_have_digests_of_their_own(vectors: Path) -> None:
    """Section 4.2.1: three more ways to write the same array. All are legal, and none has the digest of another."""
    entries = [entry for entry in load(vectors, "disclosures.json")["section_4_2"] if "4.2.1" in entry["section"]]
    encoded = tuple(entry["disclosure"].encode() for entry in entries)
    assert len(decode_disclosures(encoded, "sha256", DEFAULT_LIMITS)) == len(entries) == 4
    assert all(entry["contents"] == load(vectors, "08_sec4.2.1.json") for entry in entries)


def test_object_member_of_section_4_2_4_1(vectors: Path) -> None:
    disclosures = decode_disclosures(
        (load(vectors, "disclosures.json")["section_4_2"][0]["disclosure"].encode(),), "sha256", DEFAULT_LIMITS
    )
    restored = restore(load(vectors, "11_sec4.2.4.1.json"), disclosures, SD_JWT_MARKERS, DEFAULT_LIMITS)
    _, name, value = load(vectors, "08_sec4.2.1.json")
    assert restored.claims == {"given_name": "Alice", name: value}


def test_array_element_of_section_4_2_4_2(vectors: Path) -> None:
    entry = load(vectors, "disclosures.json")["section_4_2"][-1]
    assert entry["contents"] == load(vectors, "10_sec4.2.2.json")
    tree = load(vectors, "12_sec4.2.4.2.json")
    disclosures = decode_disclosures((entry["disclosure"].encode(),), "sha256", DEFAULT_LIMITS)
    restored = restore(tree, disclosures, SD_JWT_MARKERS, DEFAULT_LIMITS)
    assert thaw(restored.claims) == load(vectors, "09_sec4.2.2.json")
    hidden = restore(tree, {}, SD_JWT_MARKERS, DEFAULT_LIMITS)
    assert thaw(hidden.claims) == {"nationalities": ["DE", "US"]}
    assert hidden.withheld == {("nationalities",)}


def test_recursive_disclosures_of_section_4_2_6(vectors: Path) -> None:
    """The two figures print disclosures as they were encoded, white space and all, beside the start of the digest."""
    listed = text(vectors, "15_sec4.2.6.txt").partition("Content of Disclosures:\n")[2]
    arrays = re.split(r"(?m)^[\w-]{7}\.\.\. = ", listed)[1:]
    encoded = tuple(base64url(array.strip().encode()) for array in arrays)
    # The figures' "FR" has no comma in front of it (14), so the payloads are put together here.
    payload = {"family_name": "Möbius", "_sd": [sha256(encoded[-1])]}
    disclosures = decode_disclosures(encoded, "sha256", DEFAULT_LIMITS)
    for figure in ("14_sec4.2.6.txt", "15_sec4.2.6.txt"):
        figures = text(vectors, figure).partition("Content")[0]
        assert set(re.findall(r"[\w-]{43}", figures)) <= disclosures.keys()
    restored = restore(payload, disclosures, SD_JWT_MARKERS, DEFAULT_LIMITS)
    assert thaw(restored.claims) == load(vectors, "13_sec4.2.6.json")
    first = decode_disclosures(encoded[:3], "sha256", DEFAULT_LIMITS)
    elements: dict[str, Any] = {"family_name": "Möbius", "nationalities": [{"...": digest} for digest in first]}
    assert thaw(restore(elements, first, SD_JWT_MARKERS, DEFAULT_LIMITS).claims) == load(vectors, "13_sec4.2.6.json")


def test_bare_jwt_of_section_5_1(vectors: Path) -> None:
    token = text(vectors, "19_sec5.1.jwt.txt").encode()
    signed = jws.open_compact(token, "issuer-jwt", DEFAULT_LIMITS)
    verify_signature(signed, issuer_key(vectors), "issuer-jwt")
    assert json.loads(signed.payload) == load(vectors, "18_sec5.1.json")
    assert opened(vectors, EXAMPLES["20"]).issuer_half.startswith(token + b"~")
    with pytest.raises(MalformedError) as caught:  # without the final "~" it is no SD-JWT
        library.open_presentation(token, format=FORMAT)
    assert (caught.value.reason, caught.value.step) == (Reason.MALFORMED_TOKEN, "V1")


def test_appendix_b_is_why_bytes_are_hashed_as_received(vectors: Path) -> None:
    """Three spellings with one meaning: a digest over re-encoded JSON would depend on who wrote it."""
    fragments = [text(vectors, f"{n}_secAppB.txt").replace("...", "").strip() for n in (52, 53, 54)]
    first, *others = [json.loads("{" + fragment + "}") for fragment in fragments]
    assert all(other == first for other in others)
    assert len({sha256(base64url(fragment.encode())) for fragment in fragments}) == 3


# --- key binding ---


@BOUND_ONES
def test_key_binding(vectors: Path, example: Example) -> None:
    presentation = opened(vectors, example)
    holder = PublicKey.from_jwk(json.loads(presentation.credential.payload)["cnf"]["jwk"])
    bind = READERS[FORMAT].bind
    for now in (BOUND - 30, BOUND, BOUND + 300):
        signed, claims = bind(presentation, reading(), challenge(), UnixTime(now), DEFAULT_LIMITS)
        verify_signature(signed, holder, "kb-jwt")
        if example.binding is not None:
            assert claims == load(vectors, example.binding)


@BOUND_ONES
@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        ({"nonce": "1234567891"}, BOUND, Reason.NONCE_MISMATCH),
        ({"audience": VERIFIER + "/"}, BOUND, Reason.AUDIENCE_MISMATCH),
        ({}, BOUND - 31, Reason.KEY_BINDING_IN_FUTURE),
        ({}, BOUND + 301, Reason.KEY_BINDING_STALE),
    ],
)
def test_key_binding_to_another_challenge(
    vectors: Path, example: Example, changes: dict[str, Any], now: int, reason: Reason
) -> None:
    with pytest.raises(VerificationError) as caught:
        READERS[FORMAT].bind(opened(vectors, example), reading(), challenge(**changes), UnixTime(now), DEFAULT_LIMITS)
    assert caught.value.reason is reason


@pytest.mark.parametrize("file", ["21", "43", "49"])
def test_key_binding_covers_every_disclosure_and_their_order(vectors: Path, file: str) -> None:
    token, *disclosures, binding = text(vectors, EXAMPLES[file].file).split("~")
    for others in (disclosures[:-1], disclosures[::-1], []):
        (presentation,) = library.open_presentation("~".join((token, *others, binding)), format=FORMAT)
        with pytest.raises(VerificationError) as caught:
            READERS[FORMAT].bind(presentation, reading(), challenge(), UnixTime(BOUND), DEFAULT_LIMITS)
        assert caught.value.reason is Reason.SD_HASH_MISMATCH


# --- the whole pipeline ---


@SIGNED
def test_the_pipeline_takes_no_other_typ(vectors: Path, example: Example) -> None:
    with pytest.raises(VerificationError) as caught:
        library.verify(
            text(vectors, example.file),
            format=FORMAT,
            anchors=pinned(vectors),
            challenge=challenge(),
            statuses=no_lists(),
            now=BOUND,
            serialization=example.serialization,
        )
    if example.typ == "dc+sd-jwt":  # its iss is no longer the one anchored here
        assert (caught.value.reason, caught.value.step) == (Reason.KEY_UNKNOWN, "V2")
    else:
        assert (caught.value.reason, caught.value.step) == (Reason.TYP_MISMATCH, "V4")


def test_a3_passes_all_but_the_status(vectors: Path) -> None:
    """What A.3 lacks for our profile: a status reference, or an end within 24 hours. Nothing else."""
    arguments: dict[str, Any] = {
        "format": FORMAT,
        "anchors": pid_anchors(vectors),
        "challenge": challenge(),
        "statuses": no_lists(),
        "now": BOUND,
    }
    data = text(vectors, EXAMPLES["43"].file)
    with pytest.raises(VerificationError) as caught:
        library.verify(data, **arguments)
    assert (caught.value.reason, caught.value.step) == (Reason.STATUS_MISSING, "V9")
    verified = library.verify(data, **arguments, limits=NO_STATUS)
    assert isinstance(verified, library.VerifiedPresentation)
    published = load(vectors, "45_secA.3.json")
    attestation = verified.attestation
    assert thaw(attestation.claims) == {name: published[name] for name in ("age_equal_or_over", "nationalities")}
    assert (attestation.type, attestation.issuer) == (published["vct"], published["iss"])
    assert attestation.validity == Validity(published["iat"], None, published["exp"])
    assert attestation.holder_key == PublicKey.from_jwk(published["cnf"]["jwk"])
    assert verified.citizenship.nationalities == (Country("DE"),)
    assert not verified.citizenship.citizenships and not verified.citizenship.complete


@pytest.mark.parametrize(
    ("now", "reason"), [(EXPIRES, Reason.EXPIRED), (ISSUED - 31, Reason.ISSUED_IN_FUTURE)], ids=["after", "before"]
)
def test_a3_outside_of_its_time(vectors: Path, now: int, reason: Reason) -> None:
    (presentation,) = library.open_presentation(text(vectors, EXAMPLES["43"].file), format=FORMAT)
    with pytest.raises(VerificationError) as caught:
        library.verify_credential(presentation, anchors=pid_anchors(vectors), now=now)
    assert (caught.value.reason, caught.value.step) == (reason, "V6")


def test_a3_received_and_presented_by_us_as_the_rfc_presents_it(vectors: Path) -> None:
    settings = yaml.safe_load((vectors / CASES[0] / "settings.yml").read_text("utf-8"))
    key = LocalKey.from_jwk(settings["key_settings"]["holder_key"])
    credential = Credential.receive(
        text(vectors, EXAMPLES["41"].file), format=FORMAT, anchors=pid_anchors(vectors), now=BOUND
    )
    assert len(credential.disclosable) == 27
    ours = credential.present(
        ["nationalities", ("age_equal_or_over", "18")], challenge=challenge(), key=key, peer=VERIFIER, now=BOUND
    )
    (presentation,) = library.open_presentation(ours, format=FORMAT)
    assert set(presentation.disclosures) == set(opened(vectors, EXAMPLES["43"]).disclosures)
    assert processed(presentation) == load(vectors, "45_secA.3.json")
    with pytest.raises(MalformedError) as caught:
        Credential.receive(text(vectors, EXAMPLES["43"].file), format=FORMAT, anchors=pid_anchors(vectors), now=BOUND)
    assert caught.value.reason is Reason.KEY_BINDING_UNEXPECTED


def test_both_signatures_of_the_general_serialisation(vectors: Path) -> None:
    """The first signature counts for us; the second holds as well, once it stands first."""
    document = load(vectors, EXAMPLES["31"].file)
    specification = vectors / CASES[0] / "json_serialization_general/specification.yml"
    settings = read_case(specification)["settings_override"]["key_settings"]
    keys = [public(jwk) for jwk in settings["issuer_keys"]]
    assert keys[0] == issuer_key(vectors)
    first, second = document["signatures"]
    carried = {name: first["header"].pop(name) for name in ("disclosures", "kb_jwt")}
    bare = dict(first)
    document["signatures"][0] = {**first, "header": first["header"] | carried}
    swapped = {**document, "signatures": [{**second, "header": second["header"] | carried}, bare]}
    for data, key in ((document, keys[0]), (swapped, keys[1])):
        (presentation,) = library.open_presentation(
            json.dumps(data), format=FORMAT, serialization=Serialization.GENERAL
        )
        verify_signature(presentation.credential, key, "issuer-jwt")
    (presentation,) = library.open_presentation(
        json.dumps(document), format=FORMAT, serialization=Serialization.GENERAL
    )
    with pytest.raises(VerificationError) as caught:
        verify_signature(presentation.credential, keys[1], "issuer-jwt")
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    twice = {**document, "signatures": [document["signatures"][0], {**second, "header": carried}]}
    with pytest.raises(MalformedError) as malformed:  # section 8.3: in the first signature's header, and there alone
        library.open_presentation(json.dumps(twice), format=FORMAT, serialization=Serialization.GENERAL)
    assert (malformed.value.reason, malformed.value.step) == (Reason.MALFORMED_TOKEN, "V1")


@pytest.mark.parametrize("file", ["29", "30", "31"])
def test_a_serialisation_must_be_named(vectors: Path, file: str) -> None:
    data = text(vectors, EXAMPLES[file].file)
    for serialization in Serialization:
        if serialization is not EXAMPLES[file].serialization:
            with pytest.raises(MalformedError) as caught:
                library.open_presentation(data, format=FORMAT, serialization=serialization)
            assert (caught.value.reason, caught.value.step) == (Reason.MALFORMED_TOKEN, "V1")


# --- the YAML cases: issued, presented and read by us ---


@dataclass(frozen=True)
class Marked:
    """A member name or an array element that the case marks with `!sd`."""

    value: Any


class _Loader(yaml.SafeLoader):
    """YAML with the tag `!sd`."""


def _marked(loader: yaml.SafeLoader, node: yaml.Node) -> Marked:
    if isinstance(node, yaml.MappingNode):
        return Marked(loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return Marked(loader.construct_sequence(node, deep=True))
    # The tag has taken the place of the type: resolve it again, as if it had not been there. Quoted is always text.
    tag = loader.resolve(yaml.ScalarNode, node.value, (True, False)) if node.style is None else "tag:yaml.org,2002:str"
    return Marked(loader.construct_object(yaml.ScalarNode(tag, node.value, style=node.style)))


_Loader.add_constructor("!sd", _marked)


def read_case(path: Path) -> dict[str, Any]:
    """Read one specification.yml."""
    case: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  # a SafeLoader with one tag more
    return case


Step = tuple[str | int, ...]


def plain(value: Any) -> Any:
    """Return a case's claims without the marks."""
    if isinstance(value, Marked):
        return plain(value.value)
    if isinstance(value, dict):
        return {plain(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def marks(value: Any, path: Step = ()) -> Iterator[Step]:
    """Return the path of everything that is marked."""
    if isinstance(value, Marked):
        yield path
        yield from marks(value.value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = (*path, plain(name))
            if isinstance(name, Marked):
                yield inner
            yield from marks(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from marks(item, (*path, index))


def shown(value: Any, selection: Any) -> Any:
    """Return what the holder's selection shows, by the rules of the reference implementation, written anew.

    A marked part is shown when the selection has something true (or an object or a list) at its place; what is not
    marked is always there; a mark inside a shown part needs a selection of its own.
    """
    if isinstance(value, dict):
        chosen = selection if isinstance(selection, dict) else {}
        return {
            plain(name): shown(item, chosen.get(plain(name)))
            for name, item in value.items()
            if not isinstance(name, Marked) or chosen.get(name.value)
        }
    if isinstance(value, list):
        listed = selection if isinstance(selection, list) else []
        places = [(item, listed[index] if index < len(listed) else None) for index, item in enumerate(value)]
        return [
            shown(item.value if isinstance(item, Marked) else item, choice)
            for item, choice in places
            if not isinstance(item, Marked) or (choice is not None and choice is not False)
        ]
    return value


def selected(value: Any, selection: Any, path: Step = ()) -> Iterator[Step]:
    """Return the paths of the marked parts that a selection shows."""
    if isinstance(value, dict):
        chosen = selection if isinstance(selection, dict) else {}
        for name, item in value.items():
            inner = (*path, plain(name))
            choice = chosen.get(plain(name))
            if isinstance(name, Marked) and not choice:
                continue
            if isinstance(name, Marked):
                yield inner
            yield from selected(item, choice, inner)
    elif isinstance(value, list):
        listed = selection if isinstance(selection, list) else []
        for index, item in enumerate(value):
            choice = listed[index] if index < len(listed) else None
            if isinstance(item, Marked):
                if choice is None or choice is False:
                    continue
                yield (*path, index)
            yield from selected(item.value if isinstance(item, Marked) else item, choice, (*path, index))


CASE_NAMES: Final = {
    "sd-jwt/oauth-wg-examples-input": (
        "address_only_flat address_only_recursive address_only_structured address_only_structured_one_open arf-pid "
        "complex_eidas complex_eidas_proposal complex_ekyc json_serialization_flattened json_serialization_general "
        "jsonld simple simple_structured w3c-vc w3c-vc_for_slide_deck"
    ).split(),
    "sd-jwt/sd-jwt-python-testcases": (
        "array_data_types array_full_sd array_in_sd array_nested_in_plain array_none_disclosed array_of_nulls "
        "array_of_objects array_of_scalars array_recursive_sd array_recursive_sd_some_disclosed header_mod "
        "json_serialization_flattened json_serialization_general key_binding no_sd object_data_types recursions"
    ).split(),
}
CASE = pytest.mark.parametrize("case", [f"{folder}/{name}" for folder, names in CASE_NAMES.items() for name in names])

# What we cannot do as a case asks, and what is done in its place. No case is left out for it.
NOT_AS_ASKED: Final = {
    "w3c-vc": "its iat is replaced by that of the settings: times are fields of the attestation, not claims",
    "w3c-vc_for_slide_deck": "its cnf holds a shortened RSA key, which our profile refuses; the holder key of the "
    "settings takes its place. Its selection names a claim that is not there, so that nothing is shown",
    "complex_eidas": "it shows an array element without the disclosable members inside; our holder shows a chosen part "
    "with all that is inside, so that the presentation is put together from single disclosures",
    "complex_eidas_proposal": "as complex_eidas; null and {} in its selection choose nothing",
    "header_mod": "it asks for a kid that is a number, which RFC 7515 section 4.1.4 forbids; text takes its place",
    "json_serialization_general": "it asks for two signatures; our issuer makes one, the second is added by hand",
    "jsonld": "it asks for no iat and exp; our profile requires exp",
}
# Claims that are fields of an attestation; ours take their place.
CONTROL: Final = {"iss", "vct", "cnf", "iat", "exp"}


def public(jwk: Mapping[str, Any]) -> PublicKey:
    """Load the public half of a private JWK."""
    return PublicKey.from_jwk({name: value for name, value in jwk.items() if name != "d"})


def test_every_case_is_run(vectors: Path) -> None:
    for folder, names in CASE_NAMES.items():
        found = {path.relative_to(vectors / folder).as_posix() for path in (vectors / folder).rglob("*.*")}
        assert found == {"settings.yml"} | {f"{name}/specification.yml" for name in names}
    assert NOT_AS_ASKED.keys() <= {name for names in CASE_NAMES.values() for name in names}


@cache
def settings_of(folder: Path) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((folder / "settings.yml").read_text("utf-8"))
    return settings


@CASE
def test_case_issued_presented_and_read_back(vectors: Path, case: str) -> None:
    path = vectors / case
    specification, settings = read_case(path / "specification.yml"), settings_of(path.parent)
    issuer_jwk, holder_jwk = settings["key_settings"]["issuer_keys"][0], settings["key_settings"]["holder_key"]
    issuer_name, verifier_name = settings["identifiers"]["issuer"], settings["identifiers"]["verifier"]
    issuer, holder = LocalKey.from_jwk(issuer_jwk), LocalKey.from_jwk(holder_jwk)
    user_claims = {name: item for name, item in specification["user_claims"].items() if plain(name) not in CONTROL}
    serialization = Serialization.COMPACT
    if specification.get("serialization_format") == "json":
        serialization = Serialization.GENERAL if path.name.endswith("general") else Serialization.FLATTENED
    attestation = Attestation(
        "t", issuer_name, plain(user_claims), Validity(ISSUED, None, EXPIRES), holder_key=holder.public
    )
    maker = Issuer(identifier=issuer_name, key=issuer, kid=kid_of(specification))
    issued = maker.issue(
        attestation,
        format=FORMAT,
        disclosable=list(marks(user_claims)),
        decoys=5 if specification.get("add_decoy_claims") else 0,
        serialization=serialization,
    )
    if path.name == "json_serialization_general":
        issued = with_second_signature(issued, specification)
    anchors = TrustAnchors.from_jwks(
        issuer_name, maker.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=["t"], countries=ANY
    )
    credential = Credential.receive(issued, format=FORMAT, anchors=anchors, now=BOUND, serialization=serialization)
    assert thaw(credential.attestation.claims) == plain(user_claims)
    assert set(credential.disclosable) == set(marks(user_claims))

    selection = specification["holder_disclosed_claims"]
    asked = Challenge(verifier_name, settings["key_binding_nonce"])
    wanted = list(selected(user_claims, selection))
    innermost = [one for one in wanted if not any(inside(other, one) for other in wanted)]
    if any(inside(other, one) for one in innermost for other in marks(user_claims)):
        assert path.name in ("complex_eidas", "complex_eidas_proposal")
        data = present_exactly(issued, credential, wanted, asked, holder)
    else:
        data = credential.present(
            innermost, challenge=asked, key=holder, peer=verifier_name, now=BOUND, serialization=serialization
        )
    verified = library.verify(
        data,
        format=FORMAT,
        anchors=anchors,
        challenge=asked,
        statuses=no_lists(),
        now=BOUND,
        limits=NO_STATUS,
        serialization=serialization,
    )
    assert isinstance(verified, library.VerifiedPresentation)
    found = thaw(verified.attestation.claims)
    expected = shown(user_claims, selection)
    assert repr(sorted_members(found)) == repr(sorted_members(expected))  # 1, 1.0 and True differ in repr alone
    if "expect_verified_user_claims" in specification:
        assert repr(sorted_members(found)) == repr(sorted_members(specification["expect_verified_user_claims"]))
    if set(wanted) != set(marks(user_claims)):
        assert found != plain(user_claims)


def inside(one: Step, other: Step) -> bool:
    """Whether one path leads to something inside the other."""
    return len(one) > len(other) and one[: len(other)] == other


def kid_of(specification: dict[str, Any]) -> str:
    """Return the kid that a case asks for, as text."""
    stated = specification.get("extra_header_parameters", {}).get("kid")
    keys = specification.get("settings_override", {}).get("key_settings", {}).get("issuer_keys", [{}])
    return str(stated or keys[0].get("kid", "1"))


def with_second_signature(issued: bytes, specification: dict[str, Any]) -> bytes:
    """Add the second signature that the case asks for, by its second key."""
    document = json.loads(issued)
    jwk = specification["settings_override"]["key_settings"]["issuer_keys"][1]
    protected = document["signatures"][0]["protected"]
    signature = LocalKey.from_jwk(jwk).sign(f"{protected}.{document['payload']}".encode())
    document["signatures"].append({"protected": protected, "signature": base64url(signature).decode()})
    return json.dumps(document).encode()


def present_exactly(
    issued: bytes, credential: Credential, wanted: list[Step], asked: Challenge, key: LocalKey
) -> bytes:
    """Present exactly these disclosures and not what is inside them."""
    token, *disclosures, _ = issued.split(b"~")
    positions = {placement.path: placement.position for placement in credential._reading.placements}
    kept = [text for position, text in enumerate(disclosures) if position in {positions[path] for path in wanted}]
    half = b"~".join((token, *kept, b""))
    claims = {"iat": BOUND, "aud": asked.audience, "nonce": asked.nonce, "sd_hash": sha256(half)}
    to_be_signed = signing_input({"alg": "ES256", "typ": "kb+jwt"}, claims, "kb-jwt")
    return half + to_be_signed + b"." + base64url(key.sign(to_be_signed))


def test_complex_eidas_through_our_holder_shows_what_is_inside_too(vectors: Path) -> None:
    """The one case that our holder answers with more than it asks: the rule is stated, so it is held here."""
    path = vectors / CASES[0] / "complex_eidas/specification.yml"
    user_claims = read_case(path)["user_claims"]
    key, holder = LocalKey.generate("ES256"), LocalKey.generate("ES256")
    maker = Issuer(identifier="https://issuer.example.com", key=key)
    attestation = Attestation(
        "t", maker.identifier, plain(user_claims), Validity(ISSUED, None, EXPIRES), holder_key=holder.public
    )
    anchors = TrustAnchors.from_jwks(
        maker.identifier, maker.jwks(), purpose=KeyPurpose.CREDENTIAL, formats=[FORMAT], types=["t"], countries=ANY
    )
    issued = maker.issue(attestation, format=FORMAT, disclosable=list(marks(user_claims)))
    credential = Credential.receive(issued, format=FORMAT, anchors=anchors, now=BOUND)
    evidence = ("verified_claims", "verification", "evidence", 0)
    data = credential.present([evidence], challenge=challenge(), key=holder, peer=VERIFIER, now=BOUND)
    (presentation,) = library.open_presentation(data, format=FORMAT)
    element = processed(presentation)["verified_claims"]["verification"]["evidence"][0]
    assert element == plain(user_claims)["verified_claims"]["verification"]["evidence"][0]


def test_a_kid_that_is_a_number_is_refused() -> None:
    """What header_mod asks for: RFC 7515 section 4.1.4 says that a kid is text."""
    key = LocalKey.generate("ES256")
    to_be_signed = signing_input({"alg": "ES256", "typ": "dc+sd-jwt", "kid": 42}, {"iss": "x"}, "issuer-jwt")
    token = to_be_signed + b"." + base64url(key.sign(to_be_signed)) + b"~"
    with pytest.raises(CitizenIDError) as caught:
        library.open_presentation(token, format=FORMAT)
    assert (caught.value.reason, caught.value.step) == (Reason.HEADER_INVALID, "V1")


def sorted_members(value: Any) -> Any:
    """Order the members of every object, so that equal claims print alike."""
    if isinstance(value, dict):
        return {name: sorted_members(value[name]) for name in sorted(value)}
    return [sorted_members(item) for item in value] if isinstance(value, list) else value


def base64url(data: bytes) -> bytes:
    """Encode as unpadded base64url, with the standard library."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sha256(data: bytes) -> str:
    """Return a digest as it stands in `_sd`."""
    return base64url(hashlib.sha256(data).digest()).decode()
