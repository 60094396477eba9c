"""The comments of a config, by the keys that they stand above."""

import re
from collections.abc import Iterator

Path = tuple[str, ...]


def comments_of(text: str) -> dict[Path, str]:
    """Return the comment above each key of a YAML file in block style, by the key's path.

    A line of a comment that is set in further, as ``#   name: words``, is the comment of a key below.
    """
    comments: dict[Path, str] = {}
    open_keys: list[tuple[int, str]] = []
    above: list[str] = []
    for line in text.splitlines():
        # A key that is commented out, with a value that no sentence begins with, has a comment as well.
        key = re.match(r"( *)(?:# )?([\w.-]+): [\"{\[]", line) or re.match(r"( *)([\w.-]+):", line)
        if line.strip().startswith("#") and not key:
            above.append(line.strip()[1:])
            continue
        if key:
            depth = len(key.group(1))
            open_keys = [entry for entry in open_keys if entry[0] < depth] + [(depth, key.group(2))]
            path = tuple(name for _, name in open_keys)
            comments |= {each: words for each, words in _parts(path, above) if each not in comments}
        above = []
    return comments


def _parts(path: Path, above: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield a key's comment, and those of the keys below that it lists."""
    plain = " ".join(line.strip() for line in above if not re.match(r"   +\w+:", line))
    if plain:
        yield path, plain
    for line in above:
        if listed := re.match(r"   +(\w+): .*?(\(.*)", line):
            yield (*path, listed.group(1)), listed.group(2)
