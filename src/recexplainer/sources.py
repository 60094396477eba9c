"""Where raw files and the base LLM come from: what the config says of them."""

import os
from typing import Any


def entry(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the part of the config of a dataset, also of one with a recommender, of the conversations or the LLM."""
    return config[name] if name in ("sharegpt", "llm") else config["datasets"][name.partition(".")[0]]


def sources(config: dict[str, Any], name: str, file: str | None = None) -> list[dict[str, Any]]:
    """Return where a raw file comes from: what the demo generates, or the config's list of paths and mirrors.

    Args:
        config: the checked config.
        name: of the dataset, ``sharegpt`` or ``llm``.
        file: ``reviews`` or ``metadata`` of a dataset; None for the conversations and the LLM.
    """
    own = entry(config, name)
    if name == "llm":
        return own["gguf"]
    if not own.get("generate"):
        return own["sources"][file] if file else own["sources"]
    made = f"{file}.gz" if file else "conversations.json"
    return [{"path": f"{config['pathvars']['results']}/generated/{name}/{made}"}]


def metadata_file(config: dict[str, Any], name: str) -> str:
    """Return which raw file says what a dataset's items are: ``reviews`` if there is no other."""
    own = entry(config, name)
    return "metadata" if own.get("generate") or "metadata" in own["sources"] else "reviews"


def reading(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what decides how a dataset's raw files are read and filtered."""
    return {
        key: entry(config, name)[key]
        for key in ("format", "layout", "fields", "filter")
        if entry(config, name).get(key)
    }


def local_source(config: dict[str, Any], name: str, file: str | None = None) -> str | list[str]:
    """Return the local file among the sources, as the download's input: [] if it comes from the network."""
    listed = sources(config, name, file)
    if entry(config, name).get("generate"):
        return listed[0]["path"]
    paths = [local_path(source["path"]) for source in listed if "path" in source]
    there = [path for path in paths if os.path.isfile(path)]
    # With nothing but local files, let Snakemake say which one is missing.
    return there[:1] or (paths[:1] if len(paths) == len(listed) else [])


def local_path(path: str) -> str:
    """Return a path of the config with ``~`` and environment variables replaced."""
    return os.path.expandvars(os.path.expanduser(path))


def base_llm(config: dict[str, Any]) -> dict[str, Any]:
    """Return where the base LLM is: only what its source needs."""
    llm = config["llm"]
    origin = {"source": llm["source"]} | ({"quantization": llm["quantization"]} if llm["quantization"] else {})
    if llm["source"] == "hub":
        return origin | {"id": llm["id"], "revision": llm["revision"]}
    if llm["source"] == "folder":
        return origin | {"folder": local_path(llm["folder"])}
    made = "base" if llm["source"] == "gguf" else "scratch"
    return origin | {"folder": f"{config['pathvars']['results']}/llm/{made}"}
