"""Secrets are compared in constant time: every comparison that names one is `compare_digest`, or listed as public.

Time itself is measured by `python -m benches --only timing`. Here stand the syntax trees, and the statistic: that it
sees a comparison which ends at the first difference, and is quiet about one which does not.

Spec: specs/side-channels.md; DESIGN section 2, law 11; threat T-42.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches._welch import Verdict, cropped, welch
from citizenid._crypto import same_text

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "citizenid"
PAGE: Final = ROOT / "specs" / "side-channels.md"

# Words that a name of a secret, or of what is compared with a sender's word, is made of.
SECRET: Final = frozenset(
    "mac macs ath jkt thumbprint thumbprints nonce cnonce digest digests hexdigest hash hashes secret secrets"
    " fingerprint signature checksum epoch tag sender keyid session mark".split()
)
# The only functions that compare them, and how often each file does: whoever adds or takes away one says so here.
CONSTANT_TIME: Final = {
    ("_crypto/equality.py", "compare_digest"): 1,  # same_text itself
    ("_crypto/keys.py", "compare_digest"): 2,  # the deviceMac of an mdoc; the halves of an Ed25519 key handed in
    ("_readers/sd_cwt.py", "compare_digest"): 1,  # cnonce
    ("_readers/sd_jwt_vc.py", "same_text"): 2,  # nonce, sd_hash
    ("gateway/_http_signatures.py", "compare_digest"): 1,  # the thumbprint that a ticket names
    ("gateway/_sender.py", "compare_digest"): 1,  # the thumbprint of a client certificate
    ("gateway/challenge.py", "compare_digest"): 1,  # the MAC of a challenge
    ("gateway/nonces.py", "compare_digest"): 1,  # the MAC of a DPoP nonce
    ("gateway/proofs.py", "compare_digest"): 1,  # jkt: the thumbprint that a ticket names
    ("gateway/proofs.py", "same_text"): 2,  # ath
    ("integrations/_fleet.py", "compare_digest"): 1,  # the MAC of a message of the fleet
}
ISSUER_SIGNED: Final = "a digest that the issuer signed and the sender sent: he knows both sides"
OF_A_FILE: Final = "a checksum against accidents, without a key, in a file of the operator's own"
CODE: Final = "a code of a format that says what is there, and no value"
OURS: Final = "both sides are ours, and no sender chooses either"
PUBLIC: Final = {
    ("integrations/valkey.py", "_EPOCH.unpack(epoch)[0] == self._epoch[:8]"): "what the server keeps for all to read",
    ("_model/challenge.py", "nonce[:1] == 's'"): "the first letter says how the rest is written",
    ("gateway/challenge.py", "nonce[0] != _VERSION"): CODE,
    ("gateway/challenge.py", "nonce[1] not in _KINDS"): CODE,
    ("_wire/cbor.py", "end != mark"): "where an item ends",
    ("status/_records.py", "held.issued_at == mark.issued_at"): "times of published lists",
    ("_readers/mdoc.py", "hash_name not in HASHES"): CODE,
    ("_issuer_metadata.py", "jwk[name] != base64url.encode_text(digest)"): "the hash of a certificate beside it",
    (
        "_readers/_items.py",
        "expected != list(map(_DIGEST, map(HASHES[hash_name], cbor.embedded_each(received))))",
    ): ISSUER_SIGNED,
    ("_readers/sd_cwt.py", "digest in disclosures"): ISSUER_SIGNED,
    ("_readers/sd_cwt.py", "reg.CWT_CNONCE in claims"): "whether it is there",
    ("_readers/sd_jwt_vc.py", "digest in disclosures"): ISSUER_SIGNED,
    ("_redaction/restoring.py", "digest in disclosures"): ISSUER_SIGNED,
    ("_redaction/restoring.py", "digest in seen"): ISSUER_SIGNED,
    ("_wire/cbor.py", "loaded[1::2] != [mark] * len(items)"): "a mark between the parts of what came: no key",
    ("_wire/cose.py", "value[1] != hashlib.new(hash_name, leaf).digest()"): "the hash of a certificate beside it",
    ("_wire/jws.py", "members[name] != base64url.encode_text(digest)"): "the hash of a certificate beside it",
    ("_x509/certificates.py", "authority.value.key_identifier == subject.value.digest"): "identifiers in certificates",
    ("gateway/_audit/verification.py", "tile[place:place + 32] != leaf_hash(entry)"): "an auditor reads his own copy",
    (
        "gateway/_audit/verification.py",
        "read(tile.level, tile.number, len(tile.hashes)) != b''.join(tile.hashes)",
    ): "an auditor reads his own copy",
    ("gateway/_audit/writer.py", "[leaf_hash(entry) for entry in tail] != levels[0]"): OURS,
    (
        "gateway/_audit/writer.py",
        "[(tile.level, tile.number, len(tile.hashes)) for tile in edge.partial()] != widths(checkpoint.size)",
    ): OURS,
    ("gateway/_certificates.py", "size == _THUMBPRINT_BYTES"): "a length",
    ("gateway/_certificates.py", "size == _THUMBPRINT_CHARS"): "a length",
    ("gateway/_certificates.py", "thumbprint == _NOBODY"): "the zeros that stand for nobody are a literal",
    ("gateway/_gateway.py", "sender == NO_SENDER"): "the zeros that stand for nobody are a literal",
    ("gateway/_http_signatures.py", "_string(parameters, b'keyid') != sender.keyid"): (
        "two words of one request, both of the sender"
    ),
    ("gateway/_http_signatures.py", "key.algorithm not in reg.HTTP_SIGNATURE_ALGORITHMS.values()"): CODE,
    ("gateway/_http_signatures.py", "purpose == _TAG"): CODE,
    ("gateway/_parts.py", "error.reason in _NONCE_REASONS"): "a Reason",
    ("gateway/http.py", "self.reason in _NONCE_REASONS"): "a Reason",
    ("gateway/_sender.py", "session_id == proven"): OURS,
    ("gateway/proofs.py", "'ath' in claims"): "whether it is there",
    ("gateway/sharing.py", "slot & _OF_SENDER == sender"): OURS,
    ("gateway/sharing.py", "slot & _SENDER == old[0]"): OURS,
    ("integrations/_digests.py", "b64encode(_ALGORITHMS[each](body).digest()) == stated[each]"): (
        "whoever sends a body knows its digest"
    ),
    ("integrations/_codings.py", "data[len(DCZ_MAGIC):DCZ_HEADER_BYTES] != hashlib.sha256(dictionary).digest()"): (
        "the hash of a published list"
    ),
    ("integrations/_fleet.py", "sender not in self._last"): "a name of a node, under a MAC that was compared before",
    ("integrations/_negotiation.py", "tag in tags"): "an entity tag of a published list",
    ("integrations/_sign_outs.py", "self._hash(session_id) in self._until"): "a keyed hash, looked up by its own hash",
    ("status/_file.py", "statuses.digest != entry.digest"): OF_A_FILE,
    ("status/_file_layout.py", "hashlib.sha256(header[:_HEAD.size] + directory).digest() == epoch"): OF_A_FILE,
    ("status/_records.py", "digest != held.digest"): "digests of published lists",
    ("status/_records.py", "held.digest != mark.digest"): "digests of published lists",
    ("status/_records.py", "hashlib.sha256(written).digest() == data[-_CHECKSUM_BYTES:]"): OF_A_FILE,
    **dict.fromkeys(
        (
            ("_readers/_statements.py", "value.tag == reg.DATE_TIME_TAG"),
            ("_readers/mdoc.py", "value.tag == reg.DATE_TIME_TAG"),
            ("_vical.py", "tagged.tag == reg.DATE_TIME_TAG"),
            ("_wire/cbor.py", "item.tag not in tags"),
            ("_wire/cbor.py", "value.tag == Redacted.TAG"),
            ("_wire/cbor.py", "value.tag != _REFERENCES_TAG"),
            ("_wire/cose.py", "value.tag != tag"),
            ("_wire/device_response.py", "name_spaces.tag != reg.EMBEDDED_TAG"),
            ("_wire/elements.py", "reg.DATE_TIME_TAG in tags"),
            ("_wire/elements.py", "reg.FULL_DATE_TAG in tags"),
            ("_wire/heads.py", "number == _EMBEDDED_TAG"),
            ("_x509/certificates.py", "certificate.public_key_algorithm_oid in _SIGNATURE_KEYS"),
            ("_x509/der.py", "each.tag == _AUTHORITY_SERIAL"),
            ("_x509/der.py", "each.tag == _VISIBLE_STRING"),
            ("_x509/der.py", "each.tag == _TRAILER_FIELD"),
            ("_x509/der.py", "usage.tag != _BIT_STRING"),
            ("_x509/der.py", "fields[0].tag == _VERSION"),
            ("_x509/der.py", "fields[-1].tag != _LIST_EXTENSIONS"),
            ("_x509/der.py", "fields[0].tag == _INTEGER"),
            ("_x509/der.py", "last.tag != tag"),
            ("_x509/der.py", "serial.tag != _INTEGER"),
            ("_x509/der.py", "tag == _UTF8_STRING"),
            ("_x509/der.py", "tag not in _TEXTS"),
            ("_x509/der.py", "value.tag == _OCTET_STRING"),
        ),
        CODE,
    ),
}


def names_in(node: ast.AST) -> set[str]:
    """Return every name, attribute and text below a node."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.add(part.value)
    return found


def measures(node: ast.AST) -> bool:
    """Whether an operand is a length, a type, a count or a number: what it is compared with is none of its bytes."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int) or node.value is None
    sized = ("len", "type", "min", "max", "set", "_size")
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in sized


def suspects(text: str) -> Iterator[str]:
    """Return the comparisons of a module, by == or `in`, that a name says to be of a secret."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Compare) and any(
            isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops
        ):
            operands = [node.left, *node.comparators]
            words = {
                word
                for operand in operands
                for name in names_in(operand)
                for word in re.split(r"[^a-z0-9]+", name.lower())
            }
            if words & SECRET and not any(map(measures, operands)):
                yield ast.unparse(node)


def calls(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("compare_digest", "same_text"):
                yield name


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "testing"):
            continue  # the reviewer's kit has no secret but those that it makes itself
        yield path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")


def test_whatever_is_compared_and_sounds_secret_is_listed_as_public_with_why() -> None:
    found = {(name, text) for name, source in modules() for text in suspects(source)}
    assert found - PUBLIC.keys() == set(), "compare with hmac.compare_digest, or say why it is public"
    assert PUBLIC.keys() - found == set(), "is gone: take it out"
    assert all(PUBLIC.values())


def test_secrets_are_compared_in_these_places_and_by_these_functions() -> None:
    found: dict[tuple[str, str], int] = {}
    for name, source in modules():
        for called in calls(source):
            found[name, called] = found.get((name, called), 0) + 1
    assert found == CONSTANT_TIME


def test_the_page_names_every_place() -> None:
    text = PAGE.read_text("utf-8")
    rows = [line for line in text.partition("\n## 2")[0].splitlines() if line.startswith("| ")]
    assert {name for name, _ in CONSTANT_TIME} == set(re.findall(r"`(\w+/\w+\.py)`", "\n".join(rows)))


@pytest.mark.parametrize(
    "planted",
    [
        "if mac == expected: pass",
        "x = self._mac(key) != tag",
        'if claims.get("ath") != ath: pass',
        "if thumbprint == sender: pass",
        'if claims["nonce"] == nonce: pass',
        "ok = nonce in known",
        "ok = hashlib.sha256(x).digest() == sent",
        "return stated.secret == given",
    ],
)
def test_a_comparison_that_is_planted_is_seen(planted: str) -> None:
    assert list(suspects(f"def f():\n    {planted}")), planted


@given(st.text(max_size=6), st.text(max_size=6) | st.integers() | st.none() | st.binary())
def test_the_same_text_is_the_same_and_nothing_else(expected: str, stated: object) -> None:
    assert same_text(stated, expected) is (type(stated) is str and stated == expected)
    assert same_text(expected, expected)


@pytest.mark.parametrize("stated", ["\ud800", "\u00e9", "\u0065\u0301", "\ud83d\ude00"])
def test_text_beyond_ascii_is_no_accident(stated: str) -> None:
    assert same_text(stated, stated)
    assert not same_text(stated, "e") and not same_text("e", stated)
    assert not same_text("\U0001f600", "\ud83d\ude00")  # a pair of surrogates in text is not the character


# --- the statistic ---

SECRET_BYTES: Final = 32


def steps_until_different(one: bytes, other: bytes) -> int:
    """Count what a comparison does that ends at the first difference."""
    for position, (left, right) in enumerate(zip(one, other, strict=True)):
        if left != right:
            return position + 1
    return len(one)


def steps_to_the_end(one: bytes, other: bytes) -> int:
    """Count what a comparison does that does not."""
    different = 0
    for left, right in zip(one, other, strict=True):
        different |= left ^ right
    return len(one) + 0 * different


def simulated(count: int, early: bool, noise: float, seed: int) -> Verdict:
    """Judge simulated times: what a comparison counts, in tenths of the noise of a machine with outliers."""
    source = random.Random(seed)
    secret = source.randbytes(SECRET_BYTES)
    compare = steps_until_different if early else steps_to_the_end
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        kind = source.getrandbits(1)
        wrong = bytearray(secret)
        wrong[-1 if kind else 0] ^= 1 + source.randrange(255)
        taken = compare(secret, bytes(wrong)) + source.gauss(100, noise)
        if source.random() < 0.01:
            taken += source.expovariate(1 / 5_000)  # the machine did something else
        samples[kind].append(taken)
    return welch(*cropped(*samples))


@pytest.mark.parametrize("seed", range(3))
def test_the_statistic_sees_a_comparison_that_ends_early(seed: int) -> None:
    assert abs(simulated(6_000, early=True, noise=100.0, seed=seed).t) > 4.5


@pytest.mark.parametrize("seed", range(3))
def test_the_statistic_is_quiet_about_one_that_does_not(seed: int) -> None:
    assert abs(simulated(6_000, early=False, noise=100.0, seed=seed).t) < 4.5


def test_outliers_would_hide_what_the_cropping_shows() -> None:
    source = random.Random(5)
    one = [100.0 + source.gauss(0, 1) for _ in range(3_000)]
    other = [100.5 + source.gauss(0, 1) for _ in range(3_000)]
    one += [1e6 * source.random() for _ in range(30)]
    other += [1e6 * source.random() for _ in range(30)]
    assert abs(welch(one, other).t) < 4.5
    assert abs(welch(*cropped(one, other)).t) > 4.5


def test_the_statistic_is_the_one_of_welch() -> None:
    # Two samples by hand: means 2 and 4, variances 1 and 4, three and four values.
    verdict = welch([1.0, 2.0, 3.0], [2.0, 4.0, 4.0, 6.0])
    variance = ((2 - 4) ** 2 + 0 + 0 + (6 - 4) ** 2) / 3
    assert verdict.t == pytest.approx((2 - 4) / (1 / 3 + variance / 4) ** 0.5)
    assert verdict.counts == (3, 4)
    assert welch([1.0, 1.0], [1.0, 1.0]).t == 0
    assert welch([1.0, 1.0], [2.0, 2.0]).t == float("-inf")
