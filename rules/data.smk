# Stage 1: raw files in, filtered tables out (section 3.1).


rule make_demo_dataset:
    """Generate the demo's raw files: histories with planted tastes, and a catalogue."""
    output:
        reviews="<results>/generated/{dataset}/reviews.gz",
        metadata="<results>/generated/{dataset}/metadata.gz",
    log:
        "<logs>/make_demo_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/make_demo_dataset/{dataset}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("make_demo_data.py"),
        settings=lambda w: to_json(entry(w.dataset)["generate"], format=entry(w.dataset)["format"]),
        seed=seed("generate", "dataset"),
    shell:
        "python workflow/scripts/make_demo_data.py --settings {params.settings:q} --seed {params.seed}"
        " --reviews {output.reviews:q} --metadata {output.metadata:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule download_dataset:
    """Fetch a dataset's raw file: a local one, a mirror's or a package's."""
    input:
        local=lambda w: sources.local_source(config, w.dataset, w.file),
    output:
        raw=ensure("<results>/raw/{dataset}/{file}", non_empty=True),
    log:
        "<logs>/download_dataset/{dataset}.{file}.log",
    benchmark:
        "<benchmarks>/download_dataset/{dataset}.{file}.tsv"
    wildcard_constraints:
        file="reviews|metadata",
    retries: 2
    localrule: True
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        code=code_digest("download.py"),
        settings=lambda w: to_json(sources=sources.sources(config, w.dataset, w.file)),
    shell:
        "python workflow/scripts/download.py --name {wildcards.dataset}/{wildcards.file}"
        " --settings {params.settings:q} --output {output.raw:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule filter_dataset:
    """Filter a dataset to its core: histories, catalogue, users, and what was dropped or repaired (section 3.1)."""
    input:
        reviews="<results>/raw/{dataset}/reviews",
        metadata=lambda w: f"{RESULTS}/raw/{w.dataset}/{sources.metadata_file(config, w.dataset)}",
    output:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        users="<results>/data/{dataset}/users.parquet",
        statistics="<results>/data/{dataset}/statistics.json",
        search="<results>/data/{dataset}/search.csv",
    log:
        "<logs>/filter_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/filter_dataset/{dataset}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        code=code_digest("filter_dataset.py"),
        settings=lambda w: to_json(sources.reading(config, w.dataset)),
        seed=seed("filter", "dataset"),
    shell:
        "python workflow/scripts/filter_dataset.py --reviews {input.reviews:q} --metadata {input.metadata:q}"
        " --settings {params.settings:q} --seed {params.seed} --interactions {output.interactions:q}"
        " --items {output.catalogue:q} --users {output.users:q} --statistics {output.statistics:q}"
        " --search {output.search:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
