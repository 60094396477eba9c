"""The recommenders of a run beside its datasets: each pair has a run name, that of its folders.

That of SASRec is the dataset's name, ``games``; that of another recommender has the recommender's name behind it,
``games.gru4rec``.
"""

from typing import Any

DEFAULT = "sasrec"
EXTERNAL = "external"
"""What ``model`` is where the embeddings come from outside."""


def suffix(name: str) -> str:
    """Return what a recommender adds to a dataset's name."""
    return "" if name == DEFAULT else f".{name}"


def of(config: dict[str, Any]) -> list[str]:
    """Return the run names of a run, dataset by dataset."""
    names = config["run"]["recommenders"]
    return [f"{dataset}{suffix(name)}" for dataset in config["run"]["datasets"] for name in names]


def external(config: dict[str, Any]) -> list[str]:
    """Return the names of the run's recommenders that come from outside."""
    return [one for one in config["run"]["recommenders"] if config["recommenders"][one]["model"] == EXTERNAL]


def recommender(config: dict[str, Any], behind: str) -> dict[str, Any]:
    """Return a recommender's part of the config, given what stands behind the dataset's name."""
    return config["recommenders"][behind.removeprefix(".") or DEFAULT]


def given(config: dict[str, Any], dataset: str, behind: str) -> str:
    """Return the file of an external recommender: its embeddings, or the scores of one that has none."""
    own = recommender(config, behind)
    file = "scores.safetensors" if own.get("single_tower") else "embeddings.safetensors"
    return f"{own['folder'].format(dataset=dataset)}/{file}"


def settings(config: dict[str, Any], behind: str) -> dict[str, Any]:
    """Return a recommender's hyperparameters, its own over the common ones, without what is no hyperparameter."""
    values = config["recommender"] | recommender(config, behind).get("settings", {})
    return {key: value for key, value in values.items() if key not in ("tuning", "bootstrap", "threads")}


def tuning(config: dict[str, Any], dataset: str, behind: str, trial: str) -> dict[str, Any]:
    """Return what decides a trial of the random search. Trial 0 takes the config's own values, whatever the space."""
    return model(config, behind) | {
        "sasrec": settings(config, behind) | config["datasets"][dataset]["recommender"],
        "space": {} if trial == "0" else config["recommender"]["tuning"]["space"],
    }


def trained_files(config: dict[str, Any], dataset: str, behind: str) -> list[str]:
    """Return the files of a recommender that is trained here; [] of one from outside."""
    if recommender(config, behind)["model"] == EXTERNAL:
        return []
    folder = f"{config['pathvars']['results']}/recommender/{dataset}{behind}"
    return [f"{folder}/model.safetensors", f"{folder}/config.json"]


def model(config: dict[str, Any], behind: str) -> dict[str, Any]:
    """Return the key ``model`` for a stage's settings; nothing for SASRec."""
    return {"model": recommender(config, behind)["model"]} if behind else {}


def shown(config: dict[str, Any], run_name: str) -> str:
    """Return what a pair is called in the report."""
    dataset, _, name = run_name.partition(".")
    return config["datasets"][dataset]["name"] + (f" ({name})" if name else "")


def as_datasets(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config in which the pairs stand as datasets of their own."""
    first = suffix(config["run"]["recommenders"][0])
    names = of(config)
    entries = {name: config["datasets"][name.partition(".")[0]] for name in names}
    ablations = config["run"]["ablations"]
    ablations = ablations | {"datasets": [f"{name}{first}" for name in ablations["datasets"]]}
    study = config["explanation"]["study"]
    study = study | {"dataset": f"{study['dataset']}{first}"}
    return config | {
        "run": config["run"] | {"datasets": names, "ablations": ablations},
        "datasets": config["datasets"] | entries,
        "explanation": config["explanation"] | {"study": study},
    }
