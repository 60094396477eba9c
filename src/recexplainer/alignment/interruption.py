"""Being asked to stop: the warning that a batch system gives a job before it ends it."""

import os
import signal
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""What asks a training to stop: the end of a job (scancel, preemption), and Slurm's ``--signal=TERM@120``."""

EXIT_STATUS = os.EX_TEMPFAIL
"""75, of a program that was interrupted and goes on from there when it is started again."""


class Interrupted(Exception):
    """The training was asked to stop, and has saved its state."""


class StopRequest:
    """Within ``with``, a signal is remembered instead of ending the process. Afterwards it ends it again.

    ``wanted`` is true once one of :data:`SIGNALS` has come, or once torchrun, if it started this process, is gone: its
    workers are in sessions of their own and outlive it, but must not go on beside those that are started in their
    place.
    """

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._launcher = os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else None

    @property
    def wanted(self) -> bool:
        return self._signal is not None or self._launcher not in (None, os.getppid())

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _: Any) -> None:
        # No logging here: the signal may have come in the middle of a log line.
        self._signal = signal.Signals(number)
