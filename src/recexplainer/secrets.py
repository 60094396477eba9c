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
UNSURE = re.compile(
    r"(?:key|token|secret|signature|credentials?|code|auth|jwt|sas|pass|pwd|hmac|session|sid|appid)$", re.I
)
"""Ends of the names under which a URL may hold a key, or something else: what stands there decides."""
HIDDEN = "<key>"
ADDRESS = "base_url"
"""The key of a service's address in the config."""
SHORTEST = 8
"""Characters of a secret. What is shorter ("none", "EMPTY") is no secret, and would be found in ordinary words."""

VARIABLE = r"^(?!AKIA)[A-Z_](?!(?:[A-Z]*[0-9]){4}[A-Z0-9]*$)[A-Z0-9_]{0,63}$"
"""The name of a variable that holds a key: capitals. A key that stands in its place by a slip has other characters, or
digits here and there without an underscore."""

# Keys by their looks, as services make them, and what stands for a login.
_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|ghp|gho|github_pat|glpat)[-_](?=[\w-]*[0-9])[\w-]{16,}|\bAIza[\w-]{30,}"
    r"|\bAKIA[0-9A-Z]{16}\b|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)|(?<=\bBearer )[\w.~+/=-]{8,}"
    r"|(?<=://)(?=[^\s/@]*[0-9])[\w.~%-]{16,}(?=@)"
)
# A parameter of a URL, wherever one stands in a text.
_PARAMETER = re.compile(r"(?<=[?&;#])([\w.%\[\]-]{1,64})=([^\s&;#\"'<>\\]+)")
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
    return _PARAMETER.sub(_hide, _SHAPES.sub(HIDDEN, text))


def _hide(matched: re.Match[str]) -> str:
    return f"{matched[1]}={HIDDEN}" if _holds_secret(matched[1], matched[2]) else matched[0]


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
        kept = {key: inner for key, inner in value.items() if not looks_secret(key)}
        return {key: without_secrets(clean_address(inner) if key == ADDRESS else inner) for key, inner in kept.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return redact(clean_url(value) if "://" in value else value)
    return value


def looks_like_key(text: str) -> bool:
    """Say whether a text holds what has the looks of a key, or a login or a key within a URL."""
    return bool(_SHAPES.search(text)) or any(
        _holds_secret(matched[1], matched[2]) for matched in _PARAMETER.finditer(text)
    )


def has_login(address: str) -> bool:
    """Say whether a service's address holds a user, a password or a key, as a parameter or as a part of its path."""
    return clean_address(address) != address


def clean_address(address: Any) -> Any:
    """Return a service's address as :func:`clean_url` does, and with :data:`HIDDEN` for a bare key in its path.

    No other URL is treated so: those of files have parts that are as random, and no secret.
    """
    if not isinstance(address, str):
        return address
    cleaned = _SHAPES.sub(HIDDEN, clean_url(address))
    start = cleaned.find("://") + 3 if "://" in cleaned else 0
    parts = re.split("([/?&;#=])", cleaned[start:])
    return cleaned[:start] + "".join(
        HIDDEN if number and is_random(part) else part for number, part in enumerate(parts)
    )


def is_random(text: str) -> bool:
    """Say whether a part of a path has the looks of a key: letters and digits in a long and disorderly row.

    Names of models and deployments are words and numbers, and their parts are short; a commit, a checksum and the
    number of an account are hexadecimal, which is no sign of a key.
    """
    for piece in re.split(r"[^A-Za-z0-9]+", unquote(text)):
        if len(piece) < 16 or re.fullmatch("[0-9a-f]+|[0-9A-F]+|[A-Za-z]+", piece):
            continue
        runs = re.findall("[a-z]+|[A-Z]+|[0-9]+", piece)
        changes, numbers = (len(runs) - 1) / (len(piece) - 1), sum(run.isdigit() for run in runs)
        mixed = piece.lower() != piece != piece.upper()
        if changes >= 0.5 if mixed else len(piece) >= 20 and changes >= 0.3 and numbers > 3:
            return True
    return False


def _holds_secret(name: str, value: str) -> bool:
    """Say whether a URL's parameter is a secret, by its name; of some names, if its value may be one."""
    name, value = unquote(name), unquote(value)
    if not value or value == HIDDEN:
        return False
    may_be = len(value) >= SHORTEST and not re.fullmatch(r"[A-Za-z]+|[\d.:-]+|true|false", value)
    return looks_secret(name) or (may_be and bool(UNSURE.search(name)))


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
    named = ["=" in value and _holds_secret(*value.split("=", 1)) for _, value in pairs]
    kept = "".join(before + value for (before, value), secret in zip(pairs, named, strict=True) if not secret)
    return kept.lstrip("&;") if any(named) else part
