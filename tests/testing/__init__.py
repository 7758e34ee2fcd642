"""Tests of the reviewer's kit."""
