"""LiteLLM's proxy as a gateway: every model that answers is one that the caller's citizenship permits.

    from litellm.proxy import proxy_server
    guard = CitizenshipGuard(Gateway(..., replay=PerRequestReplayGuard(MemoryReplayGuard())), proxy=proxy_server)

in a module that the proxy's configuration names: `litellm_settings: {callbacks: ["citizenship.guard"]}`. The model of
each request is decided before the proxy looks at it, and again each model group that its router would try: retries,
fallbacks of the configuration, aliases, wildcards, deployments that are asked for by their id. Of a body those members
pass that are listed: what names another model, deployment, provider, address or key is refused, and so are fallbacks
of the client's own. The caller's API key stays LiteLLM's own affair.

Spec: specs/profile-litellm.md; specs/decisions/0023-litellm-as-a-custom-logger.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final, NoReturn, Protocol, final

from litellm.integrations.custom_logger import CustomLogger

from .. import _limits as _whole  # noqa: F401  # waits: another thread may be importing the package
from .._errors import CitizenIDError, Reason
from ..gateway import Allow, Gateway, Signals
from ._asgi_answers import Doors, Runs, check_signals
from ._asgi_scope import ASGIApp, Served
from ._litellm_bodies import body_reader
from ._per_request import (
    Bounds,
    Door,
    NotPermitted,
    PerRequestReplayGuard,
    Result,
    asked_now,
    calling_now,
)

__all__ = ["CitizenshipGuard", "NotPermitted", "PerRequestReplayGuard", "Runs"]

# Tested against the proxy: each of these reaches the hooks. What is not here reaches nobody.
_ON_BOTH: Final = (
    "/chat/completions", "/completions", "/embeddings", "/responses", "/images/generations", "/audio/speech",
    "/audio/transcriptions", "/moderations", "/rerank",
)  # fmt: skip
_GUARDED: Final = (*_ON_BOTH, *("/v1" + path for path in _ON_BOTH), "/v1/messages")
_LISTINGS: Final = (
    "/v1/models", "/models", "/v1/models/", "/models/", "/model/info", "/v1/model/info", "/model_group/info",
)  # fmt: skip
_HEALTH: Final = ("/health/liveliness", "/health/liveness", "/health/readiness")  # they name no model
_STAR: Final = "*"
_LEFT_OUT: Final = "responses/"  # LiteLLM takes it for a way to call a model, and asks the provider without
# What names the caller, the connection or the form of the answer. LiteLLM's own headers tag, time and repeat a call,
# and where it is configured so, it hands on to the provider all that begin with `x-`: providers pick models by some.
_HEADERS: Final = frozenset(
    each.encode("ascii")
    for each in (
        "authorization", "api-key", "x-api-key", "x-litellm-api-key", "x-goog-api-key", "ocp-apim-subscription-key",
        "host", "accept", "accept-encoding", "accept-language", "user-agent", "origin", "connection",
        "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "x-request-id",
        "traceparent", "tracestate", "anthropic-version",
    )
)  # fmt: skip
# The door states these itself, of the body as it was judged: a client's own would stand before them.
_OF_THE_BODY: Final = frozenset({b"content-type", b"content-length", b"content-encoding", b"transfer-encoding"})
# The door lets none of them in, and LiteLLM adds none for the client: whoever finds another way in gets no further.
_NOT_THE_CLIENTS: Final = (
    "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks", "deployment_id", "engine",
    "extra_body", "extra_query", "custom_llm_provider", "base_url", "user_config", "model_list", "models", "route",
    "specific_deployment", "cache_key", "caching_groups", "preset_cache_key",
)  # fmt: skip
_METADATA: Final = ("metadata", "litellm_metadata")


class Proxy(Protocol):
    """The module `litellm.proxy.proxy_server`: its app, and its router, which it makes when it starts."""

    @property
    def app(self) -> Any:
        """A Starlette app."""
        ...

    @property
    def llm_router(self) -> Any:
        """The router, or None."""
        ...


@final
class CitizenshipGuard(CustomLogger):  # type: ignore[misc]  # without litellm its class is Any to the type checker
    """Asks a gateway for each model that a request names or that the router tries for it.

    LiteLLM runs `async_pre_call_hook` only of the class that defines it, so that a subclass would guard nothing.

    Args:
        gateway: decides. Its replay guard is a `PerRequestReplayGuard`: what was refused has used its proof, too.
        proxy: the module `litellm.proxy.proxy_server`. Its app gets a door around it: admission, and refusals as the
            gateway words them; what is neither guarded, nor a listing, nor open is refused.
        admission_path: as the gateway has it; another is an error.
        open_paths: what else the proxy may serve, such as "/key/generate": exact paths, or prefixes that end in "/". No
            citizenship is asked for there, and calls of models through LiteLLM's hooks are refused.
        headers: further headers that LiteLLM needs to see of a guarded request, as for its own authentication. Those of
            the client that are neither named here nor in the profile do not reach it.
        body_bytes: how long the body of a guarded request may be. An admission is bounded by the gateway's limits.
        body_timeout_s: how long a client may take to send a body, seconds.
        runs: where the gateway is asked; `Runs.IN_THREADS` for a replay guard that waits for a server.
        signals: says of an ASGI scope where a request comes from, for a gateway that looks for sharing.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    enforces_request_content = True  # each line of a batch file names a model of its own

    def __init__(
        self,
        gateway: Gateway,
        *,
        proxy: Proxy,
        admission_path: str = "/citizenship",
        open_paths: Iterable[str] = (),
        headers: Iterable[str] = (),
        body_bytes: int = 33_554_432,
        body_timeout_s: float = 30,
        runs: Runs = Runs.IN_THE_LOOP,
        signals: Callable[[MutableMapping[str, Any]], Signals | None] | None = None,
    ) -> None:
        super().__init__()
        self._proxy: Final = proxy
        if type(body_bytes) is not int or body_bytes <= 0 or type(runs) is not Runs:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.body_bytes")
        if type(body_timeout_s) not in (int, float) or not 0 < body_timeout_s <= 3_600:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.body_timeout_s")
        if admission_path != gateway.admission_path:  # where its refusals send whoever asks
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.admission_path")
        check_signals(signals)
        if isinstance(open_paths, str | bytes) or not isinstance(open_paths, Iterable):
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.open_paths")
        served = Served(gateway.external_url, admission_path, 2 * gateway.limits.presentation_bytes)
        self._doors: Final = Doors(gateway, served, runs)
        options = {
            "doors": self._doors, "guarded": {path: body_reader(path) for path in _GUARDED}, "listings": _LISTINGS,
            "headers": _HEADERS | _named(headers), "admission_path": admission_path,
            "open_paths": (*_HEALTH, *open_paths), "signals": signals,
            "bounds": Bounds(body_bytes, served.body_bytes, body_timeout_s),
        }  # fmt: skip
        _install(proxy.app, options)

    def _resource(self, model: object) -> str:
        """Return what a name stands for: an alias of the router for a model group, any other for itself."""
        aliases = getattr(self._proxy.llm_router, "model_group_alias", None)
        target = aliases.get(model) if isinstance(aliases, Mapping) and type(model) is str else None
        if isinstance(target, Mapping):
            target = target.get("model")
        return target if isinstance(target, str) else model if type(model) is str else ""

    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: Mapping[str, object], call_type: str
    ) -> None:
        """Decide on the model that a request names.

        Raises:
            NotPermitted: for every result but Allow, and for members that are not the client's to write.
        """
        asked = await calling_now(self._doors)
        if any(data.get(name) is not None for name in _NOT_THE_CLIENTS):
            raise asked.refuse(await asked.invalid(), final=True)
        result = await asked.decide(self._resource(data.get("model")))
        if type(result) is not Allow:
            raise asked.refuse(result, final=True)

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Any],
        messages: object,
        request_kwargs: Mapping[str, object] | None = None,
        parent_otel_span: object = None,
    ) -> list[Any]:
        """Leave the router those deployments of a model group that the request may use.

        Raises:
            NotPermitted: when none is left of some. No deployment has been picked yet, so none counts as failing.
        """
        asked = await calling_now(self._doors)
        kept, refused = [], None
        for deployment in healthy_deployments:
            number, group, called = _described(deployment)
            if _STAR not in group or _STAR not in called:
                result = await asked.decide(self._resource(group))
                if type(result) is not Allow:
                    refused = result
                    continue
            kept.append(deployment)  # of a wildcard the name is not known before it is called
            if number:
                asked.deployments[number] = group, called
        if refused is not None and not kept:
            raise asked.refuse(refused, final=False)
        return kept

    async def async_pre_call_deployment_hook(self, kwargs: Mapping[str, Any], call_type: object) -> None:
        """Let through calls of the deployments that were left to the router, and what those lead to.

        LiteLLM looks into its cache after this, and may be told of another entry than this call's: by the name of one,
        or of the model group that it belongs to. Then the answer would be another model's, and the call is refused.

        Raises:
            NotPermitted: for every other call.
        """
        asked = await calling_now(self._doors)
        if _names_a_cache_entry(kwargs):
            raise asked.refuse(await asked.invalid(), final=False)
        model, info = kwargs.get("model"), kwargs.get("model_info")
        result: Result | None = None
        if type(model) is str and isinstance(info, Mapping):
            name = _name(asked.deployments.get(str(info.get("id"))), model)
            if name is not None:
                result = await asked.decide(self._resource(name))
            if type(result) is Allow:
                asked.models |= {model, model.partition("/")[2] or model}  # inner calls may leave the provider out
        elif model in asked.models:
            return  # an inner call, as of one API by way of another: no router picked it
        if type(result) is not Allow:
            raise asked.refuse(await asked.unlisted() if result is None else result, final=False)

    async def async_filter_listed_models(self, user_api_key_dict: object, model_names: Sequence[str]) -> list[str]:
        """Leave in a listing what the request's credentials permit; without any, what is for anyone.

        Raises:
            NotPermitted: outside of a request.
        """
        asked = await asked_now(self._doors)
        return [name for name in model_names if type(await asked.decide(self._resource(name))) is Allow]

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("CitizenshipGuard is final")


def _names_a_cache_entry(kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a call names an entry of the cache, or another group than the router's."""
    parameters = kwargs.get("litellm_params")
    inner: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    if "cache_key" in kwargs or "preset_cache_key" in inner:
        return True
    told = [each.get(name) for each in (kwargs, inner) for name in _METADATA]
    found = [each for each in told if isinstance(each, Mapping)]
    groups = [each["model_group"] for each in found if each.get("model_group") is not None]
    return (
        len(groups) > 1  # the router writes one; LiteLLM would choose among several
        or not all(type(each) is str for each in groups)
        or any(each.get("caching_groups") is not None for each in found)
    )


def _named(headers: Iterable[str]) -> frozenset[bytes]:
    listed = not isinstance(headers, str | bytes) and isinstance(headers, Iterable)
    texts = list(headers) if listed else []
    if not listed or not all(type(each) is str and each.isascii() and each for each in texts):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.headers")
    named = frozenset(each.lower().encode("ascii") for each in texts)
    if not named.isdisjoint(_OF_THE_BODY):
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.headers")
    return named


def _described(deployment: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return id, model group and the name by which it is called; empty where one is missing."""
    info, parameters = deployment.get("model_info"), deployment.get("litellm_params")
    number = info.get("id") if isinstance(info, Mapping) else None
    group, called = deployment.get("model_name"), parameters.get("model") if isinstance(parameters, Mapping) else None
    return (
        number if type(number) is str else "",
        group if type(group) is str else "",
        called if type(called) is str else "",
    )


def _name(deployment: tuple[str, str] | None, model: str) -> str | None:
    """Return what was asked for when a deployment is called by this name: of a wildcard, what the star stood for.

    None when it is not called so.
    """
    if deployment is None:
        return None
    group, called = deployment
    start, star, end = called.partition(_STAR)
    if not star:
        return group if model == called else None
    if len(model) < len(start + end) or not (model.startswith(start) and model.endswith(end)):
        return None
    named = model[len(start) : len(model) - len(end)]
    if _LEFT_OUT in named:
        return None
    return group if group.count(_STAR) != 1 or _STAR in end else group.replace(_STAR, named)


def _install(app: Any, options: Mapping[str, Any]) -> None:
    """Put a door around the app: also when it runs already, which is when LiteLLM reads its configuration."""
    if getattr(app.state, "citizenid_door", None) is not None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.app")  # two gateways, and which would decide?
    stack: ASGIApp | None = app.middleware_stack
    door = Door(app if stack is None else stack, **options)
    app.state.citizenid_door = door
    if stack is None:
        app.add_middleware(Door, **options)
    else:
        app.middleware_stack = door
