"""In place of LiteLLM, which has an environment of its own: the one class that `integrations.litellm` builds on.

Importing this module makes that one importable. How it does in LiteLLM itself is in tests/integrations/test_litellm.py.
"""

from __future__ import annotations

import importlib.util
import sys
import types


class CustomLogger:
    """As much of LiteLLM's class as is called."""


if importlib.util.find_spec("litellm") is None:
    for name in ("litellm", "litellm.integrations", "litellm.integrations.custom_logger"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["litellm.integrations.custom_logger"].CustomLogger = CustomLogger  # type: ignore[attr-defined]  # it is what is missing
