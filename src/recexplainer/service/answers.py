"""What is sent to the service, and how its reply is read."""

import json
import math
import re
from typing import Any

from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.service.store import MOST_TOKENS, REQUEST_FIELDS

MOST_BYTES = 2**21
"""The longest reply that is read. An answer takes some thousand bytes, with its thoughts some hundred thousand."""
DEEPEST = 40
LONGEST_NAME = 200

# How services call the ends of an answer; all others are an ordinary end, and a lack of one may be anything.
_CUT = {"length", "max_tokens", "max_output_tokens", "model_length", "token_limit", "model_context_window_exceeded"}
_REFUSED = {
    *(
        "content_filter",
        "content_filtered",
        "refusal",
        "safety",
        "recitation",
        "prohibited_content",
        "blocklist",
        "spii",
    ),
    *("guardrail_intervened", "moderation", "sensitive", "image_safety"),
}
_BROKEN = {"error", "network_error", "insufficient_system_resource", "malformed_function_call", "abort", "cancelled"}
# The codes and words with which services refuse one request for what is in it, or for its length.
_FILTER_CODES = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked"}
_FILTER_CODES |= {"data_inspection_failed", "invalid_prompt", "content_filtered"}
_LONG_CODES = {"context_length_exceeded", "string_above_max_length", "context_window_exceeded", "request_too_large"}
_FILTER_WORDS = re.compile(r"content (?:management )?(?:policy|filter)|safety system|\bflagged\b|\bmoderation\b")
_LONG_WORDS = re.compile(
    r"(?:maximum|max|model'?s?) context (?:length|window)|context (?:length|window|size) (?:is |was |of )?exceed"
    r"|exceeds? (?:the )?(?:available |model'?s? |maximum )*context|(?:prompt|input) is too long"
    r"|(?:prompt|input)[^.]{0,80} exceeds? [^.]{0,40}(?:tokens|context|length)"
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class MalformedReply(Exception):
    """A reply that is no answer: not JSON, or without choices. Asking again may help."""


class ErrorReply(Exception):
    """An error where an answer was expected: a service may say HTTP 200 to it.

    Attributes:
        body: what it says of the error.
    """

    def __init__(self, body: Any) -> None:
        super().__init__("an error inside HTTP 200")
        self.body = body


def full_request(request: dict[str, Any], settings: Service) -> dict[str, Any]:
    """Return the request as it is stored: what decides the answer, however a service wants it to be said.

    Args:
        request: ``messages`` and ``max_tokens``; optionally ``case``, the name of the case in messages to the user,
            which is not sent, and ``extra``, further fields. ``model`` and ``temperature`` are taken from the settings
            if they are missing.
        settings: the service's entry in the config. Its ``token_limit`` takes the place of ``max_tokens``, and its
            ``extra`` is added.

    Raises:
        InputError: a field is missing or unknown.
    """
    filled = {"model": settings.model, "temperature": settings.temperature} | request
    filled.pop("case", None)
    extra = settings.extra | filled.pop("extra", {})
    if set(filled) != set(REQUEST_FIELDS):
        wrong = sorted(set(filled) ^ set(REQUEST_FIELDS))
        raise InputError(f"request to a service: {wrong[0]!r} is missing or unknown; it takes messages and max_tokens.")
    # 0 and 0.0 ask the same, so they must have the same key.
    temperature = None if filled["temperature"] is None else float(filled["temperature"])
    limit = int(settings.token_limit or filled["max_tokens"])
    return filled | {"temperature": temperature, "max_tokens": limit} | ({"extra": extra} if extra else {})


def body(request: dict[str, Any], settings: Service) -> dict[str, Any]:
    """Return a stored request in the words of its service."""
    sent = {"model": request["model"], "messages": request["messages"]}
    if request["temperature"] is not None:
        sent["temperature"] = request["temperature"]
    return sent | {settings.max_tokens_field: request["max_tokens"]} | request.get("extra", {})


def read_json(content: bytes, most: int = MOST_BYTES) -> dict[str, Any]:
    """Return the JSON object of a reply's body. What is nested too deeply to be of use is null in it.

    Raises:
        MalformedReply: it is none, or it is longer than ``most`` bytes.
    """
    if len(content) > most:
        raise MalformedReply(f"the reply is over {most} bytes")
    try:
        # Some begin with a byte order mark; and one byte that is wrong is no reason to pay again.
        text = content.decode(json.detect_encoding(content), errors="replace")
        try:
            value = json.loads(text, parse_int=_whole)
        except RecursionError:
            value = json.loads(_shallow(text), parse_int=_whole)
    except ValueError:
        raise MalformedReply("the reply is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedReply("the reply is not a JSON object")
    return value


def _whole(digits: str) -> int | float:
    """Python refuses whole numbers of thousands of digits; here they are infinite."""
    return int(digits) if len(digits) <= 30 else math.inf


def _shallow(text: str) -> str:
    """Return JSON with null in place of what is nested more than :data:`DEEPEST` deep."""
    pieces, depth, start = [], 0, 0
    for match in _TOKEN.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(text[start : match.start()])
        elif match[0] in ("]", "}"):
            depth -= 1
            if depth == DEEPEST:
                pieces.append("null")
                start = match.end()
    return "".join([*pieces, text[start:]])


def read_answer(reply: dict[str, Any], request: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer in a chat completion, as it is stored.

    A refusal is an answer: the service says so in ``refusal`` or by the finish reason ``content_filter``, and asking
    again at temperature 0 would only cost more. No text is an answer too, an empty one: of a model that used up its
    tokens for a thought, for example. Thoughts in fields or parts of their own are left out; those within the text
    stay in the store, and :func:`recexplainer.service.thoughts.without_thoughts` takes them out for the reader.

    Args:
        reply: the JSON object.
        request: what was asked, to see from the number of tokens that an answer was cut off if the service is silent.

    Raises:
        MalformedReply: there are no choices in it.
        ErrorReply: it is an error.
    """
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    reason = str(choice.get("finish_reason") or "").lower()
    if error := reply.get("error") or choice.get("error"):
        raise ErrorReply(error)
    if reason in _BROKEN:
        raise MalformedReply(f"the service broke the answer off ({reason})")
    if not isinstance(choices, list):
        raise MalformedReply("the reply has no choices")
    message: dict[str, Any] = choice["message"] if isinstance(choice.get("message"), dict) else {}
    text, said = _text(message.get("content"))
    refusal = message.get("refusal") or said
    refused = reason in _REFUSED or (isinstance(refusal, str) and bool(refusal.strip()))
    if refused and not text:
        text = refusal if isinstance(refusal, str) else ""
    usage = read_usage(reply)
    if not reason and usage and request and usage["completion_tokens"] >= request["max_tokens"]:
        reason = "length"
    model = reply.get("model")
    return {
        "text": _clean(text),
        "finish": "refused" if refused else "length" if reason in _CUT else "stop",
        "model": _clean(model)[:LONGEST_NAME] if isinstance(model, str) else "",
        "usage": usage,
    }


def refused_request(reason: str) -> dict[str, Any]:
    """Return the answer that stands for a request which the service refused to take: it says nothing, and is free."""
    usage = {"prompt_tokens": 0, "completion_tokens": 0}
    return {"text": "", "finish": "refused", "model": "", "usage": usage, "reason": _clean(reason)}


def refusal_of(status: int | None, error: Any) -> str | None:
    """Say why a service refused one request for what is in it; None if the error is of another kind.

    Args:
        status: of HTTP; None inside an answer.
        error: what it says of the error: an object with ``code`` and ``message``, or a text.
    """
    if status not in (None, 200, 400, 403, 413, 422, 451):
        return None
    codes, message = error_words(error)
    if codes & _LONG_CODES or _LONG_WORDS.search(message.lower()):
        return "the request is too long for the model"
    if codes & _FILTER_CODES or (status != 403 or codes) and _FILTER_WORDS.search(message.lower()):
        return "the service's filter refused the request"
    return None


def error_words(error: Any) -> tuple[set[str], str]:
    """Return the codes, in small letters, and the message of a service's error."""
    if not isinstance(error, dict):
        return set(), str(error)[: 10 * LONGEST_NAME] if isinstance(error, str) else ""
    if isinstance(error.get("error"), dict | str):
        return error_words(error["error"])
    inner: dict[str, Any] = error["innererror"] if isinstance(error.get("innererror"), dict) else {}
    codes = (error.get("code"), error.get("type"), inner.get("code"))
    message = error.get("message")
    return {code.lower() for code in codes if isinstance(code, str)}, message if isinstance(message, str) else ""


def read_usage(reply: dict[str, Any]) -> dict[str, Any] | None:
    """Return the counted tokens of a reply; None if the service did not count, or not believably."""
    usage = reply.get("usage")
    counts: list[Any] = [
        usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")
    ]
    if not all(type(count) in (int, float) and 0 <= count <= MOST_TOKENS and count == int(count) for count in counts):
        return None
    return {"prompt_tokens": int(counts[0]), "completion_tokens": int(counts[1])}


def _text(content: Any) -> tuple[str, str]:
    """Return text and refusal in a message's content: a text, or a list of parts, of which some are thoughts."""
    if isinstance(content, str):
        return content, ""
    texts, refusals = [], []
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type", "text") in ("text", "output_text") and not part.get("thought"):
            text = part.get("text")
            text = text.get("value") if isinstance(text, dict) else text
            texts.append(text if isinstance(text, str) else "")
        elif isinstance(part, dict) and isinstance(part.get("refusal"), str):
            refusals.append(part["refusal"])
    return "".join(texts), "".join(refusals)


def _clean(text: str) -> str:
    """A lone half of a surrogate pair is legal in JSON, but not in UTF-8."""
    return text.encode(errors="replace").decode()
