"""A process that fetches for all workers of its machine: it verifies lists and writes them to the file they share.

    python fetching.py OPTIONS

OPTIONS is JSON: `aggregation`, `issuer` and the `jwk` of its signer, `path` of the file, and `accept`, the media types
in the order in which they are preferred. It writes a file that holds nothing and prints "[]". `refresh NOW` fetches
what is due at that time, writes the file, and prints the results as JSON. It ends with its input.
"""

from __future__ import annotations

import json
import sys

from citizenid import KeyPurpose, TrustAnchors
from citizenid.integrations import _schedule
from citizenid.integrations.fetch import FetchBounds, Reach, Source, StatusFetcher
from citizenid.status import StatusStore, write_status_file


def main() -> None:
    options = json.loads(sys.argv[1])
    vars(_schedule)["ACCEPT_LIST"] = tuple(options["accept"])  # no caller may choose; a test must
    keys = {"keys": [options["jwk"]]}
    store = StatusStore(anchors=TrustAnchors.from_jwks(options["issuer"], keys, purpose=KeyPurpose.STATUS_LIST))
    now = 0.0
    fetcher = StatusFetcher(
        store, [Source(options["aggregation"])], reach=Reach.LOOPBACK, bounds=FetchBounds(jitter_s=0, interval_s=0),
        clock=lambda: now, monotonic=lambda: now,
    )  # fmt: skip
    write_status_file(options["path"], store)
    print("[]", flush=True)  # noqa: T201  # a program
    for line in sys.stdin:
        now = float(line.split()[1])
        results = [each.result.value for each in fetcher.refresh()]
        write_status_file(options["path"], store)
        print(json.dumps(results), flush=True)  # noqa: T201  # a program
    fetcher.close()


if __name__ == "__main__":
    main()
