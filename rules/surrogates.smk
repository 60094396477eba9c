# What explains the recommender without an LLM: models of the same information, beside the LLMs.


# What is no LLM and learns from the same labels of the training prefixes.
rule predict_surrogates:
    """Answer the test cases with models that are no LLM, learnt from the same labels. Not in the paper."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        test="<results>/tasks/{dataset}{recommender}/behavior/test.parquet",
    output:
        predictions=collect(
            "<results>/predictions/{{dataset}}{{recommender}}/{system}/{task}.parquet",
            system=SURROGATES,
            task=PREDICTED,
        ),
    log:
        "<logs>/predict_surrogates/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/predict_surrogates/{dataset}{recommender}.tsv"
    conda:
        "../envs/faithfulness.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        code=code_digest("surrogates.py"),
        settings=lambda w: to_json(pick(entry(w.dataset)["recommender"], "max_length")),
        seed=seed("surrogates", "dataset"),
        folder=lambda w: f"{RESULTS}/predictions/{target(w)}",
    shell:
        "python workflow/scripts/surrogates.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --embeddings {input.embeddings:q} --labels {input.labels:q} --test {input.test:q}"
        " --settings {params.settings:q} --seed {params.seed} --output-dir {params.folder:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


# What explains the recommender without an LLM, on the cases of table 2.
rule table_surrogates:
    """How well models that are no LLM imitate the recommender, and what each LLM adds to them. Not in the paper."""
    input:
        predictions=collect(
            "<results>/predictions/{target}/{system}/{task}.parquet",
            target=TARGETS,
            system=[*SYSTEMS, *SURROGATES],
            task=PREDICTED,
        ),
    output:
        table=report("<results>/tables/surrogates.csv", caption="../workflow/report/surrogates.rst", category="Tables"),
    log:
        "<logs>/table_surrogates/all.log",
    benchmark:
        "<benchmarks>/table_surrogates/all.tsv"
    conda:
        "../envs/faithfulness.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table_surrogates.py"),
        rows=json.dumps([[dataset, system] for dataset in TARGETS for system in [*SYSTEMS, *SURROGATES]]),
        settings=to_json(pick(config["evaluation"], "bootstrap")),
        seed=seed("table_surrogates"),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/table_surrogates.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
