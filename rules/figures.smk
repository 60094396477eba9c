# Stage 12: the paper's figures 3 and 6: what people say (section 3.4), and ablations (section 3.6).
# What each training task is good for.
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


rule figure3:
    """How people rated the explanations of each system (figure 3, section 3.4)."""
    input:
        key="<results>/study/key.json",
        ratings="<results>/study/ratings.parquet",
    output:
        image=in_report("<results>/figures/figure3.svg", "Figures"),
        others=collect("<results>/figures/figure3.{suffix}", suffix=["pdf", "png"]),
        data="<results>/figures/figure3.csv",
    log:
        "<logs>/figure3/all.log",
    benchmark:
        "<benchmarks>/figure3/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("figure3.py"),
        settings=to_json(pick(config["explanation"], "bootstrap")),
        # That of the table of means, whose intervals the figure shows.
        seed=seed("ratings"),
        synthetic=about.synthetic(config),
    shell:
        "python workflow/scripts/figure3.py --key {input.key:q} --ratings {input.ratings:q}"
        " --settings {params.settings:q} --seed {params.seed} --synthetic={params.synthetic:q}"
        " --output {output.data:q} --images {output.image:q} {output.others:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule figure6:
    """What each training task is good for: every metric of every ablation (figure 6, section 3.6)."""
    input:
        predictions=ABLATION_PREDICTIONS,
        judgements=collect(
            "<results>/judgements/{run_name}/{group}/{judge}.parquet",
            run_name=ABLATED_DATASETS,
            group=["systems", "ablations"],
            judge=JUDGES[0],
        ),
    output:
        image=in_report("<results>/figures/figure6.svg", "Figures"),
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
