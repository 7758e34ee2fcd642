"""The commands that have commands of their own: `citizenid policy check | diff`, `citizenid audit verify`.

Exit codes: 0 for what is good, 1 for what is refused, 2 for a wrong call.
"""

# Not `from __future__ import annotations`: typer evaluates annotations, and its name is known inside a function alone.

import json
import time
from typing import TYPE_CHECKING, Annotated, Final

from .._errors import CitizenIDError, Reason
from .files import UsageError, check_named_once, fail, read_file, read_text

if TYPE_CHECKING:
    import typer

_NOTE_BYTES: Final = 131_072


def add_policy(app: "typer.Typer") -> None:
    """Add `policy`."""
    import typer

    from .policy import check_lines, diff_lines

    policy = typer.Typer(no_args_is_help=True, help="Check a policy, or compare two.")
    app.add_typer(policy, name="policy")

    @policy.command()
    def check(file: Annotated[str, typer.Argument(help="A policy in TOML, or - for standard input.")]) -> None:
        """Print every error with its line. Exit 0: none, 1: some."""
        try:
            found = check_lines(file, read_text(file))
        except UsageError as error:
            fail(error, 2)
        print("\n".join(found) if found else "no error")
        raise typer.Exit(1 if found else 0)

    @policy.command(name="diff")
    def compare(
        old: Annotated[str, typer.Argument(help="The policy that is in force.")],
        new: Annotated[str, typer.Argument(help="The policy that is to come.")],
    ) -> None:
        """Print who gains and who loses access. Exit 0: nobody, 1: somebody, 2: no comparison."""
        try:
            check_named_once(old, new)
            changes = diff_lines(read_text(old), read_text(new))
        except (UsageError, CitizenIDError) as error:
            fail(error, 2)
        print("\n".join(changes) if changes else "no difference")
        raise typer.Exit(1 if changes else 0)


def add_audit(app: "typer.Typer") -> None:
    """Add `audit`."""
    import typer

    audit = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Look after audit logs.")
    app.add_typer(audit, name="audit")

    @audit.callback()
    def _() -> None:
        """Look after audit logs."""  # with a callback, one command alone keeps its name

    @audit.command()
    def verify(
        directory: Annotated[str, typer.Argument(help="The folder of the logs, or of one log.", metavar="DIR")],
        key: Annotated[list[str], typer.Option(help="Verifier key of each log; repeatable.", metavar="VKEY")],
        witness: Annotated[
            list[str] | None, typer.Option(help="Verifier key of a witness; repeatable.", metavar="VKEY")
        ] = None,
        previous: Annotated[
            list[str] | None, typer.Option(help="A checkpoint that was kept elsewhere; repeatable.", metavar="FILE")
        ] = None,
        max_age_s: Annotated[int | None, typer.Option("--max-age-s", help="How old a checkpoint may be.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Verify everything that audit logs hold. Exit 0: valid, 1: refused."""
        from ..gateway.audit import verify_audit
        from . import auditing

        now = int(time.time())
        try:
            check_named_once(*(previous or []))
            notes = [read_file(name, _NOTE_BYTES) for name in previous or []]
            report = verify_audit(
                directory, keys=key, witnesses=witness or [], previous=notes, now=now, max_age_s=max_age_s
            )
        except UsageError as error:
            fail(error, 2)
        except CitizenIDError as error:
            if as_json:
                print(json.dumps({"ok": False, "reason": error.reason.value, "where": error.where}, indent=2))
            # No log holds a verifier key: one that is none is the caller's, and says nothing of a log.
            asked = error.reason in (Reason.CONFIGURATION_INVALID, Reason.KEY_INVALID) or error.where == "audit.key"
            fail(error, 2 if asked else 1)
        print(json.dumps(auditing.to_json(report), indent=2) if as_json else "\n".join(auditing.to_lines(report, now)))
