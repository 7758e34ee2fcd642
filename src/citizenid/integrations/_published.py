"""One list as it is published: the forms that its publisher writes, when each is signed, and the tokens that are kept.

A form is a row of a table: who writes it, its media type, and where its times stand. All forms of a list that anybody
has asked for are signed in one go, when the list says something else or half of its ttl is over, so that they say the
same changes; each has tokens of its own. What a token is good for is read from the token itself: its `iat` may be ahead
of the clock.

Spec: Token Status List sections 5, 8.1, 8.4; ISO/IEC 18013-5 second edition 12.3.6.4; specs/profile-status-list.md
section 10.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from .. import _registry as reg
from .._crypto import SigningKey, Unsigned
from .._errors import FAILURES, CitizenIDError, Reason
from .._limits import DEFAULT_LIMITS
from .._wire import base64url, cbor, cose, json
from ..status import IdentifierPublisher, StatusPublisher
from ._codings import Coding, dcz, gzip, zstd

_WHERE: Final = "publish"
_DEPTH: Final = 8  # of a payload that we have written ourselves
_LONGEST_PAUSE_S: Final = 30
_LEAD_S: Final = DEFAULT_LIMITS.clock_skew_s // 2  # verifiers whose clocks are behind by as much take it still
_FAR_AHEAD_S: Final = 2 * DEFAULT_LIMITS.clock_skew_s  # no number of signers drives an iat there: the clock went back


class Publisher(Protocol):
    """What the app asks of whoever keeps a list. It also has `prepare`, which differs: see `Form`."""

    @property
    def uri(self) -> str:
        """Where the list is published."""

    @property
    def version(self) -> int:
        """The number of changes so far."""

    @property
    def last_issued_at(self) -> int | None:
        """The iat that was used up last, here or in another process; None before the first."""


class Times(NamedTuple):
    """From when a token is good and until when (exclusive): its `iat` and `exp`."""

    issued_at: int
    not_after: int


def _times_of_jwt(body: bytes) -> Times:
    claims = json.parse_object(base64url.decode(body.split(b".")[1], _WHERE), _WHERE, _DEPTH)
    return Times(claims[reg.IAT], claims[reg.EXP])


def _times_of_cwt(body: bytes) -> Times:
    item = cbor.decode(body, _WHERE, frozenset({reg.COSE_SIGN1_TAG}))
    message = cose.read_message(cose.untag(item, reg.COSE_SIGN1_TAG, _WHERE), _WHERE)
    claims = cbor.load_signed(message.payload or b"", _WHERE)
    return Times(claims[reg.CWT_IAT], claims[reg.CWT_EXP])


class Form(NamedTuple):
    """One form of a list.

    Attributes:
        publisher: who writes it.
        media_type: under which it is served.
        times: reads them from a token.
        further: arguments of `prepare` that make it this form.
        lacks: what `prepare` does not take of `level`, `kid` and `certificates`.
        for_purpose: whether it is the form of lists with a purpose (W3C bitstrings), and of no others.
    """

    publisher: type[Publisher]
    media_type: str
    times: Callable[[bytes], Times]
    further: Mapping[str, str] = {}
    lacks: frozenset[str] = frozenset()
    for_purpose: bool = False

    def suits(self, publisher: Publisher) -> bool:
        """Whether this publisher writes it."""
        purpose = getattr(publisher, "purpose", None)
        return type(publisher) is self.publisher and self.for_purpose is (purpose is not None)


# Of the forms of one publisher the first is what is served to whoever prefers none.
FORMS: Final = (
    Form(StatusPublisher, reg.MEDIA_STATUS_LIST_JWT, _times_of_jwt, {"format": "jwt"}),
    Form(StatusPublisher, reg.MEDIA_STATUS_LIST_CWT, _times_of_cwt, {"format": "cwt"}),
    Form(StatusPublisher, reg.MEDIA_VC_JWT, _times_of_jwt, {"format": "bitstring"}, for_purpose=True),
    Form(IdentifierPublisher, reg.MEDIA_IDENTIFIER_LIST_CWT, _times_of_cwt, lacks=frozenset({"level"})),
)


class Signing(NamedTuple):
    """How and when lists are signed; the same for all lists of an app, and as its arguments are called."""

    key: SigningKey
    kid: str | None
    certificates: tuple[bytes, ...]
    ttl_s: int
    expires_s: int
    gather_s: int
    level: int
    versions: int

    def prepare(self, form: Form, publisher: Any, now: int) -> Unsigned:
        """Prepare a token of this form; `Any` because what publishers take differs, and the row says how."""
        options = {"level": self.level, "kid": self.kid, "certificates": self.certificates}
        told = {name: value for name, value in options.items() if name not in form.lacks}
        unsigned: Unsigned = publisher.prepare(
            self.key.public, now=now, ttl_s=self.ttl_s, expires_s=self.expires_s, **told, **form.further
        )
        return unsigned


class Version:
    """One token, or another body that is served, and its codings as far as they were asked for."""

    __slots__ = ("_coded", "body", "changes", "made_at", "sha256", "times")

    def __init__(self, body: bytes, times: Times, changes: int = 0, made_at: int = 0) -> None:
        self.body: Final = body
        self.sha256: Final = hashlib.sha256(body).digest()
        self.times: Final = times
        self.changes: Final = changes  # it has all changes up to this one
        self.made_at: Final = made_at
        self._coded: dict[tuple[Coding, bytes], bytes] = {}

    @property
    def tag(self) -> str:
        """What its entity tags begin with."""
        return self.sha256[:16].hex()

    def coded(self, coding: Coding, dictionary: Version | None) -> bytes:
        """Return the body in this coding; only DCZ needs the dictionary."""
        if coding is Coding.IDENTITY:
            return self.body
        against = dictionary if coding is Coding.DCZ else None
        key = (coding, b"" if against is None else against.sha256)
        found = self._coded.get(key)
        if found is None:
            if against is not None:
                found = dcz(self.body, against.body)
            else:
                found = gzip(self.body) if coding is Coding.GZIP else zstd(self.body)
            self._coded[key] = found
        return found

    def forget_codings(self) -> None:
        """Free what another version now takes the place of."""
        self._coded.clear()


class Pause(NamedTuple):
    """After a failure: a form is not tried again from when it failed until when (exclusive)."""

    since: int
    until: int


class PublishedList:
    """A list with its forms. Whoever calls `kept`, `at`, or `Version.coded` of what it gave, holds `lock`.

    One thread signs at a time, without `lock`: the others answer meanwhile with what is in force.
    """

    def __init__(self, publisher: Publisher, how: Signing) -> None:
        self.lock: Final = threading.Lock()
        self._signing: Final = threading.Lock()
        self._publisher: Final = publisher
        self._how: Final = how
        self._forms: Final = {form.media_type: form for form in FORMS if form.suits(publisher)}
        self._kept: Final[dict[str, list[Version]]] = {kind: [] for kind in self._forms}  # the newest last
        self._changes = -1  # those that the last round of signing has
        self._signed_at: int | None = None  # when that was
        self._signed: set[str] = set()  # the forms that were signed in it or since
        self._pauses: Final[dict[str, Pause]] = {}  # of the forms that failed last time
        if not self._forms or (how.certificates and any("certificates" in each.lacks for each in self._forms.values())):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "publish.publishers")

    @property
    def uri(self) -> str:
        """Where it is published."""
        return self._publisher.uri

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the forms, the one for whoever prefers none first."""
        return tuple(self._forms)

    def kept(self, kind: str) -> tuple[Version, ...]:
        """Return the tokens of this form that are kept, the newest last."""
        return tuple(self._kept[kind])

    def newest(self, kind: str, now: int) -> Version | None:
        """Return the token of this form that is in force, signed anew if it must be; None when there is none.

        What fails, the ledger or the signer, leaves the last token in force until its `exp`. Who comes while another
        thread signs has the last token, and waits only where there is none.
        """
        if self._signing.acquire(blocking=self._in_force(kind, now) is None):
            try:
                self._renew(kind, now)
            except FAILURES:
                self._pause(kind, now)
            finally:
                self._signing.release()
        return self._in_force(kind, now)

    def at(self, kind: str, moment: int) -> Version | None:
        """Return the token that was in force then: issued by then, the next one later, and not at its end."""
        found = next((each for each in reversed(self._kept[kind]) if each.times.issued_at <= moment), None)
        return found if found is not None and moment < found.times.not_after else None

    def left_s(self, version: Version, now: int) -> int:
        """Return the time until it is signed anew at the latest, seconds."""
        return max(0, version.made_at + self._how.ttl_s // 2 - now)

    def _in_force(self, kind: str, now: int) -> Version | None:
        with self.lock:
            versions = self._kept[kind]
            return versions[-1] if versions and now < versions[-1].times.not_after else None

    def _renew(self, kind: str, now: int) -> None:
        used = [each for each, versions in self._kept.items() if versions or each == kind]
        tried = [each for each in used if not self._pausing(each, now)]
        if kind not in tried:
            return
        age = None if self._signed_at is None else now - self._signed_at
        gathering = age is not None and 0 <= age < self._how.gather_s
        fresh = age is not None and 0 <= age < self._how.ttl_s // 2
        changes = self._publisher.version  # before: a change that comes meanwhile is published twice and not never
        due = not gathering and not (fresh and changes == self._changes)
        if not due and kind in self._signed:
            return
        # Each token has an iat of its own. Where the clock has not come to the next one, be it that this list has
        # several forms or that other processes sign it too, what is in force is served until it has. What is due for
        # its age, or failed, may go ahead a little: whoever always comes second would never sign.
        reach = now if fresh and kind in self._signed else now + _LEAD_S
        last = self._publisher.last_issued_at
        ahead = last is not None and reach <= last <= now + _FAR_AHEAD_S
        if ahead and self._in_force(kind, now) is not None:
            return
        if due:
            signed = {each for each in tried if self._sign(each, changes, now)}
            if not signed:
                return
            self._signed, self._changes, self._signed_at = signed, changes, now
        elif self._sign(kind, changes, now):  # asked for the first time, or it failed
            self._signed.add(kind)
        else:
            return
        self._confirm()

    def _sign(self, kind: str, changes: int, now: int) -> bool:
        form, versions = self._forms[kind], self._kept[kind]
        try:
            body = self._how.prepare(form, self._publisher, now).sign(self._how.key)
            version = Version(body, form.times(body), changes, now)
        except FAILURES:
            self._pause(kind, now)
            return False
        self._pauses.pop(kind, None)
        with self.lock:
            if versions:
                versions[-1].forget_codings()
            versions.append(version)
            del versions[: -self._how.versions]
        return True

    def _pause(self, kind: str, now: int) -> None:
        """Note a failure: each attempt may use up an iat, so that the next ones come more and more slowly."""
        last = self._pauses.get(kind)
        first_s = max(1, self._how.gather_s)
        again_s = first_s if last is None else 2 * (last.until - last.since)
        self._pauses[kind] = Pause(now, now + max(first_s, min(again_s, _LONGEST_PAUSE_S)))

    def _pausing(self, kind: str, now: int) -> bool:
        pause = self._pauses.get(kind)
        return pause is not None and pause.since <= now < pause.until

    def _confirm(self) -> None:
        """Say to a publisher that wants to know it what every form has that is served."""
        confirm = getattr(self._publisher, "confirm_published", None)
        if confirm is not None:
            confirm(min(versions[-1].changes for versions in self._kept.values() if versions))
