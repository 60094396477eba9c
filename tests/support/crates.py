"""The validator of RO-Crates, in an environment of its own: it wants other versions of packages than the workflow."""

import json
import subprocess
from pathlib import Path

from clone import ROOT

VALIDATOR = ROOT / ".venv/validator/bin/python"
PROFILE = "workflow-run-crate"
# Its profiles come with it. The one thing that it fetches is the vocabulary of RO-Crate 1.1, which the package rocrate
# has in it: the validator gets that file instead, and nothing else.
PROGRAM = """
import json, sys
from importlib.util import find_spec
from pathlib import Path
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.utils.http import HttpRequester

class Answer:
    status_code, headers = 200, {"Content-Type": "application/ld+json"}
    text = Path(find_spec("rocrate").origin).with_name("data").joinpath("ro-crate.jsonld").read_text()
    content = text.encode()
    def json(self):
        return json.loads(self.text)

def get(self, url, **options):
    assert url == "https://w3id.org/ro/crate/1.1/context", url
    return Answer()

HttpRequester.get = get
settings = ValidationSettings(
    rocrate_uri=sys.argv[1], profile_identifier=sys.argv[2], requirement_severity=Severity.REQUIRED
)
found = services.validate(settings)
print(json.dumps([f"{one.check.identifier}: {one.message}" for one in found.get_issues()]))
"""


def validate(crate: Path) -> list[str]:
    """Return what a crate lacks of what its profile requires, and of those that this one is based on."""
    done = subprocess.run([VALIDATOR, "-c", PROGRAM, crate, PROFILE], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
