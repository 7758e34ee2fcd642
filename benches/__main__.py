"""Measure, print one table, and say by the exit status whether the budgets hold.

    python -m benches [--quick | --full] [--json FILE] [--svg FILE] [--only NAME]

Exit status: 1 when one of the article's rows misses its budget, or, without --quick, when any figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from . import (
    bench_asgi,
    bench_audit,
    bench_cbor,
    bench_fleet,
    bench_gateway,
    bench_growth,
    bench_holder,
    bench_import,
    bench_issuer,
    bench_limits,
    bench_sharing,
    bench_status,
    bench_timing,
    bench_verifier,
)
from ._measure import FULL, QUICK, Plan, pin
from ._nation import NATION
from ._report import Row, document, failures, picture, table

BENCHES: Final[dict[str, Callable[[Plan], Iterator[Row]]]] = {
    "verifier": bench_verifier.rows,
    "issuer": bench_issuer.rows,
    "holder": bench_holder.rows,
    "cbor": bench_cbor.rows,
    "gateway": bench_gateway.rows,
    "asgi": bench_asgi.rows,
    "fleet": bench_fleet.rows,
    "audit": bench_audit.rows,
    "import": bench_import.rows,
    "limits": bench_limits.rows,
    "growth": bench_growth.rows,
    "sharing": bench_sharing.rows,
    "status": bench_status.rows,
    "timing": bench_timing.rows,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benches that are asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Figures of citizenid beside their floors.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples, below a minute in all")
    parser.add_argument("--full", action="store_true", help="all status lists of a nation, a month of 100,000 callers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the ratios")
    parser.add_argument("--only", action="append", choices=sorted(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL._replace(lists=NATION, callers=100_000, seeds=4) if options.full else FULL
    core = pin()
    rows: list[Row] = []
    for name in options.only or BENCHES:
        started = time.monotonic()
        rows += BENCHES[name](plan)
        print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    print(table(rows))
    if options.json is not None:
        measured = document(rows, plan, quick=options.quick, core=core)
        options.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    if options.svg is not None:
        options.svg.write_text(picture(rows), "utf-8")
    failed = failures(rows, quick=options.quick)
    for row in failed:
        print(f"missed: {row.step.strip()}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
