"""Keeping secrets out of what is written down, even if someone put one into a config."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

WORDS = {"secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "token", "authorization"}
PAIRS = {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("auth", "key")}
SINGLE = {"key", "apikey", "auth", "bearer", "sig", "signature"}


def looks_secret(name: str) -> bool:
    """Say whether a key is named like one that holds a secret.

    ``api_key``, ``accessToken`` and ``password`` are; ``max_tokens`` counts, and ``key_variable`` names the variable
    that holds a key, which is none itself.
    """
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", str(name))]
    if parts and parts[-1] in ("variable", "env"):
        return False
    pairs = set(zip(parts, parts[1:], strict=False))
    return (
        bool(WORDS & set(parts))
        or bool(PAIRS & pairs)
        or (len(parts) == 1 and parts[0] in SINGLE)
        or (bool(parts) and parts[-1] in ("apikey", "signature"))
    )


def without_secrets(value: Any) -> Any:
    """Return a config without the keys that look like secrets, and its URLs without passwords and signatures."""
    if isinstance(value, dict):
        return {key: without_secrets(inner) for key, inner in value.items() if not looks_secret(key)}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str) and "://" in value:
        return _clean_url(value)
    return value


def _clean_url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text.rpartition("@")[2]
    query = parts.query
    if any(looks_secret(name) for name, _ in parse_qsl(query)):
        query = urlencode([(name, value) for name, value in parse_qsl(query) if not looks_secret(name)])
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))
