"""The command line: `citizenid demo`, `citizenid inspect FILE`, `citizenid verify FILE ...`.

This door reads files, standard input and the clock; all that it decides is decided by the public functions below it.
Text from outside reaches the terminal with every character escaped that does not print, and in lines that this file
broke and marked itself, so that no input can move the cursor or look like a line of ours. `inspect` verifies nothing
and says so in every section. typer and rich are an extra (`cli`) and imported only here and in `_demo`.

Exit codes: 0 for what is good, 1 for what is refused, 2 for a wrong call, 3 when a status list is needed.

Spec: specs/verification.md (the steps that `verify` prints); RFC 9901 (what `inspect` shows).
"""

# Not `from __future__ import annotations`: typer evaluates annotations, and its name is known inside a function alone.

import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

from . import (
    ANY,
    Challenge,
    CitizenIDError,
    Country,
    Format,
    KeyPurpose,
    Limits,
    MalformedError,
    NeedStatusList,
    Serialization,
    TrustAnchors,
    VerificationError,
)
from ._limits import MAX_UNIX_TIME
from ._readers import sd_jwt_vc
from ._wire import base64url
from ._wire import json as strict_json
from .countries import Countries
from .status import StatusStore
from .verifier import VerifiedPresentation, open_presentation, verify_credential, verify_presentation

if TYPE_CHECKING:
    import typer

T = TypeVar("T")

HINT: Final = "citizenid: the command line needs its extra: pip install 'citizenid[cli]'"
LIMITS: Final = Limits()
STEPS: Final = {
    "V1": "open the presentation",
    "V2": "find the issuer's key",
    "V3": "verify the issuer's signature",
    "V4": "read claims and disclosures",
    "V5": "type, issuer and countries",
    "V6": "valid now",
    "V7": "bound to the challenge",
    "V8": "verify the holder's signature",
    "V9": "status",
}
_MEDIA_TYPE: Final = "application/statuslist+jwt"
_JWKS_BYTES: Final = 1_048_576
_COLUMNS: Final = 100
_PROGRESS_EVERY: Final = 250  # trials; drawing takes two milliseconds, and a thread that draws would be measured too


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text is for its user. Exit code 2."""


def main() -> None:
    """Run the command line, or say how to install what it needs and exit with 2."""
    try:
        import rich  # noqa: F401  # needed by the demo; asked for here so that every command says the same
        import typer  # noqa: F401
    except ImportError:
        print(HINT, file=sys.stderr)
        raise SystemExit(2) from None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still shows everything
    make_app()()


def make_app() -> "typer.Typer":
    """Return the command line as a typer application."""
    import typer

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # their frames show local variables: tokens and keys
        help="Issue, cache and verify signed citizenship attestations.",
    )
    for add in (_add_demo, _add_inspect, _add_verify):
        add(app)
    return app


def _add_demo(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def demo(
        quick: Annotated[bool, typer.Option("--quick", help="A tenth of the trials.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Run the four rows of the latency budget; exit 1 on a wrong decision or a missed budget."""
        raise typer.Exit(run_demo(quick=quick, as_json=as_json))


def _add_inspect(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def inspect(
        file: Annotated[str, typer.Argument(help="A credential or presentation, or - for standard input.")],
        serialization: Annotated[Serialization, typer.Option(help="How it is written down.")] = Serialization.COMPACT,
    ) -> None:
        """Show what a credential or presentation contains. Nothing is verified."""
        try:
            for line in inspection(read_token(file), serialization):
                print(line)
        except UsageError as error:
            _fail(error, 2)
        except CitizenIDError as error:
            _fail(error, 1)


def _add_verify(app: "typer.Typer") -> None:
    import typer

    @app.command()
    def verify(
        file: Annotated[str, typer.Argument(help="A presentation, or - for standard input.")],
        jwks: Annotated[str, typer.Option(help="File with the issuer's JWK Set.", metavar="FILE")],
        issuer: Annotated[str, typer.Option(help="The issuer's label; an iss must equal it.", metavar="LABEL")],
        type_: Annotated[list[str], typer.Option("--type", help="A vct it may attest; repeatable.", metavar="VCT")],
        audience: Annotated[str, typer.Option(help="The audience of the challenge.", metavar="A")],
        nonce: Annotated[str, typer.Option(help="The nonce of the challenge.", metavar="N")],
        country: Annotated[
            list[str] | None, typer.Option(help="Whose citizenship it may attest; repeatable.", metavar="US")
        ] = None,
        any_country: Annotated[bool, typer.Option("--any-country", help="It may attest every citizenship.")] = False,
        status_list: Annotated[
            list[str] | None, typer.Option(help="A status list that was fetched; repeatable.", metavar="URI=FILE")
        ] = None,
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
            anchors = read_anchors(jwks, issuer, type_, country or [], any_country)
            challenge = _configured("--audience, --nonce, --max-age-s", lambda: Challenge(audience, nonce, max_age_s))
            statuses, refused_lists = read_status_lists(status_list or [], status_jwks, issuer, moment)
            data = read_token(file)
        except UsageError as error:
            _fail(error, 2)
        steps = verify_steps(
            data, anchors=anchors, challenge=challenge, statuses=statuses, now=moment, serialization=serialization
        )
        steps.refused_lists += refused_lists
        print(json.dumps(steps.to_json(), indent=2) if as_json else "\n".join(steps.to_lines()))
        raise typer.Exit(steps.exit_code)


def run_demo(*, quick: bool, as_json: bool) -> int:
    """Run the demo, print what it found, and return the exit code."""
    from rich.console import Console
    from rich.progress import Progress

    from . import _demo

    share = 10 if quick else 1
    authorizations, admissions = _demo.AUTHORIZATIONS // share, _demo.ADMISSIONS // share
    try:
        if as_json:
            report = _demo.run(authorizations=authorizations, admissions=admissions)
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

            report = _demo.run(authorizations=authorizations, admissions=admissions, advance=advance)
    except _demo.WrongDecision as error:
        if as_json:
            print(json.dumps({"ok": False, "wrong": str(error)}, indent=2))
        print(f"citizenid: {error}", file=sys.stderr)
        return 1
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_COLUMNS)
    console.print(_demo.to_table(report))
    return 0 if report.ok else 1


def _fail(error: Exception, code: int) -> NoReturn:
    print(f"citizenid: {printable(str(error))}", file=sys.stderr)
    raise SystemExit(code)


def _configured(option: str, make: Callable[[], T]) -> T:
    """Make something of the caller's own options; a refusal is a wrong call."""
    refused = ""
    try:
        return make()
    except CitizenIDError as error:
        refused = str(error)
    raise UsageError(f"{option}: {refused}")


# --- files ---


def read_file(name: str, bound: int) -> bytes:
    """Read a file, or standard input for "-": one byte more than `bound` at most, which the reader then refuses.

    Raises:
        UsageError: when it cannot be read.
    """
    refused = ""
    try:
        if name == "-":
            return sys.stdin.buffer.read(bound + 1)
        with open(name, "rb") as file:
            return file.read(bound + 1)
    except OSError as error:
        refused = error.strerror or type(error).__name__
    raise UsageError(f"cannot read {name}: {refused}")


def read_token(name: str) -> bytes:
    """Read a presentation. One line end at its end belongs to the file and not to the token."""
    return read_file(name, LIMITS.presentation_bytes + 2).removesuffix(b"\n").removesuffix(b"\r")


def read_anchors(jwks: str, issuer: str, types: list[str], codes: list[str], any_country: bool) -> TrustAnchors:
    """Make the anchors that the options describe.

    Raises:
        UsageError: when they describe none.
    """
    if any_country is bool(codes):
        raise UsageError("name --country at least once, or --any-country")
    countries: Iterable[Country] | Countries = ANY
    if not any_country:
        countries = _configured("--country", lambda: [Country.parse(code) for code in codes])
    data = read_file(jwks, _JWKS_BYTES)
    return _configured(
        "--jwks, --issuer, --type",
        lambda: TrustAnchors.from_jwks(
            issuer,
            data,
            purpose=KeyPurpose.CREDENTIAL,
            formats=[Format.SD_JWT_VC],
            types=types,
            countries=countries,
        ),
    )


def read_status_lists(lists: list[str], jwks: str, issuer: str, now: int) -> tuple[StatusStore, list[CitizenIDError]]:
    """Take in the status lists that the options name.

    Returns:
        The store, and why lists were refused: a refused list says nothing, and V9 will ask for it.

    Raises:
        UsageError: when a file cannot be read, or when there are lists and nobody who may sign them.
    """
    if bool(lists) is not bool(jwks):
        raise UsageError("--status-list and --status-jwks go together")
    anchors = TrustAnchors()
    if jwks:
        data = read_file(jwks, _JWKS_BYTES)
        anchors = _configured(
            "--status-jwks", lambda: TrustAnchors.from_jwks(issuer, data, purpose=KeyPurpose.STATUS_LIST)
        )
    store = StatusStore(anchors=anchors)
    refused: list[CitizenIDError] = []
    for each in lists:
        uri, separator, name = each.rpartition("=")
        if not separator or not uri or not name:
            raise UsageError("--status-list: write URI=FILE")
        body = read_file(name, LIMITS.status_list_bytes + 2).removesuffix(b"\n").removesuffix(b"\r")
        try:
            store.ingest(uri, body, media_type=_MEDIA_TYPE, now=now)
        except (MalformedError, VerificationError) as error:
            refused.append(error)
    return store, refused


# --- verify ---


@dataclass(slots=True)
class Steps:
    """How far a verification came.

    Attributes:
        result: what came out at the end of V9, or the error of the step that refused.
        stage: the first step of the function that was called last.
        refused_lists: why status lists were not taken in.
    """

    result: VerifiedPresentation | NeedStatusList | CitizenIDError
    stage: str
    refused_lists: list[CitizenIDError] = field(default_factory=list)

    @property
    def stopped_at(self) -> str | None:
        """The step that did not pass, or None."""
        if isinstance(self.result, VerifiedPresentation):
            return None
        if isinstance(self.result, NeedStatusList):
            return "V9"
        return self.result.step if self.result.step in STEPS else self.stage  # nothing is called passed that may not be

    @property
    def outcome(self) -> str:
        """In one word, as the JSON document has it."""
        if isinstance(self.result, VerifiedPresentation):
            return "valid"
        return "status_list_needed" if isinstance(self.result, NeedStatusList) else "refused"

    @property
    def exit_code(self) -> int:
        """0 valid, 1 refused, 3 status list needed."""
        return {"valid": 0, "refused": 1, "status_list_needed": 3}[self.outcome]

    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Yield each step with "passed", how it stopped, or "not reached"."""
        stopped_at, reached = self.stopped_at, True
        for step in STEPS:
            if step == stopped_at:
                yield step, self.outcome
                reached = False
            else:
                yield step, "passed" if reached else "not reached"

    def to_json(self) -> dict[str, Any]:
        """Return the facts for machines."""
        document: dict[str, Any] = {
            "outcome": self.outcome,
            "steps": [{"step": step, "outcome": outcome.replace(" ", "_")} for step, outcome in self.outcomes()],
            "refused_status_lists": [_error_members(error) for error in self.refused_lists],
        }
        result = self.result
        if isinstance(result, CitizenIDError):
            return document | _error_members(result)
        if isinstance(result, NeedStatusList):
            return document | {"reason": result.reason.value, "step": "V9", "uri": result.uri}
        attestation, proven = result.attestation, result.citizenship
        return document | {
            "issuer": attestation.issuer,
            "type": attestation.type,
            "nationalities": [country.alpha2 for country in proven.nationalities],
            "citizenships": [country.alpha2 for country in proven.citizenships],
            "complete": proven.complete,
            "not_after": attestation.validity.not_after,
            "status": None if result.status is None else result.status.name.lower(),
        }

    def to_lines(self) -> Iterator[str]:
        """Yield the facts for people."""
        for error in self.refused_lists:
            yield f"status list refused, so it says nothing: {error}"
        for step, outcome in self.outcomes():
            yield f"{step}  {STEPS[step]:<30}  {outcome.replace('_', ' ')}"
        result = self.result
        if isinstance(result, CitizenIDError):
            yield f"refused: {result}"
        elif isinstance(result, NeedStatusList):
            yield from _wrapped("", f"status list needed: {result.reason} (V9): {result.uri}")
        else:
            proven = result.citizenship
            yield f"valid: citizenships shown: {_codes(proven.citizenships)}"
            yield f"       nationalities shown: {_codes(proven.nationalities)}"


def verify_steps(
    data: bytes,
    *,
    anchors: TrustAnchors,
    challenge: Challenge,
    statuses: StatusStore,
    now: int,
    serialization: Serialization = Serialization.COMPACT,
) -> Steps:
    """Verify one presentation by the three public functions. Arguments as `citizenid.verifier.verify`."""
    result: VerifiedPresentation | NeedStatusList | CitizenIDError
    stage = "V1"
    try:
        (presentation,) = open_presentation(data, format=Format.SD_JWT_VC, limits=LIMITS, serialization=serialization)
        stage = "V2"
        credential = verify_credential(presentation, anchors=anchors, now=now, limits=LIMITS)
        stage = "V7"
        result = verify_presentation(credential, challenge=challenge, statuses=statuses, now=now, limits=LIMITS)
    except (MalformedError, VerificationError) as error:
        result = error
    return Steps(result, stage)


def _error_members(error: CitizenIDError) -> dict[str, str]:
    return {"reason": error.reason.value, "step": error.step, "where": error.where}


def _codes(countries: Iterable[Country]) -> str:
    return " ".join(country.alpha2 for country in countries) or "none"


# --- inspect ---


def inspection(data: bytes, serialization: Serialization) -> list[str]:
    """Return what a credential or presentation contains, in lines that are safe to print. Nothing is verified.

    Raises:
        MalformedError: a Reason of form.
        VerificationError: HASH_ALGORITHM_NOT_ALLOWED, DISCLOSURE_MALFORMED, DISCLOSURE_DUPLICATE.
    """
    (presentation,) = open_presentation(data, format=Format.SD_JWT_VC, limits=LIMITS, serialization=serialization)
    credential, binding = presentation.credential, presentation.binding
    header = _header(credential.to_be_signed, "issuer-jwt")
    payload = strict_json.parse_object(credential.payload, "issuer-jwt.payload", LIMITS.depth)
    hash_name = sd_jwt_vc.take_hash_name(dict(payload))
    disclosures = sd_jwt_vc.decode_disclosures(presentation.disclosures, hash_name, LIMITS)
    in_payload = Counter(_digests(payload))
    lines = [
        "UNVERIFIED, all of it: no signature, digest, time or status was checked. Lines with | are foreign.",
        *_section("issuer-jwt header", header),
        *_section("issuer-jwt payload", payload),
    ]
    inner: dict[str, list[str]] = {}
    for disclosure in disclosures.values():
        for digest in _digests(disclosure.value):
            inner.setdefault(digest, []).append(f"disclosure {disclosure.position + 1}")
    for digest, disclosure in disclosures.items():
        encoded = presentation.disclosures[disclosure.position]
        array = strict_json.parse(base64url.decode(encoded, "disclosure"), "disclosure", LIMITS.depth)
        places = ["issuer-jwt payload"] * in_payload[digest] + inner.get(digest, [])
        kind = "array element" if disclosure.name is None else "object member"
        lines += _section(f"disclosure {disclosure.position + 1} of {len(disclosures)}: {kind}", array)
        lines += _wrapped("  ", f"digest ({hash_name}) {digest}, referenced by: {', '.join(places) or 'NOTHING'}")
    hidden = len({*in_payload, *inner} - set(disclosures))
    lines += ["", f"UNVERIFIED digests without a disclosure here (withheld claims or decoys): {hidden}"]
    if binding is None:
        return [*lines, "", "UNVERIFIED key binding: none, so this is a credential and no presentation"]
    lines += _section("kb-jwt header", _header(binding.to_be_signed, "kb-jwt"))
    return lines + _section("kb-jwt payload", strict_json.parse_object(binding.payload, "kb-jwt.payload", LIMITS.depth))


def _header(to_be_signed: bytes, where: str) -> Any:
    encoded = to_be_signed.partition(b".")[0]
    return strict_json.parse(base64url.decode(encoded, where + ".header"), where + ".header", LIMITS.depth)


def _digests(value: Any) -> list[str]:
    """Collect what stands where digests stand: in `_sd` arrays and in objects with the one member `...`."""
    digests: list[str] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if type(each) is dict:
            listed = each.get("_sd")
            digests += [text for text in listed if type(text) is str] if type(listed) is list else []
            if len(each) == 1 and type(each.get("...")) is str:
                digests.append(each["..."])
            pending += each.values()
        elif type(each) is list:
            pending += each
    return digests


def _section(title: str, value: Any) -> list[str]:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return ["", f"UNVERIFIED {title}", *(part for line in text.split("\n") for part in _wrapped("| ", line))]


def _wrapped(mark: str, line: str) -> list[str]:
    """Break a line where the terminal would, so that every line on the screen begins with our mark."""
    from rich.cells import chop_cells

    return [mark + part for part in chop_cells(printable(line), _COLUMNS - len(mark))]


def printable(text: str) -> str:
    r"""Return `text` with every character escaped, as in JSON, that does not print: controls, formats, surrogates.

    >>> print(printable("a\x1b[2Jb"))
    a\u001b[2Jb
    """
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


if __name__ == "__main__":
    main()
