# Controllable explanations (section 3.5): the same decision from several points of view, as a number.
# Who is asked from each point of view. Services are not: each answer costs.
TOLD = [[dataset, system] for dataset in TARGETS for system in ["base", *ALIGNED, *REASONED]]


rule explain_viewpoints:
    """Explain some of the cases, for figure 5 the selected one too, from other points of view (section 3.5)."""
    input:
        adapter=adapter_files,
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        # The case of figure 5, for the system that it shows: it may be none of those that are drawn.
        selected=lambda w: (
            "<results>/explanations/selected.json" if (target(w), w.system) == (STUDIED, CASE_SYSTEM) else []
        ),
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        catalogue="<results>/data/{dataset}/items.parquet",
        prompts=ancient(config["explanation"]["prompts"]),
    output:
        explanations="<results>/explanations/{dataset}{recommender}/viewpoints/{system}.parquet",
    log:
        "<logs>/explain_viewpoints/{dataset}{recommender}.{system}.log",
    benchmark:
        "<benchmarks>/explain_viewpoints/{dataset}{recommender}.{system}.tsv"
    wildcard_constraints:
        system="|".join(["base", *ALIGNED, *REASONED]),
    conda:
        "../envs/llm.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=32000,
        runtime=1440,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_digest("explain.py"),
        decides=explain_settings(without=AT_ONCE),
        settings=unwatched(explain_settings()),
        texts=meaning(CHAT_TEMPLATE, config["explanation"]["prompts"]),
        viewpoints=config["explanation"]["viewpoints"],
        number=config["explanation"]["viewpoint_cases"],
        # They depend on the input alone, so they need no trigger of their own.
        model=adapter_option,
        chat_template=chat_template_option,
        selected=lambda w, input: ["--selected", input.selected] if input.selected else [],
    shell:
        "python workflow/scripts/explain.py --llm {input.llm:q} {params.chat_template:q} {params.model:q}"
        " --cases {input.cases:q} --viewpoint-cases {params.number:q} {params.selected:q}"
        " --viewpoints {params.viewpoints:q} --embeddings {input.embeddings:q} --items {input.catalogue:q}"
        " --prompts {input.prompts:q} --settings {params.settings:q} --output {output.explanations:q}"
        " --gpus {resources.gpu} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule table_controllability:
    """How often a decision stays and the reasons follow the point of view, beside controls. Not in the paper."""
    input:
        cases=collect("<results>/explanations/{target}/cases.parquet", target=TARGETS),
        catalogues=collect("<results>/data/{dataset}/items.parquet", dataset=[name.split(".")[0] for name in TARGETS]),
        explanations=[
            *(f"<results>/explanations/{dataset}/{system}.parquet" for dataset, system in TOLD),
            *collect("<results>/explanations/{target}/{system}.parquet", target=TARGETS, system=CONTROLS),
        ],
        viewpoints=[f"<results>/explanations/{dataset}/viewpoints/{system}.parquet" for dataset, system in TOLD],
    output:
        table=report(
            "<results>/tables/controllability.csv", caption="../workflow/report/controllability.rst", category="Tables"
        ),
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
        targets=TARGETS,
        rows=json.dumps(TOLD + [[dataset, system] for dataset in TARGETS for system in CONTROLS]),
        viewpoint_rows=json.dumps(TOLD),
        settings=to_json(pick(config["explanation"], "viewpoints", "viewpoint_cases", "viewpoint_words")),
    shell:
        "python workflow/scripts/controllability.py --targets {params.targets:q} --cases {input.cases:q}"
        " --items {input.catalogues:q} --explanations {input.explanations:q} --rows {params.rows:q}"
        " --viewpoints {input.viewpoints:q} --viewpoint-rows {params.viewpoint_rows:q} --settings {params.settings:q}"
        " --output {output.table:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
