# Stage 6, where several jobs share the cases of a system: a share for each, then all in the order of the test file.
SHARDS = range(config["evaluation"]["shards"])


if len(SHARDS) > 1:

    ruleorder: merge_predictions > predict_base > predict_aligned

else:

    ruleorder: predict_base > predict_aligned > merge_predictions


use rule predict_base as predict_base_shard with:
    output:
        retrieval=temp("<results>/shards/{dataset}{recommender}/base/{shard}/retrieval.parquet"),
        ranking=temp("<results>/shards/{dataset}{recommender}/base/{shard}/ranking.parquet"),
        classification=temp("<results>/shards/{dataset}{recommender}/base/{shard}/classification.parquet"),
        reconstruction=temp("<results>/shards/{dataset}{recommender}/base/{shard}/reconstruction.parquet"),
    log:
        "<logs>/predict_base_shard/{dataset}{recommender}.{shard}.log",
    benchmark:
        "<benchmarks>/predict_base_shard/{dataset}{recommender}.{shard}.tsv"
    params:
        shard=lambda w: f"--shard {w.shard} {len(SHARDS)}",


use rule predict_aligned as predict_aligned_shard with:
    output:
        retrieval=temp("<results>/shards/{dataset}{recommender}/{mode}-{ablation}/{shard}/retrieval.parquet"),
        ranking=temp("<results>/shards/{dataset}{recommender}/{mode}-{ablation}/{shard}/ranking.parquet"),
        classification=temp("<results>/shards/{dataset}{recommender}/{mode}-{ablation}/{shard}/classification.parquet"),
        reconstruction=temp("<results>/shards/{dataset}{recommender}/{mode}-{ablation}/{shard}/reconstruction.parquet"),
    log:
        "<logs>/predict_aligned_shard/{dataset}{recommender}.{mode}.{ablation}.{shard}.log",
    benchmark:
        "<benchmarks>/predict_aligned_shard/{dataset}{recommender}.{mode}.{ablation}.{shard}.tsv"
    params:
        shard=lambda w: f"--shard {w.shard} {len(SHARDS)}",


rule merge_predictions:
    """Put the shares of a system's answers together, in the order of the test cases."""
    input:
        predictions=collect(
            "<results>/shards/{{dataset}}{{recommender}}/{{system}}/{shard}/{task}.parquet",
            shard=SHARDS,
            task=PREDICTED,
        ),
    output:
        retrieval="<results>/predictions/{dataset}{recommender}/{system}/retrieval.parquet",
        ranking="<results>/predictions/{dataset}{recommender}/{system}/ranking.parquet",
        classification="<results>/predictions/{dataset}{recommender}/{system}/classification.parquet",
        reconstruction="<results>/predictions/{dataset}{recommender}/{system}/reconstruction.parquet",
    log:
        "<logs>/merge_predictions/{dataset}{recommender}.{system}.log",
    benchmark:
        "<benchmarks>/merge_predictions/{dataset}{recommender}.{system}.tsv"
    wildcard_constraints:
        system="base|(behavior|intention|hybrid)-.+",
    localrule: True
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_digest("merge_predictions.py"),
        folder=subpath(output.retrieval, parent=True),
        folders=prediction_folders,
    shell:
        "python workflow/scripts/merge_predictions.py --shards {params.folders:q} --output-dir {params.folder:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


# Beside the paper, with evaluation.pointwise_cases: the order that an LLM knows, whether or not it can list it.
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
