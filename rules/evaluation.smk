# Stage 6: what each system answers on the test cases (section 3.1.1).


rule predict_baseline:
    """Answer the test cases at random and by popularity: the first rows of table 2."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        test="<results>/tasks/{dataset}{recommender}/behavior/test.parquet",
    output:
        retrieval="<results>/predictions/{dataset}{recommender}/{system}/retrieval.parquet",
        ranking="<results>/predictions/{dataset}{recommender}/{system}/ranking.parquet",
        classification="<results>/predictions/{dataset}{recommender}/{system}/classification.parquet",
        reconstruction="<results>/predictions/{dataset}{recommender}/{system}/reconstruction.parquet",
    log:
        "<logs>/predict_baseline/{dataset}{recommender}.{system}.log",
    benchmark:
        "<benchmarks>/predict_baseline/{dataset}{recommender}.{system}.tsv"
    wildcard_constraints:
        system="|".join(BASELINES),
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("baselines.py"),
        seed=seed("baseline", "dataset", "system"),
        folder=subpath(output.retrieval, parent=True),
    shell:
        "python workflow/scripts/baselines.py --system {wildcards.system} --interactions {input.interactions:q}"
        " --items {input.catalogue:q} --test {input.test:q} --seed {params.seed} --output-dir {params.folder:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule predict_base:
    """Answer the test cases with the LLM as it is, before any alignment: its row of table 2."""
    input:
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        # The base LLM reads no embeddings, so it gets the questions in words.
        test="<results>/tasks/{dataset}{recommender}/behavior/test.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        retrieval="<results>/predictions/{dataset}{recommender}/base/retrieval.parquet",
        ranking="<results>/predictions/{dataset}{recommender}/base/ranking.parquet",
        classification="<results>/predictions/{dataset}{recommender}/base/classification.parquet",
        reconstruction="<results>/predictions/{dataset}{recommender}/base/reconstruction.parquet",
    log:
        "<logs>/predict_base/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/predict_base/{dataset}{recommender}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=32000,
        runtime=1440,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_digest("predict.py"),
        decides=predict_settings(without=AT_ONCE),
        settings=unwatched(predict_settings()),
        texts=meaning(CHAT_TEMPLATE),
        seed=seed("predict", "dataset"),
        folder=subpath(output.retrieval, parent=True),
        chat_template=chat_template_option,
        shard=[],
    shell:
        "python workflow/scripts/predict.py --llm {input.llm:q} {params.chat_template:q} --test {input.test:q}"
        " --embeddings {input.embeddings:q} --items {input.catalogue:q} --settings {params.settings:q}"
        " --seed {params.seed} --output-dir {params.folder:q} {params.shard}"
        " --gpus {resources.gpu} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule predict_aligned:
    """Answer the test cases with an aligned LLM: its row of table 2, or figure 6."""
    input:
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        adapter="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/adapter_model.safetensors",
        adapter_config="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/adapter_config.json",
        projectors="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/projectors.safetensors",
        test="<results>/tasks/{dataset}{recommender}/{mode}/test.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        retrieval="<results>/predictions/{dataset}{recommender}/{mode}-{ablation}/retrieval.parquet",
        ranking="<results>/predictions/{dataset}{recommender}/{mode}-{ablation}/ranking.parquet",
        classification="<results>/predictions/{dataset}{recommender}/{mode}-{ablation}/classification.parquet",
        reconstruction="<results>/predictions/{dataset}{recommender}/{mode}-{ablation}/reconstruction.parquet",
    log:
        "<logs>/predict_aligned/{dataset}{recommender}.{mode}.{ablation}.log",
    benchmark:
        "<benchmarks>/predict_aligned/{dataset}{recommender}.{mode}.{ablation}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=32000,
        runtime=1440,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_digest("predict.py"),
        decides=predict_settings(without=AT_ONCE),
        settings=unwatched(predict_settings()),
        texts=meaning(CHAT_TEMPLATE),
        # The same for all systems of a dataset, so that they are measured on the same cases.
        seed=seed("predict", "dataset"),
        folder=subpath(output.retrieval, parent=True),
        adapter=subpath(input.adapter, parent=True),
        chat_template=chat_template_option,
        shard=[],
    shell:
        "python workflow/scripts/predict.py --llm {input.llm:q} {params.chat_template:q}"
        " --adapter {params.adapter:q} --test {input.test:q} --embeddings {input.embeddings:q}"
        " --items {input.catalogue:q} --settings {params.settings:q} --seed {params.seed}"
        " --output-dir {params.folder:q} {params.shard} --gpus {resources.gpu} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


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
        folder=lambda w: f"{RESULTS}/predictions/{run_name(w)}",
    shell:
        "python workflow/scripts/surrogates.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --embeddings {input.embeddings:q} --labels {input.labels:q} --test {input.test:q}"
        " --settings {params.settings:q} --seed {params.seed} --output-dir {params.folder:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
