"""Limits on what a program of someone else's may take that runs within ours: a chat template."""

import contextlib
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECONDS = 20.0
"""Of the processor. A template takes thousandths of one."""
ROOM = 1 << 30
"""Bytes of memory beside those that are taken already."""


class OutOfTime(BaseException):
    """The time is up. No :class:`Exception`, as template engines catch those and go on."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Hold what is done inside to :data:`SECONDS` and :data:`ROOM`.

    Time is held in the main thread alone, where signals arrive; memory where the system tells how much is taken.

    Raises:
        OutOfTime: the time is up.
        MemoryError: the memory is not enough.
    """
    with _room(), _time():
        yield


@contextlib.contextmanager
def _time() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, end)
    # Again and again, should the first be caught.
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, SECONDS / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [taken + ROOM, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
