"""A decision that the middleware leaves to the application: the resource is named in a body, which it does not read.

It is not left to chance: until the application has asked the gateway, nothing of a success leaves, and a refusal leaves
as the gateway has made it, whatever the application or its handlers of exceptions make of it.

Spec: specs/profile-asgi.md section 5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, final

from .._answer import Answer
from .._errors import CitizenIDError, Reason
from ..gateway import Allow, Gateway, Request, Signals
from ._asgi_answers import Doors, Refusal, permitted, send_answer
from ._asgi_scope import Message, Receive, Send

STATE: Final = "citizenid"
"""The member of `scope["state"]`."""


class Deferred(Enum):
    """What a `resource` function says of a request that the application decides itself."""

    TO_REQUIRE = "to_require"
    """By `citizenid.integrations.fastapi.require`, or by `await scope["state"]["citizenid"].authorize(resource)`."""


@final
class Pending:
    """Stands in `scope["state"]["citizenid"]` of a request that is not decided yet.

    Attributes:
        gateway: who will decide.
    """

    __slots__ = ("_allow", "_asked", "_doors", "_refusal", "_request", "_signals", "gateway")

    def __init__(self, gateway: Gateway, doors: Doors, request: Request, signals: Signals | None) -> None:
        self.gateway: Final = gateway
        self._doors: Final = doors
        self._request: Final = request
        self._signals: Final = signals
        self._allow: Allow | None = None
        self._refusal: Answer | None = None
        self._asked = False

    async def authorize(self, resource: str | None) -> Allow | Refusal:
        """Ask the gateway, once: a proof is good for one decision. What is no text is refused.

        Raises:
            CitizenIDError: CONFIGURATION_INVALID when it is asked again.
        """
        if self._asked:
            raise CitizenIDError(Reason.CONFIGURATION_INVALID, "asgi.state")
        self._asked = True
        result: Allow | Refusal
        if type(resource) is str:
            result = await self._doors.authorize(self._request, resource=resource, signals=self._signals)
        else:
            result = await self._doors.refuse_unlisted(self._request)
        if isinstance(result, Allow):
            self._allow = result
        else:
            self._refusal = await self._doors.answer(result)
        return result

    @property
    def refusal(self) -> Answer | None:
        """What the client will read, once it was refused."""
        return self._refusal

    def guard(
        self, receive: Receive, send: Send, *, head: bool, most_bytes: int
    ) -> tuple[Receive, Send, Callable[[], Awaitable[None]]]:
        """Return the channel for the application: it lets in what may be read undecided, and out what may leave.

        The third is to be called when the application is done: who was refused, and was told nothing, is told it then.
        """
        size = 0
        passing = answered = False

        async def answer(refusal: Answer) -> None:
            nonlocal answered
            answered = True
            await send_answer(send, refusal, head=head)

        async def reading() -> Message:
            nonlocal size
            message = await receive()
            if self._allow is None and message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > most_bytes:
                    if not passing and not answered:
                        await answer((await self._doors.refuse_too_large()).http())
                    return {"type": "http.disconnect"}
            return message

        async def sending(message: Message) -> None:
            nonlocal passing
            if message["type"] != "http.response.start":
                if passing:  # a body and what else may follow; of what is refused, nothing
                    await send(message)
                return
            refusal = self._refusal
            if self._allow is None and refusal is None and message["status"] < 400:
                self._asked = True
                refusal = None if answered else (await self._doors.refuse_unlisted(self._request)).http()
            if answered:
                return
            if refusal is not None:
                await answer(refusal)
                return
            passing = True
            out = send if self._allow is None else permitted(send, self._allow, self._request.method)
            await out(message)

        async def ending() -> None:
            if self._refusal is not None and not passing and not answered:
                await answer(self._refusal)

        return reading, sending, ending

    def __repr__(self) -> str:
        return "<Pending>"
