"""Whether the tests notice when the package is changed: every small change of a part, each tried on its tests."""
