"""The way to a service: its address, and its key, which is in the environment and nowhere else."""

import ipaddress
import os
from urllib.parse import urlsplit

from recexplainer.errors import InputError


def api_key(settings: dict, lack: str) -> str | None:
    """Read the key from the environment; None for a local service that needs none.

    Args:
        settings: ``key_variable`` and ``base_url``.
        lack: what is missing without the key, for the message.

    Raises:
        InputError: there is no key, or what is there can be none. The message never has the key itself.
    """
    variable = settings.get("key_variable")
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key:
        if is_local(settings["base_url"]):
            return None
        remedy = (
            f"Set the environment variable {variable}" if variable else "Name its environment variable in key_variable"
        )
        raise InputError(f"{lack} To ask for them, {settings['base_url']} wants a key. {remedy}.")
    # The HTTP library would print such a key in its error.
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise InputError(f"the environment variable {variable}: expected a key of printable ASCII without spaces.")
    return key


def connect(settings: dict, key: str | None):
    """Return an ``openai.AsyncOpenAI`` for the service; retries are this package's own."""
    import openai

    return openai.AsyncOpenAI(
        base_url=settings["base_url"],
        # Without a key the client would take one from its own variable, and send it to whatever service this is.
        api_key=key or "none",
        timeout=settings["timeout"],
        max_retries=0,
        # A service on this machine is not behind a proxy.
        http_client=openai.DefaultAsyncHttpxClient(trust_env=not is_local(settings["base_url"])),
    )


def is_local(base_url: str) -> bool:
    """Return whether the service is on this machine's loopback."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
