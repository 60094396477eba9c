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
