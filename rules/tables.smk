# Stage 11: the paper's tables 1 to 4.
# Judgements by path, dataset and judge. Only the rubric, which costs nothing, rates the controls as well.
RATED = [[f"{dataset}/systems/{judge}", dataset, judge] for dataset in RUN_NAMES for judge in JUDGES] + [
    [f"{dataset}/controls/rubric", dataset, "rubric"] for dataset in RUN_NAMES if "rubric" in JUDGES
]


rule table1:
    """Users, items and interactions of each dataset (table 1)."""
    input:
        statistics=collect("<results>/data/{dataset}/statistics.json", dataset=DATASETS),
    output:
        table=in_report("<results>/tables/table1.csv", "Tables"),
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
        " --output {output.table:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule table2:
    """How well each system imitates the recommender, with intervals (table 2, section 3.3)."""
    input:
        predictions=collect(
            "<results>/predictions/{run_name}/{system}/{task}.parquet",
            run_name=RUN_NAMES,
            system=SYSTEMS,
            task=PREDICTED,
        ),
    output:
        table=in_report("<results>/tables/table2.csv", "Tables"),
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
        rows=json.dumps([[dataset, METHOD_NAMES.get(system, system)] for dataset in RUN_NAMES for system in SYSTEMS]),
        settings=to_json(pick(config["evaluation"], "bootstrap"), pick(SWITCHES, "coverage_counts")),
        seed=seed("table2"),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/table2.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule table3:
    """How well each system explains, by judge (table 3), and how far the judges agree."""
    input:
        judgements=[f"<results>/judgements/{path}.parquet" for path, _, _ in RATED],
        explanations=collect("<results>/explanations/{run_name}/{system}.parquet", run_name=RUN_NAMES, system=MEASURED),
    output:
        table=in_report("<results>/tables/table3.csv", "Tables"),
        judges=in_report("<results>/tables/judges.csv", "Tables"),
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
        judgement_rows=json.dumps([row for _, *row in RATED]),
        explanation_rows=json.dumps([[dataset, system] for dataset in RUN_NAMES for system in MEASURED]),
        settings=to_json(pick(config["explanation"], "bootstrap"), names=METHOD_NAMES),
        seed=seed("table3"),
    shell:
        "python workflow/scripts/table3.py --judgements {input.judgements:q}"
        " --judgement-rows {params.judgement_rows:q} --explanations {input.explanations:q}"
        " --explanation-rows {params.explanation_rows:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output.table:q} --judges {output.judges:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule table4:
    """Training and test samples of each task, beside the expected ones and the paper's (table 4)."""
    input:
        train=collect("<results>/tasks/{run_name}/{mode}/train.parquet", run_name=RUN_NAMES, mode=COUNTED_MODE),
        test=collect("<results>/tasks/{run_name}/{mode}/test.parquet", run_name=RUN_NAMES, mode=COUNTED_MODE),
        sharegpt_train="<results>/tasks/sharegpt/train.parquet",
        sharegpt_test="<results>/tasks/sharegpt/test.parquet",
        explanation=collect(
            "<results>/tasks/{run_name}/{mode}/explanation.parquet", run_name=RUN_NAMES, mode=REASONS["modes"][:1]
        ),
        sizes="<results>/tables/table1.csv",
        numbers="config/paper_numbers.csv",
    output:
        table=in_report("<results>/tables/table4.csv", "Tables"),
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
        datasets=RUN_NAMES,
        settings=to_json(
            pick(config["tasks"], "classification_test_share"),
            sharegpt=pick(config["sharegpt"], "train", "test"),
            generated=about.generated(config) + about.others(config),
            **({"explanation": sizes.reason_samples(config)} if REASONED else {}),
        ),
    shell:
        "python workflow/scripts/table4.py --datasets {params.datasets} --train {input.train:q} --test {input.test:q}"
        " --sharegpt-train {input.sharegpt_train:q} --sharegpt-test {input.sharegpt_test:q}"
        " --explanation {input.explanation:q} --sizes {input.sizes:q} --numbers {input.numbers:q}"
        " --settings {params.settings:q} --output {output.table:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
