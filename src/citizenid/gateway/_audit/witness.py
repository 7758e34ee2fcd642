"""What a log and a witness say to each other: a request for a cosignature, and what to do with the answer. Pure.

Spec: C2SP tlog-witness (add-checkpoint), tlog-cosignature; specs/profile-audit.md section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..._errors import MalformedError, Reason, VerificationError
from .note import VerifierKey, open_checkpoint, open_note, proof_lines, signature_line, signer_of, verify_note

_BLANK = b"\n\n"
_NO_TIME = bytes(8)


def witness_request(note: bytes, key: VerifierKey, old_size: int, proof: Sequence[bytes]) -> bytes:
    """Return the body of an add-checkpoint request: the size before, the proof, the checkpoint as its log signed it.

    Cosignatures of others are left out.
    """
    opened = open_note(note)
    own = [signature for name, key_id, signature in opened.signatures if (name, key_id) == (key.name, key.id)]
    lines = "".join(signature_line(key, signature) for signature in own)
    return f"old {old_size}\n{proof_lines(proof)}\n{opened.text}\n{lines}".encode()


def cosigned(request: bytes, answer: bytes, key: VerifierKey, witnesses: Sequence[VerifierKey]) -> tuple[bytes, bytes]:
    """Return the checkpoint of a request, and those lines of the answer that are by witnesses we know.

    Raises:
        MalformedError: AUDIT_MALFORMED, SIGNATURE_MALFORMED.
        VerificationError: AUDIT_INVALID when none of the lines is by a witness we know; SIGNATURE_INVALID.
    """
    if type(request) is not bytes or type(answer) is not bytes:
        raise MalformedError(Reason.AUDIT_MALFORMED, "audit.note")
    sent = request.partition(_BLANK)[2]
    open_checkpoint(sent, key)
    both = open_note(sent + answer)
    known = {(witness.name, witness.id): witness for witness in witnesses if verify_note(both, witness)}
    kept = [(known[name, key_id], signature) for name, key_id, signature in both.signatures if (name, key_id) in known]
    # tlog-witness: the time MUST NOT be zero, which says nothing of whether this is the largest tree.
    if any(signature.startswith(_NO_TIME) for _, signature in kept):
        raise MalformedError(Reason.SIGNATURE_MALFORMED, "audit.cosignature")
    lines = "".join(signature_line(witness, signature) for witness, signature in kept)
    if not lines:
        raise VerificationError(Reason.AUDIT_INVALID, "audit.cosignature")
    return sent, lines.encode("utf-8")


def merged(note: bytes, lines: bytes) -> bytes:
    """Return a note with some signature lines. Of each signer the last one stays: a note that grows is soon none."""
    text, blank, signed = note.rpartition(_BLANK)
    kept = {signer_of(line): line for line in (signed + lines).splitlines(keepends=True)}
    return text + blank + b"".join(kept.values())
