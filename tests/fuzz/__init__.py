"""Coverage-guided fuzzing of every function that takes foreign bytes. One command: `python tests/fuzz/run.py`.

`targets.py` is the table: what each target is, which functions it reaches, where its seeds come from. A target is a
function of bytes that any exception but an allowed one leaves; nothing in these modules needs atheris, so that
`test_targets.py` runs all of them in the ordinary tests. `run.py` runs them under atheris, each in its own process.

Spec: specs/assurance.md.
"""
