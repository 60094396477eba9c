# Stage 6, beside the paper: the order that an LLM knows, whether or not it can list it. Only with
# evaluation.pointwise_cases.
ASKED = ["base", *ALIGNED, *REASONED]


rule rank_pointwise:
    """Ask each LLM about every candidate of a ranking alone, by its logits. Not in the paper."""
    input:
        adapters=collect(
            "<results>/alignment/{{dataset}}{{recommender}}/{system}/{file}",
            system=[system.replace("-", "/") for system in ALIGNED + REASONED],
            file=["adapter_model.safetensors", "adapter_config.json", "projectors.safetensors"],
        ),
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        # The cases, which are those of every system.
        ranking="<results>/predictions/{dataset}{recommender}/base/ranking.parquet",
        interactions="<results>/data/{dataset}/interactions.parquet",
        catalogue="<results>/data/{dataset}/items.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
        labels="<results>/export/{dataset}{recommender}/labels.parquet",
        similar="<results>/export/{dataset}{recommender}/similar.parquet",
        prompts=ancient(config["prompts"]),
    output:
        orders="<results>/predictions/{dataset}{recommender}/pointwise.parquet",
    log:
        "<logs>/rank_pointwise/{dataset}{recommender}.log",
    benchmark:
        "<benchmarks>/rank_pointwise/{dataset}{recommender}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=32000,
        runtime=1440,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_digest("rank_pointwise.py"),
        systems=lambda w: json.dumps(llms_of(w, ALIGNED + REASONED)),
        decides=pointwise_settings(without=AT_ONCE),
        settings=lambda w, input: pointwise_settings()(w),
        texts=meaning(CHAT_TEMPLATE, config["prompts"]),
        seed=seed("rank_pointwise", "dataset"),
        chat_template=chat_template_option,
    shell:
        "python workflow/scripts/rank_pointwise.py --llm {input.llm:q} {params.chat_template:q}"
        " --systems {params.systems:q} --ranking {input.ranking:q} --interactions {input.interactions:q}"
        " --items {input.catalogue:q} --embeddings {input.embeddings:q} --labels {input.labels:q}"
        " --similar {input.similar:q} --prompts {input.prompts:q} --settings {params.settings:q}"
        " --seed {params.seed} --output {output.orders:q} --gpus {resources.gpu} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"


rule table_pointwise:
    """How well each LLM ranks candidate by candidate, beside its lists. Not in the paper."""
    input:
        pointwise=collect(
            "<results>/predictions/{run_name}/pointwise.parquet", run_name=[name for name in RUN_NAMES for _ in ASKED]
        ),
        rankings=collect("<results>/predictions/{run_name}/{system}/ranking.parquet", run_name=RUN_NAMES, system=ASKED),
    output:
        table=in_report("<results>/tables/pointwise.csv", "Tables"),
    log:
        "<logs>/table_pointwise/all.log",
    benchmark:
        "<benchmarks>/table_pointwise/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("table_pointwise.py"),
        rows=json.dumps([[name, system, METHOD_NAMES.get(system, system)] for name in RUN_NAMES for system in ASKED]),
        settings=to_json(pick(config["evaluation"], "bootstrap")),
        seed=seed("table_pointwise"),
    shell:
        "python workflow/scripts/table_pointwise.py --pointwise {input.pointwise:q} --rankings {input.rankings:q}"
        " --rows {params.rows:q} --settings {params.settings:q} --seed {params.seed} --output {output.table:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
