# Stage 6: the paper's tables.


rule table1:
    input:
        statistics=collect("<results>/data/{dataset}/statistics.json", dataset=DATASETS),
    output:
        table=report("<results>/tables/table1.csv", caption="../workflow/report/table1.rst", category="Tables"),
    log:
        "<logs>/table1/all.log",
    benchmark:
        "<benchmarks>/table1/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("table1.py"),
        datasets=DATASETS,
    shell:
        "python workflow/scripts/table1.py --statistics {input.statistics:q} --datasets {params.datasets}"
        " --output {output.table:q} --threads {threads} 2>&1 | tee {log:q}"


rule table_recommender:
    input:
        metrics=collect("<results>/recommender/{dataset}/metrics.csv", dataset=DATASETS),
    output:
        table=report(
            "<results>/tables/recommender.csv", caption="../workflow/report/recommender.rst", category="Tables"
        ),
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
        datasets=DATASETS,
    shell:
        "python workflow/scripts/table_recommender.py --metrics {input.metrics:q} --datasets {params.datasets}"
        " --output {output.table:q} --threads {threads} 2>&1 | tee {log:q}"


rule table2:
    input:
        predictions=collect(
            "<results>/predictions/{dataset}/{system}/{task}.parquet",
            dataset=DATASETS,
            system=SYSTEMS,
            task=PREDICTED,
        ),
    output:
        table=report("<results>/tables/table2.csv", caption="../workflow/report/table2.rst", category="Tables"),
    log:
        "<logs>/table2/all.log",
    benchmark:
        "<benchmarks>/table2/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table2.py"),
        rows=json.dumps([[dataset, method_name(system)] for dataset in DATASETS for system in SYSTEMS]),
        settings=to_json(pick(config["evaluation"], "bootstrap"), pick(SWITCHES, "coverage_counts")),
        seed=seed("table2"),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/table2.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.table:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule table4:
    input:
        train=collect("<results>/tasks/{dataset}/{mode}/train.parquet", dataset=DATASETS, mode=COUNTED_MODE),
        test=collect("<results>/tasks/{dataset}/{mode}/test.parquet", dataset=DATASETS, mode=COUNTED_MODE),
        sharegpt_train="<results>/tasks/sharegpt/train.parquet",
        sharegpt_test="<results>/tasks/sharegpt/test.parquet",
    output:
        table=report("<results>/tables/table4.csv", caption="../workflow/report/table4.rst", category="Tables"),
    log:
        "<logs>/table4/all.log",
    benchmark:
        "<benchmarks>/table4/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table4.py"),
        datasets=DATASETS,
    shell:
        "python workflow/scripts/table4.py --datasets {params.datasets} --train {input.train:q} --test {input.test:q}"
        " --sharegpt-train {input.sharegpt_train:q} --sharegpt-test {input.sharegpt_test:q}"
        " --output {output.table:q} --threads {threads} 2>&1 | tee {log:q}"


rule table3:
    input:
        judgements=collect("<results>/judgements/{dataset}/{judge}.parquet", dataset=DATASETS, judge=JUDGES),
        explanations=collect("<results>/explanations/{dataset}/{system}.parquet", dataset=DATASETS, system=EXPLAINED),
    output:
        table=report("<results>/tables/table3.csv", caption="../workflow/report/table3.rst", category="Tables"),
        judges=report("<results>/tables/judges.csv", caption="../workflow/report/judges.rst", category="Tables"),
    log:
        "<logs>/table3/all.log",
    benchmark:
        "<benchmarks>/table3/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table3.py"),
        judgement_rows=json.dumps([[dataset, judge] for dataset in DATASETS for judge in JUDGES]),
        explanation_rows=json.dumps([[dataset, system] for dataset in DATASETS for system in EXPLAINED]),
        settings=to_json(
            pick(config["explanation"], "bootstrap"), names={system: method_name(system) for system in EXPLAINED}
        ),
        seed=seed("table3"),
    shell:
        "python workflow/scripts/table3.py --judgements {input.judgements:q}"
        " --judgement-rows {params.judgement_rows:q} --explanations {input.explanations:q}"
        " --explanation-rows {params.explanation_rows:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output.table:q} --judges {output.judges:q} --threads {threads} 2>&1 | tee {log:q}"


rule table_spending:
    input:
        # When these are there, the services have answered.
        answered=[f"<results>/{stage}/{dataset}/{service}.parquet" for stage, dataset, service in PAID],
    output:
        table=report("<results>/tables/spending.csv", caption="../workflow/report/spending.rst", category="Tables"),
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
        stores=[answer_store(*row) for row in PAID],
        stages=[f"{stage} of {dataset}" for stage, dataset, _ in PAID],
        services=[service for *_, service in PAID],
        settings=json.dumps({name: pick(service, "price") for name, service in config["services"].items()}),
    shell:
        "python workflow/scripts/spending.py --stores {params.stores:q} --stages {params.stages:q}"
        " --services {params.services:q} --settings {params.settings:q} --output {output.table:q} --threads {threads}"
        " 2>&1 | tee {log:q}"
