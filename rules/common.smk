# Helpers of the files beside this one: the checked config, digests, seeds and settings for `params`.
import json
import os
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

from recexplainer import about, digest, progress, run_names, settings, sources, systems
from recexplainer.errors import InputError
from recexplainer.provenance import machine
from recexplainer.planning import plan, sizes
from recexplainer.seeds import derive_seed
from recexplainer.service import settings as services

# A fresh clone needs no installation. The prefix takes the place of Snakemake's own, hence the `set`.
shell.executable("bash")
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(f'{ROOT}/src')}${{{{PYTHONPATH:+:$PYTHONPATH}}}}; "
    # Under `--logger recexplainer`, what programs print goes to their logs alone.
    'tee() {{ if [ "${{RECEXPLAINER_QUIET:-}}" ]; then cat >> "$2"; else command tee "$@"; fi; }}; '
)

try:
    settings.check(config, ROOT / "config" / "schema.yaml")
    if not Path(config["alignment"]["deepspeed"]).is_file():  # no input: another one calls for no rerun
        raise InputError(f"config: alignment.deepspeed: no file {config['alignment']['deepspeed']!r}; expected one.")
except InputError as error:
    raise WorkflowError(str(error))
config.update(settings.with_gpus(config, machine.gpus))
CODE = digest.code_digests(ROOT / "workflow/scripts", ROOT / "src", kept=Path(".snakemake/code_digests.json"))
progress.expect(lambda: plan.seconds_by_rule(config))

RESULTS = config["pathvars"]["results"]
SWITCHES = settings.resolve(config)
DATASETS = config["run"]["datasets"]
MODES = config["run"]["modes"]
TRIALS = range(config["recommender"]["tuning"]["trials"])
BASELINES = ["random", "popularity"]
SURROGATES = list(systems.SURROGATES)
ALIGNED = [f"{mode}-full" for mode in MODES]
# The ablations, and the alignments with other seeds; both are systems of their own.
ABLATION = config["run"]["ablations"]
ABLATED = [f"{mode}-{name}" for mode in ABLATION["modes"] for name in ABLATION["names"]]
# With the seventh task, beside those without.
REASONS = config["tasks"]["explanation"]
REASONED = [f"{mode}-reasons" for mode in REASONS["modes"]]
# Each dataset with each recommender. Ablations, study and figures 3 to 6 are about the first one.
RUN_NAMES = run_names.of(config)
FIRST = run_names.suffix(config["run"]["recommenders"][0])
ABLATED_DATASETS = [f"{dataset}{FIRST}" for dataset in ABLATION["datasets"]] if ABLATED else []
REPEATED = [[f"{mode}-full", *(f"{mode}-full.{seed}" for seed in config["run"]["seeds"])] for mode in MODES]
SYSTEMS = [*BASELINES, "base", *ALIGNED, *REASONED]
EXPLAINED = ["base", *config["explanation"]["services"], *ALIGNED, *REASONED]
# Texts that explain nothing, beside which the systems are measured.
CONTROLS = list(systems.CONTROLS)
MEASURED = [*EXPLAINED, *CONTROLS]
# What they are called in tables: the paper's names.
METHOD_NAMES = {"base": config["llm"]["name"]} | {f"{mode}-full": mode for mode in MODES}
JUDGES = config["explanation"]["judges"]
STUDY = config["explanation"]["study"]
STUDIED = f"{STUDY['dataset']}{FIRST}"
# What services are asked for: the results, less their suffix.
PAID = [
    *(f"explanations/{dataset}/{name}" for dataset in RUN_NAMES for name in config["explanation"]["services"]),
    *(f"judgements/{dataset}/systems/{name}" for dataset in RUN_NAMES for name in JUDGES if name != "rubric"),
    *(f"judgements/{dataset}/ablations/{name}" for dataset in ABLATED_DATASETS for name in JUDGES if name != "rubric"),
]
LEDGER = f"{RESULTS}/answers/ledger.jsonl"  # what all services together have been paid
# Whose explanation figures 4 and 5 are about: the paper's best system, if it is run.
CASE_SYSTEM = f"{next(mode for mode in ['hybrid', 'behavior', 'intention'] if mode in MODES)}-full"
# The mode whose samples table 4 counts: one with every task, if there is one.
COUNTED_MODE = next((mode for mode in ["hybrid", "intention"] if mode in MODES), "behavior")
CHAT_TEMPLATE = None if config["llm"]["chat_template"] == "tokenizer" else config["llm"]["chat_template"]
ALIGNMENT_NODES = config["alignment"]["nodes"]
PREDICTED = ["retrieval", "ranking", "classification", "reconstruction"]
# What transformers saves of a model and its tokenizer.
LLM_FILES = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
]


def code_digest(script):
    """Digest of a script and of the project's modules that it imports: a change of their logic reruns the rule."""
    return CODE[script]


def seed(stage, *wildcard_names):
    """Seed of a stage, for a job's values of some wildcards; of a recommender but SASRec, for that as well."""
    return lambda wildcards: derive_seed(
        config["seed"],
        stage,
        *(getattr(wildcards, name) for name in wildcard_names),
        *filter(None, [getattr(wildcards, "recommender", "")]),
    )


def run_name(wildcards):
    """The folder of a dataset with a recommender."""
    return f"{wildcards.dataset}{wildcards.recommender}"


def to_json(*parts, without=(), **more):
    """The config values that a script gets, as JSON: mappings merged, less some keys, plus some more."""
    merged = {key: value for part in parts for key, value in part.items() if key not in without}
    return json.dumps(merged | more, sort_keys=True)


def pick(mapping, *keys):
    """Some keys of a mapping."""
    return {key: mapping[key] for key in keys}


def entry(name):
    """A dataset's part of the config, or the conversations'."""
    return sources.entry(config, name)


def llm_files(wildcards):
    """The files of the base LLM, where they are local."""
    if config["llm"]["source"] == "hub":
        return []
    if config["llm"]["source"] == "folder":
        folder = Path(sources.local_path(config["llm"]["folder"]))
        return sorted(str(path) for path in folder.iterdir() if path.is_file())
    if config["llm"]["source"] == "gguf":
        return "<results>/llm/base"
    return collect("<results>/llm/scratch/{file}", file=LLM_FILES)


def chat_template(wildcards):
    """The chat template's file; [] for the tokenizer's own."""
    return ancient(CHAT_TEMPLATE) if CHAT_TEMPLATE else []


def chat_template_option(wildcards, input):
    """The option that names the chat template. It depends on the input alone, so it needs no trigger of its own."""
    return ["--chat-template", input.chat_template] if input.chat_template else []


def launcher(wildcards, resources, threads):
    """What starts a training: a program that knows one GPU, several, several machines, and Slurm."""
    return f"bash workflow/scripts/launch.sh {ALIGNMENT_NODES} {resources.gpu // ALIGNMENT_NODES} {threads}"


def several_nodes():
    """What Slurm has to know of a training on several machines: one task on each, started by the job itself."""
    nodes, gres = ALIGNMENT_NODES, f"gpu:{config['alignment']['gpus']}"
    return {} if nodes == 1 else dict(nodes=nodes, tasks=nodes, tasks_per_gpu=0, mpi="srun", gres=gres)


def training_tasks(wildcards):
    """The training samples of an alignment, less the conversations; `reasons` has those of the seventh task as well."""
    folder = "<results>/tasks/{dataset}{recommender}/{mode}"
    return [f"{folder}/train.parquet"] + ([f"{folder}/explanation.parquet"] if wildcards.ablation == "reasons" else [])


def adapter_files(wildcards):
    """The files of an aligned system, `mode-ablation`; none for the base LLM."""
    if wildcards.system == "base":
        return []
    mode, ablation = wildcards.system.split("-")
    folder = f"<results>/alignment/{{dataset}}{{recommender}}/{mode}/{ablation}"
    return [
        f"{folder}/{name}" for name in ("adapter_model.safetensors", "adapter_config.json", "projectors.safetensors")
    ]


def adapter_option(wildcards, input):
    """The options that name an aligned system's form and folder. They need no trigger of their own, as above."""
    if wildcards.system == "base":
        return ["--form", "behavior"]
    return ["--form", wildcards.system.split("-")[0], "--adapter", os.path.dirname(input.adapter[0])]


def service_settings(wildcards, input):
    """A service's part of the config. It takes the input, so that a new time limit, say, is no trigger."""
    return json.dumps(config["services"][wildcards.service], sort_keys=True)


def answer_store(result):
    """The file of a service's answers behind a result, kept between runs."""
    return f"{RESULTS}/answers/{result}.jsonl"


def judged(wildcards):
    """The systems that are judged together: those of table 3, the ablations, or the controls."""
    return {"systems": EXPLAINED, "ablations": ABLATED, "controls": CONTROLS}[wildcards.group]


def prediction_folders(wildcards, input):
    """The folders of predictions, in the order of the table's rows."""
    return list(dict.fromkeys(os.path.dirname(path) for path in input.predictions))


def optional_results():
    """What not every run has: ratings by people, ablations, several seeds, pointwise rankings."""
    return (
        (["<results>/tables/human.csv"] if STUDY["ratings"] else [])
        + (["<results>/figures/figure6.svg"] if ABLATED_DATASETS else [])
        + (["<results>/tables/seeds.csv"] if config["run"]["seeds"] else [])
        + (["<results>/tables/pointwise.csv"] if config["evaluation"]["pointwise_cases"] else [])
    )


def over_budget():
    """What the plan says of services that may cost more than the run may spend: it would refuse at its very end."""
    try:
        return plan.over_budget(config)
    except InputError:
        return []  # the plan does not know the LLM
