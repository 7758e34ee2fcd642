"""A peer's loop: one request a line on standard input, one answer a line on standard output, both JSON.

A request names its command under `do` and has the command's arguments beside it; bytes are hexadecimal. The answer is
`{"ok": ...}`, or `{"refused": "<class>: <message>"}` when the command raised. It runs with the packages of the peer's
own environment and never with ours.
"""

import json
import sys
from collections.abc import Callable
from typing import Any


def serve(*commands: Callable[..., Any]) -> None:
    """Answer requests until standard input ends."""
    by_name = {command.__name__: command for command in commands}
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a package prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        command = by_name[request.pop("do")]
        try:
            answer = {"ok": command(**request)}
        except Exception as error:  # every refusal counts: the test looks at which one it was
            answer = {"refused": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
