"""One file a format: `Attestation` to `Unsigned` to bytes. `WRITERS` is the closed table of them."""

from __future__ import annotations

from typing import Final

from .._model import Format
from . import mdoc, sd_cwt, sd_jwt_vc
from ._protocol import IssueOptions, PresentOptions, Signer, Writer

__all__ = ["WRITERS", "IssueOptions", "PresentOptions", "Signer", "Writer"]

WRITERS: Final[dict[Format, Writer]] = {
    Format.SD_JWT_VC: sd_jwt_vc.WRITER,
    Format.MDOC: mdoc.WRITER,
    Format.SD_CWT: sd_cwt.WRITER,
}
