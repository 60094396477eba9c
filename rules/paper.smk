# Stage 13: this run beside the paper, and its tables for print.
# What is compared with the paper: predictions by dataset and system; judgements by path, dataset and judge.
COMPARED = [[dataset, system] for dataset in RUN_NAMES for system in SYSTEMS] + [
    [dataset, f"{mode}-{ablation}"] for dataset, mode, ablation in ABLATION_ROWS if ablation != "full"
]
COMPARED_PREDICTIONS = [
    f"<results>/predictions/{dataset}/{system}/{task}.parquet" for dataset, system in COMPARED for task in PREDICTED
]
COMPARED_JUDGEMENTS = [
    [f"{dataset}/{group}/{judge}", dataset, judge]
    for group, datasets in (("systems", RUN_NAMES), ("ablations", ABLATED_DATASETS))
    for dataset in datasets
    for judge in JUDGES
]
COMPARED_RECORDS = [[dataset, system] for dataset in RUN_NAMES for system in EXPLAINED]
STUDY_TABLES = ["<results>/tables/human.csv"] if STUDY["ratings"] else []


rule paper_vs_ours:
    """Every number of the paper's tables, and every claim of its text, beside this run's, with a verdict."""
    input:
        numbers="config/paper_numbers.csv",
        template=collect("src/recexplainer/{part}", part=["paper/compare.html", "paper/compare.css", "pages.css"]),
        tables=collect("<results>/tables/table{number}.csv", number=[1, 2, 3, 4]),
        human=STUDY_TABLES,
        predictions=COMPARED_PREDICTIONS,
        judgements=[f"<results>/judgements/{path}.parquet" for path, _, _ in COMPARED_JUDGEMENTS],
        records=[f"<results>/faithfulness/{dataset}/{system}.parquet" for dataset, system in COMPARED_RECORDS],
        controllability="<results>/tables/controllability.csv",
    output:
        comparison=in_report("<results>/tables/paper_vs_ours.csv", "Beside the paper"),
        claims=in_report("<results>/tables/claims.csv", "Beside the paper"),
        page=in_report("<results>/tables/paper_vs_ours.html", "Beside the paper"),
    log:
        "<logs>/paper_vs_ours/all.log",
    benchmark:
        "<benchmarks>/paper_vs_ours/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("paper_vs_ours.py"),
        prediction_rows=json.dumps(COMPARED),
        judgement_rows=json.dumps([row for _, *row in COMPARED_JUDGEMENTS]),
        record_rows=json.dumps(COMPARED_RECORDS),
        settings=to_json(
            pick(SWITCHES, "coverage_counts"),
            generated=about.generated(config),
            others=about.others(config),
            shown=about.names(config),
            synthetic=about.synthetic(config),
            judge="gpt-4" if "gpt-4" in JUDGES else JUDGES[0],
            study=STUDY["dataset"],
            names=METHOD_NAMES,
        ),
        seed=seed("paper_vs_ours"),
        # It depends on the input alone, so it needs no trigger of its own.
        human=lambda w, input: ["--human", input.human[0]] if input.human else [],
        folders=prediction_folders,
    shell:
        "python workflow/scripts/paper_vs_ours.py --numbers {input.numbers:q} --tables {input.tables:q} {params.human:q}"
        " --controllability {input.controllability:q}"
        " --predictions {params.folders:q} --prediction-rows {params.prediction_rows:q}"
        " --judgements {input.judgements:q} --judgement-rows {params.judgement_rows:q}"
        " --records {input.records:q} --record-rows {params.record_rows:q} --settings {params.settings:q}"
        " --seed {params.seed} --output {output.comparison:q} --claims {output.claims:q} --page {output.page:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule typeset:
    """Typeset a table: LaTeX for print, and a page, whose table the report shows too."""
    input:
        table="<results>/tables/{table}.csv",
        template="src/recexplainer/pages.css",
    output:
        latex="<results>/tables/{table}.tex",
        html="<results>/tables/{table}.html",
    log:
        "<logs>/typeset/{table}.log",
    benchmark:
        "<benchmarks>/typeset/{table}.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("typeset.py"),
        settings=to_json(names=about.names(config), synthetic=about.synthetic(config)),
    shell:
        "python workflow/scripts/typeset.py --table {input.table:q} --kind {wildcards.table}"
        " --settings {params.settings:q} --latex {output.latex:q} --html {output.html:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
