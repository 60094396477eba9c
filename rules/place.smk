# Before the config is read: are we in the repository's folder, and are the config's files what they should be?
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))

from snakemake.exceptions import WorkflowError

from recexplainer import place
from recexplainer.errors import InputError
from recexplainer.yaml_files import read_config

try:
    place.check_folder(ROOT)
    for path in ["config/config.yaml", *workflow.overwrite_configfiles]:
        read_config(path)
except InputError as error:
    raise WorkflowError(str(error))
