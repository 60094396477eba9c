"""What the rules pass to the programs is what the programs' models take: every key, and none that they do not use."""

import importlib
import json
import re
import shlex

import pytest
import yaml
from clone import CONFIG, ROOT, copy_repository, snakemake

from recexplainer.typed import checked

MODELS = {
    script.name: dict(re.findall(r'(\w+): Annotated\[Any, section\("([\w.]+)"\)', script.read_text(encoding="utf-8")))
    for script in (ROOT / "workflow/scripts").glob("*.py")
}
"""The models of each program's arguments, by the arguments' names."""
ASKED = {"explanation": {"services": ["chatgpt"], "judges": ["rubric", "gpt-4"]}}
"""The run that is looked at asks services, too."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> list[list[str]]:
    """The words of every program's call in a whole run."""
    folder = copy_repository(tmp_path_factory.mktemp("clone"))
    (folder / "asked.yaml").write_text(yaml.safe_dump(ASKED), encoding="utf-8")
    done = snakemake(folder, "--dry-run", "--printshellcmds", "--forceall", "--configfile", CONFIG, "asked.yaml")
    assert done.returncode == 0, done.stderr
    calls = re.findall(r"workflow/scripts/\w+\.py .*", done.stdout)
    return [shlex.split(call.partition(" 2>&1")[0]) for call in calls]


def test_every_argument_that_is_a_model_is_passed_whole(commands):
    seen = set()
    for words in commands:
        program = words[0].rpartition("/")[2]
        for argument, model in MODELS[program].items():
            given = json.loads(words[words.index(f"--{argument.replace('_', '-')}") + 1])
            module, name = model.split(".")
            found = checked(getattr(importlib.import_module(f"recexplainer.config.{module}"), name), given)
            assert found.model_dump(exclude_unset=True) == given
            seen.add(program)
    asked = {program for program, models in MODELS.items() if models}
    # The run has no recommender from outside.
    assert len(seen) >= 12 and asked - seen <= {"import_recommender.py"}
