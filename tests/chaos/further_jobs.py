"""Jobs to be mutated that no whole run has: of services, of formats of one's own, of the command, and of checks."""

import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from jobs import OUT, RESULTS, Job

from recexplainer.publishing.page import END, START

HERE = "extra"
"""The folder for their inputs, beside ``results``."""
DATA, EXPORT, TRAINED = (f"{RESULTS}/{part}/games" for part in ("data", "export", "recommender"))
CASES, TEXTS = (f"{RESULTS}/explanations/games/{name}.parquet" for name in ("cases", "base"))
EVENTS, ITEMS, USERS = (f"{DATA}/{name}.parquet" for name in ("interactions", "items", "users"))
GIVEN, PROMPTS = f"{EXPORT}/embeddings.safetensors", "config/prompts/explanation.yaml"
MODEL, PREDICTED = f"{RESULTS}/alignment/games/hybrid/full", f"{RESULTS}/predictions/games/hybrid-full"
TASKS = [f"{task}.parquet" for task in ("classification", "ranking", "reconstruction", "retrieval")]
RECORD = f"{RESULTS}/provenance.json"
SHOWN, MARKED = f"{HERE}/shown", f"{HERE}/README.md"
TABLES = [f"tables/{name}.csv" for name in ("table1", "table2", "table3", "table4", "surrogates", "faithfulness")]
TABLES += ["tables/controllability.csv", "tables/claims.csv"]
CONFIGS = ["config/config.yaml", "tests/end_to_end/smallest.yaml"]
PUBLISHED = ["README.md", "readme.json", "main.csv", "answers.parquet", "values.parquet", "tables/table2.csv"]
DOCUMENTED = ["results/README.md", "docs/config_reference.md"]
DOCUMENTED += ["CITATION.cff", "codemeta.json", ".snakemake-workflow-catalog.yml"]
WRITTEN_FROM = ["config/schema.yaml", "config/config.yaml", "config/datasets/template.yaml", "pyproject.toml"]
ASKED = [
    *(f"{RESULTS}/{name}" for name in ("provenance.json", "llm/base.json", "llm/scratch/config.json")),
    *(f"{RESULTS}/llm/scratch/{name}" for name in ("tokenizer.json", "tokenizer_config.json", "model.safetensors")),
    *(f"{MODEL}/{name}" for name in ("adapter_config.json", "adapter_model.safetensors", "projectors.safetensors")),
    *(f"{TRAINED}/model.safetensors", f"{TRAINED}/config.json", f"{EXPORT}/labels.parquet", GIVEN),
    *(EVENTS, ITEMS, USERS, PROMPTS, "config/chat_templates/plain.jinja"),
]
"""The files that the command reads."""
SERVICE = {
    "model": "m",
    "key_variable": None,
    "temperature": 0,
    "max_tokens_field": "max_tokens",
    "token_limit": None,
    "json_schema": False,
    "extra": {},
    "proxy": "none",
    "concurrency": 2,
    "timeout": 5,
    "retries": 0,
    "price": {"input": 1.0, "output": 1.0},
    "batch": False,
    "batch_poll": 1.0,
}
RAW = {
    "fields": {"user": "u", "item": "i", "time": "t", "title": ["n"]},
    "filter": {"core": 3, "top_items": [None], "sample_users": [None], "target": None, "max_broken_share": 0.0},
}
LABELS = {"positive_share": 0.2, "negative_share": 0.5, "candidates": 5, "similar": 1, "batch_size": 64}


def further(address: str, repository: Path) -> list[Job]:
    """Return the jobs; :func:`make_inputs` makes what they read.

    Args:
        address: of a service. Once it is gone, only what is stored is answered.
        repository: with the whole run.
    """
    service = SERVICE | {"base_url": address}
    return [
        *_of_services(service),
        *_of_data(),
        *_of_evaluation(),
        *_of_checks(),
        *_of_reviewers(),
        *_of_the_command(repository),
    ]


def _job(name: str, program: str, options: dict, inputs: list[str], state: dict[str, str] | None = None) -> Job:
    """Return a job; what lies in :data:`OUT` among its options is what it writes."""
    words = []
    for option, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{option}", *(one if isinstance(one, str) else json.dumps(one) for one in values)]
    named = [word for word in words if word.startswith(f"{OUT}/") and word not in (state or {}).values()]
    return Job(name, program, words, sorted(inputs), named, named, state or {})


def _of_services(service: dict) -> list[Job]:
    stored = {name: f"{HERE}/{name}.jsonl" for name in ("explained", "judged", "paid")}
    store, ledger = f"{OUT}/store.jsonl", f"{OUT}/ledger.jsonl"
    asked = {"cases": CASES, "prompts": PROMPTS, "service": service, "store": store}
    explained = asked | {"items": ITEMS, "settings": {"max_tokens": 8, "max_usd": 50}, "ledger": ledger}
    judged = asked | {"explanations": TEXTS, "systems": "base", "judge": "m", "seed": "1"}
    judged |= {"settings": {"judge_max_tokens": 8, "max_usd": 50}}
    spent = {"stores": [stored["explained"], stored["judged"]], "stages": ["explanations", "judgements"]}
    spent |= {"services": ["m", "m"], "settings": {"prices": {"m": service["price"]}}, "output": f"{OUT}/s.csv"}
    return [
        _job(
            "explain_by_service",
            "explain_service.py",
            explained | {"output": f"{OUT}/t.parquet"},
            [CASES, ITEMS, PROMPTS],
            {stored["explained"]: store, stored["paid"]: ledger},
        ),
        _job(
            "judge_by_service",
            "judge.py",
            judged | {"output": f"{OUT}/j.parquet"},
            [CASES, TEXTS, PROMPTS],
            {stored["judged"]: store},
        ),
        _job("spending", "spending.py", spent, [stored["explained"], stored["judged"]]),
    ]


def _of_data() -> list[Job]:
    written = {"interactions": "i.parquet", "items": "c.parquet", "users": "u.parquet"}
    written |= {"statistics": "s.json", "search": "s.csv"}
    found = []
    for kind in ("csv", "parquet"):
        path = f"{HERE}/reviews.{kind}"
        options = {"reviews": path, "metadata": path, "settings": RAW | {"format": kind}, "seed": "1"}
        options |= {option: f"{OUT}/{name}" for option, name in written.items()}
        found.append(_job(f"filter {kind}", "filter_dataset.py", options, [path]))
    for kind in ("zip", "tar.gz"):
        path = f"{HERE}/reviews.{kind}"
        options = {"name": "games/reviews", "settings": {"sources": [{"path": path, "member": "reviews.csv"}]}}
        found.append(_job(f"member of {kind}", "download.py", options | {"output": f"{OUT}/reviews"}, [path]))
    options = {"input": f"{HERE}/model.gguf", "output-dir": f"{OUT}/llm"}
    unpacked = _job("unpack_llm", "unpack_llm.py", options, [options["input"]])
    unpacked.outputs = [f"{OUT}/llm/config.json"]
    return [*found, unpacked]


def _of_evaluation() -> list[Job]:
    predictions = [f"{PREDICTED}/{name}" for name in TASKS]
    seeds = {"predictions": [PREDICTED, PREDICTED], "rows": [[["games", "hybrid"]] * 2]}
    seeds |= {"coverage-counts": "once", "output": f"{OUT}/t.csv"}
    taken = {"interactions": EVENTS, "items": ITEMS, "given": GIVEN, "seed": "1"}
    taken |= {"settings": LABELS | {"bootstrap": 20, "validation": "second_last", "name": "mine"}}
    taken |= {"embeddings": f"{OUT}/e.safetensors", "labels": f"{OUT}/l.parquet", "similar": f"{OUT}/s.parquet"}
    shards = [f"{HERE}/shards/{number}" for number in (0, 1)]
    merged = _job(
        "merge_predictions",
        "merge_predictions.py",
        {"shards": shards, "output-dir": f"{OUT}/merged"},
        [f"{shard}/{name}" for shard in shards for name in TASKS],
    )
    merged.outputs = [f"{OUT}/merged/{name}" for name in TASKS]
    return [
        _job("table_seeds", "table_seeds.py", seeds, predictions),
        _job(
            "import_recommender", "import_recommender.py", taken | {"metrics": f"{OUT}/m.csv"}, [EVENTS, ITEMS, GIVEN]
        ),
        merged,
        *(_typeset(kind) for kind in ("table1", "table2", "table3", "table4", "human")),
    ]


def _typeset(kind: str) -> Job:
    path = f"{RESULTS}/tables/{kind}.csv"
    options = {"table": path, "kind": kind, "settings": {}, "latex": f"{OUT}/t.tex", "html": f"{OUT}/t.html"}
    return _job(f"typeset {kind}", "typeset.py", options, [path])


def _of_checks() -> list[Job]:
    config, demo, record = "config/config.yaml", "config/demo.yaml", RECORD
    planned = {"config": [config, demo], "benchmarks": f"{RESULTS}/benchmarks", "output": f"{OUT}/p.csv"}
    measured, schema = f"{RESULTS}/benchmarks/table2/all.tsv", "config/schema.yaml"
    published = {
        "results": RESULTS,
        "config": CONFIGS,
        "output": f"{OUT}/published",
        "readme": f"{OUT}/folder/README.md",
    }
    publish = _job("publish", "publish.py", published, [*_published(), *CONFIGS, schema], {MARKED: published["readme"]})
    publish.outputs = [f"{OUT}/published/{name}" for name in PUBLISHED]
    pages = _job("pages", "document.py", {"root": f"{OUT}/pages"}, WRITTEN_FROM)
    pages.outputs = [f"{OUT}/pages/{name}" for name in DOCUMENTED]
    return [
        pages,
        publish,
        _job("plan", "plan.py", planned, [config, demo, schema, measured, record]),
        _job("plan of the paper", "plan.py", {"config": config, "output": f"{OUT}/p.csv"}, [config]),
        _job("verify", "verify.py", {"provenance": record}, [record, ITEMS, TEXTS, f"{RESULTS}/tables/table2.csv"]),
    ]


def _published() -> list[str]:
    """Return files of a run that are published, of each kind one or some."""
    found = [f"{PREDICTED}/{name}" for name in TASKS] + [f"{RESULTS}/{name}" for name in TABLES]
    found += [f"{MODEL}/{name}" for name in ("record.json", "loss.csv")] + [CASES, TEXTS, RECORD]
    found += [f"{RESULTS}/{name}" for name in ("report.html", "judgements/games/systems/rubric.parquet")]
    return [*found, f"{DATA}/statistics.json", f"{TRAINED}/curve.csv", f"{RESULTS}/benchmarks/table2/all.tsv"]


def _of_reviewers() -> list[Job]:
    tables = [f"{folder}/{name}" for folder in (SHOWN, RESULTS) for name in (*TABLES, "provenance.json")]
    compared = _job("command compare", "recexplainer", {"output": f"{OUT}/compared"}, tables)
    compared.words[:0] = ["compare", SHOWN, RESULTS]
    compared.outputs = [f"{OUT}/compared/{name}" for name in ("comparison.html", "comparison.csv", "claims.csv")]
    bundled = _job("command bundle", "recexplainer", {"output": f"{OUT}/b.zip"}, _published())
    bundled.words[:0] = ["bundle", RESULTS]
    return [compared, bundled]


def _of_the_command(repository: Path) -> list[Job]:
    user = pq.read_table(repository / USERS)["user_id"][0].as_py()
    title = pq.read_table(repository / ITEMS)["title"][0].as_py()
    asked = _job("command explain", "recexplainer", {"model": MODEL, "user": user, "item": title}, ASKED)
    page = _job("command demo-ui", "recexplainer", {"results": RESULTS, "dataset": "games", "port": "8123"}, ASKED)
    for job in (asked, page):
        job.words.insert(0, job.name.removeprefix("command "))
    return [asked, page]


def make_inputs(here: Path) -> None:
    """Make what the jobs read that a whole run has not; the answers of a service come with its jobs."""
    folder = here / HERE
    folder.mkdir()
    rows = [
        {"u": f"u{user}", "i": f"i{(user + step) % 8}", "t": 1.4e9 + 100 * step, "n": f"Title {(user + step) % 8}"}
        for user in range(12)
        for step in range(6)
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "reviews.parquet")
    table.to_pandas().to_csv(folder / "reviews.csv", index=False)
    with zipfile.ZipFile(folder / "reviews.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "reviews.csv", "reviews.csv")
    with tarfile.open(folder / "reviews.tar.gz", "w:gz") as archive:
        archive.add(folder / "reviews.csv", "reviews.csv")
    (here / MARKED).write_text(f"a\n{START}\nb\n{END}\nc\n")
    for name in (*TABLES, "provenance.json"):
        (here / SHOWN / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(here / RESULTS / name, here / SHOWN / name)
    _make_shards(here)
    _make_gguf(here)


def _make_shards(here: Path) -> None:
    """Cut the predictions of a system into two shards."""
    from recexplainer.evaluation.shards import write_shard

    for name in TASKS:
        rows = pq.read_table(here / PREDICTED / name).to_pylist()
        for shard in (0, 1):
            numbers = list(range(shard, len(rows), 2))
            own = [rows[number] for number in numbers]
            write_shard(here / HERE / f"shards/{shard}/{name}", name.removesuffix(".parquet"), own, numbers, len(rows))


def _make_gguf(here: Path) -> None:
    """Write the run's LLM as llama.cpp would."""
    from tiny_gguf import write_gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    llm = here / RESULTS / "llm/scratch"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(llm), AutoTokenizer.from_pretrained(llm)
    write_gguf(here / HERE / "model.gguf", model, tokenizer, "llama")
