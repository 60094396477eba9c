"""Asking a service again: when, how often, and after which wait."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from recexplainer.config.service import Service
from recexplainer.secrets import redact
from recexplainer.seeds import derive_seed
from recexplainer.service.answers import ErrorReply, MalformedReply, error_words
from recexplainer.service.connection import TooLong, proxy_variables, uses_proxies

Result = TypeVar("Result")

# Seconds: the first wait, doubled at each further one up to the longest.
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
# A service that asks for a longer wait than this is left alone until the next run, in seconds.
LONGEST_RETRY_AFTER = 900.0
RETRIED_STATUSES = (408, 409, 429)


class CallFailed(Exception):
    """A call that brought no answer.

    Attributes:
        reason: in words, without any key.
        permanent: asking again brings the same.
        status: of HTTP; None if there was no reply.
        retry_after: seconds that the service asks to wait; 0 if it does not say.
    """

    def __init__(
        self, reason: str, permanent: bool = False, status: int | None = None, retry_after: float = 0.0
    ) -> None:
        # What the service says may repeat the key.
        self.reason = redact(reason)
        super().__init__(self.reason)
        self.permanent, self.status, self.retry_after = permanent, status, retry_after


async def retry(call: Callable[[], Awaitable[Result]], settings: Service, name: str, stop: asyncio.Event) -> Result:
    """Await a call until it succeeds, at most ``retries`` times more than once.

    Args:
        call: what to do; called anew at each attempt.
        settings: the service's; of them ``timeout`` in seconds for each attempt, ``retries``, and ``key_variable`` for
            messages.
        name: of the call; the jitter of its waits is derived from it.
        stop: once set, there are no more attempts.

    Raises:
        CallFailed: the last attempt's failure.
    """
    attempt = 0
    while True:
        try:
            # The client's own limit is on each read, so a reply that trickles in would never end.
            async with asyncio.timeout(settings.timeout):
                return await call()
        except Exception as error:
            failure = explain(error, settings)
        if failure.permanent or attempt == settings.retries or stop.is_set():
            raise failure
        if failure.retry_after > LONGEST_RETRY_AFTER:
            raise CallFailed(f"{failure.reason}; it asks to wait {failure.retry_after:.0f} s", status=failure.status)
        await _wait(max(backoff(name, attempt), failure.retry_after), stop)
        if stop.is_set():
            raise failure
        attempt += 1


def backoff(name: str, attempt: int) -> float:
    """Return the seconds to wait after a failed attempt: exponential, with up to half of it taken off.

    The part that is taken off spreads the requests in time. It is derived from the request's name and the attempt's
    number (the first is 0), so that a run repeats itself.
    """
    jitter = derive_seed(0, "backoff", name, attempt) / 2**31
    return min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (1 - jitter / 2)


def explain(error: Exception, settings: Service) -> CallFailed:
    """Say what went wrong, and whether to ask again. An error that is no failure of a call is raised again."""
    import openai

    if isinstance(error, CallFailed):
        return error
    if isinstance(error, MalformedReply | TooLong):
        return CallFailed(str(error))
    if isinstance(error, ErrorReply):
        return explain_error(None, error.body, settings)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return CallFailed(f"no reply within {settings.timeout} s{_by_proxy(settings)}")
    if isinstance(error, openai.APIConnectionError):
        kind = type(error.__cause__ or error).__name__
        return CallFailed(f"no connection, or it broke off ({kind}){_by_proxy(settings)}")
    if not isinstance(error, openai.APIStatusError):
        raise error
    return explain_error(error.status_code, error.body, settings, retry_after(error.response.headers))


def explain_error(status: int | None, body: Any, settings: Service, wait: float = 0.0) -> CallFailed:
    """Say what an error of the service means, and whether to ask again.

    Args:
        status: of HTTP; None for an error inside HTTP 200, whose code may be such a number.
        body: what the service says of it.
        settings: the service's; of them ``key_variable``.
        wait: seconds that the service asks to wait.
    """
    codes, message = error_words(body)
    if status is None:
        code = body.get("code") if isinstance(body, dict) else None
        status = code if type(code) is int and 400 <= code < 600 else None
    said = " ".join(redact(message).split())[:200]
    reason = (f"HTTP {status}" if status else "an error in the reply") + (f" ({said})" if said else "")
    if status == 401:
        variable = settings.key_variable
        where = f"the environment variable {variable}" if variable else "key_variable, which names no variable"
        return CallFailed(f"HTTP 401: the service does not accept the key. Check {where}", True, status)
    if codes & {"insufficient_quota", "billing_hard_limit_reached", "insufficient_credits"} or status == 402:
        return CallFailed(f"{reason}: the account has no credit left", True, status)
    if status is None or status in RETRIED_STATUSES or status >= 500:
        return CallFailed(reason, False, status, wait)
    if status == 404:
        reason += ": check base_url and model"
    if status == 407:
        reason += f": the proxy of {proxy_variables() or 'this machine'} wants a login"
    return CallFailed(reason + _remedy(body, message), True, status)


def _remedy(body: Any, message: str) -> str:
    """Return what to change where a service does not know a field of the request."""
    parameter = str(body.get("param") or "") if isinstance(body, dict) else ""
    text = f"{parameter} {message}"
    if "max_completion_tokens" in text or parameter == "max_tokens":
        return ". Set the service's max_tokens_field, or its token_limit"
    if "temperature" in text:
        return ". Set the service's temperature to null, so that none is sent"
    if "response_format" in text or "json_schema" in text:
        return ". Set the service's json_schema to false"
    return ""


def _by_proxy(settings: Service) -> str:
    """Name the proxy's variable in a message, where one is asked."""
    variables = proxy_variables() if uses_proxies(settings) else ""
    return f", through the proxy of {variables} (the service's key `proxy`: none goes without)" if variables else ""


def retry_after(headers: Any) -> float:
    """Return the seconds that a service asks to wait; 0 if it does not, or not readably.

    Args:
        headers: of its reply. ``Retry-After`` is a number of seconds or an HTTP date; a date is counted from the
            service's own ``Date``, so that this machine's clock may be wrong.
    """
    value = headers.get("retry-after", "")
    with suppress(ValueError):
        seconds = float(value)
        return seconds if seconds > 0 else 0.0
    with suppress(ValueError, TypeError):
        until = parsedate_to_datetime(value)
        try:
            now = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            now = datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    return 0.0


async def _wait(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not longer than until ``stop`` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
