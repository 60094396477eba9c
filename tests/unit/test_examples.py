"""The worked examples in docstrings are true."""

import doctest
import importlib

import pytest
from clone import ROOT

MODULES = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in sorted((ROOT / "src/recexplainer").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_say(module):
    failed, attempted = doctest.testmod(importlib.import_module(module))
    assert attempted
    assert not failed
