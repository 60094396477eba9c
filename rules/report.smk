# Stage 12: what a reviewer opens.
RUNS = [[dataset, mode, "full"] for dataset in DATASETS for mode in MODES] + [
    row for row in ABLATION_ROWS if row[2] != "full"
]
# What is compared with the paper: predictions by dataset and system; judgements by path, dataset and judge.
COMPARED = [[dataset, system] for dataset in DATASETS for system in SYSTEMS] + [
    [dataset, f"{mode}-{ablation}"] for dataset, mode, ablation in ABLATION_ROWS if ablation != "full"
]
COMPARED_JUDGEMENTS = [
    [f"{dataset}/{group}/{judge}", dataset, judge]
    for group, datasets in (("systems", DATASETS), ("ablations", ABLATED_DATASETS))
    for dataset in datasets
    for judge in JUDGES
]
STUDY_TABLES = ["<results>/tables/human.csv"] if STUDY["ratings"] else []
# What the report shows: typeset tables, other tables, and figures.
REPORT_TABLES = collect(
    "<results>/tables/{table}.html",
    table=["table1", "recommender", "table2", "table3", "table4", *(["human"] if STUDY["ratings"] else [])],
)
MORE_TABLES = collect(
    "<results>/tables/{table}.csv",
    table=["judges", "spending"]
    + (["human_agreement"] if STUDY["ratings"] else [])
    + (["seeds"] if config["run"]["seeds"] else []),
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
NAMES = {dataset: entry(dataset)["name"] for dataset in DATASETS}


rule learning_curves:
    input:
        curves=collect("<results>/recommender/{dataset}/curve.csv", dataset=DATASETS),
        losses=collect("<results>/alignment/{run}/loss.csv", run=["/".join(run) for run in RUNS]),
    output:
        image=report(
            "<results>/figures/learning_curves.svg",
            caption="../workflow/report/learning_curves.rst",
            category="Figures",
        ),
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
        datasets=DATASETS,
        runs=json.dumps(RUNS),
        settings=to_json(names=NAMES),
    shell:
        "python workflow/scripts/learning_curves.py --curves {input.curves:q} --datasets {params.datasets}"
        " --losses {input.losses:q} --runs {params.runs:q} --settings {params.settings:q} --output {output.data:q}"
        " --images {output.image:q} {output.others:q} --threads {threads} 2>&1 | tee {log:q}"


rule paper_vs_ours:
    input:
        numbers="config/paper_numbers.csv",
        template=collect("src/recexplainer/paper/compare.{part}", part=["html", "css"]),
        tables=collect("<results>/tables/table{number}.csv", number=[1, 2, 3, 4]),
        human=STUDY_TABLES,
        predictions=[
            f"<results>/predictions/{dataset}/{system}/{task}.parquet"
            for dataset, system in COMPARED
            for task in PREDICTED
        ],
        judgements=[f"<results>/judgements/{path}.parquet" for path, _, _ in COMPARED_JUDGEMENTS],
    output:
        comparison=report(
            "<results>/tables/paper_vs_ours.csv", caption="../workflow/report/paper_vs_ours.rst", category="Paper"
        ),
        claims=report("<results>/tables/claims.csv", caption="../workflow/report/claims.rst", category="Paper"),
        page=report(
            "<results>/tables/paper_vs_ours.html", caption="../workflow/report/paper_vs_ours.rst", category="Paper"
        ),
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
        settings=to_json(
            pick(config["evaluation"], "bootstrap"),
            pick(SWITCHES, "coverage_counts"),
            synthetic=[dataset for dataset in DATASETS if entry(dataset).get("generate")],
            llm=config["llm"]["name"],
            scratch_llm=config["llm"]["source"] == "scratch",
            judge="gpt-4" if "gpt-4" in JUDGES else JUDGES[0],
            study_dataset=STUDY["dataset"],
            names=NAMES,
        ),
        seed=seed("paper_vs_ours"),
        # It depends on the input alone, so it needs no trigger of its own.
        human=lambda w, input: ["--human", input.human[0]] if input.human else [],
        folders=prediction_folders,
    shell:
        "python workflow/scripts/paper_vs_ours.py --numbers {input.numbers:q} --table1 {input.tables[0]:q}"
        " --table2 {input.tables[1]:q} --table3 {input.tables[2]:q} --table4 {input.tables[3]:q} {params.human:q}"
        " --predictions {params.folders:q} --prediction-rows {params.prediction_rows:q}"
        " --judgements {input.judgements:q} --judgement-rows {params.judgement_rows:q} --settings {params.settings:q}"
        " --seed {params.seed} --comparison {output.comparison:q} --claims {output.claims:q} --page {output.page:q}"
        " --threads {threads} 2>&1 | tee {log:q}"


rule typeset:
    input:
        table="<results>/tables/{table}.csv",
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
    shell:
        "python workflow/scripts/typeset.py --table {input.table:q} --kind {wildcards.table} --latex {output.latex:q}"
        " --html {output.html:q} --threads {threads} 2>&1 | tee {log:q}"


rule provenance:
    input:
        prompts=[config["prompts"], config["explanation"]["prompts"], config["alignment"]["deepspeed"]],
        llm="<results>/llm/base.json",
        tables=REPORT_TABLES,
        others=collect("<results>/tables/{name}.csv", name=["paper_vs_ours", "claims", "spending"]),
        figures=REPORT_FIGURES,
        predictions=collect(
            "<results>/predictions/{dataset}/{system}/{task}.parquet",
            dataset=DATASETS,
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
        " --inputs {input.prompts:q} --outputs {input.tables:q} {input.others:q} {input.figures:q}"
        " {input.predictions:q} --output {output.record:q} --threads {threads} 2>&1 | tee {log:q}"


rule report:
    input:
        template=collect("src/recexplainer/report/report.{part}", part=["html", "css"]),
        graph="workflow/report/graph.json",
        deviations="config/deviations.yaml",
        tables=REPORT_TABLES,
        more_tables=MORE_TABLES,
        figures=REPORT_FIGURES,
        comparison="<results>/tables/paper_vs_ours.csv",
        claims="<results>/tables/claims.csv",
        provenance="<results>/provenance.json",
        cases=f"<results>/explanations/{STUDY['dataset']}/cases.parquet",
        explanations=collect(f"<results>/explanations/{STUDY['dataset']}/{{system}}.parquet", system=EXPLAINED),
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
        settings=to_json(
            title="RecExplainer, reproduced",
            demo=any(entry(dataset).get("generate") for dataset in DATASETS),
            names=NAMES,
        ),
        benchmarks=config["pathvars"]["benchmarks"],
    shell:
        "python workflow/scripts/report.py --settings {params.settings:q} --tables {input.tables:q}"
        " {input.more_tables:q} --figures {input.figures:q} --paper-vs-ours {input.comparison:q}"
        " --claims {input.claims:q} --provenance {input.provenance:q} --benchmarks {params.benchmarks:q}"
        " --graph {input.graph:q} --deviations {input.deviations:q} --cases {input.cases:q}"
        " --explanations {input.explanations:q} --systems {params.systems} --output {output.page:q}"
        " --threads {threads} 2>&1 | tee {log:q}"
