"""Take pictures of a finished run's report, rating page and ``demo-ui``: on a desk and a phone, light and dark.

Run as, from the repository's folder:
    PYTHONPATH=src python tests/browser/pictures.py results/demo --output pictures

With ``--whole``, of whole pages rather than of their first screens. Needs Chromium and its driver, as the tests do.
"""

import argparse
import sys
from base64 import b64decode
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from serving import demo_ui, explain

from conftest import start

SCREENS = {1440: 900, 390: 844}


def take(browser, name: str, folder: Path, whole: bool) -> None:
    """Take the pictures of the page that is open."""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        for width, height in SCREENS.items():
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            if whole:
                size["height"] = browser.execute_script("return document.documentElement.scrollHeight")
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            (folder / f"{name}_{width}_{scheme}.png").write_bytes(b64decode(taken["data"]))


def main(results: str, output: str, whole: bool) -> None:
    """Take all pictures of a run, by paths relative to the repository's folder."""
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        browser = start(Path(scratch))
        try:
            browser.get(Path(results, "report.html").resolve().as_uri())
            take(browser, "report", folder, whole)
            browser.get(sorted(Path(results).resolve().glob("study/pages/*.html"))[0].as_uri())
            take(browser, "introduction", folder, whole)
            browser.execute_script("document.getElementById('guide-close').click()")
            take(browser, "rating", folder, whole)
            with demo_ui(Path(), results) as address:
                browser.get(address)
                explain(browser)
                take(browser, "demo_ui", folder, whole)
        finally:
            browser.quit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", help="folder of a finished run")
    parser.add_argument("--output", default="pictures", help="folder to write (default: pictures)")
    parser.add_argument("--whole", action="store_true", help="whole pages")
    given = parser.parse_args()
    main(given.results, given.output, given.whole)
