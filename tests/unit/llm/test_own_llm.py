"""LLMs of other kinds than Vicuna: their attention, scales, templates and modules, through the code that loads them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from small_alignment import LORA, SETTINGS, ZERO2, changed
from tiny import WORDS, chat, text, tiny_tokenizer

from recexplainer.alignment import training
from recexplainer.alignment.model import RecExplainer, check_packing, load_aligned, load_system, save_aligned, with_lora
from recexplainer.alignment.run import align
from recexplainer.errors import InputError
from recexplainer.files import write_json, write_safetensors
from recexplainer.inference import cache, generation
from recexplainer.inference.generation import TextGenerator
from recexplainer.llm import attention
from recexplainer.llm.base import check_fit, load_model, load_tokenizer, make_manifest
from recexplainer.llm.encoding import ChatEncoder
from recexplainer.llm.packing import collate
from recexplainer.tasks.schema import write_tasks

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZES |= {"max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
HEADS = {"num_key_value_heads": 2, "head_dim": 16}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
WINDOW = 8  # tokens; every sample is longer
KINDS = {
    "llama": SIZES | {"num_key_value_heads": 1},
    "qwen2": SIZES | {"num_key_value_heads": 2, "tie_word_embeddings": True},
    "qwen3": SIZES | HEADS,
    "mistral": SIZES | HEADS | {"sliding_window": WINDOW},
    "gemma2": SIZES | HEADS | {"sliding_window": WINDOW, "query_pre_attn_scalar": 16, "attn_logit_softcapping": 2.0},
    "gemma3_text": SIZES
    | HEADS
    | {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 16},
    "phi3": SIZES | {"num_key_value_heads": 2, "sliding_window": WINDOW},
    "gpt_neox": SIZES,
    "gpt2": GPT2,
    "granite": SIZES | {"num_key_value_heads": 2, "logits_scaling": 4.0},
    "cohere": SIZES | {"num_key_value_heads": 2, "logit_scale": 0.25},
    "opt": {
        "hidden_size": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "word_embed_proj_dim": 16,
    }
    | {"max_position_embeddings": 256, "pad_token_id": 0},
    "gptj": GPT2 | {"rotary_dim": 4},  # has its own attention alone
}
# Recurrent layers, and places that follow from the mask.
UNFIT = {
    "qwen3_next": SIZES
    | HEADS
    | {"layer_types": ["linear_attention", "full_attention"], "num_experts": 4, "num_experts_per_tok": 2}
    | {"linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
    | {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 16},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 2},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "alibi": True},
}
TABLES = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)

# How the models of some families are spoken to, in short. {turn end: template}
TEMPLATES = {
    "gemma": (
        "<end_of_turn>",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n{{ m['content'] | trim }}<end_of_turn>\n"
        "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    ),
    "qwen3": (
        "<|im_end|>",
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}"
        "<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    ),
    "llama3": (
        "<|eot_id|>",
        "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
        "<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    ),
    "mistral": (
        "</s>",
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
        "{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}",
    ),
    "phi3": (
        "<|end|>",
        "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}",
    ),
    "words": (
        "</s>",
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}",
    ),
}
MARKS = ["<start_of_turn>", "<end_of_turn>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>"]
MARKS += ["<|eot_id|>", "[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|end|>", "<think>", "</think>"]


def tokenizer_of(template: str):
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
    tokenizer.chat_template = TEMPLATES[template][1]
    return tokenizer


def save(folder, kind: str = "llama", template: str = "gemma", **changes) -> str:
    """Save a random model with its tokenizer as its makers would, and return its manifest."""
    tokenizer = tokenizer_of(template)
    config = transformers.AutoConfig.for_model(kind, **{"vocab_size": len(tokenizer)} | (KINDS | UNFIT)[kind] | changes)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        parameter.data *= 3  # far from uniform answers
    model.save_pretrained(folder / "llm")
    tokenizer.save_pretrained(folder / "llm")
    make_manifest(
        source="folder", folder=str(folder / "llm"), hub_id=None, revision=None, output=str(folder / "base.json")
    )
    return str(folder / "base.json")


def quantize(manifest: str) -> str:
    """Let the weights be held in 4 bits."""
    folder = json.loads(Path(manifest).read_text())["folder"]
    make_manifest(source="folder", folder=folder, hub_id=None, revision=None, output=manifest, quantization="nf4")
    return manifest


def conversations(count: int = 24) -> list:
    """Questions as in all three modes: titles, embeddings, both."""
    user, item = ({"kind": kind, "text": "", "ref": 3} for kind in ("user", "item"))
    return [
        chat(
            [[text("What comes next?"), text(" ".join(WORDS[: i % 7])), user, item][j] for j in range(1 + i % 4)],
            [text(" ".join(WORDS[: i % 5 + 1]))],
        )
        for i in range(count)
    ]


def aligned(manifest: str) -> RecExplainer:
    torch.manual_seed(1)
    return RecExplainer(with_lora(load_model(manifest), LORA, "new"), TABLES, TABLES).eval()


def encoder_of(manifest: str) -> ChatEncoder:
    return ChatEncoder(load_tokenizer(manifest), 64)


def align_from_files(folder, manifest: str) -> None:
    empty = {"user": -1, "prefix": -1, "item": -1, "target": [], "candidates": []}
    rows = [{"sample": str(i), "task": "retrieval", "messages": m} | empty for i, m in enumerate(conversations())]
    write_tasks(folder / "tasks.parquet", rows)
    write_safetensors(folder / "embeddings.safetensors", {"user": TABLES, "item": TABLES})
    tasks, tables = [str(folder / "tasks.parquet")], str(folder / "embeddings.safetensors")
    align(
        llm=manifest,
        chat_template=None,
        train_tasks=tasks,
        embeddings=tables,
        deepspeed=ZERO2,
        settings=SETTINGS,
        ablation="full",
        seed=1,
        checkpoints=str(folder / "checkpoints"),
        output_dir=str(folder / "aligned"),
    )


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_loss_is_the_one_of_the_models_own_logits_however_it_is_packed(tmp_path, kind):
    manifest = save(tmp_path, kind)
    model, samples = aligned(manifest), encoder_of(manifest).encode(conversations(8))
    own = 0.0
    for sample in samples:
        batch = collate([[0]], [sample])
        # Some LLMs scale the vectors of tokens as they look them up, some later.
        words = bool((batch["input_ids"] >= 0).all())
        given = (
            {"input_ids": batch["input_ids"]}
            if words
            else {"inputs_embeds": model.embed(batch["input_ids"], batch["embedding_rows"])}
        )
        logits = model.base[0](**given).logits.float()
        losses = torch.nn.functional.cross_entropy(
            logits[0, :-1], batch["input_ids"][0, 1:].clamp(min=0), reduction="none"
        )
        own += (losses * batch["loss_weights"][0, 1:]).sum().item()
    packed = model(collate([[0, 1, 2], [3, 4], [5, 6, 7]], samples), 1.0).item()
    assert packed == pytest.approx(own, rel=1e-4)
    for precision in ("fp32", "bf16"):
        check_packing(load_model(manifest, precision))


def test_a_window_that_no_sequence_fills_needs_no_mask(tmp_path):
    arguments = {}
    for window in (10, 9):
        (tmp_path / str(window)).mkdir()
        llm = load_model(save(tmp_path / str(window), "mistral", sliding_window=window))
        arguments[window] = attention.arguments(llm, torch.tensor([[1] * 10 + [2] * 8]), torch.float32)
    assert arguments[10]["lengths"] == [10, 8] and "lengths" not in arguments[9]


@pytest.mark.parametrize("kind", UNFIT)
def test_an_llm_that_mixes_packed_sequences_is_refused_before_it_is_trained(tmp_path, kind):
    manifest = save(tmp_path, kind)
    for precision in ("fp32", "bf16"):
        with pytest.raises(InputError, match=f"llm: {kind} does not give packed sequences the logits"):
            check_packing(load_model(manifest, precision))
    with pytest.raises(InputError, match="does not give packed sequences"):
        align_from_files(tmp_path, manifest)


@pytest.mark.parametrize("kind", ["gemma2", "gptj", "opt"])
def test_an_alignment_from_files_to_files(tmp_path, kind):
    manifest = save(tmp_path, kind)
    align_from_files(tmp_path, manifest)
    tokenizer = load_tokenizer(manifest)
    model = load_aligned(load_model(manifest), tmp_path / "aligned", TABLES, TABLES)
    prompts = ChatEncoder(tokenizer, 64).encode(conversations(4), prompt_only=True)
    plain = TextGenerator(aligned(manifest), tokenizer, 12).generate(prompts, 8)
    assert TextGenerator(model, tokenizer, 12).generate(prompts, 8) != plain


@pytest.mark.parametrize("kind", KINDS)
def test_an_alignment_learns_and_its_files_give_the_same_model(tmp_path, kind):
    manifest = save(tmp_path, kind)
    model, samples = aligned(manifest), encoder_of(manifest).encode(conversations())
    settings = changed(batch=12, epochs=8)
    record, _ = training.train(
        model,
        samples,
        settings,
        deepspeed_config=ZERO2,
        seed=1,
        checkpoints=str(tmp_path / "checkpoints"),
        identity="same",
    )
    losses = [row["loss"] for row in record["curve"]]
    assert np.mean(losses[-2:]) < 0.88 * losses[0]
    save_aligned(model, tmp_path / "aligned")
    again = load_aligned(load_model(manifest), tmp_path / "aligned", TABLES, TABLES)
    batch = collate([[0, 1, 2]], samples)
    with torch.no_grad():
        assert again(batch, 1.0).item() == pytest.approx(model.eval()(batch, 1.0).item(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_in_a_batch_are_those_one_by_one(tmp_path, kind):
    manifest = save(tmp_path, kind)
    model, tokenizer = aligned(manifest), load_tokenizer(manifest)
    prompts = ChatEncoder(tokenizer, 64).encode(conversations(6), prompt_only=True)
    for beams in (1, 3):
        together = TextGenerator(model, tokenizer, 12).generate(prompts, 8, beams)
        assert together == [TextGenerator(model, tokenizer, beams).generate([one], 8, beams)[0] for one in prompts]
    assert len({texts[0] for texts in together}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_logit_is_that_of_transformers_own_cache(tmp_path, monkeypatch, kind):
    manifest = save(tmp_path, kind)
    model, tokenizer = aligned(manifest), load_tokenizer(manifest)
    prompts = ChatEncoder(tokenizer, 64).encode(conversations(7), prompt_only=True)

    def logits(beams: int) -> list[torch.Tensor]:
        found = []
        hook = model.base[0].register_forward_hook(lambda *call: found.append(call[-1].logits.clone()))
        TextGenerator(model, tokenizer, 12).generate(prompts, 8, beams)
        hook.remove()
        return found

    monkeypatch.setattr(cache, "ROOM", 3)  # so that it is used up
    in_place = [logits(beams) for beams in (1, 3)]
    monkeypatch.setattr(generation, "roomy_cache", lambda config: transformers.DynamicCache(config=config))
    for ours, plain in zip(in_place, [logits(beams) for beams in (1, 3)], strict=True):
        assert len(ours) > 7
        assert all(torch.equal(a, b) for a, b in zip(ours, plain, strict=True))


@pytest.mark.parametrize(
    "defaults",
    [
        {"do_sample": True, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.5, "eos_token_id": [2, 5]},
        {"cache_implementation": "static", "max_length": 20, "no_repeat_ngram_size": 1},
    ],
)
@pytest.mark.parametrize("beams", [1, 3])
def test_answers_do_not_follow_the_makers_defaults_for_chats(tmp_path, defaults, beams):
    manifest = save(tmp_path)
    tokenizer = load_tokenizer(manifest)
    prompts = ChatEncoder(tokenizer, 64).encode(conversations(7), prompt_only=True)
    own = TextGenerator(aligned(manifest), tokenizer, 12).generate(prompts, 8, beams)
    (tmp_path / "llm/generation_config.json").write_text(json.dumps(defaults))
    make_manifest(source="folder", folder=str(tmp_path / "llm"), hub_id=None, revision=None, output=manifest)
    assert TextGenerator(aligned(manifest), tokenizer, 12).generate(prompts, 8, beams) == own


def test_an_llm_in_four_bits_learns_and_answers(tmp_path):
    manifest = quantize(save(tmp_path, hidden_size=64, intermediate_size=128))
    check_packing(load_model(manifest))
    model, tokenizer = aligned(manifest), load_tokenizer(manifest)
    linear = model.base[0].model.layers[0].mlp.up_proj.base_layer
    assert linear.weight.dtype == torch.uint8 and linear.weight.numel() == 64 * 128 // 2
    samples = ChatEncoder(tokenizer, 64).encode(conversations())
    frozen = linear.weight.clone()
    record, _ = training.train(
        model,
        samples,
        changed(batch=12, epochs=4),
        deepspeed_config=ZERO2,
        seed=1,
        checkpoints=str(tmp_path),
        identity="same",
    )
    losses = [row["loss"] for row in record["curve"]]
    assert np.mean(losses[-2:]) < 0.5 * losses[0]
    assert torch.equal(frozen, linear.weight)
    save_aligned(model, tmp_path / "aligned")
    again = load_aligned(load_model(manifest), tmp_path / "aligned", TABLES, TABLES)
    prompts = ChatEncoder(tokenizer, 64).encode(conversations(6), prompt_only=True)
    answers = TextGenerator(again, tokenizer, 12).generate(prompts, 8, 3)
    assert answers == TextGenerator(model.eval(), tokenizer, 12).generate(prompts, 8, 3)


def test_four_bits_without_their_package(tmp_path, monkeypatch):
    manifest = quantize(save(tmp_path))
    monkeypatch.setattr("transformers.utils.is_bitsandbytes_available", lambda: False)
    with pytest.raises(InputError, match="llm.quantization: nf4 needs the package bitsandbytes"):
        load_model(manifest)


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_answer_ends_with_the_token_at_which_generation_stops(tmp_path, template):
    tokenizer = load_tokenizer(save(tmp_path, template=template))
    assert tokenizer.eos_token == TEMPLATES[template][0]
    for sample in ChatEncoder(tokenizer, 64).encode(conversations(4)):
        learnt = sample.input_ids[sample.loss_mask].tolist()
        words = tokenizer.decode(learnt[: learnt.index(tokenizer.eos_token_id)])
        assert words.split()[0] == WORDS[0] and set(words.split()) <= set(WORDS)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_prompt_is_its_sample_up_to_the_answer_with_one_beginning(tmp_path, template):
    tokenizer = load_tokenizer(save(tmp_path, template=template))
    encoder = ChatEncoder(tokenizer, 64)
    for one in (conversations(3)[2], chat([text("red")], [text("green")], [text("blue")], [text("gold")])):
        (sample,), (prompt,) = encoder.encode([one]), encoder.encode([one], prompt_only=True)
        # After words, a template ends the prompt without the space before the answer.
        length = len(tokenizer.decode(prompt.input_ids[prompt.input_ids >= 0]).rstrip())
        whole = tokenizer.decode(sample.input_ids[sample.input_ids >= 0])
        assert whole[:length] == tokenizer.decode(prompt.input_ids[prompt.input_ids >= 0]).rstrip()
        assert whole[length:].strip().startswith(("red", "gold"))
        begins = int("bos_token" in TEMPLATES[template][1])
        assert sample.input_ids.tolist().count(tokenizer.bos_token_id) == begins


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_title_never_spells_a_token_of_the_template(tmp_path, template):
    tokenizer = load_tokenizer(save(tmp_path, template=template))
    marks = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    calm, hostile = (
        ChatEncoder(tokenizer, 512).encode([chat([text(f"red {middle} blue")], [text(f"gold {middle}")])])[0].input_ids
        for middle in ("green", " ".join([*MARKS, "<s>", "</s>"]))
    )
    assert [i for i in hostile if i in marks] == [i for i in calm if i in marks]


def test_an_added_end_of_line_is_not_the_end_of_a_turn(tmp_path):
    manifest = save(tmp_path, template="words")
    tokenizer = load_tokenizer(manifest)
    tokenizer.add_tokens(["\n"])
    tokenizer.save_pretrained(tmp_path / "llm")
    make_manifest(source="folder", folder=str(tmp_path / "llm"), hub_id=None, revision=None, output=manifest)
    assert load_tokenizer(manifest).eos_token == "</s>"


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neox", "phi3"])
def test_targets_of_lora_are_the_linear_layers_and_the_rows_are_found_by_kind(tmp_path, kind):
    llm = load_model(save(tmp_path, kind))
    model = with_lora(llm, LORA, "all")
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    layers = {name for name, _ in model.named_modules() if name.endswith("lora_A")}
    assert len(layers) == {"llama": 14, "gpt2": 8, "gpt_neox": 8, "phi3": 8}[kind]
    assert sum("modules_to_save" in name for name in trained) == 2
    with pytest.raises(InputError, match=r"lora.targets: \['nothing'\] .*; expected all-linear, or some of [a-z_]+"):
        with_lora(load_model(save(tmp_path, kind)), LORA.model_copy(update={"targets": ["nothing"]}), "new")


def test_what_is_no_causal_lm_or_does_not_fit_is_named(tmp_path):
    manifest = save(tmp_path)
    config = tmp_path / "llm/config.json"
    values = json.loads(config.read_text())

    def with_config(**changes) -> str:
        config.write_text(json.dumps(values | changes))
        write_json(manifest, {"folder": str(tmp_path / "llm"), "files": {}})
        return manifest

    for kind, why in {"t5": "is none", "klingon": "", "bart": "is an encoder-decoder", "gemma3": "reads more"}.items():
        with pytest.raises(InputError, match=f"llm: not a causal LM that transformers knows .*{kind}.*{why}"):
            load_model(with_config(model_type=kind))
    model, tokenizer = load_model(with_config()), load_tokenizer(manifest)
    check_fit(model, tokenizer, 256)
    with pytest.raises(InputError, match="alignment.context: 257; the LLM has 256 positions"):
        check_fit(model, tokenizer, 257)
    tokenizer.add_tokens(["<more>"])
    with pytest.raises(InputError, match="token embeddings and its tokenizer"):
        check_fit(model, tokenizer, 64)


def test_a_system_that_only_answers_is_checked_too(tmp_path):
    manifest, tables = save(tmp_path), {"user": TABLES, "item": TABLES}
    tokenizer = load_tokenizer(manifest)
    model = load_system(manifest, tokenizer, None, tables, context=256, precision="fp32")
    with pytest.raises(InputError, match="alignment.context: 257; the LLM has 256 positions"):
        load_system(manifest, tokenizer, None, tables, context=257, precision="fp32")
    with pytest.raises(InputError, match="token embeddings and its tokenizer"):
        tokenizer.add_tokens(["<more>"])
        load_system(manifest, tokenizer, None, tables, context=256, precision="fp32")
    prompts = ChatEncoder(load_tokenizer(manifest), 256).encode(conversations(1), prompt_only=True)
    room = 256 - len(prompts[0])
    assert TextGenerator(model, tokenizer, 12).generate(prompts, room)
    with pytest.raises(InputError, match=f"no room for an answer of {room + 1} in the LLM's 256 positions. Set it to"):
        TextGenerator(model, tokenizer, 12).generate(prompts, room + 1)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "has no chat template"),
        ("{{ raise_exception('not like this') }}", r"takes no question and answer \(not like this\)"),
    ],
)
def test_chat_templates_that_cannot_be_used(tmp_path, template, message):
    manifest = save(tmp_path)
    (tmp_path / "llm/chat_template.jinja").unlink()
    if template:
        (tmp_path / "llm/chat_template.jinja").write_text(template)
    make_manifest(source="folder", folder=str(tmp_path / "llm"), hub_id=None, revision=None, output=manifest)
    with pytest.raises(InputError, match=message):
        load_tokenizer(manifest)


@pytest.mark.parametrize(
    ("made_for", "message"),
    [
        ("CanineTokenizer", "its tokenizer is not a fast one; expected a tokenizer.json or a tokenizer.model"),
        ("CTRLTokenizer", "holds no tokenizer that transformers can load .*; expected a tokenizer.json"),
        (None, "holds no tokenizer that transformers can load .*; expected a tokenizer.json"),
    ],
)
def test_a_tokenizer_that_is_slow_or_missing(tmp_path, made_for, message):
    manifest = save(tmp_path)
    (tmp_path / "llm/tokenizer.json").unlink()
    (tmp_path / "llm/tokenizer_config.json").write_text(json.dumps({"tokenizer_class": made_for} if made_for else {}))
    with pytest.raises(InputError, match=message):
        make_manifest(source="folder", folder=str(tmp_path / "llm"), hub_id=None, revision=None, output=manifest)
    write_json(manifest, {"folder": str(tmp_path / "llm"), "files": {}})
    with pytest.raises(InputError, match=message):
        load_tokenizer(manifest)
