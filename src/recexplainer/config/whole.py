"""The whole config: its sections, each declared in a module of its own."""

from typing import Annotated, Literal

from pydantic import Field

from recexplainer.config.alignment import Alignment
from recexplainer.config.conversations import Conversations
from recexplainer.config.dataset import Dataset
from recexplainer.config.evaluation import Evaluation
from recexplainer.config.explanation import Explanation
from recexplainer.config.faithfulness import Faithfulness
from recexplainer.config.kinds import Natural, Section, Text
from recexplainer.config.labels import Labels
from recexplainer.config.llm import Llm
from recexplainer.config.recommender import Explained, Recommender
from recexplainer.config.run import Pathvars, Run
from recexplainer.config.service import Service
from recexplainer.config.switches import Switches
from recexplainer.config.tasks import Tasks

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Hyphenated = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*$")]


class Config(Section):
    """The config."""

    pathvars: Pathvars
    seed: Natural
    """The one seed; every stage derives its own from it."""
    preset: Literal["sound", "paper", "official"]
    """Where the paper's text (paper), its authors' code (official) and sound method (sound) differ: which one to
    follow."""
    switches: Switches
    run: Run
    prompts: Text
    """YAML file with the phrasings of every question"""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    """One entry per dataset; the names are yours. `run.datasets` chooses among them."""
    sharegpt: Conversations
    recommender: Recommender
    recommenders: Annotated[dict[Name, Explained], Field(min_length=1)]
    """Recommenders to be explained; `run.recommenders` chooses among them. Of each: its `model`, sasrec, gru4rec,
    bert4rec, mf or external, and `settings`, what of `recommender` is to be different. external takes the
    embeddings, or with `single_tower: true` the scores, from `folder`, in which {dataset} stands for the dataset's
    name."""
    labels: Labels
    tasks: Tasks
    llm: Llm
    alignment: Alignment
    evaluation: Evaluation
    services: Annotated[dict[Hyphenated, Service], Field(min_length=1)]
    """Services that speak OpenAI's protocol; the names are yours. Of each: where it is, what is asked, what it
    costs. The paper's snapshots are no longer served: choose models that are, and say so beside your numbers."""
    faithfulness: Faithfulness
    explanation: Explanation
