"""Attacks on the chain of certificates: whose country it is, how strong its keys are, and how much of it there is.

Spec: ISO/IEC 18013-5 9.3.3, annex B; NIST SP 800-57 part 1 table 2; specs/verification.md V1, V2, V5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x448, x25519

from ... import Country, Format, Reason
from ..attacks import attack
from ..forge import mdoc as m
from ..forge.mdoc_issuer import MDL, PHOTO_ID, PID
from ..forge.mdoc_keys import cose_key, key, root, signer_certificate
from ..forge.parts import ABSENT, NOW, unbase64url
from ..forge.parts import key as local
from ..forge.sd_jwt import anchors_for
from ..forgery import Forgery, Outcome, called
from ..targets import Party, outcome_of
from ..trials import Trial, accepted, asked, expect, holds, mdoc, refused, sd_cwt, sd_jwt
from ..world import POLICY
from ._chains import accepts, authority, encoded, leaf, pinned, refuses, resigned, shown, status_list, trusting
from ._counting import Called, calls_of

_UNTRUSTED: Final = Reason.CERTIFICATE_UNTRUSTED
_PAST: Final = Reason.CERTIFICATE_UNTRUSTED
_ELSEWHERE: Final = Reason.CERTIFICATE_COUNTRY_MISMATCH
_EXCEEDED: Final = Reason.LIMIT_EXCEEDED
_MDOC: Final = (Format.MDOC,)
_MANY: Final = 96
_SHA1: Final = bytes.fromhex("300906072a8648ce3d0401")  # ecdsa-with-SHA1
_RSA_SHA256: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_RSA_WEAK: Final = {
    "MD5": bytes.fromhex("300d06092a864886f70d0101040500"),
    "SHA-1": bytes.fromhex("300d06092a864886f70d0101050500"),
}
_P384R1, _P320R1 = bytes.fromhex("06092b240303020801010b"), bytes.fromhex("06092b2403030208010109")
# A group of 1024 bits that everybody knows, from the Java Cryptography Architecture.
_DSA: Final = (
    "FD7F53811D75122952DF4A9C2EECE4E7F611B7523CEF4400C31E3F80B6512669455D402251FB593D8D58FABFC5F5BA30F6CB9B556CD7813B"
    "801D346FF26660B76B9950A5A49F9FE8047B1022C24FBBA9D7FEB7C61BF83B57E7C6A8A6150F04FB83F6D3C51EC3023554135A169132F675"
    "F3AE2B61D72AEFF22203199DD14801C7",
    "9760508F15230BCCB292B982A2EB840BF0581CF5",
    "F7E1A085D69B3DDECBBCAB5C36B857B97994AFBBFA3AEA82F9574C0B3D0782675159578EBAD4594FE67107108180B449167123E84C281613"
    "B7CF09328CC8A6E13C167A8B547C8D28E0A3AE1E2BB3A675916EA37F0BFA213562F1FB627A01243BCCA4F1BEA8519089A883DFE15AE59F06"
    "928B665E807B552564014C3BFECF492A",
)


@attack("CHN-017", "CHAIN_COUNTRY_MISMATCH")
def another_country() -> Iterator[Trial]:
    """The document signer is of another country than its authority, or than the one that it attests for."""
    yield from accepts("the country of its root", leaf("UT/DS"))
    for name in ("XX/DS", "ut/DS", "/DS", "UT+XX/DS", "XX+UT/DS", "UT+UT/DS"):
        yield from refuses(f"{name} below UT", _ELSEWHERE, leaf(name), formats=_MDOC)
    state = [authority("UT:Salt Lake/IACA")]
    yield from accepts("no state below one", leaf("UT/DS", "UT:Salt Lake/IACA"), roots=state, formats=_MDOC)
    yield from accepts("its state", leaf("UT:Salt Lake/DS", "UT:Salt Lake/IACA"), roots=state, formats=_MDOC)
    other = leaf("UT:Provo/DS", "UT:Salt Lake/IACA")
    yield from refuses("another state", _ELSEWHERE, other, roots=state, formats=_MDOC)
    for country in ("UT+XX", ""):
        above = [authority(f"{country}/IACA")]
        both = leaf(f"{country}/DS", f"{country}/IACA")
        said = f"both of {country or 'no country'}"
        yield from refuses(said, _ELSEWHERE, both, roots=above, formats=_MDOC)
    nowhere = leaf("UT/DS", "/IACA")
    yield from refuses("a root of no country", _ELSEWHERE, nowhere, roots=[authority("/IACA")], formats=_MDOC)
    for namespace in (PID, MDL, PHOTO_ID):
        named = {PID: {"nationality": ["US"]}}
        for stated, reason in (("UT", None), ("XX", Reason.ISSUER_MISMATCH), ("ut", Reason.ISSUER_MISMATCH)):
            inside = {**named, namespace: {**named.get(namespace, {}), "issuing_country": stated}}
            said = f"issuing_country {stated} in {namespace}"
            forged = mdoc(elements=inside)
            yield accepted(said, forged) if reason is None else refused(said, reason, forged, step="V5")
        for states, reason in ((["Provo"], None), (["Ogden"], Reason.ISSUER_MISMATCH), ([], None)):
            inside = {**named, namespace: {**named.get(namespace, {}), "issuing_jurisdiction": "Provo"}}
            signer = f"UT:{states[0]}/DS" if states else "UT/DS"
            chain = leaf(signer, f"UT:{states[0]}/IACA" if states else "IACA")
            of_state = authority(f"UT:{states[0]}/IACA" if states else "IACA")
            forged, trusted = shown(Format.MDOC, [chain], elements=inside), trusting(Format.MDOC, of_state)
            said = f"Provo in {namespace}, by {signer}"
            if reason is None:
                yield accepted(said, forged, anchors=trusted)
            else:
                yield refused(said, reason, forged, step="V5", anchors=trusted)


@attack("CHN-018", "ISSUER_UNTRUSTED")
def out_of_its_scope() -> Iterator[Trial]:
    """An issuer attests the nationality of a country that it is not trusted with."""
    outside = Reason.COUNTRY_NOT_ALLOWED
    for name in ("https://other.example", "https://id.example/", "HTTPS://id.example"):
        yield refused(f"an SD-CWT by {name}", Reason.ISSUER_MISMATCH, sd_cwt(claims={1: name}), step="V5")
        yield refused(f"an SD-JWT VC by {name}", Reason.ISSUER_MISMATCH, sd_jwt(payload={"iss": name}), step="V5")
    for format in (Format.MDOC, Format.SD_JWT_VC, Format.SD_CWT):
        forged = shown(format, [leaf()])
        for countries, reason in ((("US",), None), (("DE", "US"), None), (("DE",), outside), (("UM",), outside)):
            trusted = trusting(format, root(), countries=frozenset(map(Country, countries)))
            said = f"a US national in {format.value}, trusted with {', '.join(countries)}"
            judged: Any = {"anchors": trusted}
            yield accepted(said, forged, **judged) if reason is None else refused(said, reason, forged, **judged)

    def kept() -> None:
        for nationalities, left in ((["US", "DE"], {"DE"}), (["DE"], {"DE"})):
            trusted = trusting(Format.MDOC, root(), countries=frozenset({Country("DE")}))
            verified: Any = m.verify(m.make({PID: {"nationality": nationalities}}), anchors=trusted)
            expect(verified.citizenship.all_nationalities == set(map(Country, left)), f"of {nationalities}")
            expect(not verified.citizenship.complete, "it is complete")

    yield holds("of two nationalities the other one is left out", kept)
    # Whoever shows a chain could lead it past an authority that is trusted with less.
    chain = [leaf(issuer="CA"), authority("CA", "IACA")]
    wide, narrow = trusting(Format.MDOC, authority("IACA", path_length=1)), {"issuer": "https://other.example"}
    german = trusting(Format.MDOC, authority("CA"), countries=frozenset({Country("DE")}), **narrow)
    yield accepted("past an authority that nobody has pinned", shown(Format.MDOC, chain), anchors=wide)
    past = shown(Format.MDOC, chain)
    yield refused("past an authority that is pinned for less", _PAST, past, step="V2", anchors=wide | german)
    ending = shown(Format.MDOC, chain[:1])
    yield refused("and where the chain ends at it", outside, ending, step="V5", anchors=wide | german)
    yield from _at_a_gateway()


def _at_a_gateway() -> Iterator[Trial]:
    """The same of a gateway, which must not let in for Germany whom only Germany vouches for as a US national."""
    german: dict[str, Any] = {"anchors": anchors_for(local("issuer").public, countries=frozenset({Country("DE")}))}
    both = sd_jwt(payload={"nationalities": ["US", "DE"]})

    def asking(forgery: Forgery, resource: str) -> Callable[[Party], Outcome]:
        def act(party: Party) -> Outcome:
            answer = party.apply(forgery)
            return (
                party.use(json.loads(answer.body)["ticket"], resource) if answer.status == 200 else outcome_of(answer)
            )

        return act

    outside, other = Reason.COUNTRY_NOT_ALLOWED, Reason.CITIZENSHIP_NOT_PERMITTED
    yield asked("a US national at a gateway that trusts for DE", outside, asking(sd_jwt(), "us-nationals"), **german)
    yield asked("a national of both there, as a German", None, asking(both, "europe"), **german)
    yield asked("a national of both there, as a US national", other, asking(both, "us-nationals"), **german)
    # A rule that asks for more than countries is decided with more facts.
    more = POLICY + "".join(
        f'[[rule]]\nresource = "{name}"\nnationality = ["{code}"]\nformats = ["dc+sd-jwt"]\n'
        for name, code in (("german", "DE"), ("american", "US"))
    )
    yield asked("and in one format, as a German", None, asking(both, "german"), policy_text=more, **german)
    yield asked("and in one format, as a US national", other, asking(both, "american"), policy_text=more, **german)


def _dsa_key() -> Any:
    p, q, g = (int(number, 16) for number in _DSA)
    return dsa.DSAPublicNumbers(pow(g, 0x1234567, p), dsa.DSAParameterNumbers(p, q, g)).public_key()


def _rsa_key(bits: int) -> Any:
    # No private key is needed where the certificate alone is looked at.
    return rsa.RSAPublicNumbers(65_537, (3 << bits - 2) | 0x1234567).public_key()


def _other_keys() -> dict[str, Any]:
    return {
        "RSA of 1024 bits": _rsa_key(1024),
        "RSA of 2048 bits": _rsa_key(2048),
        "DSA": _dsa_key(),
        "P-192": ec.generate_private_key(ec.SECP192R1()).public_key(),
        "P-224": ec.generate_private_key(ec.SECP224R1()).public_key(),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key(),  # wide enough, and in no table
        "X25519": x25519.X25519PrivateKey.generate().public_key(),
        "X448": x448.X448PrivateKey.generate().public_key(),
    }


@attack("CHN-020", "KEY_INVALID")
def weak_key() -> Iterator[Trial]:
    """A key of the chain is too weak, or of a kind that no credential is signed with."""
    weak = Reason.KEY_INVALID
    for curve in ("P-256", "P-384", "P-521", "brainpoolP256r1", "Ed25519", "Ed448"):
        private = key("signer", curve)
        yield accepted(curve, mdoc(signer=private, chain=signer_certificate(curve)))
    for name, public in _other_keys().items():
        yield from refuses(f"a leaf of {name}", weak, leaf(public=public))
        yield status_list(f"a leaf of {name}", weak, leaf(public=public, purposes=None))
    yield from _other_device_keys()
    below, wide = leaf(issuer="CA"), authority("IACA", path_length=1)
    curves = {"P-192": ec.SECP192R1(), "P-224": ec.SECP224R1(), "secp256k1": ec.SECP256K1()}
    for name, curve_ in curves.items():
        private = _ec(name, curve_)
        chain = leaf(issuer="CA", signer=private), authority("CA", "IACA", public=private.public_key())
        yield from refuses(f"an intermediate of {name}", weak, *chain, roots=[wide])
    for bits in (1024, 2047, 16_384):
        ca = authority("CA", "IACA", public=_rsa_key(bits))
        yield from refuses(f"an intermediate of RSA {bits}", weak, below, ca, roots=[wide])
    yield from refuses("an intermediate of DSA", weak, below, authority("CA", "IACA", public=_dsa_key()), roots=[wide])

    def roots() -> None:
        for name, public in _other_keys().items():
            outcome = called(partial(trusting, Format.MDOC, authority("IACA", public=public)))
            permitted = name == "RSA of 2048 bits"  # an authority may have it, and no signer
            expect(outcome.allowed is permitted, f"a root of {name}: {outcome}")
            expect(permitted or outcome.reason is Reason.ANCHOR_INVALID, f"a root of {name}: {outcome}")

    yield holds("nor is a root of such a key pinned", roots)


def _other_device_keys() -> Iterator[Trial]:
    good = cose_key(key("device"))
    yield accepted("a device key of P-256", mdoc())
    others: dict[str, Any] = {
        "ML-DSA-44": {1: 7, 3: -48, -1: unbase64url(local("device", "ML-DSA-44").public.to_jwk()["pub"])},
        "another curve by its name": {**good, -1: 2},
        "secp256k1": {**good, -1: 8},
        "X25519": {1: 1, -1: 4, -2: bytes(32)},
        "RSA": {1: 3, -1: bytes(256), -2: b"\1\0\1"},
        "a point off its curve": {**good, -3: bytes(32)},
        "a coordinate that is cut short": {**good, -2: good[-2][1:]},
        "a private member": {**good, -4: bytes(32)},
    }
    for name, stated in others.items():
        yield refused(f"a device key: {name}", Reason.KEY_INVALID, mdoc(key_info={"deviceKey": stated}), step="V4")
    missing = {**good, -1: 257}
    forged = mdoc(key_info={"deviceKey": missing})
    yield refused("a device key of brainpoolP320r1", Reason.CURVE_UNSUPPORTED, forged, step="V4")


@cache
def _ec(name: str, curve: Any) -> Any:
    return ec.generate_private_key(curve)


@cache
def _rsa(bits: int) -> Any:
    return rsa.generate_private_key(65_537, bits)


@attack("CHN-021", "CHAIN_UNTRUSTED")
def weak_hash() -> Iterator[Trial]:
    """A certificate is signed over a hash for which another certificate can be found."""
    for name, strong in (("SHA-256", hashes.SHA256()), ("SHA-384", hashes.SHA384()), ("SHA-512", hashes.SHA512())):
        yield from accepts(name, leaf(hash_algorithm=strong))
    wide = [authority("IACA", path_length=1)]
    others: dict[str, Any] = {"SHA-224": hashes.SHA224(), "SHA3-256": hashes.SHA3_256()}
    for name, weak in others.items():
        yield from refuses(name, _UNTRUSTED, leaf(hash_algorithm=weak))
        yield status_list(name, _UNTRUSTED, leaf(hash_algorithm=weak, purposes=None))
        ca = authority("CA", "IACA", hash_algorithm=weak)
        yield from refuses(f"{name}, in an intermediate", _UNTRUSTED, leaf(issuer="CA"), ca, roots=wide)
    yield from accepts("SHA-256, signed anew by hand", resigned(leaf(), key("IACA")))
    yield from refuses("SHA-1", _UNTRUSTED, _with_sha1(leaf(), key("IACA")))
    yield status_list("SHA-1", _UNTRUSTED, _with_sha1(leaf(purposes=None), key("IACA")))
    chain = leaf(issuer="CA"), _with_sha1(authority("CA", "IACA"), key("IACA"))
    yield from refuses("SHA-1, in an intermediate", _UNTRUSTED, *chain, roots=wide)
    # Document signers have such numbers; their certificates are then verified by their bytes, not by the backend.
    strange = {bytes.fromhex("a003020102020107"): bytes.fromhex("a0030201020201f9")}
    below = resigned(leaf(serial=7), key("IACA"), replace=strange)
    yield from accepts("SHA-256, below a strange serial number", below, formats=_MDOC)
    forged = resigned(leaf(serial=7), scheme=_SHA1, sign=_sha1_by(key("IACA")), replace=strange)
    yield from refuses("SHA-1, below a strange serial number", _UNTRUSTED, forged, formats=_MDOC)
    signer = _rsa(2048)
    above = [authority("IACA", signer=signer, public=signer.public_key())]
    by_rsa = leaf(signer=signer)
    yield from accepts("RSA with SHA-256", by_rsa, roots=above)
    for name, scheme in _RSA_WEAK.items():
        forged = _by_rsa(by_rsa, signer, scheme, hashes.MD5() if name == "MD5" else hashes.SHA1())  # noqa: S303  # that they are weak is the point
        yield from refuses(f"RSA with {name}", _UNTRUSTED, forged, roots=above)


def _with_sha1(source: x509.Certificate, signer: Any) -> bytes:
    return resigned(source, scheme=_SHA1, sign=_sha1_by(signer))


def _sha1_by(signer: Any) -> Callable[[bytes], bytes]:
    return lambda data: signer.sign(data, ec.ECDSA(hashes.SHA1()))  # noqa: S303  # that it is weak is the point


def _by_rsa(source: x509.Certificate, signer: Any, scheme: bytes, weak: Any) -> bytes:
    def sign(data: bytes) -> bytes:
        return signer.sign(data, padding.PKCS1v15(), weak)  # type: ignore[no-any-return]  # bytes

    return resigned(source, instead_of=_RSA_SHA256, scheme=scheme, sign=sign)


@attack("CHN-023", "KEY_INVALID")
def chain_of_brainpool() -> Iterator[Trial]:
    """Curves that the standard permits and a path builder for the web refuses: they are accepted."""
    curves: dict[str, tuple[Any, Any]] = {
        "brainpoolP256r1": (_ec("IACA", ec.BrainpoolP256R1()), hashes.SHA256()),
        "brainpoolP384r1": (_ec("IACA", ec.BrainpoolP384R1()), hashes.SHA384()),
        "brainpoolP512r1": (_ec("IACA", ec.BrainpoolP512R1()), hashes.SHA512()),
        "P-521": (_ec("IACA", ec.SECP521R1()), hashes.SHA512()),
        "Ed25519": (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))), None),
        "Ed448": (ed448.Ed448PrivateKey.from_private_bytes(bytes(range(57))), None),
    }
    for name, (private, hashed) in curves.items():
        signing: dict[str, Any] = {"signer": private, "hash_algorithm": hashed}
        above = [authority("IACA", public=private.public_key(), **signing)]
        yield from accepts(f"{name} above", leaf(**signing), roots=above)
        wide = [authority("IACA", path_length=1)]
        chain = leaf(issuer="CA", **signing), authority("CA", "IACA", public=private.public_key())
        yield from accepts(f"{name} between", *chain, roots=wide)
    # The one curve of the standard that no library here has (specs/profile-mdoc.md section 2).
    source = leaf(public=_ec("IACA", ec.BrainpoolP384R1()).public_key())
    unknown = resigned(source, key("IACA"), replace={_P384R1: _P320R1})
    yield from refuses("brainpoolP320r1", Reason.CURVE_UNSUPPORTED, unknown)


@cache
def _namesakes() -> tuple[x509.Certificate, ...]:
    """Return authorities of one name, each crossed by another one of them."""
    keys = [key(f"namesake {number}") for number in range(_MANY)]
    return tuple(
        authority("IACA", signer=keys[number - 1], public=private.public_key()) for number, private in enumerate(keys)
    )


@attack("CHN-024", "CHAIN_UNTRUSTED")
def too_many_to_search() -> Iterator[Trial]:
    """Many authorities of one name, crossed with each other, so that whoever searches for a path finds no end."""
    some = encoded(leaf(issuer="IACA", signer=key("nobody")), *_namesakes())
    # A chain is one line, leaf first. What wants to be searched is refused for its length.
    for count in (4, 5, 16, _MANY + 1):
        yield refused(f"{count} in one chain", _EXCEEDED, mdoc(chain=some[:count]))
    yield refused("two of them", _UNTRUSTED, mdoc(chain=some[:3]))
    forward = [some[0], some[2], some[1]]
    yield refused("two of them, the other way round", _UNTRUSTED, mdoc(chain=forward), anchors=_of_many())
    yield refused("none of many roots signed it", _UNTRUSTED, mdoc(chain=some[0]), anchors=_of_many())
    last = leaf(issuer="IACA", signer=key(f"namesake {_MANY - 1}"))
    yield accepted("the last of many roots signed it", mdoc(chain=encoded(last)[0]), anchors=_of_many())

    def linear() -> None:
        anchors = trusting(Format.MDOC, *_namesakes())  # that remember no path yet
        good = encoded(last)
        for chain in (some[:1], some[:2], some[:3], forward, good):
            tried = _count("verify", partial(m.verify, m.make(chain=chain), anchors=anchors))
            others = 2 if chain is good else 0  # of issuer and device
            expect(others < tried < _MANY + len(chain) + others, f"{tried} signatures were verified")

    yield holds("no signature of a certificate is verified twice", linear)


@cache
def _of_many() -> Any:
    """Trust many authorities of one name, each under its own certificate."""
    return trusting(Format.MDOC, *_namesakes())


def _count(name: str, call: Callable[[], object]) -> int:
    """Return how often a function of C, or of Rust, is called in a call."""
    return calls_of(partial(called, call))[Called("", name)]


@attack("CHN-025", "LIMIT_EXCEEDED")
def too_much_to_read() -> Iterator[Trial]:
    """A chain of a thousand certificates, or of megabytes: refused before any of it is read."""
    short, good = b"\x30\x00", encoded(leaf())[0]
    yield accepted("one", mdoc(chain=good))
    yield accepted("one, in an array", mdoc(chain=[good]))
    yield refused("four", _EXCEEDED, mdoc(chain=[good] * 4), step="V2")
    signer = leaf()
    yield accepted("three, the first one pinned", mdoc(chain=[*encoded(signer), good, good]), anchors=pinned(signer))
    four = mdoc(chain=[*encoded(signer), good, good, good])
    yield refused("four, the first one pinned", _EXCEEDED, four, step="V2", anchors=pinned(signer))
    for count in (5, 100, 1_000):
        yield refused(f"{count}: mdoc", _EXCEEDED, mdoc(chain=[short] * count), step="V1")
        protected = {1: -7, 33: [short] * count}
        hidden = mdoc(protected=protected, unprotected={33: ABSENT})
        yield refused(f"{count}, in the protected header: mdoc", _EXCEEDED, hidden, step="V1")
        x5c = sd_jwt(header={"kid": ABSENT, "x5c": ["MAA="] * count})
        yield refused(f"{count}: SD-JWT VC", _EXCEEDED, x5c, step="V1")
        x5chain = sd_cwt(header={4: ABSENT, 33: [short] * count})
        yield refused(f"{count}: SD-CWT", _EXCEEDED, x5chain, step="V1")
    for size in (10_241, 100_000):
        yield refused(f"one of {size} bytes", _EXCEEDED, mdoc(chain=bytes(size)), step="V2")
    yield refused("a second of 10,241 bytes", _EXCEEDED, mdoc(chain=[good, bytes(10_241)]), step="V2")
    yield refused("a thousand of 300 bytes", Reason.INPUT_TOO_LARGE, mdoc(chain=[bytes(300)] * 1_000))
    yield refused("a thousand of 5,000 bytes", Reason.INPUT_TOO_LARGE, mdoc(chain=[bytes(5_000)] * 1_000), now=NOW)
    yield holds("no certificate is read", _expect_unread)


def _expect_unread() -> None:
    good = encoded(leaf())[0]
    read = "load_der_x509_certificate"
    anchors = trusting(Format.MDOC, root())
    expect(_count(read, partial(m.verify, m.make(chain=good), anchors=anchors)) == 1, "what is read was not counted")
    for chain in ([good] * 4, [good] * 5, [good] * 500, [good, bytes(10_241)]):
        anchors = trusting(Format.MDOC, root())
        count = _count(read, partial(m.verify, m.make(chain=chain), anchors=anchors))
        expect(count == 0, f"{count} of {len(chain)} certificates were read")
