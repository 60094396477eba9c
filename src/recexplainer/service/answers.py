"""What is sent to the service, and how its reply is read."""

import json

from recexplainer.errors import InputError
from recexplainer.service.store import REQUEST_FIELDS


class MalformedReply(Exception):
    """A reply that is no answer: not JSON, or without a text. Asking again may help."""


def full_request(request: dict, settings: dict) -> dict:
    """Return the request as it is sent and stored.

    Args:
        request: ``messages`` and ``max_tokens``; optionally ``case``, the name of the case in messages to the user,
            which is not sent. ``model`` and ``temperature`` are taken from the settings if they are missing.
        settings: the service's entry in the config.

    Raises:
        InputError: a field is missing or unknown.
    """
    filled = {"model": settings["model"], "temperature": settings["temperature"]} | request
    filled.pop("case", None)
    if set(filled) != set(REQUEST_FIELDS):
        wrong = sorted(set(filled) ^ set(REQUEST_FIELDS))
        raise InputError(f"request to a service: {wrong[0]!r} is missing or unknown; it takes messages and max_tokens.")
    # 0 and 0.0 ask the same, so they must have the same key.
    return filled | {"temperature": float(filled["temperature"]), "max_tokens": int(filled["max_tokens"])}


def read_json(content: bytes) -> dict:
    """Return the JSON object of a reply's body.

    Raises:
        MalformedReply: it is none.
    """
    try:
        value = json.loads(content)
    except ValueError:
        raise MalformedReply("the reply is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedReply("the reply is not a JSON object")
    return value


def read_answer(reply: dict) -> dict:
    """Return the answer in a chat completion, as it is stored.

    A refusal is an answer: the service says so in ``refusal`` or by the finish reason ``content_filter``, and asking
    again at temperature 0 would only cost more. An empty text is an answer too.

    Raises:
        MalformedReply: there is no text and no refusal in it.
    """
    try:
        choice = reply["choices"][0]
        message = choice["message"]
        reason, text, refusal = choice.get("finish_reason"), message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise MalformedReply("the reply has no choice with a message") from None
    refused = reason == "content_filter" or (not text and isinstance(refusal, str))
    if refused:
        text = text or refusal or ""
    if not isinstance(text, str):
        raise MalformedReply("the reply's message has no content")
    return {
        # A lone half of a surrogate pair is legal in JSON, but not in UTF-8.
        "text": text.encode(errors="replace").decode(),
        "finish": "refused" if refused else "length" if reason == "length" else "stop",
        "model": str(reply.get("model", "")),
        "usage": _usage(reply.get("usage")),
    }


def _usage(usage) -> dict | None:
    """Return the counted tokens; None if the service did not count."""
    try:
        counts = {name: int(usage[name]) for name in ("prompt_tokens", "completion_tokens")}
    except (KeyError, TypeError, ValueError):
        return None
    return counts if min(counts.values()) >= 0 else None
