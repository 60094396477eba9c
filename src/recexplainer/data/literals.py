"""Lines that hold one Python dict each, as in the Steam files; read without running them."""

import ast
import re
import warnings
from typing import Any

LONGEST = 1 << 20  # characters; ast.literal_eval needs much memory per character

# A flat dict of strings, numbers and constants, such as every Steam review, needs no parser. What this
# grammar accepts, ast.literal_eval accepts with the same result; everything else goes to ast.literal_eval.
_ESCAPE = r"\\(?:[\\'\"nrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})"
_STRING = rf"""u?'(?:[^'\\\r\n\0]++|{_ESCAPE})*+'|u?"(?:[^"\\\r\n\0]++|{_ESCAPE})*+\""""
_OTHER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?|True|False|None"
VALUE = rf"{_STRING}|{_OTHER}"
# The same where there is no backslash, line end or NUL. It takes half the time.
SIMPLE_VALUE = rf"""u?'[^']*+'|u?"[^"]*+"|{_OTHER}"""
_PAIR = rf"(?:{_STRING}): (?:{VALUE})"
_FLAT = re.compile(rf"\{{{_PAIR}(?:, {_PAIR})*+\}}")
_PAIRS = re.compile(rf"({_STRING}): ({VALUE})")


def _literal(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unknown escapes such as '\d' are kept as they are
        return ast.literal_eval(text)


def _scalar(token: str) -> Any:
    """Value of one token of the flat grammar; strings without a backslash are what stands between the quotes."""
    if token[-1] in "'\"" and "\\" not in token:
        return token[2:-1] if token[0] == "u" else token[1:-1]
    return _literal(token)


def parse_line(line: bytes, keys: frozenset[str]) -> dict[str, Any]:
    """Parse a line that holds one Python dict literal.

    Args:
        line: UTF-8 bytes.
        keys: the keys that the caller needs; others may be missing from the result.

    Raises:
        ValueError: the line is not a dict literal, is not UTF-8, or is longer than 1 Mi characters.
    """
    text = line.decode("utf-8")
    if _FLAT.fullmatch(text):
        pairs = ((_scalar(key), value) for key, value in _PAIRS.findall(text))
        return {key: _scalar(value) for key, value in pairs if key in keys}
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    try:
        value = _literal(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a Python literal ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise ValueError("not a dict")
    return value
