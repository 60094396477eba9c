"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Bad input. The message names the file, line or key, what was expected, and what to do.

    The command-line programs print it without a traceback and exit with status 2.
    """
