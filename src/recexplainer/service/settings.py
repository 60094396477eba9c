"""A service's entry in the config, as it stands there: what of it decides, and what must not be in it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from recexplainer.secrets import VARIABLE, clean_address, has_login, looks_secret, redact

OWN_FIELDS = ("model", "messages", "temperature", "max_tokens", "max_completion_tokens", "stream", "n")
"""Fields of a request that ``extra`` must not set: they have keys of their own, or one answer is all that is read."""


def deciding(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what of an entry decides a service's answers: a change of it asks anew."""
    optional = {key: entry[key] for key in ("token_limit", "json_schema", "extra") if entry.get(key)}
    return {key: entry[key] for key in ("model", "temperature")} | optional


def conflicts(name: str, entry: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an entry, without repeating what may be a secret."""
    path, url, variable = f"services.{name}", entry["base_url"], entry["key_variable"]
    if variable is not None and not re.search(VARIABLE, variable):
        yield (
            f"{path}.key_variable: not the name of an environment variable in capitals, such as OPENAI_API_KEY; "
            "expected one, or null for a service without a key. The key itself belongs into that variable."
        )
    if not _is_address(url):
        yield f"{path}.base_url: {redact(clean_address(url))!r}; expected an address such as https://example.org/v1."
    elif has_login(url):
        yield (
            f"{path}.base_url: {redact(clean_address(url))!r} with a user, a password or a key in it; expected none. "
            "Put the key into an environment variable and name it in key_variable."
        )
    for key in entry.get("extra", {}):
        if key in OWN_FIELDS:
            yield f"{path}.extra.{key}: not a further field; expected none of: {', '.join(OWN_FIELDS)}."
    yield from (f"{path}.extra{key}: a secret by its name; expected none." for key in _secret_keys(entry.get("extra")))
    if entry.get("json_schema") and "response_format" in entry.get("extra", {}):
        yield f"{path}.extra.response_format: set with json_schema true; expected one of them."


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _secret_keys(value: Any, path: str = "") -> Iterator[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in inner:
        if isinstance(key, str) and looks_secret(key):
            yield f"{path}.{key}"
        yield from _secret_keys(inside, f"{path}.{key}")
