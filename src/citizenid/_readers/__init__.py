"""One file a format: bytes to `Presentation` to `Attestation`. `READERS` is the closed table of them."""

from __future__ import annotations

from typing import Final

from .._model import Format
from . import mdoc, sd_cwt, sd_jwt_vc
from ._protocol import (
    IssuerHalfCache,
    KeyAuthorizations,
    Reader,
    Reading,
    keep_reading,
    kept_reading,
    placements_of,
)

__all__ = [
    "READERS",
    "IssuerHalfCache",
    "KeyAuthorizations",
    "Reader",
    "Reading",
    "keep_reading",
    "kept_reading",
    "placements_of",
]

READERS: Final[dict[Format, Reader]] = {
    Format.SD_JWT_VC: sd_jwt_vc.READER,
    Format.MDOC: mdoc.READER,
    Format.SD_CWT: sd_cwt.READER,
}
