"""Keeping secrets out of what is written down or shown, even if someone put one into a config, or a service says it.

:func:`redact` is the one place through which texts go out: log lines and errors (:mod:`recexplainer.cli`), what a
service said (its answers and errors), and the record of a run.
"""

import base64
import functools
import html
import json
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

WORDS = {"secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "token", "authorization"}
PAIRS = {
    ("api", "key"),
    ("access", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("auth", "key"),
    ("subscription", "key"),
}
SINGLE = {"key", "apikey", "auth", "bearer", "sig", "signature"}
HIDDEN = "<key>"
SHORTEST = 8
"""Characters of a secret. What is shorter ("none", "EMPTY") is no secret, and would be found in ordinary words."""

VARIABLE = r"^(?!AKIA)[A-Z_](?!(?:[A-Z]*[0-9]){4}[A-Z0-9]*$)[A-Z0-9_]{0,63}$"
"""The name of a variable that holds a key: capitals. A key that stands in its place by a slip has other characters, or
digits here and there without an underscore."""

# Keys by their looks, as services make them, and what stands for a login.
_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|ghp|gho|github_pat|glpat)[-_](?=[\w-]*[0-9])[\w-]{16,}|\bAIza[\w-]{30,}"
    r"|\bAKIA[0-9A-Z]{16}\b|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)|(?<=\bBearer )[\w.~+/=-]{8,}"
    r"|(?<=[?&]key=)[^\s&#\"']+|(?<=[?&]api_key=)[^\s&#\"']+|(?<=[?&]api-key=)[^\s&#\"']+"
)
_PLACES = ("FILE", "PATH", "DIR", "FOLDER", "SOCK", "URL")  # variables that say where a secret is
_known: set[str] = set()


def register(secret: str) -> None:
    """Make a secret known that :func:`redact` is to take out, whatever the name of its variable."""
    _known.add(secret)


def redact(text: str) -> str:
    """Return a text with :data:`HIDDEN` in place of every known secret, in each form in which it may be written.

    Known are the values of environment variables that are named like secrets and are no ordinary word, and those that
    were registered. Beside them, what looks like a key or a login goes.
    """
    named = {
        value.strip()
        for name, value in os.environ.items()
        if looks_secret(name) and not name.endswith(_PLACES) and not value.strip().isalpha()
    }
    for form in _forms(frozenset(secret for secret in named | _known if len(secret) >= SHORTEST)):
        text = text.replace(form, HIDDEN)
    return _SHAPES.sub(HIDDEN, text)


@functools.lru_cache(maxsize=4)
def _forms(secrets: frozenset[str]) -> list[str]:
    """Return secrets as they are, and as URLs, JSON, HTML, Python and base64 have them; the longest first."""
    return sorted({form for secret in secrets for form in _written(secret)}, key=lambda form: (-len(form), form))


def _written(secret: str) -> Iterator[str]:
    yield from (secret, json.dumps(secret)[1:-1], json.dumps(secret).replace("/", "\\/")[1:-1], repr(secret)[1:-1])
    yield from (html.escape(secret), quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield re.sub("%..", lambda match: match[0].lower(), quote(secret, safe=""))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # Within a longer text it may begin at any of three places; only what all its own bytes decide is sure.
            inside = encode(b"\0" * before + secret.encode(errors="replace")).decode().rstrip("=")
            core = inside[-(-before * 8 // 6) : len(inside) - 1]
            if len(core) >= SHORTEST:
                yield core


@functools.lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Say whether a key is named like one that holds a secret.

    ``api_key``, ``accessToken`` and ``password`` are; ``max_tokens`` and ``token_limit`` count, and ``key_variable``
    names the variable that holds a key, which is none itself.
    """
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", str(name))]
    if parts and parts[-1] in ("variable", "env", "limit"):
        return False
    pairs = set(zip(parts, parts[1:], strict=False))
    return (
        bool(WORDS & set(parts))
        or bool(PAIRS & pairs)
        or (len(parts) == 1 and parts[0] in SINGLE)
        or (bool(parts) and parts[-1] in ("apikey", "signature"))
    )


def without_secrets(value: Any) -> Any:
    """Return a config without the keys that look like secrets, its URLs without passwords and signatures, redacted."""
    if isinstance(value, dict):
        return {key: without_secrets(inner) for key, inner in value.items() if not looks_secret(key)}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return redact(clean_url(value) if "://" in value else value)
    return value


def looks_like_key(text: str) -> bool:
    """Say whether a text holds what has the looks of a key, or a login within a URL."""
    return bool(_SHAPES.search(text))


def has_login(url: str) -> bool:
    """Say whether a URL holds a user, a password, or a parameter that is named like a secret."""
    return clean_url(url) != url


def clean_url(text: str) -> str:
    """Return a URL without user, password and the parameters, wherever they stand, that are named like secrets."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text.rpartition("@")[2]
    kept = {name: _without_parameters(getattr(parts, name)) for name in ("path", "query", "fragment")}
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], **kept))


def _without_parameters(part: str) -> str:
    """Return a part of a URL without what stands as ``name=value`` between its separators under a secret's name."""
    pieces = [""] + re.split("([/?&;#])", part)
    pairs = list(zip(pieces[::2], pieces[1::2], strict=True))
    named = [bool(value) and "=" in value and looks_secret(unquote(value.split("=")[0])) for _, value in pairs]
    kept = "".join(before + value for (before, value), secret in zip(pairs, named, strict=True) if not secret)
    return kept.lstrip("&;") if any(named) else part
