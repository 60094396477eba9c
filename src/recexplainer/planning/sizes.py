"""How big a run is, from its config alone: interactions, samples, tokens, parameters.

Samples follow the tasks' definitions (sections 2.2 to 2.4). With U users and I interactions of a dataset:

- retrieval and ranking: I - 2U to train on, U to test
- classification: 2U to train on, two for each of a share of the users to test
- reconstruction: I - U to train on, U to test; not in the behavior mode
- discrimination: one per item and known field, no test; the title is not asked in the behavior mode

Tokens are rough. A training sample's history has I / 2U + 1 items, where each user's newest alone are kept one item
less, and a test's has I / U - 1, both at most ``max_length``. A title has the dataset's ``title_tokens``, else those of
:class:`Words`; a question has the words of the prompts' file and of the chat template. No sample is longer than the
context.
"""

import functools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recexplainer import settings, sources, yaml_files
from recexplainer.data.counts import read_counts
from recexplainer.errors import InputError
from recexplainer.files import read_json, read_text
from recexplainer.llm.template import guarded
from recexplainer.tasks.schema import ABLATIONS

FIELD_SHARE = 0.8  # of the items of real metadata that have a field
ASSUMED_USERS, ASSUMED_ITEMS, ASSUMED_LENGTH = 4000, 2000, 9  # where the config does not tell
GENERATED = {"users": 300, "items": 100, "min_length": 5, "max_length": 14, "length_decay": 0.88}
"""What the config fills in of a generated dataset: here too, as Snakemake starts faster without its models."""
GENERATED_TOKENS = 40  # of a generated conversation
REASON_TOKENS = 65  # of an answer of the seventh task
TEMPLATE_TOKENS = 30  # of the tokenizer's own chat template
TOKENS = re.compile(r"<\|[^|]*\|>|\w+|[^\w\s]")  # about those of a tokenizer with a large vocabulary


@dataclass(frozen=True)
class Size:
    """A filtered dataset. ``basis`` says how it is known: measured, generated, target or assumed."""

    users: int
    items: int
    interactions: int
    basis: str


@dataclass(frozen=True)
class Words:
    """Mean lengths in tokens: of a title, a question, a field's text; and a conversation's share of the context."""

    title: int
    question: int
    field: int
    conversation: float


PRETRAINED = Words(title=12, question=80, field=40, conversation=0.7)
SCRATCH = Words(title=3, question=10, field=10, conversation=0.3)


@dataclass(frozen=True)
class Architecture:
    """A Llama: width, layers, width of the feed-forward network, vocabulary, and how many key heads per query head."""

    hidden: int
    layers: int
    intermediate: int
    vocabulary: int
    key_share: float = 1.0
    tied: bool = False

    @property
    def parameters(self) -> int:
        """Number of parameters, less the norms."""
        return (1 if self.tied else 2) * self.head + self.body

    @property
    def body(self) -> int:
        """Number of parameters of the layers, which every token passes through."""
        attention = (2 + 2 * self.key_share) * self.hidden**2
        return round(self.layers * (attention + 3 * self.hidden * self.intermediate))

    @property
    def head(self) -> int:
        """Number of parameters of the LM head, which only tokens that are to be said pass through."""
        return self.vocabulary * self.hidden

    def adapter_parameters(self, lora: dict[str, Any], dims: int, trained_rows: str) -> int:
        """Number of trained parameters: LoRA, the two projectors from ``dims``, and the new or all token rows."""
        keys = round(self.key_share * self.hidden)
        shapes = {name: 2 * self.hidden for name in ("q_proj", "o_proj")}
        shapes |= {name: self.hidden + keys for name in ("k_proj", "v_proj")}
        shapes |= {name: self.hidden + self.intermediate for name in ("gate_proj", "up_proj", "down_proj")}
        targets = shapes if lora["targets"] == "all-linear" else [name for name in lora["targets"] if name in shapes]
        adapter = self.layers * lora["rank"] * sum(shapes[name] for name in targets)
        projectors = 2 * (dims * self.hidden // 2 + self.hidden**2 // 2)
        rows = (1 if self.tied else 2) * self.hidden * (self.vocabulary if trained_rows == "all" else 2)
        return adapter + projectors + rows


KNOWN = {
    "135m": Architecture(576, 30, 1536, 49152, key_share=1 / 3, tied=True),
    "7b": Architecture(4096, 32, 11008, 32000),
    "13b": Architecture(5120, 40, 13824, 32000),
    "8b": Architecture(4096, 32, 14336, 128256, key_share=0.25),
    "70b": Architecture(8192, 80, 28672, 128256, key_share=0.125),
}
"""Llamas of the hub by the size in their id."""


def architecture(config: dict[str, Any]) -> Architecture:
    """Return the base LLM's architecture: the scratch settings, a local ``config.json``, or the size in a name.

    The name is the hub's id; of a GGUF file that of its first source, unless it is unpacked already.

    Raises:
        InputError: the local ``config.json`` says too little, or the name tells no size that is known.
    """
    llm = config["llm"]
    if llm["source"] == "scratch":
        tiny = llm["scratch"]
        return Architecture(tiny["hidden"], tiny["layers"], tiny["intermediate"], tiny["vocabulary"], tied=True)
    unpacked = Path(config["pathvars"]["results"]) / "llm/base/config.json"
    if llm["source"] == "folder" or (llm["source"] == "gguf" and unpacked.is_file()):
        path = Path(sources.local_path(llm["folder"])) / "config.json" if llm["source"] == "folder" else unpacked
        content = read_json(path)
        try:
            heads = content["num_attention_heads"]
            counts: list[Any] = [
                content[key] for key in ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size")
            ]
            if any(type(count) is not int or count < 1 for count in (*counts, heads)):
                raise TypeError("a size is no whole number of at least 1")
            return Architecture(
                *(counts[0], counts[1], counts[2], counts[3]),
                key_share=content.get("num_key_value_heads", heads) / heads,
                tied=content.get("tie_word_embeddings", False),
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: {error}; expected the config of a Llama, saved by transformers.") from None
    key, name = "llm.id", llm["id"]
    if llm["source"] == "gguf":
        source = llm["gguf"][0]
        key, name = "llm.gguf", source.get("member") or source.get("path") or source["url"]
    sizes = re.findall(r"(?<![0-9a-z.])([0-9]+[bm])(?![0-9a-z])", name.lower())
    known = [size for size in sizes if size in KNOWN]
    if not known:
        raise InputError(
            f"{key}: {name!r} names no size that the plan knows; expected one of {', '.join(KNOWN)} in it. "
            "Download the model and set llm.source to folder, and the plan reads its config.json."
        )
    return KNOWN[known[0]]


def words(config: dict[str, Any], name: str | None = None) -> Words:
    """Return the lengths that fit the base LLM: those of a large vocabulary and long questions, or of the demo.

    Args:
        config: the checked config.
        name: of a dataset, whose titles count; None where they do not.
    """
    if config["llm"]["source"] == "scratch":
        return SCRATCH
    entry = config["datasets"][name] if name else {}
    title = entry.get("title_tokens") or PRETRAINED.title
    told = not name or entry["fields"].get("description") or entry["fields"].get("feature")
    return replace(PRETRAINED, title=title, field=PRETRAINED.field if told else title)


def question_tokens(config: dict[str, Any], task: str) -> int:
    """Return the tokens of a task's question without its items, in its chat template, by the words of both files.

    Where a file is not there, :class:`Words` tells; an explanation's question is twice as long.
    """
    length = words(config)
    explained = task == "explanation"
    path = Path(config["explanation"]["prompts"] if explained else config["prompts"])
    if length is SCRATCH or not path.is_file():
        return 2 * length.question if explained else length.question
    prompts = yaml_files.read_yaml_once(path, "expected the phrasings of the questions")
    phrasings = [prompts["question"]] if explained else prompts.get(task) or [""]
    plain = [re.sub(r"\{\w+\}", "", phrasing) for phrasing in phrasings]
    return round(sum(len(TOKENS.findall(text)) for text in plain) / len(plain)) + _template_tokens(config)


def _template_tokens(config: dict[str, Any]) -> int:
    """Return the tokens that a chat template adds to a question and an answer."""
    path = Path(config["llm"]["chat_template"])
    return _added_tokens(read_text(path, "chat template, Jinja")) if path.is_file() else TEMPLATE_TOKENS


@functools.lru_cache(maxsize=16)
def _added_tokens(template: str) -> int:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    turns = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
    with guarded():
        compiled = ImmutableSandboxedEnvironment().from_string(template)
        text = compiled.render(messages=turns, bos_token="<|s|>", eos_token="<|e|>", add_generation_prompt=False)
    return len(TOKENS.findall(text)) + text.count("\n")


def history_length(config: dict[str, Any], name: str, test: bool) -> float:
    """Return how many items the history of a sample has, the mean over the samples."""
    size, newest = dataset_size(config, name), config["datasets"][name]["filter"].get("newest")
    each = size.interactions / size.users
    # Users of many interactions have more of the samples, but where all have as many.
    length = each - 1 if test else (each - 1) / 2 if newest else each / 2 + 1
    return min(config["datasets"][name]["recommender"]["max_length"], length)


def dataset_size(config: dict[str, Any], name: str) -> Size:
    """Return a dataset's size: what is generated or aimed at; else measured, if its data stage is done; else assumed.

    Measured comes last: an earlier run with other settings may have left it.
    """
    entry = config["datasets"][name]
    if entry.get("generate"):
        made = GENERATED | entry["generate"]
        lengths = range(made["min_length"], made["max_length"] + 1)
        weights = [made["length_decay"] ** place for place in range(len(lengths))]
        mean = sum(length * weight for length, weight in zip(lengths, weights, strict=True)) / sum(weights)
        return Size(made["users"], made["items"], round(mean * made["users"]), "generated")
    if goal := entry["filter"]["target"]:
        return Size(goal["users"], goal["items"], goal["interactions"], "target")
    measured = Path(config["pathvars"]["results"]) / "data" / name / "statistics.json"
    if measured.is_file():
        return Size(**read_counts(measured, name), basis="measured")
    users = max([value for value in entry["filter"]["sample_users"] if value] or [ASSUMED_USERS])
    items = max([value for value in entry["filter"]["top_items"] if value] or [ASSUMED_ITEMS])
    return Size(users, items, users * (entry["filter"].get("newest") or ASSUMED_LENGTH), "assumed")


def train_samples(config: dict[str, Any], name: str, mode: str, ablation: str = "full") -> dict[str, int]:
    """Return the training samples per task of a dataset and mode, the conversations included.

    Args:
        config: the checked config.
        name: of the dataset.
        mode: behavior, intention or hybrid.
        ablation: ``full``, ``full.<seed>``, ``reasons``, which has the seventh task as well, or what is left out, such
            as ``no_discrimination``.
    """
    size, entry = dataset_size(config, name), config["datasets"][name]
    asked = ["description", "brand", "feature"]
    if settings.resolve(config)["discrimination_fields"] == "all":
        asked.append("tags")
    fields = 1 + sum(bool(entry["fields"].get(field)) for field in asked)  # and the most similar item
    share = 1.0 if entry.get("generate") else FIELD_SHARE
    prefixes, forms = max(0, size.interactions - 2 * size.users), 1
    if mode == "hybrid" and settings.resolve(config)["hybrid_forms"] == "all":
        forms = 3
    counts = {
        "retrieval": forms * prefixes,
        "ranking": forms * prefixes,
        "classification": forms * 2 * size.users,
        # Of the title there is the intention form alone, and none of it in the behavior mode.
        "discrimination": round(share * size.items * fields * forms) + (size.items if mode != "behavior" else 0),
        "sharegpt": config["sharegpt"]["train"],
        "reconstruction": 0 if mode == "behavior" else max(0, size.interactions - size.users),
    }
    weights = config["tasks"]["share"] or {}
    counts = {task: round(weights.get(task, 1) * count) for task, count in counts.items()}
    if ablation == "reasons":
        counts["explanation"] = forms * reason_samples(config)
        ablation = "full"
    left_out = ABLATIONS[ablation.partition(".")[0]]
    return {task: count for task, count in counts.items() if count and task not in left_out}


def reason_samples(config: dict[str, Any]) -> int:
    """Return how many samples the seventh task has in one form: reasons, verdicts alone and choices alone."""
    asked = config["tasks"]["explanation"]
    return int(asked["samples"] * (2 if asked["verdict_alone"] else 1) + asked["choices_alone"])


def evaluated_samples(config: dict[str, Any], name: str, mode: str, limited: bool = True) -> dict[str, int]:
    """Return the test samples per evaluated task; ``limited`` by ``evaluation.max_cases``."""
    users, most = dataset_size(config, name).users, config["evaluation"]["max_cases"] if limited else None
    asked = round(config["tasks"]["classification_test_share"] * users)
    users, asked = (min(count, most) if most else count for count in (users, asked))
    counts = {"retrieval": users, "ranking": users, "classification": 2 * asked}
    return counts if mode == "behavior" else counts | {"reconstruction": users}


def sample_tokens(config: dict[str, Any], name: str, mode: str, task: str, test: bool = False) -> tuple[int, int]:
    """Return the mean tokens of a sample's question and of its answer.

    Args:
        config: the checked config.
        name: of the dataset.
        mode: behavior, intention or hybrid.
        task: of the alignment, or ``explanation``.
        test: whether it is a test sample, whose history is all but the last item. So is that of every explanation, and
            nearly so that of a classification.
    """
    length, asked = words(config, name), question_tokens(config, task)
    context = config["alignment"]["context"]
    listed = round(history_length(config, name, test or task in ("classification", "explanation")) * length.title)
    shown = {"behavior": listed, "intention": 1, "hybrid": listed + 1}[mode]
    candidate = {"behavior": length.title, "intention": 1, "hybrid": length.title + 1}[mode]
    count = config["labels"]["candidates"]
    conversation = length.conversation * context
    if config["sharegpt"].get("generate"):
        conversation = min(conversation, GENERATED_TOKENS)
    question, answer = {
        "retrieval": (asked + shown, length.title),
        "ranking": (asked + shown + count * candidate, count * length.title),
        "classification": (asked + shown + candidate, 1),
        "discrimination": (asked + candidate, length.field),
        "sharegpt": (round(conversation / 2), round(conversation / 2)),
        "reconstruction": (asked + 1, listed),
        # Those of the seventh task are two or three sentences.
        "explanation": (asked + shown + candidate, config["explanation"]["max_tokens"] if test else REASON_TOKENS),
    }[task]
    if task == "explanation" and not test:  # what is asked for alone is asked as a classification is, and shorter
        short, verdict = sample_tokens(config, name, mode, "classification")
        whole, own = reason_samples(config), config["tasks"]["explanation"]
        reasons, choices = own["samples"], own["choices_alone"]
        verdicts = whole - reasons - choices
        question = round((reasons * question + (whole - reasons) * short) / whole)
        # Choices: one or two titles.
        answer = round((reasons * answer + verdicts * verdict + choices * 1.5 * length.title) / whole)
    return min(question, context), answer
