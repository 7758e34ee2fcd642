"""The security reviewer's kit.

Spec: specs/testing.md.
"""
