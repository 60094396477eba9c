"""``snakemake --logger recexplainer``: one line per job, how far the run is, and the end of a failed job's log.

What programs print goes to their logs alone. Snakemake's own log, in ``.snakemake/log``, is as without it. Of the
project, nothing is imported before Snakemake has read the Snakefile: this module may be another clone's.
"""

import os
import shutil
import sys
import threading
from logging import WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

QUIET = "RECEXPLAINER_QUIET"
"""The environment variable under which the rules send what programs print to their logs alone."""

KEPT = ("Nothing to be done", "Unlocking", "Trying to restart")
"""How messages begin that are shown, of those that are no event and no warning."""

REFRESH = 1.0
"""Seconds between two looks at the bar, where there is a terminal."""


class LogHandler(LogHandlerBase):
    """Shows a run on the terminal; a dry run, and a verbose one, as Snakemake itself does."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        shown = self.common_settings
        self.stream = sys.stdout if shown.stdout else sys.stderr
        self.progress: Any = None
        self.timer: threading.Thread | None = None
        self.bar_shown = False
        self.failed: set[tuple[int, str]] = set()
        self.plain = ColorizingTextHandler(
            shown.nocolor,
            self.stream,
            DefaultFormatter(shown.quiet, shown.show_failed_logs),
            DefaultFilter(shown.quiet, shown.debug_dag, shown.verbose, shown.dryrun, shown.printshellcmds),
        )
        if not (shown.dryrun or shown.verbose):
            os.environ[QUIET] = "1"

    def emit(self, record: LogRecord) -> None:
        """Show a message, or what follows from an event."""
        if self.common_settings.dryrun or self.common_settings.verbose:
            self.plain.handle(record)
            return
        try:
            text = self._text(record)
        except Exception:
            self.handleError(record)
            return
        if text:
            self._show(text)

    def _text(self, record: Any) -> str | None:
        event, jobs = getattr(record, "event", None), self.progress
        if event == LogEvent.RUN_INFO:
            return self._begin(record.stats)
        if event == LogEvent.JOB_INFO and jobs:
            return jobs.start(record.jobid, record.rule_name, tuple(record.log))
        if event == LogEvent.JOB_FINISHED and jobs:
            return jobs.finish(record.job_id)
        if event == LogEvent.JOB_ERROR and jobs:
            # Snakemake tells of an error as it happens, and once more at the end.
            began = jobs.running.get(record.jobid)
            if began is None and record.jobid in self.failed:
                return None
            self.failed.add(record.jobid)
            return jobs.fail(record.jobid, record.rule_name, tuple(record.log))
        message = record.getMessage() if record.msg else ""
        if "CalledProcessError" in message:  # the whole command; what it said comes with JOB_ERROR
            return None
        important = event in (None, LogEvent.ERROR, LogEvent.GROUP_ERROR)
        if important and (record.levelno >= WARNING or message.startswith(KEPT)):
            return message
        return None

    def _begin(self, stats: dict[str, Any]) -> str | None:
        from recexplainer.progress import Progress, expected

        counts = {rule: int(count) for rule, count in stats.items() if rule != "total"}
        if self.progress is None and self.stream.isatty():
            self.timer = threading.Thread(target=self._refresh, daemon=True)
            self.stopped = threading.Event()
            self.timer.start()
        self.progress = Progress(counts, expected())
        return f"{self.progress.total} jobs to run." if self.progress.total else "Nothing to be done."

    def _refresh(self) -> None:
        while not self.stopped.wait(REFRESH):
            with self.lock:
                self._draw()

    def _show(self, text: str) -> None:
        self._erase()
        self.stream.write(text + "\n")
        self._draw()
        self.stream.flush()

    def _draw(self) -> None:
        if self.progress and self.timer and self.progress.running:
            self._erase()
            self.stream.write(self.progress.bar(shutil.get_terminal_size().columns - 1))
            self.stream.flush()
            self.bar_shown = True

    def _erase(self) -> None:
        if self.bar_shown:
            self.stream.write("\r\x1b[K")
            self.bar_shown = False

    def close(self) -> None:
        """Take the bar away."""
        if self.timer:
            self.stopped.set()
            self._erase()
            self.stream.flush()
        super().close()
