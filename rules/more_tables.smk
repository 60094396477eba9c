# Stage 11, what the paper has not: tables that show how far its own can be trusted, and the bill.


rule table_recommender:
    """Hit ratio and NDCG of the recommender and of popularity, with intervals. Not in the paper."""
    input:
        metrics=collect("<results>/recommender/{run_name}/metrics.csv", run_name=RUN_NAMES),
    output:
        table=in_report("<results>/tables/recommender.csv", "Tables"),
    log:
        "<logs>/table_recommender/all.log",
    benchmark:
        "<benchmarks>/table_recommender/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("table_recommender.py"),
        datasets=RUN_NAMES,
    shell:
        "python workflow/scripts/table_recommender.py --metrics {input.metrics:q} --datasets {params.datasets}"
        " --output {output.table:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule table_seeds:
    """How much table 2 varies between alignments that differ in nothing but the seed. Not in the paper."""
    input:
        predictions=collect(
            "<results>/predictions/{run_name}/{system}/{task}.parquet",
            run_name=RUN_NAMES,
            system=[system for systems in REPEATED for system in systems],
            task=PREDICTED,
        ),
    output:
        table=in_report("<results>/tables/seeds.csv", "Tables"),
    log:
        "<logs>/table_seeds/all.log",
    benchmark:
        "<benchmarks>/table_seeds/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table_seeds.py"),
        rows=json.dumps(
            [[dataset, METHOD_NAMES[systems[0]]] for dataset in RUN_NAMES for systems in REPEATED for _ in systems]
        ),
        coverage_counts=SWITCHES["coverage_counts"],
        folders=prediction_folders,
    shell:
        "python workflow/scripts/table_seeds.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --coverage-counts {params.coverage_counts:q} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule table_surrogates:
    """How well models that are no LLM imitate the recommender, and what each LLM adds to them. Not in the paper."""
    input:
        predictions=collect(
            "<results>/predictions/{run_name}/{system}/{task}.parquet",
            run_name=RUN_NAMES,
            system=[*SYSTEMS, *SURROGATES],
            task=PREDICTED,
        ),
    output:
        table=in_report("<results>/tables/surrogates.csv", "Tables"),
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
        rows=json.dumps([[dataset, system] for dataset in RUN_NAMES for system in [*SYSTEMS, *SURROGATES]]),
        settings=to_json(pick(config["evaluation"], "bootstrap")),
        seed=seed("table_surrogates"),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/table_surrogates.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule table_spending:
    """What services were paid for: requests, tokens, USD. Not in the paper."""
    input:
        # When these are there, the services have answered.
        answered=collect("<results>/{paid}.parquet", paid=PAID),
    output:
        table=in_report("<results>/tables/spending.csv", "Tables"),
    log:
        "<logs>/table_spending/all.log",
    benchmark:
        "<benchmarks>/table_spending/all.tsv"
    localrule: True
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("spending.py"),
        stores=[answer_store(result) for result in PAID],
        stages=[os.path.dirname(result) for result in PAID],
        services=[os.path.basename(result) for result in PAID],
        settings=to_json(prices={name: service["price"] for name, service in config["services"].items()}),
    shell:
        "python workflow/scripts/spending.py --stores {params.stores:q} --stages {params.stages:q}"
        " --services {params.services:q} --settings {params.settings:q} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
