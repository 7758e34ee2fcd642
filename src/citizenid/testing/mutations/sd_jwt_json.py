"""Mutations of SD-JWT VC presentations in the JSON serialisations, flattened and general.

What the compact form can say wrongly, these can say too; here stands what only they can.

Spec: RFC 9901 section 8; specs/verification.md V1.5, V1.6.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from ... import Reason
from ..forge.parts import base64url, dump, unbase64url
from ..strategies.presentations import Presented
from ._frame import Choice, Edit, Mutation, keyless

R: Final = Reason


def written(edit: Callable[[dict[str, Any], dict[str, Any], Choice], Any]) -> Edit:
    """Edit the document and, in it, what stands beside the signature; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        document = json.loads(valid.data)
        signed = document["signatures"][0] if "signatures" in document else document
        return None if edit(document, signed, choice) is False else dump(document)

    return apply


def _put(where: dict[str, Any], name: str, value: Any) -> None:
    where[name] = value


def _drop(where: dict[str, Any], name: str) -> None:
    del where[name]


def _flipped(signed: dict[str, Any], choice: Choice) -> None:
    signed["signature"] = base64url(choice.flipped(unbase64url(signed["signature"]))).decode()


def _payload(document: dict[str, Any], choice: Choice) -> None:
    document["payload"] = base64url(choice.flipped(unbase64url(document["payload"]))).decode()


def _second(document: dict[str, Any], signed: dict[str, Any], choice: Choice) -> bool | None:
    if "signatures" not in document:
        return False
    header = choice.of({"disclosures": []}, {"kb_jwt": signed["header"]["kb_jwt"]})
    document["signatures"].append({**signed, "header": header})
    return None


def _twice(valid: Presented, choice: Choice) -> bytes:
    return valid.data[:-1] + b"," + dump({"payload": json.loads(valid.data)["payload"]})[1:]


def _shown(edit: Callable[[list[str], Choice], list[Any] | None]) -> Edit:
    def apply(document: dict[str, Any], signed: dict[str, Any], choice: Choice) -> bool | None:
        edited = edit(list(signed["header"].get("disclosures", [])), choice)
        if edited is None:
            return False
        signed["header"]["disclosures"] = edited
        return None

    return written(apply)


TABLE: Final[tuple[Mutation, ...]] = (
    keyless("a bit of the issuer's signature", R.SIGNATURE_INVALID, written(lambda d, s, c: _flipped(s, c)), step="V3"),
    keyless("a bit of the payload", R.SIGNATURE_INVALID, written(lambda d, s, c: _payload(d, c)), step="V3"),
    keyless(
        "no JSON",
        R.MALFORMED_JSON,
        lambda v, c: c.of(v.data[:-1], v.data + b"}", v.data + b"{}", b"[" + v.data + b"]"),
        step="V1",
    ),
    keyless("a member twice", R.DUPLICATE_MEMBER, _twice, step="V1"),
    keyless(
        "a part missing",
        R.MALFORMED_TOKEN,
        written(lambda d, s, c: _drop(*c.of((d, "payload"), (s, "protected"), (s, "signature")))),
        step="V1",
    ),
    keyless(
        "a part that is no text",
        R.MALFORMED_TOKEN,
        written(lambda d, s, c: _put(*c.of((d, "payload"), (s, "protected"), (s, "signature")), c.of(1, None, [], {}))),
        step="V1",
    ),
    keyless(
        "a delimiter within a part",
        R.MALFORMED_TOKEN,
        written(lambda d, s, c: _put(d, "payload", d["payload"] + c.of(".", "~", ".x"))),
        step="V1",
    ),
    keyless("no key binding", R.KEY_BINDING_MISSING, written(lambda d, s, c: _drop(s["header"], "kb_jwt")), step="V7"),
    keyless(
        "a key binding that is no text",
        R.MALFORMED_TOKEN,
        written(lambda d, s, c: _put(s["header"], "kb_jwt", c.of(1, [], {}))),
        step="V1",
    ),
    keyless(
        "disclosures that are none",
        R.MALFORMED_TOKEN,
        written(lambda d, s, c: _put(s["header"], "disclosures", c.of("x", {}, 1, [1], [None], ["a~b"]))),
        step="V1",
    ),
    keyless("every disclosure left out", R.SD_HASH_MISMATCH, _shown(lambda d, c: [] if d else None), step="V7"),
    keyless(
        "a disclosure twice", R.DISCLOSURE_DUPLICATE, _shown(lambda d, c: [*d, c.of(*d)] if d else None), step="V4"
    ),
    keyless(
        "an unprotected header that decides",
        R.MALFORMED_TOKEN,
        written(
            lambda d, s, c: _put(
                s["header"], *c.of(("alg", "none"), ("typ", "x"), ("crit", ["x"]), ("b64", False), ("kid", "k1"))
            )
        ),
        step="V1",
    ),
    keyless("another signature with a key binding", R.MALFORMED_TOKEN, written(_second), step="V1"),
)
