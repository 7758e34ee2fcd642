"""Input and output for those who do not want to write their own: thin, and each behind an extra of its own.

`fetch` gets status lists over HTTP (extra `fetch`), `publish` serves them as an ASGI app; both speak Zstandard with the
extra `zstd`. `valkey` is what several gateways share on Valkey or Redis (extra `valkey`). `asgi` puts a gateway in
front of an application or beside a proxy, and needs no extra; `fastapi` is a dependency for FastAPI. `litellm` guards
LiteLLM's proxy, in whose environment it runs. `telemetry` hands on what a gateway counts (extra `telemetry`). Nothing
below imports from here, and nothing here decides about a credential.

Spec: specs/profile-status-list.md sections 9 and 10; specs/profile-fleet.md; specs/profile-asgi.md;
specs/profile-litellm.md; specs/profile-telemetry.md; specs/decisions/0017, 0021 to 0024.
"""
