"""Strict codecs: bytes to values and back. They know the grammar and no meaning; no role, no trust, no clock."""
