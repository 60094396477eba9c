# Stage 14: what a reviewer opens.
RUNS = [[dataset, *system.split("-")] for dataset in RUN_NAMES for system in ALIGNED + REASONED] + [
    row for row in ABLATION_ROWS if row[2] != "full"
]
NAMES = {name: run_names.shown(config, name) for name in RUN_NAMES}
# A recommender from outside has no learning curve.
TRAINED = [name for name in RUN_NAMES if name.partition(".")[2] not in EXTERNAL]
SHOWN = about.report_settings(config)
# What the report shows: typeset tables, other tables, and figures.
REPORT_TABLES = collect(
    "<results>/tables/{table}.html",
    table=["table1", "recommender", "table2", "surrogates", "table3", "table4"]
    + (["human"] if STUDY["ratings"] else []),
)
MORE_TABLES = collect(
    "<results>/tables/{table}.csv",
    table=["judges", "spending", "faithfulness", "controllability"]
    + (["human_agreement"] if STUDY["ratings"] else [])
    + (["seeds"] if config["run"]["seeds"] else [])
    + (["pointwise"] if config["evaluation"]["pointwise_cases"] else []),
)
REPORT_FIGURES = collect(
    "<results>/figures/{figure}.svg",
    figure=[
        *(["figure3"] if STUDY["ratings"] else []),
        *("figure4", "figure5"),
        *(["figure6"] if ABLATED_DATASETS else []),
        "learning_curves",
    ],
)
# Every form of them: what the record of the run has the checksums of.
RECORDED_TABLES = [
    *(table.replace(".html", suffix) for table in REPORT_TABLES for suffix in (".csv", ".tex", ".html")),
    *MORE_TABLES,
    *collect("<results>/tables/{name}", name=["claims.csv", "paper_vs_ours.csv", "paper_vs_ours.html"]),
]
RECORDED_FIGURES = [
    figure.replace(".svg", suffix) for figure in REPORT_FIGURES for suffix in (".svg", ".pdf", ".png")
] + [
    figure.replace(".svg", ".html" if figure.endswith(("figure4.svg", "figure5.svg")) else ".csv")
    for figure in REPORT_FIGURES
]


rule learning_curves:
    """How the recommender and each alignment learn. Not in the paper."""
    input:
        curves=collect("<results>/recommender/{run_name}/curve.csv", run_name=TRAINED),
        losses=collect("<results>/alignment/{run}/loss.csv", run=["/".join(run) for run in RUNS]),
    output:
        image=in_report("<results>/figures/learning_curves.svg", "Figures"),
        others=collect("<results>/figures/learning_curves.{suffix}", suffix=["pdf", "png"]),
        data="<results>/figures/learning_curves.csv",
    log:
        "<logs>/learning_curves/all.log",
    benchmark:
        "<benchmarks>/learning_curves/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_digest("learning_curves.py"),
        datasets=TRAINED,
        runs=json.dumps(RUNS),
        settings=to_json(names=NAMES, synthetic=about.synthetic(config)),
    shell:
        "python workflow/scripts/learning_curves.py --curves {input.curves:q} --datasets {params.datasets}"
        " --losses {input.losses:q} --runs {params.runs:q} --settings {params.settings:q} --output {output.data:q}"
        " --images {output.image:q} {output.others:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule provenance:
    """What the results were made of: version, commit, config, machine, packages, checksums."""
    input:
        prompts=[
            config["prompts"],
            config["explanation"]["prompts"],
            config["alignment"]["deepspeed"],
            *([REASONS["prompts"]] if REASONED else []),
        ],
        llm="<results>/llm/base.json",
        lock="requirements.lock",
        tables=RECORDED_TABLES,
        figures=RECORDED_FIGURES,
        predictions=collect(
            "<results>/predictions/{run_name}/{system}/{task}.parquet",
            run_name=RUN_NAMES,
            system=SYSTEMS,
            task=PREDICTED,
        ),
    output:
        record="<results>/provenance.json",
    log:
        "<logs>/provenance/all.log",
    benchmark:
        "<benchmarks>/provenance/all.tsv"
    localrule: True
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code_digest("provenance.py"),
        results=subpath(output.record, parent=True),
        # It takes the input, so that a value which changes no result is no trigger.
        config=lambda w, input: json.dumps(config, sort_keys=True),
    shell:
        "python workflow/scripts/provenance.py --results {params.results:q} --config-json {params.config:q}"
        " --inputs {input.prompts:q} --lock {input.lock:q} --outputs {input.tables:q} {input.figures:q}"
        " {input.predictions:q} --output {output.record:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule report:
    """The page that shows all of this: open it first."""
    input:
        template=collect("src/recexplainer/{part}", part=["report/report.html", "report/report.css", "pages.css"]),
        graph="workflow/report/graph.json",
        deviations="config/deviations.yaml",
        tables=REPORT_TABLES,
        more_tables=MORE_TABLES,
        figures=REPORT_FIGURES,
        alignment="<results>/tables/table2.csv",
        rating_pages=collect("<results>/study/pages/{rater}.html", rater=STUDY["raters"]),
        comparison="<results>/tables/paper_vs_ours.csv",
        claims="<results>/tables/claims.csv",
        provenance="<results>/provenance.json",
        cases=f"<results>/explanations/{STUDIED}/cases.parquet",
        explanations=collect(f"<results>/explanations/{STUDIED}/{{system}}.parquet", system=EXPLAINED),
        records=collect(f"<results>/faithfulness/{STUDIED}/{{system}}.parquet", system=EXPLAINED),
    output:
        page="<results>/report.html",
    log:
        "<logs>/report/all.log",
    benchmark:
        "<benchmarks>/report/all.tsv"
    localrule: True
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("report.py"),
        systems=EXPLAINED,
        settings=to_json(SHOWN, rated_by=STUDY["ratings"] or "people"),
        benchmarks=config["pathvars"]["benchmarks"],
        logs=config["pathvars"]["logs"],
    shell:
        "python workflow/scripts/report.py --settings {params.settings:q} --tables {input.tables:q}"
        " {input.more_tables:q} --figures {input.figures:q} --alignment {input.alignment:q}"
        " --paper-vs-ours {input.comparison:q} --rating-pages {input.rating_pages:q} --logs {params.logs:q}"
        " --claims {input.claims:q} --provenance {input.provenance:q} --benchmarks {params.benchmarks:q}"
        " --graph {input.graph:q} --deviations {input.deviations:q} --cases {input.cases:q}"
        " --explanations {input.explanations:q} --systems {params.systems} --records {input.records:q}"
        " --output {output.page:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
