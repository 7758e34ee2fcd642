"""What an operator configures of a gateway, checked when it is made: a mistake shows at once and at no request.

And the names of formats, which a client states and the library fixes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from .._errors import CitizenIDError, MalformedError, Reason
from .._limits import Limits
from .._model import Challenge, Format
from .proofs import normalise_url

_FORMATS: Final = {str(format_): format_ for format_ in Format}


def format_named(name: str) -> Format:
    """Return the format that a client names. Raises REQUEST_INVALID."""
    format_ = _FORMATS.get(name) if isinstance(name, str) else None
    if format_ is None:
        raise MalformedError(Reason.REQUEST_INVALID, "format")
    return format_


def check_audience(audience: str) -> None:
    """Refuse an audience that no challenge can name. Raises CONFIGURATION_INVALID."""
    usable = True
    try:
        Challenge(audience, "a nonce to try the audience with")
    except MalformedError:
        usable = False
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.audience")


def check_parts(
    *, statuses: object, replay: object, cache: object, functions: Iterable[object], limits: object
) -> None:
    """Refuse parts that could not do their work at the first request. Raises CONFIGURATION_INVALID."""
    usable = type(limits) is Limits and all(map(callable, functions))
    usable = usable and callable(getattr(statuses, "check", None))
    usable = usable and callable(getattr(statuses, "check_identity", None))
    usable = usable and callable(getattr(replay, "consume", None))
    if cache is not None and type(cache) is not int:
        usable = usable and callable(getattr(cache, "get", None)) and callable(getattr(cache, "put", None))
    if not usable:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway")


def origin_of(url: str) -> str:
    """Return scheme and authority of the external URL, normalised. Raises CONFIGURATION_INVALID for anything more."""
    origin = host = None
    try:
        origin = normalise_url(url)
        parts = urlsplit(origin)
        host = parts.hostname if parts.port != 0 else None  # reading the port checks it
    except (ValueError, MalformedError):
        pass
    if origin is None or not host or origin.count("/") != 3 or not origin.endswith("/"):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.external_url")
    if "?" in url or "#" in url or " " in url or not url.isprintable():
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "gateway.external_url")
    return origin[:-1]
