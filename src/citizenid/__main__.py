"""The command line: `citizenid demo`, `inspect FILE`, `verify FILE ...`, `audit verify DIR ...`.

This program reads files, standard input and the clock; what it says of a presentation is decided by the public
functions below it. Text from outside is printed by way of `_cli.inspection`, which makes it harmless. typer and rich
are an extra (`cli`): only this program imports them, and only after it has asked whether they are there.

Exit codes: 0 for what is good, 1 for what is refused, 2 for a wrong call, 3 when a status list is needed.

Spec: specs/verification.md (the steps that `verify` prints); RFC 9901 (what `inspect` shows).
"""

# Not `from __future__ import annotations`: typer evaluates annotations, and its name is known inside a function alone.

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from . import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    MalformedError,
    Serialization,
    TrustAnchors,
    VerificationError,
)
from . import _registry as reg
from ._cli.commands import add_audit, add_policy
from ._cli.files import UsageError, check_named_once, complain, fail, finish, read_file
from ._cli.inspection import COLUMNS, inspection
from ._cli.steps import verify_steps
from ._limits import MAX_UNIX_TIME
from .countries import Countries
from .status import StatusStore

if TYPE_CHECKING:
    import typer

T = TypeVar("T")

HINT: Final = "citizenid: the command line needs its extra: pip install 'citizenid[cli]'"
LIMITS: Final = Limits()
_JWKS_BYTES: Final = 1_048_576
_PROGRESS_EVERY: Final = 250  # trials; drawing takes two milliseconds, and a thread that draws would be measured too


class FormatName(StrEnum):
    """The formats by the short names that `--format` takes."""

    SD_JWT_VC = "sd-jwt-vc"
    MDOC = "mdoc"
    SD_CWT = "sd-cwt"

    @property
    def credential_format(self) -> Format:
        """The format of this name."""
        return Format[self.name]


class ListName(StrEnum):
    """The forms of status lists by the short names that `--status-list-type` takes."""

    JWT = "jwt"
    CWT = "cwt"
    IDENTIFIERS = "identifiers"
    BITSTRING = "bitstring"

    @property
    def media_type(self) -> str:
        """What a server would have said of it: a file says nothing, and bytes are not asked."""
        return {
            ListName.JWT: reg.MEDIA_STATUS_LIST_JWT,
            ListName.CWT: reg.MEDIA_STATUS_LIST_CWT,
            ListName.IDENTIFIERS: reg.MEDIA_IDENTIFIER_LIST_CWT,
            ListName.BITSTRING: reg.MEDIA_VC_JWT,
        }[self]


_FORMAT_HELP: Final = "The credential format."
_CHALLENGE_HELP: Final = "The challenge as text, in place of the next two."
_LIST_HELP: Final = "What the list is: for each list in turn, or once for all; jwt if left out."


def main() -> None:
    """Run the command line, or say how to install what it needs and exit with 2."""
    try:
        import rich  # noqa: F401  # needed by the demo; asked for here so that every command says the same
        import typer  # noqa: F401
    except ImportError:
        complain(HINT)
        raise SystemExit(2) from None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still shows everything
    finish(make_app())


def make_app() -> "typer.Typer":
    """Return the command line as a typer application."""
    import typer

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # their frames show local variables: tokens and keys
        help="Issue, cache and verify signed citizenship attestations.",
    )
    for add in (_add_demo, _add_inspect, _add_verify, add_policy, add_audit):
        add(app)
    return app


def _add_demo(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def demo(
        quick: Annotated[bool, typer.Option("--quick", help="A tenth of the trials.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
        format_: Annotated[FormatName, typer.Option("--format", help=_FORMAT_HELP)] = FormatName.SD_JWT_VC,
    ) -> None:
        """Run the four rows of the latency budget; exit 1 on a wrong decision or a missed budget."""
        raise typer.Exit(run_demo(quick=quick, as_json=as_json, format=format_.credential_format))


def _add_inspect(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def inspect(
        file: Annotated[str, typer.Argument(help="A credential or presentation, or - for standard input.")],
        serialization: Annotated[Serialization, typer.Option(help="How it is written down.")] = Serialization.COMPACT,
        format_: Annotated[FormatName, typer.Option("--format", help=_FORMAT_HELP)] = FormatName.SD_JWT_VC,
    ) -> None:
        """Show what a credential or presentation contains. Nothing is verified."""
        kind = format_.credential_format
        try:
            for line in inspection(read_token(file, kind), format=kind, serialization=serialization, limits=LIMITS):
                print(line)
        except UsageError as error:
            fail(error, 2)
        except CitizenIDError as error:
            fail(error, 1)


def _add_verify(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def verify(
        file: Annotated[str, typer.Argument(help="A presentation, or - for standard input.")],
        issuer: Annotated[str, typer.Option(help="The issuer's label; an iss must equal it.", metavar="LABEL")],
        type_: Annotated[
            list[str], typer.Option("--type", help="A vct or docType it may attest; repeatable.", metavar="VCT")
        ],
        format_: Annotated[FormatName, typer.Option("--format", help=_FORMAT_HELP)] = FormatName.SD_JWT_VC,
        jwks: Annotated[str, typer.Option(help="File with the issuer's JWK Set.", metavar="FILE")] = "",
        certificates: Annotated[
            str, typer.Option(help="File with the issuer's root certificates, in PEM.", metavar="FILE")
        ] = "",
        challenge: Annotated[str, typer.Option(help=_CHALLENGE_HELP, metavar="TEXT")] = "",
        audience: Annotated[str, typer.Option(help="The audience of the challenge.", metavar="A")] = "",
        nonce: Annotated[str, typer.Option(help="The nonce of the challenge.", metavar="N")] = "",
        country: Annotated[
            list[str] | None, typer.Option(help="Whose citizenship it may attest; repeatable.", metavar="US")
        ] = None,
        any_country: Annotated[bool, typer.Option("--any-country", help="It may attest every citizenship.")] = False,
        status_list: Annotated[
            list[str] | None, typer.Option(help="A status list that was fetched; repeatable.", metavar="URI=FILE")
        ] = None,
        status_list_type: Annotated[list[ListName] | None, typer.Option(help=_LIST_HELP)] = None,
        status_jwks: Annotated[str, typer.Option(help="File with its signer's JWK Set.", metavar="FILE")] = "",
        now: Annotated[
            int | None, typer.Option(help="Unix seconds; the clock's if left out.", min=0, max=MAX_UNIX_TIME)
        ] = None,
        max_age_s: Annotated[int, typer.Option("--max-age-s", help="How old the key binding may be.")] = 300,
        serialization: Annotated[Serialization, typer.Option(help="How it is written down.")] = Serialization.COMPACT,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Verify a presentation, V1 to V9. Exit 0: valid, 1: refused, 3: a status list is needed."""
        try:
            moment = int(time.time()) if now is None else now
            kind = format_.credential_format
            countries = read_countries(country or [], any_country)
            asked = read_challenge(challenge, audience, nonce, max_age_s)
            lists = named_lists(status_list or [], status_list_type or [], status_jwks)
            check_named_once(file, jwks, certificates, status_jwks, *(name for _, name, _ in lists))
            anchors = read_anchors(jwks, certificates, issuer, kind, type_, countries)
            statuses, refused_lists = read_status_lists(lists, status_jwks, issuer, moment)
            data = read_token(file, kind)
        except UsageError as error:
            fail(error, 2)
        steps = verify_steps(
            data,
            format=kind,
            anchors=anchors,
            challenge=asked,
            statuses=statuses,
            now=moment,
            limits=LIMITS,
            serialization=serialization,
        )
        steps.refused_lists += refused_lists
        print(json.dumps(steps.to_json(), indent=2) if as_json else "\n".join(steps.to_lines()))
        raise typer.Exit(steps.exit_code)


def run_demo(*, quick: bool, as_json: bool, format: Format) -> int:
    """Run the demo in one format, print what it found, and return the exit code."""
    from rich.console import Console
    from rich.progress import Progress

    from . import _demo

    share = 10 if quick else 1
    authorizations, admissions = _demo.AUTHORIZATIONS // share, _demo.ADMISSIONS // share
    try:
        if as_json:
            report = _demo.run(authorizations=authorizations, admissions=admissions, format=format)
            print(json.dumps(_demo.to_json(report), indent=2))
            return 0 if report.ok else 1
        # Drawn between trials by this thread: one of its own would take the interpreter in the midst of a timing.
        with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
            trials = _demo.total(authorizations=authorizations, admissions=admissions)
            task = progress.add_task("deciding", total=trials)

            def advance() -> None:
                progress.advance(task)
                if progress.tasks[task].completed % _PROGRESS_EVERY == 0:
                    progress.refresh()

            report = _demo.run(authorizations=authorizations, admissions=admissions, advance=advance, format=format)
    except _demo.WrongDecision as error:
        if as_json:
            print(json.dumps({"ok": False, "wrong": str(error)}, indent=2))
        complain(f"citizenid: {error}")
        return 1
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=COLUMNS)
    console.print(_demo.to_table(report))
    return 0 if report.ok else 1


def _configured(option: str, make: Callable[[], T]) -> T:
    """Make something of the caller's own options; a refusal is a wrong call."""
    refused = ""
    try:
        return make()
    except CitizenIDError as error:
        refused = str(error)
    raise UsageError(f"{option}: {refused}")


def read_token(name: str, format_: Format) -> bytes | str:
    """Read a presentation. One line end at the end of a text belongs to the file and not to the token.

    The CBOR formats may stand in a file as they are, or as base64url; no CBOR of theirs is ASCII throughout.
    """
    data = read_file(name, LIMITS.presentation_bytes + 2)
    if format_ is not Format.SD_JWT_VC and not data.isascii():
        return data
    text = data.removesuffix(b"\n").removesuffix(b"\r")
    return text if format_ is Format.SD_JWT_VC else text.decode("ascii")


def read_challenge(text: str, audience: str, nonce: str, max_age_s: int) -> Challenge:
    """Make the challenge that the options describe.

    Raises:
        UsageError: when they describe none, or two.
    """
    if bool(text) is bool(audience or nonce):
        raise UsageError("name --challenge, or --audience and --nonce")
    if text:
        return _configured("--challenge", lambda: Challenge.from_text(text))
    return _configured("--audience, --nonce, --max-age-s", lambda: Challenge(audience, nonce, max_age_s))


def read_countries(codes: list[str], any_country: bool) -> Iterable[Country] | Countries:
    """Return whose citizenship may be attested.

    Raises:
        UsageError: when no country is named, or ANY and some.
    """
    if any_country is bool(codes):
        raise UsageError("name --country at least once, or --any-country")
    return ANY if any_country else _configured("--country", lambda: [Country.parse(code) for code in codes])


def read_anchors(
    jwks: str,
    certificates: str,
    issuer: str,
    format_: Format,
    types: list[str],
    countries: Iterable[Country] | Countries,
) -> TrustAnchors:
    """Make the anchors that the options describe.

    Raises:
        UsageError: when they describe none, or two kinds.
    """
    if bool(jwks) is bool(certificates):
        raise UsageError("name --jwks or --certificates")
    data = read_file(jwks or certificates, _JWKS_BYTES)
    scope: Any = {"purpose": KeyPurpose.CREDENTIAL, "formats": [format_], "types": types, "countries": countries}
    if jwks:
        return _configured("--jwks, --issuer, --type", lambda: TrustAnchors.from_jwks(issuer, data, **scope))
    return _configured(
        "--certificates, --issuer, --type", lambda: TrustAnchors.from_certificates(data, issuer=issuer, **scope)
    )


def named_lists(lists: list[str], types: list[ListName], jwks: str) -> list[tuple[str, str, ListName]]:
    """Take apart the options that name status lists: of each its URI, its file, and what it is.

    Raises:
        UsageError: when that is not said of each, or when there are lists and nobody who may sign them.
    """
    if bool(lists) is not bool(jwks):
        raise UsageError("--status-list and --status-jwks go together")
    if len(types) not in (0, 1, len(lists)) or len(types) > len(lists):
        raise UsageError("--status-list-type: write it once, or for each --status-list")
    kinds = types if len(types) == len(lists) else (types or [ListName.JWT]) * len(lists)
    named = []
    for each, kind in zip(lists, kinds, strict=True):
        uri, separator, name = each.rpartition("=")
        if not separator or not uri or not name:
            raise UsageError("--status-list: write URI=FILE")
        named.append((uri, name, kind))
    return named


def read_status_lists(
    lists: list[tuple[str, str, ListName]], jwks: str, issuer: str, now: int
) -> tuple[StatusStore, list[CitizenIDError]]:
    """Take in the status lists that were named.

    Returns:
        The store, and why lists were refused: a refused list says nothing, and V9 will ask for it.

    Raises:
        UsageError: when a file cannot be read.
    """
    anchors = TrustAnchors()
    if jwks:
        data = read_file(jwks, _JWKS_BYTES)
        anchors = _configured(
            "--status-jwks", lambda: TrustAnchors.from_jwks(issuer, data, purpose=KeyPurpose.STATUS_LIST)
        )
    store = StatusStore(anchors=anchors)
    refused: list[CitizenIDError] = []
    for uri, name, kind in lists:
        body = read_file(name, LIMITS.status_list_bytes + 2)
        if kind in (ListName.JWT, ListName.BITSTRING):  # the last byte of a CWT is its signature's
            body = body.removesuffix(b"\n").removesuffix(b"\r")
        try:
            store.ingest(uri, body, media_type=kind.media_type, now=now)
        except (MalformedError, VerificationError) as error:
            refused.append(error)
    return store, refused


if __name__ == "__main__":
    main()
