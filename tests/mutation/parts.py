"""What is mutated, which tests should notice, and how many of the changes they must notice.

Every module of the package belongs to exactly one part. The tests of a part are those that hold it: whoever breaks the
part should hear it there, and not from something far away. A test that reads the sources themselves cannot be among
them, because the sources that mutmut writes hold all the changes at once.

Spec: specs/assurance.md, "Mutation testing".
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final, NamedTuple

PACKAGE: Final = "src/citizenid/"


class Part(NamedTuple):
    """A part of the package.

    Attributes:
        files: below the package; a name that ends in "/" is a folder with all that is in it.
        tests: files and folders below `tests`.
        target: how many of a hundred mutants must be killed, those aside that are listed with their reason.
        without: tests among these that cannot run on mutated sources, each with the reason.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    target: int = 95
    without: tuple[tuple[str, str], ...] = ()


_WITHOUT_ENVIRONMENT: Final = (
    "tests/test_verifier.py::test_the_same_call_gives_the_same_result_without_clock_and_chance",
    "it takes the environment away, in which mutmut says what mutant is meant",
)
PARTS: Final[dict[str, Part]] = {
    "_wire": Part(
        ("_wire/",),
        ("wire", "test_vectors_cose.py"),
        100,
        (
            (
                "tests/wire/test_cbor.py::test_a_caller_who_stands_too_deep_for_a_legal_nesting_is_refused",
                "it counts the frames that are left, and whatever mutmut watches takes some of its own",
            ),
        ),
    ),
    "_crypto": Part(
        ("_crypto/",), ("test_crypto.py", "test_agreement.py", "wire/test_cose_keys.py", "test_representations.py"), 100
    ),
    "_redaction": Part(("_redaction/",), ("test_redaction.py",), 100),
    "verifier": Part(
        ("verifier.py",),
        ("test_verifier.py", "test_arguments.py", "readers", "test_vectors_own.py", "test_representations.py"),
        100,
        (_WITHOUT_ENVIRONMENT,),
    ),
    "policy": Part(
        ("policy/",),
        (
            "test_policy.py",
            "test_policy_compare.py",
            "test_policy_conditions.py",
            "test_policy_lint.py",
            "test_representations.py",
        ),
        100,
    ),
    "status": Part(
        ("status/",),
        (
            "status",
            "test_status_vectors.py",
            "gateway/test_status_file.py",
            "gateway/test_bitstring.py",
            "test_arguments.py",
            "test_representations.py",
        ),
        100,
    ),
    "vocabulary": Part(
        ("__init__.py", "_errors.py", "_registry.py", "_limits.py", "countries.py", "_model/"),
        (
            "test_errors.py",
            "test_limits.py",
            "test_countries.py",
            "test_model.py",
            "test_clocks.py",
            "test_challenge.py",
            "test_arguments.py",
            "status/test_identifiers.py",
            "status/test_bitstring.py",
            "test_representations.py",
        ),
    ),
    "_x509": Part(
        ("_x509/",),
        (
            "test_x509.py",
            "test_x509_der.py",
            "test_x509_profiles.py",
            "test_x509_revocation.py",
            "test_x509_oracle.py",
            "test_vectors_x509.py",
            "test_trust.py",
            "test_trust_certificates.py",
            "test_issuer.py",
            "test_representations.py",
        ),
    ),
    "trust": Part(
        ("trust.py", "_anchor.py", "_issuer_metadata.py", "_vical.py"),
        ("test_trust.py", "test_trust_certificates.py", "test_vical.py"),
    ),
    "_readers": Part(
        ("_readers/",),
        (
            "readers",
            "test_verifier.py",
            "test_redaction.py",
            "test_vectors_mdoc.py",
            "test_vectors_sd_jwt.py",
            "test_vectors_sd_cwt.py",
            "test_representations.py",
        ),
        95,
        (_WITHOUT_ENVIRONMENT,),
    ),
    "_writers": Part(("_writers/", "issuer.py"), ("writers", "test_issuer.py", "test_arguments.py")),
    "holder": Part(
        ("holder.py", "_choosing.py"),
        (
            "test_holder.py",
            "test_arguments.py",
            "gateway/test_query.py",
            "gateway/test_proofs.py",
            "gateway/test_http_signatures.py",
        ),
    ),
    "gateway": Part(
        ("gateway/", "_answer.py"),
        ("gateway", "test_answer.py", "test_arguments.py", "test_representations.py"),
        95,
        (
            (
                "tests/gateway/test_memories.py::test_what_functions_remember_is_found_and_emptied",
                "it looks through all functions there are, and finds those that mutmut has made",
            ),
        ),
    ),
    "integrations": Part(
        ("integrations/",),
        ("integrations", "test_representations.py"),
        95,
        tuple(
            (
                f"tests/integrations/{name}",
                "its server is a process of its own, of which mutmut does not learn what it calls",
            )
            for name in (
                "test_nginx.py",
                "test_asgi.py::test_a_client_is_served_over_http",
                "test_asgi.py::test_a_wallet_is_admitted_over_http",
            )
        ),
    ),
    "command line": Part(
        ("__main__.py", "_cli/", "_demo/"),
        ("test_main.py", "test_main_words.py", "test_demo.py", "gateway/test_audit_verification.py"),
    ),
    "testing": Part(
        ("testing/",),
        ("testing",),
        95,
        (
            (
                "tests/testing/test_catalogue.py::test_each_attack_has_the_outcome_it_must_have[DOS-014]",
                "it counts the frames that are left, and a function that mutmut has made takes two",
            ),
            (
                "tests/testing/test_catalogue.py::test_each_attack_has_the_outcome_it_must_have[CBR-008]",
                "it counts the bytes that are asked for, and what mutmut takes down is among them",
            ),
        ),
    ),
}


def part_of(file: str) -> str | None:
    """Return the part that a module of the package belongs to, by its path in the repository."""
    name = file.removeprefix(PACKAGE)
    for part, (files, *_) in PARTS.items():
        if any(name.startswith(each) if each.endswith("/") else name == each for each in files):
            return part
    return None


def patterns(part: Part) -> list[str]:
    """Return what mutmut is told to mutate."""
    return [f"{PACKAGE}{each}*" if each.endswith("/") else str(PurePosixPath(PACKAGE) / each) for each in part.files]
