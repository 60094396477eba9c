"""What runs again after a change: exactly the stages that use what was changed, and what follows them."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest
import yaml
from clone import CONFIG, PARTS, ROOT, copy_repository, planned, run_with_stand_ins, snakemake
from prepared import Prepared

# Which rules read what a rule writes: the picture in the report. The rules that the smallest run does not need are
# those of services and of further seeds.
GRAPH = json.loads((ROOT / "workflow/report/graph.json").read_text(encoding="utf-8"))
SHARDED = {"predict_base_shard", "predict_aligned_shard", "merge_predictions"}
UNUSED = {"explain_by_service", "judge_by_service", "table_seeds", *SHARDED}
FOLLOWERS = {
    rule: [end for start, end in GRAPH if start == rule and end not in UNUSED]
    for rule in {rule for edge in GRAPH for rule in edge} - UNUSED
}


def with_followers(rules: set[str]) -> set[str]:
    """Return the rules and all that follows them."""
    result, waiting = set(), list(rules)
    while waiting:
        rule = waiting.pop()
        if rule not in result:
            result.add(rule)
            waiting += FOLLOWERS[rule]
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the repository after a whole run."""
    folder = copy_repository(tmp_path_factory.mktemp("finished") / "repository")
    run_with_stand_ins(folder, folder.parent / "bin")
    return folder


@pytest.fixture(scope="module")
def plan(finished):
    """A function that plans a run of it as :func:`planned` does, for when its code is as it was."""
    prepared = Prepared(finished)
    yield lambda **options: planned(finished, prepared=prepared, **options)
    prepared.end()


@contextmanager
def edited(path, edit):
    """Change a file for the time of a test."""
    before = path.read_text(encoding="utf-8")
    after = edit(before)
    assert after != before
    path.write_text(after, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def layered(folder, **overrides) -> tuple[str, str]:
    """Return the config files of a run with some keys changed."""
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(overrides), encoding="utf-8")
    return CONFIG, path.name


def test_nothing_is_to_be_done_after_a_run(finished):
    assert planned(finished) == {}


LOGIC = {
    "src/recexplainer/recommender/sasrec.py": {"tune_recommender", "train_recommender", "export_recommender"},
    "src/recexplainer/data/filtering.py": {"filter_dataset"},
    "src/recexplainer/tasks/samples.py": {"build_tasks", "build_reasons"},
    "src/recexplainer/tasks/reasons.py": {"build_reasons"},
    "src/recexplainer/tables/table4.py": {"table4"},
    "src/recexplainer/alignment/run.py": {"align"},
    "src/recexplainer/alignment/engine.py": {"align"},
    "src/recexplainer/llm/schedule.py": {"align", "train_llm"},
    "src/recexplainer/inference/generation.py": {"predict_base", "predict_aligned", "explain", "explain_viewpoints"}
    | {"classify_cases", "rank_pointwise"},
    "src/recexplainer/judgement/rubric.py": {"judge_by_rubric"},
    "src/recexplainer/faithfulness/simulation.py": {"measure_faithfulness"},
    "src/recexplainer/study/draw.py": {"draw_study"},
    "src/recexplainer/evaluation/metrics.py": {"predict_baseline", "predict_surrogates", "table2"}
    | {"table_surrogates", "table_pointwise", "table3", "table4", "figure6", "learning_curves"},
    # a package's __init__ runs on import
    "src/recexplainer/recommender/__init__.py": {"tune_recommender", "train_recommender", "export_recommender"}
    | {"table_recommender", "predict_surrogates"},
    "workflow/scripts/predict.py": {"predict_base", "predict_aligned"},
}


@pytest.mark.parametrize("module", LOGIC)
def test_an_edit_of_logic_reruns_the_stages_that_use_it(finished, module):
    with edited(finished / module, lambda text: text + "\n\nEDITED = 1\n"):
        assert set(planned(finished)) == with_followers(LOGIC[module])


def test_an_edit_inside_a_function_counts(finished):
    folder, aligned = finished / "src/recexplainer", {"align", "predict_base", "predict_aligned"}
    with edited(folder / "alignment/model.py", lambda text: text.replace("hidden // 2", "hidden // 4")):
        assert set(planned(finished)) == with_followers(aligned)
    with edited(folder / "llm/attention.py", lambda text: text.replace("tril()", "tril(-1)")):
        assert set(planned(finished)) == with_followers(aligned | {"train_llm"})


def test_comments_docstrings_and_blank_lines_rerun_nothing(finished):
    def edit(text):
        return "# a comment\n\n" + text.replace('"""', '"""Another word. ', 1) + "\n# another comment\n"

    library, script = finished / "src/recexplainer/recommender/sasrec.py", finished / "workflow/scripts/align.py"
    with edited(library, edit), edited(script, edit):
        assert planned(finished) == {}


def test_touching_every_file_reruns_nothing(finished):
    for part in PARTS:
        for path in [finished / part, *(finished / part).rglob("*")]:
            path.touch()
    assert planned(finished) == {}


def test_a_fresh_clone_with_the_results_reruns_nothing(finished, tmp_path):
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    (finished / ".gitignore").write_text("results/\n.snakemake/\n")
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "test"]):
        subprocess.run([*git, *command], cwd=finished, check=True)
    subprocess.run([*git, "clone", "--quiet", str(finished), str(tmp_path / "clone")], check=True)
    shutil.rmtree(finished / ".git")
    for folder in ("results", ".snakemake"):
        shutil.copytree(finished / folder, tmp_path / "clone" / folder)
    assert planned(tmp_path / "clone") == {}


CHANGES = {
    "the LLM's learning rate": ({"alignment": {"lr": 1.0e-5}}, {"align"}),
    "the recommender's learning rate": ({"recommender": {"lr": 0.004}}, {"tune_recommender"}),
    "a dataset's filter": ({"datasets": {"games": {"filter": {"core": 6}}}}, {"filter_dataset"}),
    "the embedding size": ({"datasets": {"games": {"recommender": {"dim": 32}}}}, {"tune_recommender"}),
    "the small LLM": ({"llm": {"scratch": {"steps": 6}}}, {"train_llm"}),
    "how coverage is counted": ({"switches": {"coverage_counts": "repeat"}}, {"table2", "figure6"}),
    "the number of conversations": ({"sharegpt": {"train": 21}}, {"build_sharegpt"}),
    "the beams": ({"evaluation": {"beams": 4}}, {"predict_base", "predict_aligned"}),
    "the LLM's name": (
        {"llm": {"name": "another"}},
        {"table2", "table3", "table_human", "table_faithfulness", "table_pointwise"},
    ),
    "the cases of pointwise rankings": ({"evaluation": {"pointwise_cases": 20}}, {"rank_pointwise"}),
    "the cases to explain": ({"explanation": {"cases": 10}}, {"choose_cases"}),
    "the resamples of faithfulness": ({"faithfulness": {"bootstrap": 9}}, {"table_faithfulness"}),
    "the study": ({"explanation": {"study": {"cases": 5}}}, {"draw_study"}),
    "the price of an answer": ({"services": {"gpt-4": {"price": {"input": 1}}}}, {"table_spending"}),
    "the length of an explanation": ({"explanation": {"max_tokens": 40}}, {"explain", "explain_viewpoints"}),
    "the cases of controllability": ({"explanation": {"viewpoint_cases": 4}}, {"explain_viewpoints"}),
    "the words of a point of view": (
        {"explanation": {"viewpoint_words": {"genre": {"values": ["racing"]}}}},
        {"table_controllability"},
    ),
    "the verdict alone": ({"tasks": {"explanation": {"verdict_alone": True}}}, {"build_reasons", "table4"}),
    "the choices alone": ({"tasks": {"explanation": {"choices_alone": 6}}}, {"build_reasons", "table4"}),
    "what is asked from points of view": ({"tasks": {"explanation": {"viewpoint_share": 0.5}}}, {"build_reasons"}),
    # how fast, not what: no result depends on it
    "the number of GPUs": ({"alignment": {"gpus": 2}, "evaluation": {"gpus": 1}}, set()),
    "what is answered at once": ({"evaluation": {"batch_size": 7, "batch_tokens": 999}}, set()),
    "what is labelled at once": ({"labels": {"batch_size": 9}}, set()),
    "what is trained at once": ({"alignment": {"rows_per_micro_batch": 1, "gradient_checkpointing": True}}, set()),
    "how often a training is saved": ({"alignment": {"checkpoint_every": 7}}, set()),
    # the record names its files
    "how a training is shared": ({"alignment": {"deepspeed": "config/deepspeed/zero3.json"}}, {"provenance"}),
    "the number of threads": ({"alignment": {"threads": 2}, "llm": {"scratch": {"threads": 2}}}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_config_value_reruns_the_stages_that_use_it(finished, plan, change):
    overrides, rules = CHANGES[change]
    assert set(plan(configfiles=layered(finished, **overrides))) == with_followers(rules)


def test_another_search_space_keeps_the_first_trial(finished, plan):
    overrides = {"recommender": {"tuning": {"space": {"lr": {"low": 0.002, "high": 0.02}}}}}
    jobs = plan(configfiles=layered(finished, **overrides))
    assert jobs["tune_recommender"] == 1
    assert set(jobs) == with_followers({"tune_recommender"})


def test_a_new_ablation_runs_alone(finished, plan):
    more = {"names": ["no_classification", "no_sharegpt"], "modes": ["hybrid"]}
    jobs = plan(configfiles=layered(finished, run={"ablations": more}))
    once = ("align", "predict_aligned", "explain", "judge_by_rubric", "figure6", "learning_curves")
    last = ("paper_vs_ours", "provenance", "report", "all")
    assert jobs == dict.fromkeys(once + last, 1)


def test_further_seeds_rerun_the_alignments_alone(finished, plan):
    jobs = plan(configfiles=layered(finished, run={"seeds": [7, 8]}))
    assert jobs == {"align": 6, "predict_aligned": 6, "table_seeds": 1, "provenance": 1, "report": 1, "all": 1}


@pytest.mark.parametrize(
    ("file", "words", "rules"),
    [
        ("config/prompts/default.yaml", "Next title?", {"build_tasks", "train_llm"}),
        (
            "config/prompts/explanation.yaml",
            "for you.",
            {"build_reasons", "make_demo_conversations", "explain", "explain_viewpoints", "draw_study"},
        ),
        ("config/prompts/reasons.yaml", "The history leans", {"build_reasons"}),
        ("src/recexplainer/study/rating_page.html", "<body>", {"draw_study"}),
        ("src/recexplainer/figures/case_page.css", ":", {"figure4", "figure5"}),
        ("config/chat_templates/plain.jinja", "USER: ", {"train_llm", "align", "predict_base", "predict_aligned"}),
    ],
)
def test_a_config_file_reruns_the_stages_that_read_it(finished, plan, file, words, rules):
    with edited(finished / file, lambda text: text.replace(words, f"{words} ")):
        assert set(plan()) == with_followers(rules)


@pytest.mark.parametrize(
    ("file", "comment", "rules"),
    [
        # The record has the files' checksums.
        ("config/prompts/default.yaml", "# More words.\n", {"provenance"}),
        ("config/prompts/explanation.yaml", "# More words.\n", {"provenance"}),
        ("config/deepspeed/zero2.json", "\n", {"provenance"}),
        ("config/chat_templates/plain.jinja", "{# More words. #}", set()),
    ],
)
def test_a_comment_in_a_config_file_reruns_no_stage(finished, plan, file, comment, rules):
    with edited(finished / file, lambda text: comment + text):
        assert set(plan()) == with_followers(rules)


def test_a_new_ceiling_of_money_asks_nothing_again(finished, tmp_path):
    folder = tmp_path / "paid"
    shutil.copytree(finished, folder)
    paid = {"services": ["chatgpt"], "judges": ["gpt-4", "rubric"]}
    run_with_stand_ins(folder, tmp_path / "bin", layered(folder, explanation=paid))
    assert planned(folder, configfiles=layered(folder, explanation=paid)) == {}
    assert planned(folder, configfiles=layered(folder, explanation=paid | {"max_usd": 77})) == {}
    longer = planned(folder, configfiles=layered(folder, explanation=paid | {"judge_max_tokens": 99}))
    assert longer["judge_by_service"] == 2 and "explain_by_service" not in longer


def test_the_presets_differ_in_what_they_rerun(finished, plan):
    paper = set(plan(configfiles=layered(finished, preset="paper")))
    assert paper == with_followers({"build_tasks", "build_reasons", "predict_base", "predict_aligned"})
    official = set(plan(configfiles=layered(finished, preset="official")))
    assert official == with_followers({"tune_recommender", "train_recommender", "align", "table2"})


def test_every_rule_is_run_by_the_smallest_config(tmp_path):
    copy_repository(tmp_path)
    jobs = planned(tmp_path)
    assert set(jobs) == set(FOLLOWERS)
    assert (ROOT / CONFIG).is_file()


def rule_graph(folder, *configfiles: str) -> set[tuple[str, str]]:
    """Return the edges of Snakemake's own picture."""
    done = snakemake(folder, "--rulegraph", "--configfile", *configfiles)
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', done.stdout, re.MULTILINE))
    return {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout)}


def test_the_picture_of_the_pipeline_is_its_graph(finished):
    assert rule_graph(finished, CONFIG) == {(start, end) for start in FOLLOWERS for end in FOLLOWERS[start]}


def test_shards_have_their_place_in_the_picture(finished):
    edges = rule_graph(finished, *layered(finished, evaluation={"shards": 3}))
    whole = {"predict_base", "predict_aligned"}
    # Further seeds are not run here.
    assert edges == {(start, end) for start, end in GRAPH if not {start, end} & (whole | UNUSED - SHARDED)}
