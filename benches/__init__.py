"""Figures of citizenid, each beside its floor: what the step cannot avoid, measured in the same process.

Run `python -m benches`; README.md says how to read what it prints.
"""
