# Stage 12: the paper's figures 4 and 5: one case in words (section 3.5).
CASE_PAGE = collect("src/recexplainer/{part}", part=["figures/case_page.html", "figures/case_page.css", "pages.css"])


rule select_case:
    """Select the case of figures 4 and 5."""
    input:
        cases=f"<results>/explanations/{STUDIED}/cases.parquet",
        explanations=collect(f"<results>/explanations/{STUDIED}/{{system}}.parquet", system=EXPLAINED),
        judgements=f"<results>/judgements/{STUDIED}/systems/{JUDGES[0]}.parquet",
    output:
        selected="<results>/explanations/selected.json",
    log:
        "<logs>/select_case/all.log",
    benchmark:
        "<benchmarks>/select_case/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("select_case.py"),
        systems=EXPLAINED,
        settings=to_json(pick(config["explanation"], "case"), system=CASE_SYSTEM),
    shell:
        "python workflow/scripts/select_case.py --cases {input.cases:q} --explanations {input.explanations:q}"
        " --systems {params.systems} --judgements {input.judgements:q} --settings {params.settings:q}"
        " --output {output.selected:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule figure4:
    """One case as every system explains it, errors marked (figure 4, section 3.5)."""
    input:
        cases=f"<results>/explanations/{STUDIED}/cases.parquet",
        explanations=collect(f"<results>/explanations/{STUDIED}/{{system}}.parquet", system=EXPLAINED),
        judgements=f"<results>/judgements/{STUDIED}/systems/{JUDGES[0]}.parquet",
        catalogue=f"<results>/data/{STUDY['dataset']}/items.parquet",
        selected="<results>/explanations/selected.json",
        template=CASE_PAGE,
    output:
        page=in_report("<results>/figures/figure4.html", "Figures"),
        images=collect("<results>/figures/figure4.{suffix}", suffix=["svg", "pdf", "png"]),
    log:
        "<logs>/figure4/all.log",
    benchmark:
        "<benchmarks>/figure4/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("figure4.py"),
        systems=EXPLAINED,
        dataset=entry(STUDY["dataset"])["name"],
        synthetic=about.synthetic(config),
    shell:
        "python workflow/scripts/figure4.py --cases {input.cases:q} --items {input.catalogue:q}"
        " --explanations {input.explanations:q} --systems {params.systems} --judgements {input.judgements:q}"
        " --selected {input.selected:q} --dataset {params.dataset:q} --synthetic={params.synthetic:q} --page {output.page:q} --images {output.images:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule figure5:
    """The same case from other points of view on instruction (figure 5, section 3.5)."""
    input:
        cases=f"<results>/explanations/{STUDIED}/cases.parquet",
        viewpoints=f"<results>/explanations/{STUDIED}/viewpoints/{CASE_SYSTEM}.parquet",
        catalogue=f"<results>/data/{STUDY['dataset']}/items.parquet",
        selected="<results>/explanations/selected.json",
        prompts=ancient(config["explanation"]["prompts"]),
        template=CASE_PAGE,
    output:
        page=in_report("<results>/figures/figure5.html", "Figures"),
        images=collect("<results>/figures/figure5.{suffix}", suffix=["svg", "pdf", "png"]),
    log:
        "<logs>/figure5/all.log",
    benchmark:
        "<benchmarks>/figure5/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("figure5.py"),
        texts=meaning(config["explanation"]["prompts"]),
        dataset=entry(STUDY["dataset"])["name"],
        synthetic=about.synthetic(config),
    shell:
        "python workflow/scripts/figure5.py --cases {input.cases:q} --items {input.catalogue:q}"
        " --viewpoints {input.viewpoints:q} --prompts {input.prompts:q} --selected {input.selected:q}"
        " --dataset {params.dataset:q} --synthetic={params.synthetic:q} --page {output.page:q} --images {output.images:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
