# The paper's pipeline, from raw data to tables:
#   snakemake --cores 4                                      the paper's experiment (config/config.yaml)
#   snakemake --cores 2 --configfile config/pocket.yaml      real data and a real LLM, at pocket size
#   snakemake --cores 1 --configfile config/demo.yaml        the demo, on generated data
from snakemake.utils import min_version

min_version("9.20")


include: "rules/place.smk"


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Used with `--sdm apptainer` alone; envs/Containerfile says how it is made.
container: "recexplainer.sif"


include: "rules/common.smk"
include: "rules/params.smk"


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    # Nothing for SASRec, else what stands behind the dataset's name: games.gru4rec.
    recommender=r"(\.[a-z][a-z0-9_]*)?",
    mode="behavior|intention|hybrid",
    ablation=r"full(\.[0-9]+)?|reasons|no_discrimination|no_reconstruction|no_classification|no_sharegpt|no_retrieval_ranking",
    trial="[0-9]+",
    shard="[0-9]+",
    group="systems|ablations|controls",
    table="table[1-4]|recommender|human|surrogates",


include: "rules/data.smk"
include: "rules/conversations.smk"
include: "rules/recommender.smk"
include: "rules/llm.smk"
include: "rules/tasks.smk"
include: "rules/alignment.smk"
include: "rules/evaluation.smk"
include: "rules/more_predictions.smk"
include: "rules/explanation.smk"
include: "rules/judgement.smk"
include: "rules/faithfulness.smk"
include: "rules/study.smk"
include: "rules/tables.smk"
include: "rules/more_tables.smk"
include: "rules/explanation_tables.smk"
include: "rules/figures.smk"
include: "rules/case_studies.smk"
include: "rules/paper.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        "<results>/report.html",
        "<results>/tables/paper_vs_ours.html",
        "<results>/study/key.json",
        optional_results(),
    localrule: True


onsuccess:
    # Late: it brings pandas, which no reading of the workflow is to wait for.
    from recexplainer.report.closing import closing

    print(closing(config))
