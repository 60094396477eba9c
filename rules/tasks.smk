# Stage 4: the alignment tasks as conversations (sections 2.2 to 2.4).


rule build_tasks:
    """Write the samples of the alignment tasks as conversations (sections 2.2 to 2.4)."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        similar="<results>/export/{dataset}{recommender}/similar.parquet",
        prompts=ancient(config["prompts"]),
    output:
        train="<results>/tasks/{dataset}{recommender}/{mode}/train.parquet",
        test="<results>/tasks/{dataset}{recommender}/{mode}/test.parquet",
    log:
        "<logs>/build_tasks/{dataset}{recommender}.{mode}.log",
    benchmark:
        "<benchmarks>/build_tasks/{dataset}{recommender}.{mode}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("build_tasks.py"),
        texts=meaning(config["prompts"]),
        settings=lambda w: to_json(
            config["tasks"],
            pick(entry(w.dataset)["recommender"], "max_length"),
            pick(SWITCHES, "hybrid_forms", "discrimination_fields"),
            without=["explanation"],
            mode=w.mode,
        ),
        # The same for all modes, so that they differ in nothing but the form.
        seed=seed("tasks", "dataset"),
    shell:
        "python workflow/scripts/build_tasks.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --embeddings {input.embeddings:q} --labels {input.labels:q} --similar {input.similar:q}"
        " --prompts {input.prompts:q} --settings {params.settings:q} --seed {params.seed} --train {output.train:q}"
        " --test {output.test:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


# In a file of its own: the alignments without it do not depend on it.
rule build_reasons:
    """Write the samples of the seventh task, explanation, whose reasons the recommender bears out (not in the paper)."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        similar="<results>/export/{dataset}{recommender}/similar.parquet",
        # The recommender is asked again, without items of a history.
        model=lambda w: run_names.trained_files(config, w.dataset, w.recommender),
        question=ancient(config["explanation"]["prompts"]),
        wording=ancient(REASONS["prompts"]),
        prompts=ancient(config["prompts"]),
    output:
        train="<results>/tasks/{dataset}{recommender}/{mode}/explanation.parquet",
    log:
        "<logs>/build_reasons/{dataset}{recommender}.{mode}.log",
    benchmark:
        "<benchmarks>/build_reasons/{dataset}{recommender}.{mode}.tsv"
    conda:
        "../envs/faithfulness.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("build_reasons.py"),
        # The phrasings count where one of them is asked.
        texts=meaning(
            *(config["explanation"]["prompts"], REASONS["prompts"]),
            *([config["prompts"]] if REASONS["verdict_alone"] else []),
        ),
        settings=lambda w: to_json(
            pick(entry(w.dataset)["recommender"], "max_length"),
            pick(SWITCHES, "hybrid_forms"),
            pick(REASONS, "samples", "verdict_alone", "choices_alone", "viewpoint_share"),
            mode=w.mode,
            # What texts name that speak of a point of view, where some decisions are asked from one.
            viewpoints=pick(
                config["explanation"]["viewpoint_words"],
                *(config["explanation"]["viewpoints"] if REASONS["viewpoint_share"] else []),
            ),
        ),
        # The same for all modes.
        seed=seed("reasons", "dataset"),
    shell:
        "python workflow/scripts/build_reasons.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --embeddings {input.embeddings:q} --labels {input.labels:q} --similar {input.similar:q}"
        " --model {input.model:q} --question {input.question:q} --wording {input.wording:q}"
        " --prompts {input.prompts:q} --settings {params.settings:q} --seed {params.seed} --output {output.train:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule build_sharegpt:
    """Choose the ShareGPT conversations for training and test."""
    input:
        conversations="<results>/data/sharegpt/conversations.parquet",
        llm="<results>/llm/base.json",
    output:
        train="<results>/tasks/sharegpt/train.parquet",
        test="<results>/tasks/sharegpt/test.parquet",
    log:
        "<logs>/build_sharegpt/all.log",
    benchmark:
        "<benchmarks>/build_sharegpt/all.tsv"
    conda:
        "../envs/llm.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("build_sharegpt.py"),
        settings=to_json(pick(config["sharegpt"], "train", "test", "max_first_turn_tokens")),
        seed=seed("sharegpt"),
    shell:
        "python workflow/scripts/build_sharegpt.py --conversations {input.conversations:q} --llm {input.llm:q}"
        " --settings {params.settings:q} --seed {params.seed} --train {output.train:q} --test {output.test:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
