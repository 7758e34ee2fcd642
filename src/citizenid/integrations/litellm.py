"""LiteLLM's proxy as a gateway: every model that answers is one that the caller's citizenship permits.

    from litellm.proxy import proxy_server
    guard = CitizenshipGuard(Gateway(..., replay=PerRequestReplayGuard(MemoryReplayGuard())), proxy=proxy_server)

in a module that the proxy's configuration names: `litellm_settings: {callbacks: ["citizenship.guard"]}`. The model of
each request is decided before the proxy looks at it, and again each model group that its router would try: retries,
fallbacks of the configuration and of the request, aliases, wildcards, deployments that are asked for by their id. The
caller's API key stays LiteLLM's own affair.

Spec: specs/profile-litellm.md; specs/decisions/0023-litellm-as-a-custom-logger.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final, NoReturn, Protocol, final

from litellm.integrations.custom_logger import CustomLogger

from .._errors import CitizenIDError, Reason
from ..gateway import Allow, Deny, Signals
from ._per_request import ASGIApp, Decider, Door, NotPermitted, PerRequestReplayGuard, Result, asked_now

__all__ = ["CitizenshipGuard", "NotPermitted", "PerRequestReplayGuard"]

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
_CACHE: Final = Deny(Reason.REQUEST_INVALID, "request", "request.cache_key")
_NOT_LISTED: Final = Deny(Reason.RESOURCE_NOT_LISTED, "policy", "resource")


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
        admission_path: as the gateway has it.
        open_paths: what else the proxy may serve, such as "/key/generate": exact paths, or prefixes that end in "/". No
            citizenship is asked for there, and models that are reached through them are still decided by the hooks.
        signals: says of an ASGI scope where a request comes from, for a gateway that looks for sharing.

    Raises:
        CitizenIDError: CONFIGURATION_INVALID.
    """

    enforces_request_content = True  # each line of a batch file names a model of its own

    def __init__(
        self,
        gateway: Decider,
        *,
        proxy: Proxy,
        admission_path: str = "/citizenship",
        open_paths: Iterable[str] = (),
        signals: Callable[[MutableMapping[str, Any]], Signals | None] | None = None,
    ) -> None:
        super().__init__()
        self._proxy: Final = proxy
        options = {
            "guarded": _GUARDED, "listings": _LISTINGS, "admission_path": admission_path,
            "open_paths": (*_HEALTH, *open_paths), "signals": signals,
        }  # fmt: skip
        _install(proxy.app, gateway, options)

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
            NotPermitted: for every result but Allow.
        """
        asked = asked_now()
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
        asked = asked_now()
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

        LiteLLM looks into its cache after this. It takes the name of an entry from the request's body, fallbacks of the
        client included, and the entry may be another model's answer: a call that names one is refused.

        Raises:
            NotPermitted: for every other call.
        """
        asked = asked_now()
        parameters = kwargs.get("litellm_params")
        if "cache_key" in kwargs or (isinstance(parameters, Mapping) and "preset_cache_key" in parameters):
            raise asked.refuse(_CACHE, final=False)
        model, info = kwargs.get("model"), kwargs.get("model_info")
        result: Result = _NOT_LISTED
        if type(model) is str and isinstance(info, Mapping):
            name = _name(asked.deployments.get(str(info.get("id"))), model)
            if name is not None:
                result = await asked.decide(self._resource(name))
            if type(result) is Allow:
                asked.models |= {model, model.partition("/")[2] or model}  # inner calls may leave the provider out
        elif model in asked.models:
            return  # an inner call, as of one API by way of another: no router picked it
        if type(result) is not Allow:
            raise asked.refuse(result, final=False)

    async def async_filter_listed_models(self, user_api_key_dict: object, model_names: Sequence[str]) -> list[str]:
        """Leave in a listing what the request's credentials permit; without any, what is for anyone.

        Raises:
            NotPermitted: outside of a request.
        """
        asked = asked_now()
        return [name for name in model_names if type(await asked.decide(self._resource(name))) is Allow]

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("CitizenshipGuard is final")


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
    if group.count(_STAR) != 1 or _STAR in end:
        return group
    return group.replace(_STAR, model[len(start) : len(model) - len(end)])


def _install(app: Any, gateway: Decider, options: Mapping[str, Any]) -> None:
    """Put a door around the app: also when it runs already, which is when LiteLLM reads its configuration."""
    if getattr(app.state, "citizenid_door", None) is not None:
        raise CitizenIDError(Reason.CONFIGURATION_INVALID, "litellm.app")  # two gateways, and which would decide?
    stack: ASGIApp | None = app.middleware_stack
    door = Door(app if stack is None else stack, decider=gateway, **options)
    app.state.citizenid_door = door
    if stack is None:
        app.add_middleware(Door, decider=gateway, **options)
    else:
        app.middleware_stack = door
