"""``/v1/chat/completions`` and ``/v1/completions`` (serve/openai/chat_completions, endpoints/completions.py)."""

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import web

from ..answer import Answer, answer_to
from ..prompt.prompt import Prompt, prompt_of
from .completion_format import CHAT, TEXT, Format, Identity, usage_of
from .context import Context
from .errors import PromptError, PromptTooLongError, RequestError, invalid_request


class Completions:
    """Handlers of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer the messages of a chat."""
        body = await self._body(request, "messages")
        if isinstance(body, web.Response):
            return body
        return await self._respond(request, body, [body["messages"]], CHAT)

    async def text(self, request: web.Request) -> web.StreamResponse:
        """Continue one text or several."""
        body = await self._body(request, "prompt")
        if isinstance(body, web.Response):
            return body
        prompts = [body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]
        return await self._respond(request, body, prompts, TEXT)

    async def _body(self, request: web.Request, field: str) -> dict[str, Any] | web.Response:
        """Return the body, or the answer to one that is malformed."""
        behaviour = self._context.behaviour
        try:
            body = await request.json()
        except ValueError as error:
            return invalid_request(behaviour, str(error))
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            return invalid_request(behaviour, "model: Field required")
        if not isinstance(body.get(field), str | list):
            return invalid_request(behaviour, f"{field}: Field required")
        return body

    async def _respond(
        self, request: web.Request, body: dict[str, Any], prompts: Sequence[Any], form: Format
    ) -> web.StreamResponse:
        self._check(body)
        try:
            answers = [await self._answer(prompt, body) for prompt in prompts]
        except PromptError as error:
            answers = [self._unusable(error)]
        identity = Identity(f"{form.prefix}-{uuid.uuid4().hex}", int(time.time()), body["model"])
        if body.get("stream"):
            return await self._stream(request, body, answers, form, identity)
        choices = await asyncio.gather(*(self._choice(index, a, form) for index, a in enumerate(answers)))
        return web.json_response(form.whole(identity, list(choices), usage_of(answers)))

    def _check(self, body: dict[str, Any]) -> None:
        """Refuse another model and values out of range (chat_completions/validation.py)."""
        if body["model"] != self._context.arguments.model_name:
            raise RequestError(404, f"The model {body['model']!r} does not exist.")
        for field in ("n", "max_tokens", "max_completion_tokens"):
            value = body.get(field)
            if value is not None and value <= 0:
                raise RequestError(400, f"The {field} {value!r} must be a positive integer.")
        top_p, temperature = body.get("top_p"), body.get("temperature")
        if top_p is not None and not 0 < top_p <= 1:
            raise RequestError(400, f"The top_p {top_p!r} must be in (0, 1].")
        if temperature is not None and not 0 <= temperature <= 2:
            raise RequestError(400, f"The temperature {temperature!r} must be in [0, 2]")

    async def _answer(self, messages: Any, body: dict[str, Any]) -> Answer:
        context = self._context
        prompt = await prompt_of(messages, context.model, context.loader)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        try:
            return self._composed(prompt, limit, bool(body.get("ignore_eos")))
        except PromptTooLongError as error:
            if context.behaviour.maps_errors:
                raise RequestError(400, str(error)) from error
            return Answer(error.prompt_tokens, (), "length")

    def _composed(self, prompt: Prompt, limit: int | None, endless: bool) -> Answer:
        context = self._context
        return answer_to(prompt, context.engine.version, context.session_len, limit, endless)

    def _unusable(self, error: PromptError) -> Answer:
        """Return the answer of releases that have one for an unusable prompt.

        Raises:
            RequestError: the release refuses the request.
        """
        behaviour = self._context.behaviour
        self._context.generator.load.failed += 1
        if behaviour.maps_errors:
            raise RequestError(400, str(error)) from error
        if behaviour.answers_prompt_errors:
            return Answer(0, ("in prompt processing error",), "error")
        raise RequestError(500, "Internal Server Error") from error

    async def _choice(self, index: int, answer: Answer, form: Format) -> dict[str, Any]:
        text, finish_reason = "", None
        async with aclosing(self._context.generator.run(answer)) as pieces:
            async for piece in pieces:
                text += piece.text
                finish_reason = piece.finish_reason
        return form.choice(index, text, finish_reason)

    async def _stream(
        self,
        request: web.Request,
        body: dict[str, Any],
        answers: Sequence[Answer],
        form: Format,
        identity: Identity,
    ) -> web.StreamResponse:
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for answer in answers:
            async with aclosing(self._context.generator.run(answer)) as pieces:
                async for piece in pieces:
                    chunk = form.chunk(identity, [form.delta(piece.text, piece.finish_reason)])
                    if wants_usage:
                        chunk["usage"] = None
                    await _send(response, json.dumps(chunk))
        if wants_usage:
            await _send(response, json.dumps(form.chunk(identity, []) | {"usage": usage_of(answers)}))
        await _send(response, "[DONE]")
        await response.write_eof()
        return response


async def _send(response: web.StreamResponse, data: str) -> None:
    """Send one server-sent event."""
    await response.write(f"data: {data}\n\n".encode())
