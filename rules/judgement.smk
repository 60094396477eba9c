# Stage 8: what judges make of the explanations (section 3.1.2).


rule judge_by_rubric:
    """Rate explanations by code that checks what can be checked; no language model."""
    input:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        explanations=lambda w: collect(
            "<results>/explanations/{{dataset}}{{recommender}}/{system}.parquet", system=judged(w)
        ),
        catalogue="<results>/data/{dataset}/items.parquet",
    output:
        judgements="<results>/judgements/{dataset}{recommender}/{group}/rubric.parquet",
    log:
        "<logs>/judge_by_rubric/{dataset}{recommender}.{group}.log",
    benchmark:
        "<benchmarks>/judge_by_rubric/{dataset}{recommender}.{group}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_digest("judge_rubric.py"),
        systems=judged,
    shell:
        "python workflow/scripts/judge_rubric.py --cases {input.cases:q} --explanations {input.explanations:q}"
        " --systems {params.systems} --items {input.catalogue:q} --output {output.judgements:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule judge_by_service:
    """Rate explanations by a service: GPT-4 in the paper (section 3.1.2)."""
    input:
        cases="<results>/explanations/{dataset}{recommender}/cases.parquet",
        explanations=lambda w: collect(
            "<results>/explanations/{{dataset}}{{recommender}}/{system}.parquet", system=judged(w)
        ),
        prompts=ancient(config["explanation"]["prompts"]),
    output:
        judgements="<results>/judgements/{dataset}{recommender}/{group}/{service}.parquet",
    log:
        "<logs>/judge_by_service/{dataset}{recommender}.{group}.{service}.log",
    benchmark:
        "<benchmarks>/judge_by_service/{dataset}{recommender}.{group}.{service}.tsv"
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
        code=code_digest("judge.py"),
        systems=judged,
        asked=lambda w: to_json(services.deciding(config["services"][w.service])),
        service=service_settings,
        decides=to_json(pick(config["explanation"], "judge_max_tokens")),
        settings=unwatched(to_json(pick(config["explanation"], "judge_max_tokens", "max_usd"))),
        texts=meaning(config["explanation"]["prompts"]),
        seed=seed("judge", "dataset"),
        store=lambda w: answer_store(f"judgements/{run_name(w)}/{w.group}/{w.service}"),
        ledger=LEDGER,
    shell:
        "python workflow/scripts/judge.py --cases {input.cases:q} --explanations {input.explanations:q}"
        " --systems {params.systems} --prompts {input.prompts:q} --judge {wildcards.service}"
        " --service {params.service:q} --settings {params.settings:q} --seed {params.seed}"
        " --store {params.store:q} --ledger {params.ledger:q} --output {output.judgements:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


onstart:
    for line in over_budget():
        print(f"Note: {line}", file=sys.stderr)
