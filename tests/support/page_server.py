"""The page of ``demo-ui`` of a run that is none, with a count of what it holds: ``python page_server.py PORT``."""

import gc
import sys
from pathlib import Path

from nicegui import Client, app

from recexplainer.interactive import page


class NoRun:
    """What the page asks of a run before a question is put."""

    titles = [f"Title {number} of the catalogue" for number in range(60)]
    users = [f"user {number}" for number in range(60)]
    facts = [f"Genre {number}" for number in range(60)]
    viewpoints = ["price", "age"]
    systems = ["base"]
    name, llm, synthetic = "Games", "tiny", False

    def load(self) -> None:
        """There is nothing to load."""

    def history_of(self, user: str) -> list[int]:
        """Return the same items of every user."""
        return [1, 2, 3]

    def seen(self, history: list[int]) -> list[int]:
        """Return all of a history."""
        return history


CONFIG = {
    "run": {"datasets": ["games"], "recommenders": ["sasrec"]},
    "recommenders": {"sasrec": {"model": "sasrec"}},
    "datasets": {"games": {"name": "Games"}},
}


@app.get("/count")
def count() -> dict:
    """Return how many sessions there are and have a socket, their objects in memory, and MB of resident memory."""
    sessions = Client.instances.values()
    objects = sum(type(one) is page.Page for one in gc.get_objects())
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    connected = sum(one.has_socket_connection for one in sessions)
    return {"sessions": len(sessions), "connected": connected, "objects": objects, "resident": resident} | {
        "tabs": len(app.storage._tabs)
    }


if __name__ == "__main__":
    page.Explainer = lambda results, dataset: NoRun()
    page.serve("results", CONFIG, "games", int(sys.argv[1]))
