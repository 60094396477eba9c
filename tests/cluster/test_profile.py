"""The profile speaks of rules that there are, and asks for no less than they do."""

import re
import subprocess

import pytest
import yaml
from clone import ROOT, copy_repository, snakemake

from recexplainer.planning.assumptions import GPUS
from recexplainer.planning.jobs import all_jobs
from recexplainer.planning.plan import merged, over_budget

PROFILE = yaml.safe_load((ROOT / "slurm/config.yaml").read_text(encoding="utf-8"))
RULES = {
    name: body
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
SHARDS = {"predict_base_shard", "predict_aligned_shard"}
ON_GPUS = {name for name, body in RULES.items() if "gpu=" in body}
ON_LLM = {
    "align",
    "predict_base",
    "predict_aligned",
    "explain",
    "explain_viewpoints",
    "classify_cases",
    "rank_pointwise",
}
LOCAL = {name for name, body in RULES.items() if "localrule: True" in body}


def test_it_names_rules_that_there_are_and_that_run_as_jobs():
    named = set(PROFILE["set-resources"]) | set(PROFILE["groups"])
    assert named - SHARDS <= set(RULES)
    assert not named & LOCAL


def test_what_runs_on_gpus_is_where_a_site_names_its_gpus_and_in_no_group():
    assert ON_LLM == ON_GPUS
    assert set(PROFILE["set-resources"]) >= ON_GPUS | SHARDS
    assert not set(PROFILE["groups"]) & (ON_GPUS | SHARDS)


def test_what_needs_a_network_runs_on_the_login_node():
    assert {"download_dataset", "download_conversations", "base_llm", "explain_by_service", "judge_by_service"} <= LOCAL


@pytest.mark.parametrize("rule", sorted(set(PROFILE["set-resources"]) - SHARDS - {"align"}))
def test_the_first_attempt_gets_what_the_rule_asks_for_and_the_next_ones_more(rule):
    for name in ("mem_mb", "runtime"):
        (asked,) = re.findall(rf"{name}=(\d+),", RULES[rule])
        if rule != "explain_viewpoints":
            assert PROFILE["set-resources"][rule][name] == f"{asked} * attempt"


def test_it_leaves_the_triggers_of_reruns_alone():
    assert "rerun-triggers" not in PROFILE


def planned(tmp_path, config: dict) -> str:
    """Return the alignment's resources in a dry run of the paper's experiment with the profile."""
    copy_repository(tmp_path)
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = snakemake(tmp_path, "results/tables/table2.csv", "--profile", "slurm", "-n", "--configfile", "more.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"^rule align:\n(?:    .*\n)*?    resources: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    assert len(set(found)) == 1
    return found[0]


def test_the_papers_experiment_in_the_profile_asks_for_eight_gpus_of_one_machine(tmp_path):
    resources = planned(tmp_path, {})
    assert "gpu=8" in resources
    assert "mem_mb=128000" in resources
    assert "--signal=TERM@120" in resources
    assert "nodes=" not in resources


def test_several_machines_are_one_task_each_that_the_job_starts_itself(tmp_path):
    resources = planned(tmp_path, {"alignment": {"nodes": 2, "gpus": 4}})
    for part in ("gpu=8", "nodes=2", "tasks=2", "gres=gpu:4", "mpi=srun", "mem_mb=64000"):
        assert part in resources


def blocks(text: str) -> list[dict[str, str]]:
    """Return the jobs of a dry run, groups' too, each as what it says: rule, input, output, benchmark, resources."""
    found = re.findall(r"^( *)(?:local)?rule (\w+):\n((?:\1    .*\n)+)", text, re.MULTILINE)
    return [{"rule": name} | dict(re.findall(r"^ +(\w+): (.*)$", body, re.MULTILINE)) for _, name, body in found]


def test_every_stage_of_the_papers_experiment_fits_what_it_asks_for(tmp_path, monkeypatch):
    copy_repository(tmp_path)
    done = snakemake(tmp_path, "--profile", "slurm", "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [block for block in blocks(done.stdout + done.stderr) if block["rule"] != "all"]
    monkeypatch.chdir(tmp_path)
    config = merged(["config/config.yaml"], "config/schema.yaml")
    counted = {f"results/benchmarks/{job.rule}/{job.name}.tsv": job for job in all_jobs(config)}
    assert {block["benchmark"] for block in jobs} == set(counted) and len(jobs) == len(counted)

    # Its inputs: each is there, or another job makes it.
    made = {path for block in jobs for path in block["output"].split(", ")}
    for block in jobs:
        for path in filter(None, block.get("input", "").split(", ")):
            assert path in made or (tmp_path / path).is_file(), (block["rule"], path)

    # Its memory, of a machine and of the paper's cards, and its GPUs.
    for block in jobs:
        job = counted[block["benchmark"]]
        asked = dict(re.findall(r"(\w+)=(\d+)", block["resources"]))
        assert job.memory <= 1e6 * int(asked["mem_mb"]), block
        assert job.gpu_memory < GPUS["V100"].memory, block
        assert job.gpus == int(asked.get("gpu", 0)), block
        assert (job.memory > 0) == (job.rule in ON_LLM), job.rule
    assert over_budget(config) == []


def test_several_machines_without_slurm_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    command = ["bash", str(ROOT / "workflow/scripts/launch.sh"), "2", "4", "1", "align.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: alignment.nodes: 2; a training on several machines needs Slurm")
