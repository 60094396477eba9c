# Stage 1: the conversations that keep the LLM's general skill (the sixth task).


rule make_demo_conversations:
    """Generate the conversations that stand in for ShareGPT's in the demo."""
    input:
        metadata=collect(
            "<results>/generated/{dataset}/metadata.gz", dataset=[d for d in DATASETS if entry(d).get("generate")]
        ),
        explanation_prompts=ancient(config["explanation"]["prompts"]),
    output:
        conversations="<results>/generated/sharegpt/conversations.json",
    log:
        "<logs>/make_demo_conversations/all.log",
    benchmark:
        "<benchmarks>/make_demo_conversations/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_digest("make_demo_conversations.py"),
        texts=meaning(config["explanation"]["prompts"]),
        settings=to_json(entry("sharegpt").get("generate") or {}),
        seed=seed("generate_conversations"),
    shell:
        "python workflow/scripts/make_demo_conversations.py --settings {params.settings:q} --seed {params.seed}"
        " --metadata {input.metadata:q} --explanation-prompts {input.explanation_prompts:q}"
        " --output {output.conversations:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule download_conversations:
    """Fetch the ShareGPT conversations."""
    input:
        local=sources.local_source(config, "sharegpt"),
    output:
        raw=ensure("<results>/raw/sharegpt/conversations.json", non_empty=True),
    log:
        "<logs>/download_conversations/all.log",
    benchmark:
        "<benchmarks>/download_conversations/all.tsv"
    retries: 2
    localrule: True
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        code=code_digest("download.py"),
        settings=to_json(sources=sources.sources(config, "sharegpt")),
    shell:
        "python workflow/scripts/download.py --name sharegpt/conversations --settings {params.settings:q}"
        " --output {output.raw:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule parse_conversations:
    """Read the conversations that can be used, and count the others."""
    input:
        raw="<results>/raw/sharegpt/conversations.json",
    output:
        conversations="<results>/data/sharegpt/conversations.parquet",
        statistics="<results>/data/sharegpt/statistics.json",
    log:
        "<logs>/parse_conversations/all.log",
    benchmark:
        "<benchmarks>/parse_conversations/all.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_digest("parse_conversations.py"),
        max_broken_share=config["sharegpt"]["max_broken_share"],
    shell:
        "python workflow/scripts/parse_conversations.py --input {input.raw:q}"
        " --max-broken-share {params.max_broken_share:q} --output {output.conversations:q}"
        " --statistics {output.statistics:q} --threads {threads}"
        " --log {log:q} 2>&1 | tee -a {log:q}"
