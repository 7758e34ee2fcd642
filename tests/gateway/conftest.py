"""Every error that the tests of the gateway meet names a Reason, and a path made of our words."""

from __future__ import annotations

from places import only_in_words

errors_say_where = only_in_words()
