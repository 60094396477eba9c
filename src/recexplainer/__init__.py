"""RecExplainer: align a large language model with a sequential recommender.

The library behind the workflow. It knows nothing of Snakemake: every function
takes plain values and file paths, and the programs in ``workflow/scripts``
call one function each.
"""
