# Stage 9: can one trust the explanations? Measures that need no judge.


rule classify_cases:
    """Let each LLM decide the explained cases by its logits, to hold its texts against. Not in the paper."""
    input:
        adapters=collect(
            "<results>/alignment/{{dataset}}{{recommender}}/{system}/{file}",
            system=[system.replace("-", "/") for system in ALIGNED + REASONED],
            file=["adapter_model.safetensors", "adapter_config.json", "projectors.safetensors"],
        ),
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        catalogue="<results>/data/{dataset}/items.parquet",
        prompts=ancient(config["prompts"]),
    output:
        decisions="<results>/faithfulness/{dataset}{recommender}/own_decisions.parquet",
    log:
        "<logs>/classify_cases/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/classify_cases/{dataset}{recommender}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=32000,
        runtime=1440,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_digest("classify_cases.py"),
        systems=lambda w: json.dumps(llms_of(w, ALIGNED + REASONED)),
        decides=to_json(pick(config["evaluation"], "precision"), pick(config["alignment"], "context")),
        settings=unwatched(
            to_json(pick(config["evaluation"], *AT_ONCE, "precision"), pick(config["alignment"], "context"))
        ),
        texts=meaning(CHAT_TEMPLATE, config["prompts"]),
        seed=seed("classify_cases", "dataset"),
        chat_template=chat_template_option,
    shell:
        "python workflow/scripts/classify_cases.py --llm {input.llm:q} {params.chat_template:q}"
        " --systems {params.systems:q} --cases {input.cases:q} --embeddings {input.embeddings:q}"
        " --items {input.catalogue:q} --prompts {input.prompts:q} --settings {params.settings:q}"
        " --seed {params.seed} --output {output.decisions:q}"
        " --gpus {resources.gpu} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule write_controls:
    """Write the controls: texts that explain nothing, beside which systems are measured. Not in the paper."""
    input:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        explanations=collect("<results>/explanations/{{dataset}}{{recommender}}/{system}.parquet", system=EXPLAINED),
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        controls=collect("<results>/explanations/{{dataset}}{{recommender}}/{system}.parquet", system=CONTROLS),
    log:
        "<logs>/write_controls/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/write_controls/{dataset}{recommender}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_digest("write_controls.py"),
        systems=EXPLAINED,
        controls=CONTROLS,
        seed=seed("controls", "dataset"),
    shell:
        "python workflow/scripts/write_controls.py --cases {input.cases:q} --explanations {input.explanations:q}"
        " --systems {params.systems} --items {input.catalogue:q} --controls {params.controls} --seed {params.seed}"
        " --outputs {output.controls:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule measure_faithfulness:
    """Measure case by case how far the explanations can be trusted. Not in the paper."""
    input:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        explanations=collect("<results>/explanations/{{dataset}}{{recommender}}/{system}.parquet", system=MEASURED),
        decisions="<results>/faithfulness/{dataset}{recommender}/own_decisions.parquet",
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        # One from outside cannot be asked again: the counterfactual measure is then left out.
        model=lambda w: run_names.trained_files(config, w.dataset, w.recommender),
    output:
        records=collect("<results>/faithfulness/{{dataset}}{{recommender}}/{system}.parquet", system=MEASURED),
    log:
        "<logs>/measure_faithfulness/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/measure_faithfulness/{dataset}{recommender}.tsv"
    conda:
        "../envs/faithfulness.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        code=code_digest("faithfulness.py"),
        systems=MEASURED,
        settings=to_json(pick(config["faithfulness"], "folds", "draws")),
        seed=seed("faithfulness", "dataset"),
    shell:
        "python workflow/scripts/faithfulness.py --cases {input.cases:q} --explanations {input.explanations:q}"
        " --systems {params.systems} --own-decisions {input.decisions:q} --interactions {input.interactions:q}"
        " --items {input.catalogue:q} --embeddings {input.embeddings:q} --labels {input.labels:q}"
        " --model {input.model:q} --settings {params.settings:q} --seed {params.seed}"
        " --outputs {output.records:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
