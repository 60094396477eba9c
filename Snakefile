# The paper's pipeline, from raw data to tables:
#   snakemake --cores 4                                      the paper's experiment (config/config.yaml)
#   snakemake --cores 1 --configfile config/demo.yaml        the demo, on generated data
from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


include: "rules/common.smk"


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    mode="behavior|intention|hybrid",
    ablation=r"full(\.[0-9]+)?|no_discrimination|no_reconstruction|no_classification|no_sharegpt|no_retrieval_ranking",
    trial="[0-9]+",
    group="systems|ablations",


include: "rules/data.smk"
include: "rules/recommender.smk"
include: "rules/tasks.smk"
include: "rules/alignment.smk"
include: "rules/evaluation.smk"
include: "rules/explanation.smk"
include: "rules/judgement.smk"
include: "rules/study.smk"
include: "rules/figures.smk"
include: "rules/ablations.smk"
include: "rules/paper.smk"


rule all:
    default_target: True
    input:
        "<results>/tables/table1.csv",
        "<results>/tables/recommender.csv",
        "<results>/tables/table2.csv",
        "<results>/tables/table4.csv",
        "<results>/tables/table3.csv",
        "<results>/tables/spending.csv",
        "<results>/study/key.json",
        optional_results(),
        "<results>/figures/figure4.html",
        "<results>/figures/figure5.html",
    localrule: True


onsuccess:
    print(f"Done. The results are in {RESULTS}: {', '.join(results_made())}.")
