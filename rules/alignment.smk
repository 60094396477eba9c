# Stage 5: the base LLM's alignment with the recommender (sections 2.2 to 2.4 and 3.2.2).


rule align:
    """Align the LLM with the recommender: adapter, projectors, loss by step, and how it went (sections 2.2 to 2.4)."""
    input:
        llm="<results>/llm/base.json",
        chat_template=chat_template,
        tasks=training_tasks,
        sharegpt="<results>/tasks/sharegpt/train.parquet",
        embeddings="<results>/export/{dataset}{recommender}/embeddings.safetensors",
    output:
        adapter="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/adapter_model.safetensors",
        adapter_config="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/adapter_config.json",
        projectors="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/projectors.safetensors",
        loss="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/loss.csv",
        record="<results>/alignment/{dataset}{recommender}/{mode}/{ablation}/record.json",
    log:
        "<logs>/align/{dataset}{recommender}.{mode}.{ablation}.log",
    benchmark:
        "<benchmarks>/align/{dataset}{recommender}.{mode}.{ablation}.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["alignment"]["threads"] * max(1, config["alignment"]["gpus"])
    resources:
        **several_nodes(),
        mem_mb=16000 * max(1, config["alignment"]["gpus"]),
        runtime=2880,
        gpu=config["alignment"]["gpus"] * ALIGNMENT_NODES,
    params:
        code=code_digest("align.py"),
        texts=meaning(CHAT_TEMPLATE),
        # How the work is shared, as with the number of GPUs.
        deepspeed=unwatched(config["alignment"]["deepspeed"]),
        decides=align_settings(without=PACE),
        settings=unwatched(align_settings()),
        # `full.7` is the whole training with another seed, `reasons` the whole one with one task more.
        ablation=lambda w: "full" if w.ablation == "reasons" else w.ablation.partition(".")[0],
        seed=seed("alignment", "dataset", "mode", "ablation"),
        # Not an output: Snakemake would delete it before a retry, which is to go on from the last checkpoint.
        checkpoints=f"{RESULTS}/checkpoints/{{dataset}}{{recommender}}/{{mode}}/{{ablation}}",
        # These depend on input, output and resources alone, so Snakemake does not rerun for them.
        folder=subpath(output.adapter, parent=True),
        chat_template=chat_template_option,
        launcher=launcher,
        threads_each=lambda w, threads, resources: max(1, threads // max(1, resources.gpu // ALIGNMENT_NODES)),
    shell:
        # Of a job that is to end, only the training is to hear: it saves its state, while `tee` still reads its log.
        "trap '' TERM; {params.launcher} workflow/scripts/align.py --llm {input.llm:q} {params.chat_template:q}"
        " --train {input.tasks:q} {input.sharegpt:q} --embeddings {input.embeddings:q}"
        " --deepspeed {params.deepspeed:q} --settings {params.settings:q} --ablation {params.ablation}"
        " --seed {params.seed} --checkpoints {params.checkpoints:q} --output-dir {params.folder:q}"
        " --gpus {resources.gpu} --threads {params.threads_each} --log {log:q} 2>&1 | tee -a {log:q}"
