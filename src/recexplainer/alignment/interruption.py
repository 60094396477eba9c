"""Being asked to stop: the warning that a batch system gives a job before it ends it."""

import os
import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""What asks a training to stop: the end of a job (scancel, preemption), and Slurm's ``--signal=USR1@120``."""

EXIT_STATUS = os.EX_TEMPFAIL
"""75, of a program that was interrupted and goes on from there when it is started again."""


class Interrupted(Exception):
    """The training was asked to stop, and has saved its state."""


class StopRequest:
    """Within ``with``, a signal is remembered instead of ending the process. Afterwards it ends it again.

    ``wanted`` is true once one of :data:`SIGNALS` has come, or once the process that started this one is gone: a
    worker whose launcher was killed must not go on beside the one that is started in its place.
    """

    def __init__(self):
        self._signal: signal.Signals | None = None
        self._parent = os.getppid()

    @property
    def wanted(self) -> bool:
        return self._signal is not None or os.getppid() != self._parent

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _) -> None:
        # No logging here: the signal may have come in the middle of a log line.
        self._signal = signal.Signals(number)
