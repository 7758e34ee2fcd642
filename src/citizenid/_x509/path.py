"""A certificate path from a leaf to a pinned root: `link` finds what no time can change, `judge` asks the time.

The chain comes ordered, leaf first (RFC 7515 section 4.1.6, RFC 9360 section 2); each certificate must be signed by
the next one, the last by a pinned root, which itself is not sent (HAIP 1.0 section 6.1.1) unless the profile says so.
What `link` returned for exactly these bytes under exactly these roots may be kept: signatures, names and profiles
stay as they are, and windows and CRLs are judged at every call.

Spec: RFC 5280 section 6.1 (what applies to a linear path); specs/verification.md V2.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, final

from cryptography import x509

from .._crypto import PublicKey
from .._errors import CitizenIDError, MalformedError, Reason, VerificationError
from .._model import CertificateProfile, UnixTime
from .anchors import Root
from .certificates import (
    Opened,
    check_authority_key,
    identifies_keys,
    is_authority,
    is_self_issued,
    issued,
    key_of,
    names_key_of,
    open_certificate,
    spki_of,
)
from .profiles import (
    PROFILES,
    Profile,
    check_leaf,
    countries_agree,
    country_of,
    has_one_country,
    may_issue_signers,
    may_sign_objects,
    states_of,
)
from .revocation import Revocation, lists_of

_MAX_CERTIFICATE_BYTES: Final = 10_240  # one with a key and a signature of ML-DSA-87 has below 8 KiB
_MAX_PATHS: Final = 1_024  # document signers of all states of one union, at a few hundred bytes each


class CertifiedKey(NamedTuple):
    """The leaf's key, the window in which the whole path holds, which root it led to, and the leaf's own window.

    Its country and its states are what its subject names, in a profile that asks for a country.
    """

    key: PublicKey
    not_before: UnixTime
    not_after: UnixTime  # exclusive
    root: int
    signer_not_before: UnixTime
    signer_not_after: UnixTime  # exclusive
    country: str | None
    states: tuple[str | bytes, ...]


class Route(NamedTuple):
    """The path by way of one root: when all of its certificates are valid, and what CRLs say of each hop."""

    root: int
    not_before: UnixTime
    not_after: UnixTime
    hops: tuple[Revocation, ...]


class LinkedPath(NamedTuple):
    """A chain with its profile and all of its signatures verified, and nothing yet said about a time."""

    key: PublicKey
    not_before: UnixTime
    not_after: UnixTime
    routes: tuple[Route, ...]
    country: str | None
    states: tuple[str | bytes, ...]


@final
class PathCache:
    """Linked paths of chains that have verified, by their exact bytes. A full cache begins anew.

    It belongs to one set of anchors and holds no refusal: nobody fills it without a certificate of a trusted issuer.
    """

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: dict[Hashable, LinkedPath] = {}

    def get(self, key: Hashable) -> LinkedPath | None:
        """Return the path, or None."""
        return self._paths.get(key)

    def put(self, key: Hashable, path: LinkedPath) -> None:
        """Keep a path that has verified."""
        if len(self._paths) >= _MAX_PATHS:
            self._paths.clear()
        self._paths[key] = path

    def __len__(self) -> int:
        return len(self._paths)


def verify_path(
    chain: Sequence[bytes], roots: Sequence[Root], now: UnixTime, profile: CertificateProfile
) -> CertifiedKey:
    """Verify a chain of DER certificates, leaf first, up to one of the roots.

    Raises:
        MalformedError, VerificationError: as `link` and `judge`.
    """
    row = PROFILES[profile]
    return judge(link(chain, roots, row), now, row)


def check_bounds(chain: Sequence[bytes], profile: Profile) -> None:
    """Refuse a chain by its size, before any of it is read.

    Raises:
        MalformedError: LIMIT_EXCEEDED.
    """
    where = profile.where
    if len(chain) > profile.intermediates + 1 + profile.root_in_chain or any(
        len(der) > _MAX_CERTIFICATE_BYTES for der in chain
    ):
        raise MalformedError(Reason.LIMIT_EXCEEDED, where)


def link(chain: Sequence[bytes], roots: Sequence[Root], profile: Profile) -> LinkedPath:
    """Verify all of a chain that no time can change.

    Raises:
        MalformedError: LIMIT_EXCEEDED for too many or too large certificates, CERTIFICATE_INVALID for broken DER,
            KEY_INVALID and CURVE_UNSUPPORTED for a key that is too weak, of another kind, or on another curve.
        VerificationError: CERTIFICATE_INVALID for a certificate that may not stand where it stands,
            CERTIFICATE_USE_FORBIDDEN for a leaf that its profile does not permit, or an authority for other purposes,
            CERTIFICATE_UNTRUSTED when no root signed the last one, one of them did not sign the one before, or one has
            the key of a root that is pinned for something else; CERTIFICATE_COUNTRY_MISMATCH.
    """
    where = profile.where
    check_bounds(chain, profile)
    candidates = list(enumerate(roots))
    if profile.root_in_chain and chain:
        repeated = [(index, root) for index, root in candidates if root.der == chain[-1]]
        if repeated:
            candidates, chain = repeated, chain[:-1]
    if not chain or len(chain) > profile.intermediates + 1:
        raise MalformedError(Reason.LIMIT_EXCEEDED if chain else Reason.CERTIFICATE_INVALID, where)
    opened = [
        open_certificate(der, where, leaf=index == 0, any_serial=profile.any_serial) for index, der in enumerate(chain)
    ]
    path = [each.certificate for each in opened]
    check_leaf(path[0], profile)
    for below, issuer in enumerate(path[1:]):
        if not is_authority(issuer, below=below):
            raise VerificationError(Reason.CERTIFICATE_INVALID, where)
    if not all(may_issue_signers(issuer, profile) for issuer in path[1:]):
        raise VerificationError(Reason.CERTIFICATE_USE_FORBIDDEN, where)
    if profile.key_identifiers and not all(identifies_keys(each, leaf=each is path[0]) for each in path):
        raise VerificationError(Reason.CERTIFICATE_INVALID, where)
    # From the roots downwards: a key that nobody has vouched for verifies nothing, so that none is too slow to try.
    starts, ends = max(each.not_before for each in opened), min(each.not_after for each in opened)
    routes = []
    refusal = Reason.CERTIFICATE_UNTRUSTED
    for index, root in candidates:
        if root.der in chain or not issued(opened[-1], root.certificate, root.subject):
            continue
        fault = _fault_under(root, path, profile)
        if fault is None:
            routes.append((index, root, max(starts, root.not_before), min(ends, root.not_after)))
        else:
            refusal = fault
    if not routes:
        raise VerificationError(refusal, where)
    _check_links(opened, where)
    # A chain is not signed: whoever shows it could lead it past an authority that is pinned for something else.
    passed, meaning = {spki_of(issuer) for issuer in path[1:]}, routes[0][1].meaning
    if any(root.meaning != meaning and root.key in passed for root in roots):
        raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, where)
    return LinkedPath(
        key_of(opened[0], where),
        UnixTime(opened[0].not_before),
        UnixTime(opened[0].not_after),
        tuple(
            Route(index, UnixTime(start), UnixTime(end), _hops(opened, root, roots))
            for index, root, start, end in routes
        ),
        country_of(path[0]) if profile.country else None,
        states_of(path[0]) if profile.country else (),
    )


def judge(path: LinkedPath, now: UnixTime, profile: Profile) -> CertifiedKey:
    """Judge a linked path at `now`. Of several roots that lead to it, the first that holds counts.

    Raises:
        VerificationError: CERTIFICATE_EXPIRED outside of a window, CERTIFICATE_REVOKED, and CRL_UNUSABLE when no CRL
            speaks for an issuer or the latest one cannot be used.
    """
    where = profile.where
    refusal = Reason.CERTIFICATE_EXPIRED
    for root, not_before, not_after, hops in path.routes:
        if not not_before <= now < not_after:
            continue  # a renewed root of the same key may still do
        fault: Reason | None = None
        final = False
        for hop in hops:
            known = hop.judge(now)
            if isinstance(known, Reason):
                # What is below a root is revoked under each certificate of its key; such a certificate, by itself.
                fault, final = known, hop.needed and known is Reason.CERTIFICATE_REVOKED
                break
            not_after = UnixTime(min(not_after, known))
        if fault is None:
            return CertifiedKey(
                path.key, not_before, not_after, root, path.not_before, path.not_after, path.country, path.states
            )
        refusal = fault
        if final:
            break
    raise VerificationError(refusal, where)


def _fault_under(root: Root, path: list[x509.Certificate], profile: Profile) -> Reason | None:
    # A root that did sign the last certificate, and may still not be the one for this path.
    certificate = root.certificate
    if not is_authority(certificate, below=len(path) - 1) or not names_key_of(path[-1], certificate):
        return Reason.CERTIFICATE_INVALID
    if profile.key_identifiers and not identifies_keys(certificate, leaf=False):
        return Reason.CERTIFICATE_INVALID
    if profile.country and not countries_agree(path[0], certificate):
        return Reason.CERTIFICATE_COUNTRY_MISMATCH
    return None


def _check_links(path: list[Opened], where: str) -> None:
    for opened, above in zip(reversed(path[:-1]), reversed(path), strict=False):
        issuer = above.certificate
        check_authority_key(issuer, where)
        if not issued(opened, issuer, above.subject):
            raise VerificationError(Reason.CERTIFICATE_UNTRUSTED, where)
        if not names_key_of(opened.certificate, issuer):
            raise VerificationError(Reason.CERTIFICATE_INVALID, where)


def _hops(path: list[Opened], root: Root, roots: Sequence[Root]) -> tuple[Revocation, ...]:
    if not root.crls:
        return ()
    issuers = [*(each.certificate for each in path[1:]), root.certificate]
    pairs = reversed(list(zip(path, issuers, strict=True)))  # what is next to the root first
    hops = [Revocation(each.serial, lists_of(issuer, root.crls)) for each, issuer in pairs]
    # A root needs nobody's word. But where one that is pinned issued it and lists it, a shorter chain is no way round.
    above = [each.certificate for each in roots if issued(root.opened, each.certificate, each.subject)]
    hops += [Revocation(root.opened.serial, lists_of(issuer, root.crls), needed=False) for issuer in above]
    return tuple(hops)


def check_chain(chain: Sequence[bytes], key: PublicKey) -> None:
    """Refuse a chain that no verifier would take, before it is written into a header.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID unless there are at most three certificates, each readable, and the leaf
            is one for `key` that may sign.
    """
    where = "certificates"
    usable = False
    try:
        path = [
            open_certificate(der, where, leaf=index == 0, any_serial=False)
            for index, der in enumerate(chain)
            if type(der) is bytes
        ]
        limit = PROFILES[CertificateProfile.SD_JWT_VC_ISSUER].intermediates + 1
        leaf = path[0] if 0 < len(path) == len(chain) <= limit else None
        if leaf is not None and may_sign_objects(leaf.certificate) and key_of(leaf, where) == key:
            _check_links(path, where)
            # A self-issued one at the end is the root: it is not sent.
            usable = not any(is_self_issued(each.certificate) for each in path)
    except CitizenIDError:
        pass  # raised below in our own words
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)


def signer_window(chain: tuple[bytes, ...], profile: CertificateProfile) -> tuple[UnixTime, UnixTime]:
    """Return when the leaf of a chain that is to be written is valid; the end is exclusive.

    What depends on the root is for whoever pins it: here a chain is held against what its profile says of every chain.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID for a chain that no verifier of the profile would take, or for none.
    """
    _, not_before, not_after = _signer(chain, profile)
    return not_before, not_after


def signer_places(chain: tuple[bytes, ...], profile: CertificateProfile) -> tuple[str | None, tuple[str | bytes, ...]]:
    """Return the country of the leaf of a chain that is to be written, if it names one, and the states that it names.

    Raises as `signer_window`.
    """
    return _signer(chain, profile)[0]


@lru_cache(maxsize=64)  # an issuer has one chain for years, and it says the same each time
def _signer(
    chain: tuple[bytes, ...], profile: CertificateProfile
) -> tuple[tuple[str | None, tuple[str | bytes, ...]], UnixTime, UnixTime]:
    where = "certificates"
    row = PROFILES[profile]
    leaf = None
    try:
        check_bounds(chain, row)
        opened = [open_certificate(der, where, leaf=i == 0, any_serial=False) for i, der in enumerate(chain or (b"",))]
        path = [each.certificate for each in opened]
        check_leaf(path[0], row)
        if (
            all(is_authority(issuer, below=below) for below, issuer in enumerate(path[1:]))
            and all(may_issue_signers(issuer, row) for issuer in path[1:])
            and (not row.key_identifiers or all(identifies_keys(each, leaf=each is path[0]) for each in path))
            and (not row.country or has_one_country(path[0]))
        ):
            leaf = opened[0]
    except CitizenIDError:
        pass  # raised below in our own words
    if leaf is None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, where)
    places = country_of(leaf.certificate), states_of(leaf.certificate)
    return places, UnixTime(leaf.not_before), UnixTime(leaf.not_after)
