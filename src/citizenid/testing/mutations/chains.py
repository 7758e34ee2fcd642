"""Mutations of certificate chains: what an authority would not sign, and what does not lead to the root.

Spec: RFC 5280 section 6.1; ISO/IEC 18013-5 annex B; specs/verification.md V2.2 to V2.12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ... import Reason
from ..._model import CertificateProfile
from ..strategies.chains import REQUIRED, Chain, Link
from ..strategies.values import DAY
from ._frame import Choice, Edit, Mutation, keyless, row

R: Final = Reason


def relinked(edit: Callable[[list[Link], Chain, Choice], Any], *, root: Callable[[Chain], Link] | None = None) -> Edit:
    """Return what edits the certificates before they are made; an edit may say False: nothing to do."""

    def apply(valid: Chain, choice: Choice) -> tuple[bytes, ...] | None:
        links = list(valid.links)
        if edit(links, valid, choice) is False:
            return None
        above = valid.root if root is None else root(valid)
        return Chain(valid.profile, tuple(links), above, valid.now).data

    return apply


def _at(place: str, **changes: Any) -> Callable[[list[Link], Chain, Choice], Any]:
    def edit(links: list[Link], valid: Chain, choice: Choice) -> bool | None:
        number = 0 if place == "leaf" else len(links) - 1
        if place == "above" and number == 0:
            return False
        made = {name: value(valid.now, choice) if callable(value) else value for name, value in changes.items()}
        links[number] = replace(links[number], **made)
        return None

    return edit


def _of_purpose(links: list[Link], valid: Chain, choice: Choice) -> None:
    links[0] = replace(links[0], purpose=choice.of("1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "1.0.18013.5.1.7"))


def _without_purpose(links: list[Link], valid: Chain, _: Choice) -> bool | None:
    links[0] = replace(links[0], purpose=None)
    return None if valid.profile in REQUIRED else False


def _elsewhere(links: list[Link], valid: Chain, choice: Choice) -> bool | None:
    links[0] = replace(links[0], country=choice.of(*sorted({"UT", "DE", "US", "FR"} - {valid.root.country})))
    return None if valid.profile is CertificateProfile.MDOC_DOCUMENT_SIGNER else False


def _above_too_short(links: list[Link], valid: Chain, choice: Choice) -> bool | None:
    if len(links) < 3:
        return False
    links[2] = replace(links[2], path_length=0)
    return None


def _bytes(edit: Callable[[list[bytes], Chain, Choice], Any]) -> Edit:
    def apply(valid: Chain, choice: Choice) -> tuple[bytes, ...] | None:
        sent = list(valid.data)
        return None if edit(sent, valid, choice) is False else tuple(sent)

    return apply


def _flipped(sent: list[bytes], valid: Chain, choice: Choice) -> None:
    # The last bytes are s of the signature; where they are turned over it stays DER.
    place = choice.below(len(sent))
    made = bytearray(sent[place])
    made[-1 - choice.below(16)] ^= 1 << choice.below(8)
    sent[place] = bytes(made)


def _turned(sent: list[bytes], valid: Chain, _: Choice) -> bool | None:
    sent.reverse()
    return None if len(sent) > 1 else False


def _left_out(sent: list[bytes], valid: Chain, choice: Choice) -> bool | None:
    if len(sent) < 2:
        return False
    del sent[1 + choice.below(len(sent) - 1)]
    return None


def _cut(sent: list[bytes], valid: Chain, choice: Choice) -> None:
    place = choice.below(len(sent))
    sent[place] = sent[place][: choice.below(len(sent[place]))]


def _extended(sent: list[bytes], valid: Chain, choice: Choice) -> None:
    sent[0] += choice.of(b"\0", b"\x30\x00", sent[0])


def _repeated(sent: list[bytes], valid: Chain, choice: Choice) -> None:
    sent += [sent[-1]] * (4 + choice.below(4))


TABLE: Final[tuple[Mutation, ...]] = (
    keyless("a bit of a signature", R.CERTIFICATE_UNTRUSTED, _bytes(_flipped), step="V2"),
    keyless("in another order", (R.CERTIFICATE_INVALID, R.CERTIFICATE_USE_FORBIDDEN), _bytes(_turned), step="V2"),
    keyless("one left out", R.CERTIFICATE_UNTRUSTED, _bytes(_left_out), step="V2"),
    keyless("none", R.CERTIFICATE_INVALID, _bytes(lambda s, v, c: s.clear()), step="V2"),
    keyless("one cut off", R.CERTIFICATE_INVALID, _bytes(_cut), step="V2"),
    keyless("one with bytes behind it", R.CERTIFICATE_INVALID, _bytes(_extended), step="V2"),
    keyless("too long", R.LIMIT_EXCEEDED, _bytes(_repeated)),
    row(
        "under another root",
        R.CERTIFICATE_UNTRUSTED,
        relinked(lambda links, v, c: None, root=lambda v: replace(v.root, name="another root")),
        step="V2",
    ),
    row(
        "under another key of the root's name",
        R.CERTIFICATE_UNTRUSTED,
        relinked(_at("top", signer="a thief")),
        step="V2",
    ),
    row(
        "the leaf has expired",
        R.CERTIFICATE_EXPIRED,
        relinked(_at("leaf", not_before=lambda n, c: n - 3 * DAY, not_after=lambda n, c: n - 1 - c.below(DAY))),
        step="V2",
    ),
    row(
        "the leaf is not valid yet",
        R.CERTIFICATE_EXPIRED,
        relinked(_at("leaf", not_before=lambda n, c: n + 1 + c.below(DAY), not_after=lambda n, c: n + 3 * DAY)),
        step="V2",
    ),
    row(
        "an authority has expired",
        R.CERTIFICATE_EXPIRED,
        relinked(_at("above", not_before=lambda n, c: n - 3 * DAY, not_after=lambda n, c: n - 1 - c.below(DAY))),
        step="V2",
    ),
    row("an authority that is none", R.CERTIFICATE_INVALID, relinked(_at("above", authority=False)), step="V2"),
    row(
        "an authority that may not sign",
        R.CERTIFICATE_INVALID,
        relinked(_at("above", usage=("digital_signature",))),
        step="V2",
    ),
    row("an authority of too short a path", R.CERTIFICATE_INVALID, relinked(_above_too_short), step="V2"),
    row("the leaf is an authority", R.CERTIFICATE_USE_FORBIDDEN, relinked(_at("leaf", authority=True)), step="V2"),
    row(
        "the leaf may not sign",
        R.CERTIFICATE_USE_FORBIDDEN,
        relinked(_at("leaf", usage=lambda n, c: c.of(("key_agreement",), ("key_encipherment",)))),
        step="V2",
    ),
    row("the leaf is for something else", R.CERTIFICATE_USE_FORBIDDEN, relinked(_of_purpose), step="V2"),
    row("the leaf is for nothing", R.CERTIFICATE_USE_FORBIDDEN, relinked(_without_purpose), step="V2"),
    row("the leaf names another country", R.CERTIFICATE_COUNTRY_MISMATCH, relinked(_elsewhere), step="V2"),
    row(
        "something critical that nobody knows",
        R.CERTIFICATE_INVALID,
        relinked(lambda links, v, c: _at(c.of("leaf", "above", "top"), critical=True)(links, v, c)),
        step="V2",
    ),
)


def judged(valid: Chain) -> Callable[[Any], object]:
    """Return what verifies other certificates in the place of these."""
    return valid.verify
