"""A real Chromium for the pages."""

import shutil
from pathlib import Path

import pytest

OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,800"
).split()


def start(folder: Path):
    """Start a browser that keeps its profile in a folder, and saves files to ``downloads`` beside it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    downloads = folder / "downloads"
    downloads.mkdir()
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    started = webdriver.Chrome(options=options, service=service)
    started.command_executor.client_config.timeout = 600  # axe-core needs its time for a long page
    started.downloads = downloads
    return started


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser whose log holds what it said and asked for; ``downloads`` is where it saves files."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    pytest.importorskip("selenium.webdriver", reason="needs the Python package selenium")
    started = start(tmp_path_factory.mktemp("browser"))
    yield started
    started.quit()
