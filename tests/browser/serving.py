"""``recexplainer demo-ui`` of a finished run, as a user starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from clone import ROOT


@contextmanager
def demo_ui(repository: Path, results: str = "results/smallest") -> Iterator[str]:
    """Give the page's address; ``results`` is a folder of the repository, or of a copy of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "recexplainer", "demo-ui", "--results", results, "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    # NiceGUI takes a page that pytest starts for one of its own tests.
    environment = {name: value for name, value in environment.items() if not name.startswith(("PYTEST", "NICEGUI"))}
    process = subprocess.Popen(
        command, cwd=repository, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if "open http://127.0.0.1" in line:
            break
    else:
        raise AssertionError("".join(said))
    for _ in range(100):
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.communicate(timeout=30)


def explain(browser) -> None:
    """Ask what the page of ``demo-ui`` opens with, and wait for all answers."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def asked(_) -> bool:
        buttons = [one for one in browser.find_elements(By.TAG_NAME, "button") if one.text.upper() == "EXPLAIN"]
        for button in buttons:
            button.click()
        return bool(buttons)

    def busy(_) -> bool:
        return not browser.find_elements(By.CSS_SELECTOR, ".text") or "The systems answer" in browser.page_source

    WebDriverWait(browser, 60).until(asked)
    WebDriverWait(browser, 600).until_not(busy)
