"""The usual DeviceResponse is framed by its literals: whatever is found there, the whole reading finds as well.

What our own writer writes is of this kind, and so is what wallets in use send.

Spec: ISO/IEC 18013-5 8.3.2.1.2; RFC 8949 section 4.2.
"""

from __future__ import annotations

from functools import cache
from typing import Final
from unittest.mock import patch

import mdoc_builders
import mdoc_writing as m
import pytest
from builders import AUDIENCE, NONCE, NOW, key, shared_statuses
from hypothesis import given
from hypothesis import strategies as st

from citizenid import Challenge, CitizenIDError, Format, Limits, Reason, Serialization
from citizenid._model import Presentation
from citizenid._readers import mdoc
from citizenid._wire.device_response import read_canonical
from citizenid.holder import Credential
from citizenid.verifier import VerifiedPresentation, verify

LIMITS: Final = Limits()
CHALLENGE: Final = Challenge(AUDIENCE, NONCE)
Outcome = list[Presentation] | tuple[Reason, str]


@cache
def shown(many: bool = False) -> bytes:
    claims = {m.OURS: {"citizen_of_us": True, "nationalities": ["US"]}}
    if many:
        claims[m.PID] = {f"element_{number}": "x" * number for number in range(0, 300, 7)}  # type: ignore[misc]  # text
    issued = m.door(random=m.source()).issue(m.attestation(claims), format=Format.MDOC)
    held = Credential.receive(issued, format=Format.MDOC, anchors=m.trusted(), now=NOW)
    return held.present(held.disclosable, challenge=CHALLENGE, key=key("holder"), peer=AUDIENCE, now=NOW)


def opened(raw: bytes, limits: Limits = LIMITS) -> Outcome:
    try:
        found = mdoc.open_presentation(raw, limits, Serialization.COMPACT)
    except CitizenIDError as error:
        return error.reason, error.where
    return [each._replace(issuer_half=b"") for each in found]  # told apart below; all else is one and the same


def whole(raw: bytes, limits: Limits = LIMITS) -> Outcome:
    with patch.object(mdoc, "read_canonical", lambda *_: None):
        return opened(raw, limits)


@pytest.mark.parametrize("many", [False, True])
def test_what_the_literals_find_the_whole_reading_finds(many: bool) -> None:
    raw = shown(many)
    assert read_canonical(raw, LIMITS) is not None
    assert opened(raw) == whole(raw)
    (presentation,) = mdoc.open_presentation(raw, LIMITS, Serialization.COMPACT)
    with patch.object(mdoc, "read_canonical", lambda *_: None):
        (other,) = mdoc.open_presentation(raw, LIMITS, Serialization.COMPACT)
    # A cache keeps the two apart: neither stands for the other.
    assert presentation.issuer_half and presentation.issuer_half != other.issuer_half


@pytest.mark.parametrize("many", [False, True])
def test_it_is_verified_as_any_other(many: bool) -> None:
    result = verify(
        shown(many), format=Format.MDOC, anchors=m.trusted(), challenge=CHALLENGE, statuses=shared_statuses(), now=NOW
    )
    assert isinstance(result, VerifiedPresentation)
    assert [country.alpha2 for country in result.citizenship.citizenships] == ["US"]


@given(st.data())
def test_an_edit_is_found_alike(data: st.DataObject) -> None:
    raw = bytearray(shown(data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "drop", "add"]))
        if how == "set":
            raw[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del raw[max(at, 1) :]
        elif how == "drop":
            del raw[at : at + data.draw(st.integers(1, 3))]
        else:
            raw[at:at] = data.draw(st.binary(min_size=1, max_size=3))
        if not raw:
            break
    assert opened(bytes(raw)) == whole(bytes(raw))


def test_every_byte_changed_is_found_alike() -> None:
    raw = shown()
    for at in range(len(raw)):
        changed = bytearray(raw)
        for change in (1, 0x20, 0x80):
            changed[at] = raw[at] ^ change
            assert opened(bytes(changed)) == whole(bytes(changed)), (at, change)


@pytest.mark.parametrize("limits", [
    Limits(disclosures=1), Limits(disclosures=2), Limits(presentation_bytes=200), Limits(claim_name_chars=3),
    Limits(depth=2), Limits(header_bytes=10), Limits(documents=1), Limits(digests=1),
])  # fmt: skip
def test_bounds_are_kept_alike(limits: Limits) -> None:
    for raw in (shown(), shown(True), mdoc_builders.make()):
        assert opened(raw, limits) == whole(raw, limits)
