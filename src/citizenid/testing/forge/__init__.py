"""Objects made by hand: presentations, certificates, status lists and proofs in which any part may be wrong.

`sd_jwt`, `mdoc` and `sd_cwt` each have a `make()` that without arguments returns a good presentation, and `verify()`,
which judges in a world where that one is valid. Every argument replaces a part by what no honest writer would write.

Spec: specs/testing.md.
"""
