"""What is done fast gives what the plain way gives: losses, answers, allowed tokens; and the memory that is saved."""

import copy
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import alignment_tokens
import llm_peers
import llm_work
import tasks
import trained_memory

from recexplainer.alignment.model import with_lora
from recexplainer.alignment.run import encode_tasks
from recexplainer.inference.catalogue import CatalogueConstraint
from recexplainer.inference.generation import TextGenerator
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.llm.packing import plan_steps
from recexplainer.tasks import schema
from recexplainer.tasks.schema import ABLATIONS

EOS, VOCABULARY, CONTEXT = 0, 9, 256


@pytest.fixture(scope="module")
def work():
    return llm_work.make_work(users=12, items=30, context=CONTEXT)


@pytest.fixture(scope="module")
def model(work):
    return llm_work.explainer(work, hidden=32, layers=2, heads=2, intermediate=64)


@pytest.mark.parametrize("length", [CONTEXT, None])
def test_packed_training_has_the_loss_curve_of_padded_training(work, model, length):
    packed, padded, tokens, peer = both_curves(work, model, llm_peers.PaddedTraining, length)
    np.testing.assert_allclose(packed, padded, rtol=1e-4)
    assert len(set(np.round(packed, 2))) > 1
    assert peer.padded > tokens


def test_packed_training_has_the_loss_curve_of_the_trainer_without_padding(work, model):
    packed, flattened, tokens, peer = both_curves(work, model, llm_peers.FlattenedTraining, None)
    np.testing.assert_allclose(packed, flattened, rtol=1e-4)
    assert peer.padded == tokens


def both_curves(work, model, training: type, length: int | None):
    """Return the losses of packed training and of the Trainer's, the real tokens, and the Trainer."""
    model = copy.deepcopy(model)
    model.llm = with_lora(model.llm, alignment_tokens.LORA, "new")
    steps = plan_steps(work.train, batch=12, context=CONTEXT, epochs=1, max_steps=4, seed=0)
    peer = training(copy.deepcopy(model), length, 4, alignment_tokens.SETTINGS["lr"], 1.0)
    padded = [peer.step([work.train[index] for row in step.rows for index in row])[0] for step in steps]
    train = alignment_tokens.packed_training(model, work.train)
    return [train(step) for step in steps], padded, sum(step.tokens for step in steps), peer


@pytest.mark.parametrize(("task", "beams"), [("retrieval", 5), ("ranking", 1), ("explanation", 1)])
def test_batched_answers_are_those_of_prompts_padded_to_the_context(work, model, task, beams):
    prompts = work.tests[task][:7]
    ours = TextGenerator(model, work.tokenizer, 15).generate(prompts, 10, beams)
    assert ours == llm_peers.generate_padded(model, work.tokenizer, prompts, CONTEXT, 2, 10, beams)
    assert len({text for texts in ours for text in texts}) > 3


class Tree:
    """The constraint in the plainest way: a set of allowed tokens for every beginning of a title."""

    def __init__(self, titles: list[list[int]]):
        self.after: dict[tuple, set[int]] = {(): set()}
        for title in titles:
            for place, token in enumerate([*title, EOS]):
                self.after.setdefault(tuple(title[:place]), set()).add(token)

    def allowed(self, tokens: list[int]) -> set[int]:
        return self.after.get(tuple(tokens), {EOS})


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=5), min_size=1, max_size=20),
    st.integers(0, 7),
    st.integers(0, 2**31),
)
def test_the_constraint_allows_what_the_tree_of_titles_allows(titles, length, seed):
    rng = np.random.default_rng(seed)
    # Beams: beginnings of titles, whole titles and what comes after, and nonsense.
    beams = [([*titles[rng.integers(len(titles))], EOS] + [EOS] * length)[:length] for _ in range(6)]
    beams += rng.integers(0, VOCABULARY, size=(3, length)).tolist()
    scores = torch.from_numpy(rng.normal(size=(len(beams), VOCABULARY))).float()
    found = CatalogueConstraint(titles, EOS)(torch.tensor(beams).reshape(len(beams), length), scores)
    tree = Tree(titles)
    for beam, before, after in zip(beams, scores, found, strict=True):
        allowed = sorted(tree.allowed(beam))
        assert torch.isfinite(after).nonzero().flatten().tolist() == allowed
        assert torch.equal(after[allowed], before[allowed])


def test_the_optimizer_holds_only_the_rows_that_are_trained():
    vocabulary, hidden = 200, 32
    new, everything = (
        trained_memory.optimizer_state(llm_work.llama(vocabulary, hidden, 1, 2, 64), rows) for rows in ("new", "all")
    )
    # Two moments of four bytes: of the two placeholders' rows, or of these, the embedding matrix and the head.
    assert new["rows"] == 2 * 4 * 2 * hidden
    assert everything["rows"] == 2 * 4 * (2 + 2 * vocabulary) * hidden
    assert new["rest"] == everything["rest"] > 0


def test_tokens_of_files_read_in_parts_are_those_of_all_their_rows(tmp_path, monkeypatch):
    source = tasks.make_source(300, items=30)
    paths = [str(tmp_path / f"{mode}.parquet") for mode in ("behavior", "hybrid")]
    for mode, path in zip(("behavior", "hybrid"), paths, strict=True):
        tasks.make_file(source, mode, path)
    rows = [row for path in paths for row in schema.load_tasks(path)]
    kept = [row for row in rows if row["task"] not in ("retrieval", "ranking")]
    encoder = ChatEncoder(tasks.make_tokenizer(source), 25)
    expected = encoder.encode([row["messages"] for row in kept])
    monkeypatch.setattr(schema, "READ", 70)
    found, counts = encode_tasks(encoder, paths, ABLATIONS["no_retrieval_ranking"])
    names = ["too_long" if one is None else row["task"] for row, one in zip(kept, expected, strict=True)]
    assert counts == dict(sorted(Counter(names).items())) and counts["too_long"] > 0
    for one, other in zip(found, [one for one in expected if one is not None], strict=True):
        for name in ("input_ids", "embedding_rows", "loss_mask"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
