"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Bad input. The message names the file, line or key, what was expected, and what to do.

    The command-line programs print it without a traceback and exit with status 2.
    """


def shown(name: object) -> str:
    """Return a name that comes from a file as a message may show it: what cannot be printed is escaped."""
    text = str(name)
    return text if text.isprintable() else ascii(text)[1:-1]


def one_line(text: object) -> str:
    """Return a text on one line: white space as single blanks, what cannot be printed escaped."""
    return shown(" ".join(str(text).split()))
