"""Tests of what fetches and publishes status lists, on the loopback interface alone."""
