"""Tests of the strict codecs."""
