"""Mdoc presentations, taken apart, and what edits them and signs them anew.

Spec: ISO/IEC 18013-5 8.3.2.1.2 and 9.1; specs/verification.md V1 to V9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cbor2

from ... import Reason
from ..._wire.transcript import session_transcript
from ..forge import mdoc_keys
from ..forge.cbor import Raw, date_time, embedded
from ..forge.mdoc import device_signed, response
from ..forge.mdoc_issuer import OURS, digest, issuer_auth, item
from ..forge.parts import ABSENT, STATUS_URI
from ..strategies.presentations import CURVES, Presented, device_key
from ._frame import Choice, Edit

R: Final = Reason


class Parts:
    """A presentation taken apart; `data` signs it anew with the keys that it was signed with, or with others."""

    def __init__(self, valid: Presented) -> None:
        self.response: Any = cbor2.loads(valid.data)
        self.document: Any = self.response["documents"][0]
        issued, device = self.document["issuerSigned"], self.document["deviceSigned"]
        self.items: dict[Any, list[Any]] = {
            namespace: [each.value for each in items] for namespace, items in issued.get("nameSpaces", {}).items()
        }
        self.mso: Any = cbor2.loads(cbor2.loads(issued["issuerAuth"][2]).value)
        self.unprotected: Any = dict(issued["issuerAuth"][1])
        self.protected: Any = cbor2.loads(issued["issuerAuth"][0])
        self.content: bytes = device["nameSpaces"].value
        self.doc_type: Any = self.document["docType"]
        self.signed_type: Any = self.doc_type
        self.valid, self.now = valid, valid.now
        self.transcript = Raw(session_transcript(valid.challenge))
        self.signer = mdoc_keys.key("signer", CURVES[valid.issued.algorithm])
        self.device = device_key(valid.issued.holder_algorithm, by_mac=valid.issued.by_mac)
        self.reader = None
        if valid.issued.by_mac:
            self.reader = mdoc_keys.key("reader", CURVES[valid.issued.holder_algorithm]).public_key()
        self.device_protected: Any = None
        self.payload: bytes | None = None
        self.hash = str(self.mso["digestAlgorithm"])

    @property
    def data(self) -> bytes:
        """The presentation, signed anew."""
        signed = issuer_auth(
            kept(self.mso),
            signer=self.signer,
            chain=self.unprotected[33],
            protected=kept(self.protected),
            payload=self.payload,
        )
        device = device_signed(
            doc_type=self.signed_type,
            transcript=self.transcript,
            device=self.device,
            content=self.content,
            protected=self.device_protected,
            reader_public=self.reader,
        )
        stated = {namespace: [embedded(each) for each in items] for namespace, items in self.items.items()}
        issued = {"issuerAuth": signed, **({"nameSpaces": stated} if stated else {})}
        return response({"docType": self.doc_type, "issuerSigned": issued, "deviceSigned": device})


def kept(members: Any) -> Any:
    """Leave out what is to be absent."""
    return {name: value for name, value in members.items() if value is not ABSENT} if type(members) is dict else members


def signed(edit: Callable[[Parts, Choice], Any]) -> Edit:
    """Return what takes a presentation apart, edits it, and signs it anew; an edit may say False: nothing to do."""

    def apply(valid: Presented, choice: Choice) -> bytes | None:
        parts = Parts(valid)
        return None if edit(parts, choice) is False else parts.data

    return apply


def states(**members: Any) -> Edit:
    """The issuer writes these members into the MSO."""

    def edit(parts: Parts, choice: Choice) -> None:
        for name, value in members.items():
            parts.mso[name] = value(parts.now, choice) if callable(value) else value

    return signed(edit)


def during(**times: Any) -> Edit:
    """The issuer states these times."""

    def edit(parts: Parts, choice: Choice) -> None:
        for name, value in times.items():
            made = value(parts.now, choice)
            parts.mso["validityInfo"][name] = date_time(made) if type(made) is int else made

    return signed(edit)


def of(*values: Any) -> Callable[[int, Choice], Any]:
    """One of these values."""
    return lambda _, choice: choice.of(*values)


def status(index: Any, uri: str = STATUS_URI) -> Edit:
    """The issuer refers to another place of a list."""

    def stated(now: int, choice: Choice) -> Any:
        return {"status_list": {"idx": index(now, choice) if callable(index) else index, "uri": uri}}

    return states(status=stated)


def shows(*elements: tuple[Any, Any], namespace: str = OURS, changes: Any = None) -> Edit:
    """The issuer signs one element in the place of all, and the holder shows it."""

    def edit(parts: Parts, choice: Choice) -> None:
        name, value = choice.of(*elements)
        content = item(0, name, value, choice.of(*changes) if changes else None)
        parts.items = {namespace: [content]}
        parts.mso["valueDigests"] = {namespace: {0: digest(content, parts.hash)}}

    return signed(edit)
