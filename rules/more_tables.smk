# Stage 11, what the paper has not: tables that show how far its own can be trusted.


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


rule table_controllability:
    """How often a decision stays and the reasons follow the point of view, beside controls. Not in the paper."""
    input:
        cases=collect("<results>/explanations/{run_name}/cases.parquet", run_name=RUN_NAMES),
        catalogues=collect("<results>/data/{dataset}/items.parquet", dataset=[name.split(".")[0] for name in RUN_NAMES]),
        explanations=[
            *(f"<results>/explanations/{dataset}/{system}.parquet" for dataset, system in TOLD),
            *collect("<results>/explanations/{run_name}/{system}.parquet", run_name=RUN_NAMES, system=CONTROLS),
        ],
        viewpoints=[f"<results>/explanations/{dataset}/viewpoints/{system}.parquet" for dataset, system in TOLD],
    output:
        table=in_report("<results>/tables/controllability.csv", "Tables"),
    log:
        "<logs>/table_controllability/all.log",
    benchmark:
        "<benchmarks>/table_controllability/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_digest("controllability.py"),
        run_names=RUN_NAMES,
        rows=json.dumps(TOLD + [[dataset, system] for dataset in RUN_NAMES for system in CONTROLS]),
        viewpoint_rows=json.dumps(TOLD),
        settings=to_json(pick(config["explanation"], "viewpoints", "viewpoint_cases", "viewpoint_words")),
    shell:
        "python workflow/scripts/controllability.py --run-names {params.run_names:q} --cases {input.cases:q}"
        " --items {input.catalogues:q} --explanations {input.explanations:q} --rows {params.rows:q}"
        " --viewpoints {input.viewpoints:q} --viewpoint-rows {params.viewpoint_rows:q} --settings {params.settings:q}"
        " --output {output.table:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule table_faithfulness:
    """How far the explanations can be trusted, with intervals, beside the controls. Not in the paper."""
    input:
        records=collect("<results>/faithfulness/{run_name}/{system}.parquet", run_name=RUN_NAMES, system=MEASURED),
    output:
        table=in_report("<results>/tables/faithfulness.csv", "Tables"),
    log:
        "<logs>/table_faithfulness/all.log",
    benchmark:
        "<benchmarks>/table_faithfulness/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_digest("table_faithfulness.py"),
        rows=json.dumps([[dataset, system] for dataset in RUN_NAMES for system in MEASURED]),
        settings=to_json(pick(config["faithfulness"], "bootstrap"), names=METHOD_NAMES),
        seed=seed("table_faithfulness"),
    shell:
        "python workflow/scripts/table_faithfulness.py --records {input.records:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
