"""One request to the service: counted before it is sent, and again when its reply is there."""

import asyncio
import hashlib
import json
from typing import Any

from recexplainer.config.service import Service
from recexplainer.service import answers
from recexplainer.service.connection import TooLong
from recexplainer.service.ledger import Ledger
from recexplainer.service.retrying import CallFailed
from recexplainer.service.store import request_key

UNSENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError")
"""Errors of the HTTP library after which nothing has reached the service."""


class Asker:
    """Asks a service through an open client, and keeps the ledger."""

    def __init__(self, client: Any, settings: Service, ledger: Ledger) -> None:
        self.client, self.settings, self.ledger = client, settings, ledger
        self._replies: dict[str, int] = {}

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, as it is stored.

        Raises:
            CallFailed: the ceiling forbids to ask.
            MalformedReply, ErrorReply, TooLong, openai.APIError: there is no answer.
        """
        number = self.ledger.reserve([request])
        if number is None:
            raise CallFailed(ceiling(self.ledger), permanent=True)
        try:
            content = await self._send(request)
        except Exception as error:
            self._count_reply(request, error)
            status, said = getattr(error, "status_code", None), getattr(error, "body", None)
            self.ledger.settle(number, [] if status or _unsent(error) else None, "free" if status else "unusable")
            if status and (reason := answers.refusal_of(status, said)):
                return answers.refused_request(reason)
            raise
        except asyncio.CancelledError:
            self.ledger.settle(number, None, "unusable")
            raise
        return self._read(request, content, number)

    async def _send(self, request: dict[str, Any]) -> bytes:
        body = answers.body(request, self.settings)
        known = {name: body.pop(name) for name in ("model", "messages")}
        # If only the reply was lost, a service that knows such keys gives the same one again, and is paid once.
        token = json.dumps([request_key(request), self._replies.get(request_key(request), 0)])
        reply = await self.client.chat.completions.with_raw_response.create(
            **known,
            extra_body=body,
            extra_headers={"Idempotency-Key": hashlib.sha256(token.encode()).hexdigest()},
        )
        return reply.content

    def _read(self, request: dict[str, Any], content: bytes, number: int) -> dict[str, Any]:
        """Return the answer in a reply, which is paid for even if it is none."""
        paid = None
        try:
            reply = answers.read_json(content)
            if usage := answers.read_usage(reply):
                paid = [{"request": request, "answer": {"text": "", "usage": usage}}]
            answer = answers.read_answer(reply, request)
        except (answers.MalformedReply, answers.ErrorReply) as error:
            self._count_reply(request, error)
            self.ledger.settle(number, paid, "unusable")
            if isinstance(error, answers.ErrorReply) and (reason := answers.refusal_of(None, error.body)):
                return answers.refused_request(reason)
            raise
        self.ledger.settle(number, [{"request": request, "answer": answer}])
        return answer

    def _count_reply(self, request: dict[str, Any], error: Exception) -> None:
        """After a reply of no use another one is wanted, not the same again."""
        if hasattr(error, "status_code") or isinstance(error, answers.MalformedReply | answers.ErrorReply | TooLong):
            key = request_key(request)
            self._replies[key] = self._replies.get(key, 0) + 1


def ceiling(ledger: Ledger) -> str:
    """Say that no more may be spent."""
    return (
        f"the ceiling explanation.max_usd, {ledger.max_usd:g}, is reached: {ledger.total:.4f} USD are spent by all "
        f"stages together ({ledger.path}). Raise it to go on"
    )


def _unsent(error: Exception) -> bool:
    return type(error.__cause__ or error).__name__ in UNSENT
