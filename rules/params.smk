# What several rules share: parameters - what decides a result, whose change calls for a rerun, and what only how it is
# computed - and outputs that Snakemake's own report shows.
from recexplainer.report import captions, links

# How much an LLM answers, or trains on, at once, and how often it is saved: no result depends on it by more than
# rounding and the draws of dropout.
AT_ONCE = ["batch_size", "batch_tokens"]
PACE = ["rows_per_micro_batch", "gradient_checkpointing", "checkpoint_every"]


def meaning(*texts):
    """Digest of what files of texts mean, which go with it as `ancient`. A comment is no trigger."""
    return digest.meaning(*(text for text in texts if text))


def unwatched(value):
    """A parameter that calls for no rerun when it changes: Snakemake takes none that depends on the input."""
    return lambda wildcards, input: value


def predict_settings(without=()):
    """What an LLM's predictions are made with."""
    return to_json(
        config["evaluation"],
        pick(config["alignment"], "context"),
        pick(SWITCHES, "retrieval_decoding", "title_reading", "classification_decision"),
        without=["pointwise_cases", "shards", "bootstrap", "gpus", "threads", *without],
    )


def llms_of(wildcards, aligned):
    """Of the base LLM and each aligned system: name, form, and folder of the alignment."""
    folders = [f"{RESULTS}/alignment/{run_name(wildcards)}/{system.replace('-', '/')}" for system in aligned]
    rows = [[system, system.split("-")[0], folder] for system, folder in zip(aligned, folders, strict=True)]
    return [["base", "behavior", None], *rows]


def pointwise_settings(without=()):
    """What pointwise rankings are made with."""
    return lambda w: to_json(
        pick(config["evaluation"], *AT_ONCE, "precision", "pointwise_cases"),
        pick(config["alignment"], "context"),
        pick(entry(w.dataset)["recommender"], "max_length"),
        without=without,
    )


def explain_settings(without=()):
    """What an LLM's explanations are made with."""
    return to_json(
        pick(config["evaluation"], *AT_ONCE, "precision"),
        pick(config["alignment"], "context"),
        pick(config["explanation"], "max_tokens"),
        without=without,
    )


def import_settings(without=()):
    """What the labels of a recommender from outside are made with."""
    return lambda w: to_json(
        config["labels"],
        pick(config["recommender"], "bootstrap"),
        without=without,
        name=w.recommender.removeprefix("."),
        validation=SWITCHES["recommender_validation"],
    )


def align_settings(without=()):
    """What an alignment is made with."""
    return to_json(
        config["alignment"],
        pick(SWITCHES, "embedding_injection", "trained_rows", "loss_average"),
        without=["deepspeed", "nodes", "gpus", "threads", *without],
        lora=settings.lora(config),
    )


# What the tables and figures of this run are called.
HEADINGS = captions.of_run(STUDY["ratings"] == "simulated")[1]


def in_report(path, category):
    """An output that Snakemake's own report shows: with its caption, under the name that it has in ours."""
    name, form = Path(path).stem, links.FORMS[Path(path).suffix]
    result = captions.BESIDE_THE_PAPER.get(name) or HEADINGS[name][0]
    labels = {"Result": result, "Form": form, "Data": "synthetic" if about.synthetic(config) else "real"}
    return report(path, caption=f"../workflow/report/{name}.rst", category=category, labels=labels)
