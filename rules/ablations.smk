# Stage 10: what each training task is good for (section 3.6).
ABLATION_ROWS = [
    [dataset, mode, ablation]
    for dataset in ABLATED_DATASETS
    for mode in ABLATION["modes"]
    for ablation in ["full", *ABLATION["names"]]
]
ABLATION_PREDICTIONS = [
    f"<results>/predictions/{dataset}/{mode}-{ablation}/{task}.parquet"
    for dataset, mode, ablation in ABLATION_ROWS
    for task in PREDICTED
]


rule figure6:
    """What each training task is good for: every metric of every ablation (figure 6, section 3.6)."""
    input:
        predictions=ABLATION_PREDICTIONS,
        judgements=collect(
            "<results>/judgements/{target}/{group}/{judge}.parquet",
            target=ABLATED_DATASETS,
            group=["systems", "ablations"],
            judge=JUDGES[0],
        ),
    output:
        image=report("<results>/figures/figure6.svg", caption="../workflow/report/figure6.rst", category="Figures"),
        others=collect("<results>/figures/figure6.{suffix}", suffix=["pdf", "png"]),
        data="<results>/figures/figure6.csv",
    log:
        "<logs>/figure6/all.log",
    benchmark:
        "<benchmarks>/figure6/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("figure6.py"),
        rows=json.dumps(ABLATION_ROWS),
        datasets=[dataset for dataset in ABLATED_DATASETS for _ in range(2)],
        settings=to_json(
            pick(config["evaluation"], "bootstrap"),
            pick(SWITCHES, "coverage_counts"),
            names={dataset: entry(dataset)["name"] for dataset in ABLATED_DATASETS},
            synthetic=about.synthetic(config),
        ),
        seed=seed("figure6"),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/figure6.py --predictions {params.folders:q} --rows {params.rows:q}"
        " --judgements {input.judgements:q} --judgement-datasets {params.datasets} --settings {params.settings:q}"
        " --seed {params.seed} --output {output.data:q} --images {output.image:q} {output.others:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
