"""Our path against the verifier of `cryptography`, and against bytes that nobody made on purpose.

That verifier builds paths for the web and takes a chain to any root, so it is an oracle in one direction: whatever it
refuses for a signature, a time or an authority, we refuse. Random changes of good chains and CRLs end in our own
exceptions, without a cause that could carry the input and without a warning.

Spec: RFC 5280 section 6.1.
"""

from __future__ import annotations

import datetime
import random

import pytest
from builders import NOW, certificate, certificate_key, der, pem
from cryptography import x509
from cryptography.x509 import verification
from hypothesis import given
from hypothesis import strategies as st
from test_x509_profiles import DS, VICAL, make
from test_x509_profiles import leaf as profiled
from test_x509_revocation import crl

from citizenid import CitizenIDError, KeyPurpose, MalformedError, Reason, TrustAnchors, VerificationError
from citizenid._model import CertificateProfile, UnixTime
from citizenid._x509 import load_roots, verify_path

PLAIN = CertificateProfile.SD_JWT_VC_ISSUER


def oracle_accepts(chain: list[x509.Certificate], roots: list[x509.Certificate], now: int) -> bool:
    leaves = verification.ExtensionPolicy.permit_all()
    authorities = leaves.require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, None)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(roots))
        .time(datetime.datetime.fromtimestamp(now, datetime.UTC))
        .max_chain_depth(2)
        .extension_policies(ee_policy=leaves, ca_policy=authorities)
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], chain[1:])
    except verification.VerificationError:
        return False
    return True


def ours(chain: list[x509.Certificate], roots: list[x509.Certificate], now: int) -> Reason | None:
    try:
        verify_path(der(*chain), load_roots(pem(*roots)), UnixTime(now), PLAIN)
    except CitizenIDError as error:
        return error.reason
    return None


def test_the_oracle_accepts_good_chains_and_refuses_bad_ones() -> None:
    # An oracle that refuses everything, or nothing, proves nothing.
    root, ca = certificate("root", "root", authority=True), certificate("ca", "root", authority=True)
    leaf = certificate("leaf", "ca")
    assert oracle_accepts([leaf, ca], [root], NOW) and ours([leaf, ca], [root], NOW) is None
    assert not oracle_accepts([leaf], [root], NOW)
    assert not oracle_accepts([leaf, ca], [root], NOW + 100_000)
    assert not oracle_accepts([certificate("leaf", "ca", signer=certificate_key("x")), ca], [root], NOW)


parts = st.fixed_dictionaries(
    {
        "issuer": st.sampled_from(["root", "ca", "ca2", "other"]),
        "signer": st.sampled_from([None, None, None, "root", "ca", "impostor"]),
        "authority": st.booleans(),
        "window": st.sampled_from([(-100, 100), (-100, 100), (-100, -1), (1, 100), (0, 0)]),
        "path_length": st.sampled_from([None, None, 0, 1]),
    }
)


def build(subject: str, part: dict[str, object], authority: bool) -> x509.Certificate:
    start, end = part["window"]  # type: ignore[misc]  # a pair of numbers
    return certificate(
        subject,
        str(part["issuer"]),
        signer=certificate_key(str(part["signer"])) if part["signer"] else None,
        authority=authority,
        path_length=part["path_length"] if authority else None,  # type: ignore[arg-type]
        not_before=NOW + start,
        not_after=NOW + end,
    )


@given(
    leaf=parts,
    between=st.lists(st.tuples(st.sampled_from(["ca", "ca2"]), parts), max_size=2),
    root_length=st.sampled_from([None, 0, 1]),
    good=st.booleans(),
)
def test_what_the_oracle_refuses_we_refuse(
    leaf: dict[str, object],
    between: list[tuple[str, dict[str, object]]],
    root_length: int | None,
    good: bool,
) -> None:
    root = certificate("root", "root", authority=True, path_length=root_length)
    names = [name for name, _ in between]
    if good:  # a chain that hangs together, so that both sides are seen to accept as well
        above = [*names[1:], "root"][: len(names)]
        leaf = {**leaf, "issuer": names[0] if names else "root", "signer": None, "authority": False}
        between = [
            (name, {**part, "issuer": issuer, "signer": None, "authority": True})
            for (name, part), issuer in zip(between, above, strict=True)
        ]
    chain = [build("leaf", leaf, bool(leaf["authority"]))]
    chain += [build(name, part, bool(part["authority"])) for name, part in between]
    accepted = ours(chain, [root], NOW) is None
    if accepted:
        assert oracle_accepts(chain, [root], NOW)


# --- bytes that nobody made on purpose ---


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        position = chance.randrange(len(changed))
        kind = chance.randrange(6)
        if kind == 0:
            changed[position] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[position] = chance.choice((0, 1, 0x30, 0x7F, 0x80, 0x84, 0xFF))
        elif kind == 2:
            del changed[position : position + chance.randrange(1, 9)]
        elif kind == 3:
            changed[position:position] = changed[position : position + chance.randrange(1, 9)]
        elif kind == 4:
            changed[position:position] = chance.randbytes(chance.randrange(1, 4))
        else:
            del changed[position:]
        if not changed:
            return b""
    return bytes(changed)


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_changed_chains_end_in_our_own_words(seed: int, recwarn: pytest.WarningsRecorder) -> None:
    chance = random.Random(seed)  # the same bytes in each run
    root = make("iaca", "iaca", authority=True)
    ca = make("sub", "iaca", authority=True)
    roots = load_roots(pem(root))
    good = [
        (DS, der(profiled(DS, issuer="sub"), ca)),
        (VICAL, der(profiled(VICAL, issuer="sub"), ca, root)),
        (PLAIN, der(profiled(PLAIN))),
        (PLAIN, der(certificate("leaf", "root"))),
    ]
    strays: set[str] = set()
    for _ in range(1_000):
        profile, chain = good[chance.randrange(len(good))]
        index = chance.randrange(len(chain))
        changed = [mutated(each, chance) if at == index else each for at, each in enumerate(chain)]
        if changed == list(chain):
            continue
        try:
            verify_path(changed, roots, UnixTime(NOW), profile)
            strays.add("accepted")
        except (MalformedError, VerificationError) as error:
            assert error.__context__ is None and error.__cause__ is None
        except Exception as error:  # what else comes out is what this test is about
            strays.add(type(error).__name__)
    assert strays == set()
    assert [str(each.message) for each in recwarn] == []


def test_a_thousand_changed_lists_and_roots_end_in_our_own_words(recwarn: pytest.WarningsRecorder) -> None:
    chance = random.Random(7)
    root = certificate("root", "root", authority=True)
    leaf = der(certificate("leaf", "root", serial=72))
    data, text = crl(revoked=[5, 6]), pem(root)
    strays: set[str] = set()
    for _ in range(1_000):
        lists, roots = ([mutated(data, chance)], text) if chance.randrange(2) else ([data], mutated(text, chance))
        try:
            verify_path(leaf, load_roots(roots, lists), UnixTime(NOW), PLAIN)
            if lists != [data]:
                strays.add("accepted")  # a change between the lines of PEM may do no harm
        except CitizenIDError as error:
            assert error.__context__ is None and error.__cause__ is None
        except Exception as error:  # what else comes out is what this test is about
            strays.add(type(error).__name__)
    assert strays == set()
    assert [str(each.message) for each in recwarn] == []


@given(data=st.binary(max_size=200))
def test_any_bytes_end_in_our_own_words(data: bytes) -> None:
    roots = load_roots(pem(certificate("root", "root", authority=True)))
    for chain in ([data], [*der(certificate("leaf", "root")), data]):
        with pytest.raises((MalformedError, VerificationError)):
            verify_path(chain, roots, UnixTime(NOW), PLAIN)
    with pytest.raises(CitizenIDError):
        TrustAnchors.from_document_signers(data, issuer="x", purpose=KeyPurpose.STATUS_LIST)
