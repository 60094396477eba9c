"""One file out of a run: what may be shown of it, with its checksums, as a research object."""

import logging
import tempfile
from pathlib import Path

from recexplainer.files import checksum_of, named
from recexplainer.place import ROOT
from recexplainer.provenance.recorded import RECORD, recorded_config
from recexplainer.publishing.archive import write_manifest, write_zip
from recexplainer.publishing.crate import METADATA, workflow_files, write_crate
from recexplainer.publishing.publish import publish

logger = logging.getLogger(__name__)


def bundle(results: str, output: str | None = None) -> Path:
    """Write a finished run as one file: the same run gives the same bytes.

    It holds what :func:`recexplainer.publishing.publish.publish` lets out of a run, so nothing of the data set but
    titles in what was answered; the figures, every form of the tables, the config, the workflow, a manifest; and what
    all of this is, by which it is a Workflow Run RO-Crate.

    Args:
        results: the run's folder, with its record.
        output: the zip to write; default: the folder's name with ``.zip`` behind it. What was there is replaced.

    Raises:
        InputError: the run is not finished, a file is broken, or there is more than a bundle may hold.
    """
    config = recorded_config(Path(results) / RECORD)
    archive = named(output or f"{Path(results)}.zip", "file")
    with tempfile.TemporaryDirectory(prefix="recexplainer-") as made:
        folder = Path(made) / "bundle"
        facts = publish(results=results, config=config, output=str(folder), whole=True)
        for path in workflow_files():
            copied = folder / path.relative_to(ROOT)
            copied.parent.mkdir(exist_ok=True)
            copied.write_bytes(path.read_bytes())
        write_crate(folder, results, config, facts.files)
        checksum_of(folder / METADATA).unlink()
        write_manifest(folder)
        write_zip(folder, archive)
    logger.info("%.1f MB in %s", archive.stat().st_size / 1e6, archive)
    return archive
