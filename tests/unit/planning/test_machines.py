"""What GPUs of several sizes take: states against those that torch keeps at 7B's widths, settings against memory."""

import pytest
import torch
from clone import ROOT
from transformers import LlamaConfig, LlamaForCausalLM

from recexplainer import yaml_files
from recexplainer.alignment.model import with_lora
from recexplainer.config.alignment import Lora
from recexplainer.planning import memory
from recexplainer.planning.assumptions import GPUS
from recexplainer.planning.machines import MACHINES, as_lines, needs
from recexplainer.planning.plan import as_text, merged, plan
from recexplainer.planning.sizes import KNOWN

SEVEN = KNOWN["7b"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
LENGTH = 1024


@pytest.fixture
def paper() -> dict:
    return merged([ROOT / "config/config.yaml"], ROOT / "config/schema.yaml")


def kept_by_torch(layers: int, lora: dict) -> int:
    """Return the bytes that the layers of a Llama of 7B's widths keep in fp16, on the device that has shapes alone.

    Of attention, the kernels for GPUs keep what goes in and comes out; those for this device keep other things, which
    are left out: scores, and queries, keys and values by heads, in fp32. The result of attention is what LoRA on
    ``o_proj`` reads.
    """
    config = LlamaConfig(
        vocab_size=100,
        hidden_size=SEVEN.hidden,
        intermediate_size=SEVEN.intermediate,
        num_hidden_layers=layers,
        num_attention_heads=32,
        attn_implementation="sdpa",
    )
    with torch.device("meta"):
        llm = LlamaForCausalLM(config)
    llm = with_lora(llm, Lora(**lora, rank=8, alpha=32), "new").to("meta").to(torch.float16).train()
    weights = {parameter.untyped_storage()._cdata for parameter in llm.parameters()}
    kept, alive = {}, []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)  # so that no other takes its place
        by_heads = tensor.ndim == 3 and tensor.shape[0] == 32
        if tensor.untyped_storage()._cdata not in weights and not by_heads and tensor.shape[-1] != LENGTH:
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    vectors = torch.zeros(1, LENGTH, SEVEN.hidden, dtype=torch.float16, device="meta", requires_grad=True)
    mask = torch.ones(1, 1, LENGTH, LENGTH, dtype=torch.bool, device="meta")
    places = torch.arange(LENGTH, device="meta")[None]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        llm.get_decoder()(inputs_embeds=vectors, attention_mask=mask, position_ids=places, use_cache=False)
    return sum(kept.values())


@pytest.mark.parametrize("targets", [ATTENTION, ["q_proj", "v_proj"], "all-linear"], ids=["attention", "two", "all"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_states_are_those_that_torch_keeps(targets, dropout):
    lora = {"targets": targets, "dropout": dropout}
    queries_keys_values = 2 * 3 * SEVEN.hidden
    result = 2 * SEVEN.hidden if targets == ["q_proj", "v_proj"] or dropout else 0  # which nothing else keeps here
    torchs = (kept_by_torch(3, lora) - kept_by_torch(1, lora)) / 2 / LENGTH + queries_keys_values + result
    assert memory.kept_states(SEVEN, lora, 2) == pytest.approx(torchs, rel=0.01)


def test_each_machine_gets_the_first_settings_that_fit(paper):
    small, large, many = needs(paper)
    assert (small.changed, large.changed, many.changed) == ("evaluation.batch_tokens: 4096", "none", "none")
    for need, (_, card, _) in zip((small, large, many), MACHINES, strict=True):
        assert need.fits
        assert max(need.align_gb, need.answer_gb) <= GPUS[card].memory / 1e9
    # Eight cards of the largest job's need; the paper's machine is the plan's own.
    (own,) = [row for row in plan(paper, None, {"gpu": "V100"}) if row.rule == "align"]
    assert many.align_hours == pytest.approx(own.hours)
    assert many.align_gb == pytest.approx(own.gpu_gb)


def test_a_larger_model_takes_four_bits_and_a_still_larger_one_does_not_fit(paper):
    paper["llm"]["id"] = "lmsys/vicuna-13b-v1.3"
    small, large, _ = needs(paper)
    assert small.changed.endswith("llm.quantization: nf4")
    assert small.fits
    assert large.changed == "none"
    paper["llm"]["id"] = "meta-llama/Llama-3.1-70B"
    assert [need.fits for need in needs(paper)] == [False, True, False]
    assert as_lines(needs(paper))[1].endswith(": not enough")


def test_the_plan_shows_them(paper):
    text = as_text(paper, plan(paper))
    assert "\n".join(as_lines(needs(paper))) in text
    paper["alignment"]["gpus"] = paper["evaluation"]["gpus"] = 0
    assert "1 x 24 GB" not in as_text(paper, plan(paper))


def test_no_file_of_prompts_is_parsed_twice_and_a_changed_one_counts(paper, monkeypatch, tmp_path):
    parsed, parse = [], yaml_files._parse
    monkeypatch.setattr(yaml_files, "_parse", lambda path, *rest: parsed.append(path) or parse(path, *rest))
    yaml_files._parsed.cache_clear()
    short = needs(paper)
    assert sorted(parsed) == sorted([paper["prompts"], paper["explanation"]["prompts"]])
    prompts = tmp_path / "prompts.yaml"
    written = (ROOT / paper["prompts"]).read_text(encoding="utf-8")
    for padding in ("", "far more words than before, " * 20):
        prompts.write_text(written.replace("{history}", f"{padding}{{history}}"), encoding="utf-8")
        found = needs(paper | {"prompts": str(prompts)})
        assert (found == short) is not bool(padding)
    assert parsed.count(str(prompts)) == 2
