"""Input and output for those who do not want to write their own: thin, and each behind an extra of its own.

`fetch` gets status lists over HTTP (extra `fetch`), `publish` serves them as an ASGI app; both speak Zstandard with the
extra `zstd`. `valkey` is what several gateways share on Valkey or Redis (extra `valkey`). `litellm` guards LiteLLM's
proxy, in whose environment it runs. Nothing below imports from here, and nothing here decides about a credential.

Spec: specs/profile-status-list.md sections 9 and 10; specs/profile-fleet.md; specs/profile-litellm.md;
specs/decisions/0017, 0021 and 0023.
"""
