"""What the attacks are made of: edits that change what they say and nothing else, and watchers that see something."""

from __future__ import annotations

import base64
import os
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from citizenid.testing.catalogue._chains import resigned, tlv
from citizenid.testing.catalogue._outside import heard_during, note
from citizenid.testing.catalogue._places import constant, filled, in_part, stray
from citizenid.testing.forge.certificates import certificate, certificate_key
from citizenid.testing.forge.der import ec_key_info, exchanged, point
from citizenid.testing.forge.parts import Encoded, base64url, changed, segment, unbase64url

PARTS = b"h0.p0.s0~disclosure~h2.p2.s2"


@pytest.mark.parametrize(
    ("part", "index", "expected"),
    [
        (0, 0, b"x.p0.s0~disclosure~h2.p2.s2"),
        (0, 2, b"h0.p0.x~disclosure~h2.p2.s2"),
        (1, 0, b"h0.p0.s0~x~h2.p2.s2"),
        (-1, 1, b"h0.p0.s0~disclosure~h2.x.s2"),
    ],
)
def test_one_segment_of_one_part_is_edited_and_nothing_else(part: int, index: int, expected: bytes) -> None:
    assert in_part(part, index, constant(b"x"))(PARTS) == expected
    assert in_part(part, index, bytes)(PARTS) == PARTS


@given(st.binary(min_size=1).filter(lambda data: len(data) % 3))
def test_a_stray_bit_spells_the_same_bytes_in_another_way(data: bytes) -> None:
    good = base64url(data)
    assert stray(good) != good
    assert unbase64url(stray(good)) == data


@given(st.binary(min_size=3).filter(lambda data: not len(data) % 3))
def test_what_leaves_no_bits_over_has_no_second_spelling(data: bytes) -> None:
    with pytest.raises(AssertionError):
        stray(base64url(data))


@given(st.binary(), st.integers(0, 2))
def test_a_text_is_filled_with_blanks_to_its_remainder(text: bytes, remainder: int) -> None:
    made = filled(text, remainder)
    assert len(made) % 3 == remainder
    assert made.startswith(text) and made[len(text) :].strip() == b""


def test_a_segment_that_is_encoded_already_goes_in_as_it_is() -> None:
    spelt = Encoded(b"e30==")
    assert segment(spelt) == b"e30=="
    assert changed({"alg": "ES256"}, spelt) is spelt
    assert segment(b"{}") == base64url(b"{}")


def test_an_exchanged_certificate_is_signed_over_what_stands_in_it() -> None:
    good = certificate("leaf", "root")
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    named = bytes.fromhex("06082a8648ce3d030107")
    made = exchanged(good, key_info=ec_key_info(named, point(other)), signer=certificate_key("root"))
    read = x509.load_der_x509_certificate(made)
    assert read.public_key() == other
    assert (read.subject, read.issuer, read.serial_number) == (good.subject, good.issuer, good.serial_number)
    root = certificate_key("root").public_key()
    root.verify(read.signature, read.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))


def test_what_reaches_outside_is_heard_and_what_does_not_is_silent() -> None:
    assert "open" in heard_during(lambda: os.listdir(os.fspath(os.curdir)) and open(os.devnull, "rb").close())
    assert heard_during(lambda: base64.b64decode(b"AAAA")) == []


def test_an_event_is_noted_while_somebody_listens_if_it_reaches_outside_by_this_thread() -> None:
    note("open", ())
    assert heard_during(lambda: None) == []
    assert heard_during(lambda: [note(event, ()) for event in ("open", "import", "opened", "socket.connect")]) == [
        "open",
        "socket.connect",
    ]
    other = Thread(target=note, args=("open", ()))
    assert heard_during(lambda: (other.start(), other.join())).count("open") == 0


def test_a_certificate_in_which_there_is_nothing_to_replace_is_not_signed_anew() -> None:
    good, signer = certificate("leaf", "root"), certificate_key("root")
    serial = tlv(0x02, b"\x55\x66\x77")
    with pytest.raises(ValueError, match="nothing to replace"):
        resigned(good, signer, replace={serial: b""})
    named = b"leaf"
    read = x509.load_der_x509_certificate(resigned(good, signer, replace={named: b"stem"}))
    assert read.subject.rfc4514_string() == good.subject.rfc4514_string().replace("leaf", "stem")
    signer.public_key().verify(read.signature, read.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
