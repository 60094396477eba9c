# Stage 2: SASRec, tuned, trained and exported: its embeddings and labels (sections 3.1.1 and 3.2.2).


rule tune_recommender:
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        trial="<results>/recommender/{dataset}/trials/{trial}.json",
    log:
        "<logs>/tune_recommender/{dataset}.{trial}.log",
    benchmark:
        "<benchmarks>/tune_recommender/{dataset}.{trial}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        code=code_digest("tune_recommender.py"),
        settings=tuning_settings,
        seed=seed("recommender", "dataset"),
    shell:
        "python workflow/scripts/tune_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --settings {params.settings:q} --trial {wildcards.trial} --seed {params.seed} --output {output.trial:q}"
        " --threads {threads} 2>&1 | tee {log:q}"


rule train_recommender:
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        trials=collect("<results>/recommender/{{dataset}}/trials/{trial}.json", trial=TRIALS),
    output:
        model="<results>/recommender/{dataset}/model.safetensors",
        config="<results>/recommender/{dataset}/config.json",
        curve="<results>/recommender/{dataset}/curve.csv",
        metrics="<results>/recommender/{dataset}/metrics.csv",
    log:
        "<logs>/train_recommender/{dataset}.log",
    benchmark:
        "<benchmarks>/train_recommender/{dataset}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        code=code_digest("train_recommender.py"),
        settings=to_json(pick(config["recommender"], "bootstrap"), validation=SWITCHES["recommender_validation"]),
        seed=seed("recommender", "dataset"),
    shell:
        "python workflow/scripts/train_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --trials {input.trials:q} --settings {params.settings:q} --seed {params.seed} --model {output.model:q}"
        " --config {output.config:q} --curve {output.curve:q} --metrics {output.metrics:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule export_recommender:
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        model="<results>/recommender/{dataset}/model.safetensors",
        config="<results>/recommender/{dataset}/config.json",
    output:
        embeddings="<results>/export/{dataset}/embeddings.safetensors",
        labels="<results>/export/{dataset}/labels.parquet",
        similar="<results>/export/{dataset}/similar.parquet",
    log:
        "<logs>/export_recommender/{dataset}.log",
    benchmark:
        "<benchmarks>/export_recommender/{dataset}.tsv"
    conda:
        "../envs/recommender.yaml"
    threads: config["recommender"]["threads"]
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("export_recommender.py"),
        settings=to_json(config["labels"]),
        seed=seed("export", "dataset"),
    shell:
        "python workflow/scripts/export_recommender.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --model {input.model:q} --config {input.config:q} --settings {params.settings:q} --seed {params.seed}"
        " --embeddings {output.embeddings:q} --labels {output.labels:q} --similar {output.similar:q}"
        " --threads {threads} 2>&1 | tee {log:q}"
