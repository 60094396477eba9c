"""A run that is killed at random moments in every stage ends with the files of one that was not.

A few kills in a cut-down run; with ``CHAOS_KILLS`` set (``make chaos``), so many in the whole of the smallest run.
"""

import hashlib
import json
import os
import shutil
from collections import Counter

import pytest
import yaml
from clone import CONFIG, ROOT, copy_repository
from fingerprints import differences
from killing import LAST_STAGE, STAGES, Kill, Run, durations, plan, stage, summary
from misbehaving_server import MisbehavingServer, scripted

WHOLE = "CHAOS_KILLS" in os.environ
SEED = int(os.environ.get("CHAOS_SEED", "2024"))
# Of the cut-down run: the rule, when as a share of its job's time, and what is killed.
FEW = [
    ("filter_dataset", 0.3, "job"),
    ("align", 0.4, "snakemake"),
    ("predict_aligned", 0.2, "group"),
    ("judge_by_service", 0.5, "group"),
    ("table2", 0.4, "snakemake"),
]
TABLES = ["results/smallest/tables/table2.csv", "results/smallest/tables/table3.csv"]
LEAN = "tests/chaos/lean.yaml"
CONCURRENCY = 2


def reply(request: dict) -> str:
    """Answer as the judge, who gets few tokens, or as the system that explains; the request alone decides."""
    if request["max_tokens"] == 16:
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()
        return f"RATING-{1 + digest[0] % 4}"
    return "Yes. It is like what the history holds."


@pytest.fixture(scope="module")
def service():
    """A service on loopback that outlives every kill, and takes its time, so that kills find it at work."""
    with MisbehavingServer(scripted("slow"), reply, delay=0.1) as server:
        yield server


def prepare(folder, service, cores: int, hash_seed: int) -> Run:
    """Copy the repository and lay over its config one in which the service explains and judges."""
    copy_repository(folder)
    (folder / LEAN).parent.mkdir(parents=True)
    shutil.copy(ROOT / LEAN, folder / LEAN)
    own = {"base_url": service.url, "model": "local", "key_variable": None, "concurrency": CONCURRENCY}
    more = {
        "services": {name: own | {"price": {"input": 0, "output": 0}} for name in ("chatgpt", "gpt-4")},
        "explanation": {"services": ["chatgpt"], "judges": ["rubric", "gpt-4"]},
    }
    (folder / "service.yaml").write_text(yaml.safe_dump(more), encoding="utf-8")
    configs = [CONFIG, "service.yaml"] if WHOLE else [CONFIG, LEAN, "service.yaml"]
    return Run(folder, [] if WHOLE else TABLES, configs, cores, hash_seed)


@pytest.fixture(scope="module")
def undisturbed(service, tmp_path_factory):
    """The results of a run without a kill: two cores, one seed of Python's hashes."""
    run = prepare(tmp_path_factory.mktemp("undisturbed") / "repository", service, cores=2, hash_seed=1)
    run.whole()
    return run.folder / "results/smallest"


@pytest.mark.timeout(9000)
def test_a_killed_run_ends_with_the_files_of_an_undisturbed_one(undisturbed, service, tmp_path):
    seconds = durations(undisturbed / "benchmarks")
    kills = plan(seconds, int(os.environ["CHAOS_KILLS"]), SEED) if WHOLE else [Kill(*few) for few in FEW]
    asked = len(service.calls)
    # Another folder, another number of cores, other hashes.
    run = prepare(tmp_path / "elsewhere", service, cores=1, hash_seed=4242)
    run.through(kills, seconds)
    print(f"\n{summary(kills)}\n{len(run.attempts)} starts")
    # The last rules may be over before the last kills.
    assert sum(bool(kill.hit) for kill in kills) >= 0.9 * len(kills)
    if len(kills) >= 2 * len(STAGES):
        assert {stage(rule) for kill in kills for rule in kill.hit} == {*STAGES, LAST_STAGE}
    assert differences(undisturbed, run.folder / "results/smallest") == []
    # What a service had answered was not paid for again, but for what was on its way to a killed process.
    again = Counter(json.dumps(call.request, sort_keys=True) for call in service.calls[asked:])
    assert sum(times - 1 for times in again.values()) <= CONCURRENCY * len(kills)


@pytest.mark.skipif(not WHOLE, reason="the killed run above differs in folder, cores and hash seed too")
def test_another_folder_other_hashes_and_cores_give_the_same_files(undisturbed, service, tmp_path):
    run = prepare(tmp_path / "another" / "folder", service, cores=1, hash_seed=99)
    run.whole()
    assert differences(undisturbed, run.folder / "results/smallest") == []
