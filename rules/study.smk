# Stage 10: the study with people (sections 3.1.2 and 3.4).
# Where the raters' files are: the simulated ones, or the config's folder.
RATINGS = f"{RESULTS}/study/simulated" if STUDY["ratings"] == "simulated" else STUDY["ratings"]


rule draw_study:
    """Draw the cases of the study with people and write a page for each rater (section 3.1.2)."""
    input:
        cases=f"<results>/explanations/{STUDIED}/cases.parquet",
        catalogue=f"<results>/data/{STUDY['dataset']}/items.parquet",
        explanations=collect(f"<results>/explanations/{STUDIED}/{{system}}.parquet", system=EXPLAINED),
        prompts=ancient(config["explanation"]["prompts"]),
        template=collect("src/recexplainer/study/rating_page.{part}", part=["html", "css", "js"]),
    output:
        key="<results>/study/key.json",
        pages=collect("<results>/study/pages/{rater}.html", rater=STUDY["raters"]),
    log:
        "<logs>/draw_study/all.log",
    benchmark:
        "<benchmarks>/draw_study/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("draw_study.py"),
        texts=meaning(config["explanation"]["prompts"]),
        systems=EXPLAINED,
        settings=to_json(
            pick(STUDY, "cases", "raters"),
            dataset=about.told(entry(STUDY["dataset"])["name"], bool(entry(STUDY["dataset"]).get("generate"))),
        ),
        seed=seed("study"),
        folder=subpath(output.key, parent=True),
    shell:
        "python workflow/scripts/draw_study.py --cases {input.cases:q} --items {input.catalogue:q}"
        " --explanations {input.explanations:q}"
        " --systems {params.systems} --prompts {input.prompts:q} --settings {params.settings:q} --seed {params.seed}"
        " --output-dir {params.folder:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule simulate_raters:
    """Simulate the raters, for the demo. Every output says so."""
    input:
        key="<results>/study/key.json",
        judgements=f"<results>/judgements/{STUDIED}/systems/rubric.parquet",
    output:
        ratings=collect("<results>/study/simulated/{rater}.json", rater=STUDY["raters"]),
    log:
        "<logs>/simulate_raters/all.log",
    benchmark:
        "<benchmarks>/simulate_raters/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("simulate_raters.py"),
        seed=seed("simulated_raters"),
        folder=lambda w, output: os.path.dirname(output.ratings[0]),
    shell:
        "python workflow/scripts/simulate_raters.py --key {input.key:q} --judgements {input.judgements:q}"
        " --seed {params.seed} --output-dir {params.folder:q} --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"


rule collect_ratings:
    """Check what the raters sent back, and gather their ratings and comments (section 3.4)."""
    input:
        key="<results>/study/key.json",
        ratings=collect("{folder}/{rater}.json", folder=RATINGS, rater=STUDY["raters"]),
    output:
        ratings="<results>/study/ratings.parquet",
        comments="<results>/study/comments.json",
    log:
        "<logs>/collect_ratings/all.log",
    benchmark:
        "<benchmarks>/collect_ratings/all.tsv"
    conda:
        "../envs/explanation.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_digest("collect_ratings.py"),
        settings=to_json(pick(STUDY, "allow_incomplete")),
    shell:
        "python workflow/scripts/collect_ratings.py --key {input.key:q} --ratings {input.ratings:q}"
        " --settings {params.settings:q} --output {output.ratings:q} --comments {output.comments:q}"
        " --threads {threads} --log {log:q} 2>&1 | tee -a {log:q}"
