# Stage 3: the LLM that is aligned, and where it comes from (section 3.2.2).


rule train_llm:
    """Train the tiny Llama of `llm.source: scratch` and its tokenizer. Not in the paper."""
    input:
        catalogue=collect("<results>/data/{dataset}/items.parquet", dataset=DATASETS),
        conversations="<results>/data/sharegpt/conversations.parquet",
        prompts=ancient(config["prompts"]),
        chat_template=chat_template,
    output:
        config="<results>/llm/scratch/config.json",
        generation="<results>/llm/scratch/generation_config.json",
        model="<results>/llm/scratch/model.safetensors",
        tokenizer="<results>/llm/scratch/tokenizer.json",
        tokenizer_config="<results>/llm/scratch/tokenizer_config.json",
        chat_template="<results>/llm/scratch/chat_template.jinja",
    log:
        "<logs>/train_llm/all.log",
    benchmark:
        "<benchmarks>/train_llm/all.tsv"
    conda:
        "../envs/llm.yaml"
    threads: config["llm"]["scratch"]["threads"]
    resources:
        mem_mb=8000,
        runtime=720,
    params:
        code=code_digest("train_llm.py"),
        texts=meaning(CHAT_TEMPLATE, config["prompts"]),
        settings=to_json(config["llm"]["scratch"], without=["threads"]),
        seed=seed("llm"),
        folder=subpath(output.config, parent=True),
    shell:
        "python workflow/scripts/train_llm.py --items {input.catalogue:q} --conversations {input.conversations:q}"
        " --prompts {input.prompts:q} --chat-template {input.chat_template:q} --settings {params.settings:q}"
        " --seed {params.seed} --output-dir {params.folder:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule download_llm:
    """Fetch the GGUF file of `llm.source: gguf`."""
    input:
        local=sources.local_source(config, "llm") if config["llm"]["gguf"] else [],
    output:
        raw=ensure("<results>/raw/llm/model.gguf", non_empty=True),
    log:
        "<logs>/download_llm/all.log",
    benchmark:
        "<benchmarks>/download_llm/all.tsv"
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
        settings=to_json(sources=config["llm"]["gguf"]),
    shell:
        "python workflow/scripts/download.py --name llm/model --settings {params.settings:q} --output {output.raw:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule unpack_llm:
    """Turn a GGUF file's quantized weights into a folder that transformers reads."""
    input:
        raw="<results>/raw/llm/model.gguf",
    output:
        folder=directory("<results>/llm/base"),
    log:
        "<logs>/unpack_llm/all.log",
    benchmark:
        "<benchmarks>/unpack_llm/all.tsv"
    conda:
        "../envs/llm.yaml"
    threads: 1
    resources:
        # Four bits become 32, twice: as they are read, and as they are saved.
        mem_mb=lambda w, input: 2000 + 20 * int(input.size_mb),
        runtime=60,
    params:
        code=code_digest("unpack_llm.py"),
    shell:
        "python workflow/scripts/unpack_llm.py --input {input.raw:q} --output-dir {output.folder:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule base_llm:
    """Resolve the base LLM: where it lies, its commit, its checksums, how it is spoken to (section 3.2.2)."""
    input:
        files=llm_files,
    output:
        manifest="<results>/llm/base.json",
    log:
        "<logs>/base_llm/all.log",
    benchmark:
        "<benchmarks>/base_llm/all.tsv"
    retries: 2
    localrule: True
    conda:
        "../envs/llm.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        code=code_digest("base_llm.py"),
        settings=to_json(sources.base_llm(config)),
    shell:
        "python workflow/scripts/base_llm.py --settings {params.settings:q} --output {output.manifest:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
