# Stage 7: explanations of the recommender's decisions (section 3.1.2).
# Who is asked from each point of view. Services are not: each answer costs.
TOLD = [[dataset, system] for dataset in RUN_NAMES for system in ["base", *ALIGNED, *REASONED]]


rule choose_cases:
    """Choose the cases that are explained: half of them rated high by the recommender, half low (section 3.1.2)."""
    input:
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
    output:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
    log:
        "<logs>/choose_cases/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/choose_cases/{dataset}{recommender}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("choose_cases.py"),
        settings=lambda w: to_json(
            pick(config["explanation"], "cases"), pick(entry(w.dataset)["recommender"], "max_length")
        ),
        seed=seed("cases", "dataset"),
    shell:
        "python workflow/scripts/choose_cases.py --interactions {input.interactions:q} --items {input.catalogue:q}"
        " --labels {input.labels:q} --embeddings {input.embeddings:q} --settings {params.settings:q}"
        " --seed {params.seed} --output {output.cases:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule explain:
    """Let an LLM explain the recommender's decisions: prompt, text, and the decision read from it (section 3.1.2)."""
    input:
        adapter=adapter_files,
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        catalogue="<results>/data/{dataset}/items.parquet",
        prompts=ancient(config["explanation"]["prompts"]),
    output:
        explanations="<results>/explanations/{dataset}{recommender}/{system}.parquet",
    log:
        "<logs>/explain/{dataset}{recommender}.{system}.log",
    benchmark:
        "<benchmarks>/explain/{dataset}{recommender}.{system}.tsv"
    wildcard_constraints:
        system="|".join(["base", *ALIGNED, *REASONED, *ABLATED]),
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
        # It depends on the input alone, so it needs no trigger of its own.
        model=adapter_option,
        chat_template=chat_template_option,
    shell:
        "python workflow/scripts/explain.py --llm {input.llm:q} {params.chat_template:q} {params.model:q}"
        " --cases {input.cases:q} --embeddings {input.embeddings:q} --items {input.catalogue:q}"
        " --prompts {input.prompts:q} --settings {params.settings:q} --output {output.explanations:q}"
        " --gpus {resources.gpu} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule explain_by_service:
    """Let a service explain the same cases: ChatGPT in the paper (section 3.1.2)."""
    input:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        prompts=ancient(config["explanation"]["prompts"]),
    output:
        explanations="<results>/explanations/{dataset}{recommender}/{service}.parquet",
    log:
        "<logs>/explain_by_service/{dataset}{recommender}.{service}.log",
    benchmark:
        "<benchmarks>/explain_by_service/{dataset}{recommender}.{service}.tsv"
    wildcard_constraints:
        service="|".join(config["services"]),
    localrule: True
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=1440,
    params:
        code=code_digest("explain_service.py"),
        # Of the service, only what decides its answers calls for a rerun.
        asked=lambda w: to_json(services.deciding(config["services"][w.service])),
        service=service_settings,
        decides=to_json(pick(config["explanation"], "max_tokens")),
        settings=unwatched(to_json(pick(config["explanation"], "max_tokens", "max_usd"))),
        texts=meaning(config["explanation"]["prompts"]),
        # What was paid for is no output: Snakemake would delete it before a rerun, which is to replay it.
        store=lambda w: answer_store(f"explanations/{run_name(w)}/{w.service}"),
        ledger=LEDGER,
    shell:
        "python workflow/scripts/explain_service.py --cases {input.cases:q} --items {input.catalogue:q}"
        " --prompts {input.prompts:q} --service {params.service:q} --settings {params.settings:q}"
        " --store {params.store:q} --ledger {params.ledger:q} --output {output.explanations:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule explain_viewpoints:
    """Explain some of the cases, for figure 5 the selected one too, from other points of view (section 3.5)."""
    input:
        adapter=adapter_files,
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        # The case of figure 5, for the system that it shows: it may be none of those that are drawn.
        selected=lambda w: (
            "<results>/explanations/selected.json" if (run_name(w), w.system) == (STUDIED, CASE_SYSTEM) else []
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
