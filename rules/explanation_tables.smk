# Stage 11: tables of the explanations beside table 3: what people say, and what the recommender bears out.


rule table_human:
    """People's mean ratings, and how far raters and judges agree (section 3.4)."""
    input:
        key="<results>/study/key.json",
        ratings="<results>/study/ratings.parquet",
        judgements=collect(f"<results>/judgements/{STUDIED}/systems/{{judge}}.parquet", judge=JUDGES),
    output:
        human=in_report("<results>/tables/human.csv", "Tables"),
        agreement=in_report("<results>/tables/human_agreement.csv", "Tables"),
    log:
        "<logs>/table_human/all.log",
    benchmark:
        "<benchmarks>/table_human/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("table_human.py"),
        settings=to_json(pick(config["explanation"], "bootstrap"), names=METHOD_NAMES),
        seed=seed("ratings"),
    shell:
        "python workflow/scripts/table_human.py --key {input.key:q} --ratings {input.ratings:q}"
        " --judgements {input.judgements:q} --settings {params.settings:q} --seed {params.seed}"
        " --human {output.human:q} --agreement {output.agreement:q} --threads {threads}"
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
