"""What the services of a run have been paid, all stages, jobs and attempts together: the ceiling of ``max_usd``.

An append-only file of JSON lines beside the answers. Before a request is sent, a line says what it may cost
(``sent``); when its reply is there, another line of the same ``id`` says what it did cost (``answered``, ``unusable``
or ``free``). The last line of an id counts. A request whose reply never came, because it was killed or broke off, so
counts with what it may have cost. Each line is written under a lock, so jobs that run at once share the ceiling.

``spending.csv`` is what the stored answers cost; this file has also what was paid in vain.
"""

import fcntl
from pathlib import Path
from typing import Any

from recexplainer.config.service import Price
from recexplainer.errors import InputError
from recexplainer.service.cost import ROUNDING, estimate, spent
from recexplainer.service.sealed import damaged_end, seal, unseal

FIELDS = {"id", "store", "usd", "what"}
BILLION = 10**9
KINDS = ("sent", "answered", "unusable", "free")


class Ledger:
    """The ledger of a run, as one stage and one service see it.

    Args:
        path: of the file; it is made if need be.
        store: names the stage and the service in the lines.
        price: USD per million tokens.
        max_usd: the most that the run may spend; None for no limit.

    Raises:
        InputError: a line of the file is not what was written there.
    """

    def __init__(self, path: str | Path, store: str, price: Price, max_usd: float | None) -> None:
        self.path, self.store, self.price, self.max_usd = Path(path), store, price, max_usd
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # In billionths of a USD, which add up exactly.
        self._read, self._sum = 0, 0
        self._costs: dict[int, int] = {}
        self._may: dict[int, float] = {}
        # How much more than the rule of thumb the service has counted so far, at the most.
        self._factor = 1.0
        with open(self.path, "ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)

    @property
    def total(self) -> float:
        """USD that are spent, or may be by what is on its way."""
        return self._sum / BILLION

    def reserve(self, requests: list[dict[str, Any]]) -> int | None:
        """Note that requests are sent; return the id under which to settle them, None if the ceiling forbids it."""
        may = estimate(requests, self.price).usd
        with open(self.path, "ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            number = self._catch_up(file)
            usd = may * self._factor
            # What costs nothing is never too much.
            if self.max_usd is not None and usd > 0 and self.total + usd > self.max_usd + ROUNDING:
                return None
            self._may[number] = may
            self._write(file, number, usd, "sent")
        return number

    def settle(self, number: int, entries: list[dict[str, Any]] | None, what: str = "answered") -> None:
        """Note what the requests of an id cost.

        Args:
            number: the id.
            entries: what came, each with ``request`` and ``answer``, which has ``text`` and ``usage``; [] if it is
                free; None if nobody knows, so that the cost stays what it may be.
            what: one of :data:`KINDS`.
        """
        usd = self._costs.get(number, 0) / BILLION if entries is None else self._cost(entries)
        may = self._may.pop(number, 0.0)
        if entries and may > 0:
            self._factor = max(self._factor, usd / may)
        with open(self.path, "ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            self._write(file, number, usd, what)

    def _cost(self, entries: list[dict[str, Any]]) -> float:
        """Return what answers cost; one whose tokens the service did not count, what it may: thoughts are not in it."""
        uncounted = [entry["request"] for entry in entries if entry["answer"]["usage"] is None]
        counted = [entry for entry in entries if entry["answer"]["usage"] is not None]
        return spent(counted, self.price).usd + estimate(uncounted, self.price).usd * self._factor

    def _write(self, file: Any, number: int, usd: float, what: str) -> None:
        line = {"id": number, "store": self.store, "usd": round(usd, 9), "what": what}
        file.write(seal(line))
        self._catch_up(file)

    def _catch_up(self, file: Any) -> int:
        """Read what other jobs have written; return the file's size. A line that a kill cut off is ended."""
        file.seek(self._read)
        content = file.readall()
        if content and not content.endswith(b"\n"):
            file.write(b"\n")
            content += b"\n"
        for line in content.splitlines():
            self._take(line)
        self._read += len(content)
        return self._read

    def _take(self, line: bytes) -> None:
        try:
            value = unseal(line)
        except ValueError:
            if not line.endswith(b"}") and not damaged_end(line):
                return  # cut off by a kill or a full disk, before anything was sent
            value = None
        usd: Any = value.get("usd") if isinstance(value, dict) and set(value) == FIELDS else None
        if (
            type(usd) not in (int, float)
            or not 0 <= usd < BILLION
            or type(value["id"]) is not int
            or value["what"] not in KINDS
        ):
            raise InputError(
                f"{self.path}: {line[:100]!r} is not a line of the ledger. Delete it; what it says is not counted then."
            )
        cost = round(usd * BILLION)
        self._sum += cost - self._costs.get(value["id"], 0)
        self._costs[value["id"]] = cost
