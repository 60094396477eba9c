"""The way to a service: its address, and its key, which is in the environment and nowhere else."""

import ipaddress
import os
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from recexplainer import secrets
from recexplainer.config.service import Service
from recexplainer.errors import InputError
from recexplainer.service.answers import MOST_BYTES

MOST_FILE_BYTES = 2**29
"""The longest file of a batch's results that is fetched."""
MOST_PACKED_BYTES = 2**16
"""Of a compressed reply, although none was asked for, and of an error: they may unpack to a thousand times as much."""
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


class TooLong(Exception):
    """A service sends more than any answer takes."""


def api_key(settings: Service, lack: str) -> str | None:
    """Read the key from the environment; None for a service that needs none.

    Args:
        settings: the service's; of them ``key_variable``, None for a service without a key, and ``base_url``.
        lack: what is missing without the key, for the message.

    Raises:
        InputError: there is no key, or what is there can be none. The message never has the key itself.
    """
    variable = settings.key_variable
    if variable and not re.search(secrets.VARIABLE, variable):
        raise InputError("key_variable: not the name of an environment variable in capitals, such as OPENAI_API_KEY.")
    address = secrets.clean_address(settings.base_url)
    if address != settings.base_url:
        raise InputError(f"base_url: {address} with a user, a password or a key in it; expected none.")
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key:
        if not variable or is_local(settings.base_url):
            return None
        raise InputError(
            f"{lack} To ask for them, {address} wants a key. Set the environment "
            f"variable {variable}, or key_variable: null for a service that needs none."
        )
    secrets.register(key)
    # The HTTP library would print such a key in its error.
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise InputError(f"the environment variable {variable}: expected a key of printable ASCII without spaces.")
    return key


def connect(settings: Service, key: str | None) -> Any:
    """Return an ``openai.AsyncOpenAI`` for the service; retries are this package's own.

    Raises:
        InputError: the proxy that the environment names cannot be used.
    """
    import openai

    parts = urlsplit(settings.base_url)
    try:
        http_client = openai.DefaultAsyncHttpxClient(
            trust_env=uses_proxies(settings), event_hooks={"response": [_limit]}
        )
    except Exception as error:  # a package that is missing, or one of several of the library
        raise InputError(
            f"the proxy of {proxy_variables()} cannot be used ({secrets.redact(str(error))[:200]}). Mend the variable, "
            "or set the service's key `proxy` to none."
        ) from None
    return openai.AsyncOpenAI(
        base_url=urlunsplit(parts._replace(query="", fragment="")),
        default_query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        # Without a key the client would take one from its own variable, and send it to whatever service this is.
        api_key=key or "none",
        timeout=settings.timeout,
        max_retries=0,
        default_headers={"Accept-Encoding": "identity"},
        http_client=http_client,
    )


def uses_proxies(settings: Service) -> bool:
    """Say whether the proxies that the environment names are asked; a service on this machine is not behind one."""
    return settings.proxy == "environment" and not is_local(settings.base_url)


def proxy_variables() -> str:
    """Return the names of the proxies' variables that are set; "" for none. Their values may hold a password."""
    return ", ".join(name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower()))


def is_local(base_url: str) -> bool:
    """Return whether the service is on this machine's loopback."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _limit(response: Any) -> None:
    """Let a reply break off when it gets longer than any that is of use. Called when its head is there."""
    import httpx2

    most = MOST_FILE_BYTES if response.url.path.endswith("/content") else MOST_BYTES
    if response.status_code >= 400 or response.headers.get("content-encoding", "identity") != "identity":
        most = min(most, MOST_PACKED_BYTES)
    whole = response.stream

    class Limited(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            count = 0
            async for chunk in whole:
                count += len(chunk)
                if count > most:
                    raise TooLong(f"the reply is over {most} bytes")
                yield chunk

        async def aclose(self) -> None:
            await whole.aclose()

    response.stream = Limited()
