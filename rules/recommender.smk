# Stage 2: the recommender, tuned, trained and exported: its embeddings and labels (sections 3.1.1 and 3.2.2).
EXTERNAL = run_names.external(config)


rule tune_recommender:
    """Train the recommender with one draw of its hyperparameters (section 3.2.2)."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        trial="<results>/recommender/{dataset}{recommender}/trials/{trial}.json",
    log:
        "<logs>/tune_recommender/{dataset}{recommender}.{trial}.log",
    benchmark:
        "<benchmarks>/tune_recommender/{dataset}{recommender}.{trial}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        code=code_digest("tune_recommender.py"),
        settings=lambda w: to_json(
            run_names.tuning(config, w.dataset, w.recommender, w.trial), validation=SWITCHES["recommender_validation"]
        ),
        seed=seed("recommender", "dataset"),
    shell:
        "python workflow/scripts/tune_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --settings {params.settings:q} --trial {wildcards.trial} --seed {params.seed} --output {output.trial:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule train_recommender:
    """Train the recommender with the best draw: weights, learning curve, hit ratio and NDCG."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        trials=collect("<results>/recommender/{{dataset}}{{recommender}}/trials/{trial}.json", trial=TRIALS),
    output:
        model="<results>/recommender/{dataset}{recommender}/model.safetensors",
        config="<results>/recommender/{dataset}{recommender}/config.json",
        curve="<results>/recommender/{dataset}{recommender}/curve.csv",
        metrics="<results>/recommender/{dataset}{recommender}/metrics.csv",
    log:
        "<logs>/train_recommender/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/train_recommender/{dataset}{recommender}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        code=code_digest("train_recommender.py"),
        settings=lambda w: to_json(
            pick(config["recommender"], "bootstrap"),
            run_names.model(config, w.recommender),
            validation=SWITCHES["recommender_validation"],
        ),
        seed=seed("recommender", "dataset"),
    shell:
        "python workflow/scripts/train_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --trials {input.trials:q} --settings {params.settings:q} --seed {params.seed} --model {output.model:q}"
        " --config {output.config:q} --curve {output.curve:q} --metrics {output.metrics:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule export_recommender:
    """Export the recommender: embeddings of prefixes and items, labels, similar items."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        model="<results>/recommender/{dataset}{recommender}/model.safetensors",
        config="<results>/recommender/{dataset}{recommender}/config.json",
    output:
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        similar="<results>/export/{dataset}{recommender}/similar.parquet",
    log:
        "<logs>/export_recommender/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/export_recommender/{dataset}{recommender}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("export_recommender.py"),
        decides=to_json(config["labels"], without=AT_ONCE),
        settings=unwatched(to_json(config["labels"])),
        seed=seed("export", "dataset"),
    shell:
        "python workflow/scripts/export_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --model {input.model:q} --config {input.config:q} --settings {params.settings:q} --seed {params.seed}"
        " --embeddings {output.embeddings:q} --labels {output.labels:q} --similar {output.similar:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


ruleorder: import_recommender > train_recommender
ruleorder: import_recommender > export_recommender


rule import_recommender:
    """Import a recommender from outside: its embeddings or scores, and the labels that follow from them."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        given=lambda w: run_names.given(config, w.dataset, w.recommender),
    output:
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        similar="<results>/export/{dataset}{recommender}/similar.parquet",
        metrics="<results>/recommender/{dataset}{recommender}/metrics.csv",
    log:
        "<logs>/import_recommender/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/import_recommender/{dataset}{recommender}.tsv"
    wildcard_constraints:
        # A name that there cannot be, if none comes from outside.
        recommender="|".join(rf"\.{name}" for name in EXTERNAL) or r"\.-",
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        code=code_digest("import_recommender.py"),
        decides=import_settings(without=AT_ONCE),
        # It takes the input, so that the size of a batch is no trigger.
        settings=lambda w, input: import_settings()(w),
        seed=seed("export", "dataset"),
    shell:
        "python workflow/scripts/import_recommender.py --interactions {input.interactions:q}"
        " --items {input.catalogue:q} --given {input.given:q} --settings {params.settings:q} --seed {params.seed}"
        " --embeddings {output.embeddings:q} --labels {output.labels:q} --similar {output.similar:q}"
        " --metrics {output.metrics:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
