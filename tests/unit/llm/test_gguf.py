"""An LLM out of a GGUF file: the same logits and tokens as the model that was written into it."""

import pytest
import torch
import transformers
from gguf import GGMLQuantizationType
from tiny import WORDS, tiny_tokenizer
from tiny_gguf import write_gguf
from tokenizers import pre_tokenizers

from recexplainer.errors import InputError
from recexplainer.llm.base import load_model, load_tokenizer, make_manifest
from recexplainer.llm.gguf_file import unpack_gguf

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4}
SIZES |= {"max_position_embeddings": 128, "num_key_value_heads": 2}
GEMMA = SIZES | {"head_dim": 32, "sliding_window": 8, "query_pre_attn_scalar": 32}
# {architecture of the file: transformers' name, changes of its config}
KINDS = {
    "llama": ("llama", SIZES | {"tie_word_embeddings": True}),
    "qwen2": ("qwen2", SIZES),
    "qwen3": ("qwen3", SIZES | {"head_dim": 128}),  # as of all that were published
    "gemma2": ("gemma2", GEMMA),
    "gemma3": ("gemma3_text", GEMMA),
}


def original(kind: str, tokenizer, seed: int = 0):
    name, sizes = KINDS[kind]
    special = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": 1, "eos_token_id": tokenizer.eos_token_id}
    config = transformers.AutoConfig.for_model(name, vocab_size=len(tokenizer), **sizes, **special)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():  # as random as the matrices, so that a wrong convention shows
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            else:
                parameter.mul_(4.0)
    return model


@pytest.fixture(scope="module")
def tokenizer():
    found = tiny_tokenizer()
    # llama.cpp has no space before the first word of a byte-level BPE.
    found.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return found


def unpacked(folder, path):
    unpack_gguf(path, folder / "base")
    manifest = folder / "base.json"
    make_manifest(source="folder", folder=str(folder / "base"), hub_id=None, revision=None, output=str(manifest))
    return str(manifest)


def logits(model, tokenizer):
    ids = tokenizer(" ".join(WORDS * 2), return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(ids).logits


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_computes_what_the_model_in_the_file_does(kind, tokenizer, tmp_path):
    model = original(kind, tokenizer)
    manifest = unpacked(tmp_path, write_gguf(tmp_path / "tiny.gguf", model, tokenizer, kind))
    ours = load_model(manifest)
    torch.testing.assert_close(logits(ours, tokenizer), logits(model, tokenizer), rtol=1e-5, atol=1e-5)
    assert type(ours) is type(model)
    read = load_tokenizer(manifest)
    assert len(read) == ours.get_input_embeddings().num_embeddings
    if kind.startswith("gemma"):
        return _check_pieces(read)
    for text in (" ".join(WORDS), "USER: What comes next? 1995!\n\n<s>", read.chat_template[:40]):
        assert read(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert (read.eos_token_id, read.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    turns = [{"role": "user", "content": "red"}, {"role": "assistant", "content": "blue"}]
    assert read.apply_chat_template(turns, tokenize=False) == tokenizer.apply_chat_template(turns, tokenize=False)


def _check_pieces(tokenizer):
    """A vocabulary of SentencePiece: words by their scores, what it lacks in bytes, and marks as they are."""
    assert tokenizer.tokenize("red") == ["red"] and tokenizer.tokenize("a red") == ["a", "\u2581red"]
    text = "red R\u00e9d, 1995!\nred"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids and tokenizer.decode(ids) == text
    turn = tokenizer.apply_chat_template([{"role": "user", "content": "red"}], return_dict=True)["input_ids"]
    assert (turn[:2], turn.count(6)) == ([2, 5], 1)
    assert tokenizer.eos_token == "<end_of_turn>"


@pytest.mark.parametrize(("name", "error"), [("Q8_0", 0.01), ("Q4_1", 0.1), ("F16", 0.001), ("BF16", 0.01)])
def test_quantized_weights_come_back_within_their_quantization_and_exactly_as_they_are(
    name, error, tokenizer, tmp_path
):
    model = original("llama", tokenizer)
    kind = GGMLQuantizationType[name]
    manifest = unpacked(tmp_path, write_gguf(tmp_path / "tiny.gguf", model, tokenizer, "llama", kind))
    ours = load_model(manifest).state_dict()
    for name, weight in model.state_dict().items():
        assert (ours[name] - weight).abs().max() <= error * weight.abs().max(), name


@pytest.fixture(scope="module")
def whole(tokenizer, tmp_path_factory):
    """The bytes of a whole file."""
    return write_gguf(
        tmp_path_factory.mktemp("gguf") / "a.gguf", original("llama", tokenizer), tokenizer, "llama"
    ).read_bytes()


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.001, 0.01, 0.3, 0.9, 0.9999])
def test_a_file_that_is_cut_off_gets_one_line(share, whole, tmp_path):
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError) as error:
        unpack_gguf(path, tmp_path / "base")
    said = str(error.value)
    assert said.startswith(f"{path}: ") and "\n" not in said and ("cut off" in said or "not a GGUF file" in said)
    assert [entry.name for entry in tmp_path.iterdir()] == ["cut.gguf"]


@pytest.mark.parametrize(
    "kind, extra, tensor, expected",
    [
        ("mamba2", {}, None, "architecture 'mamba2'"),
        ("llama", {"rope__scaling__type": "linear"}, None, "positions are scaled"),
        ("llama", {}, "rope_freqs.weight", "positions are scaled"),
        ("llama", {}, "blk.0.attn_sinks.weight", "30 tensors, where"),
        ("llama", {}, "-blk.1.ffn_up.weight", "missing: model.layers.1.mlp.up_proj.weight"),
    ],
)
def test_what_transformers_would_leave_out_gets_one_line(kind, extra, tensor, expected, tokenizer, tmp_path):
    model = original("llama", tokenizer)
    more = {tensor: [1.0] * 8} if tensor and not tensor.startswith("-") else {}
    less = [tensor[1:]] if tensor and tensor.startswith("-") else []
    path = write_gguf(tmp_path / "odd.gguf", model, tokenizer, kind, more=more, less=less, **extra)
    with pytest.raises(InputError) as error:
        unpack_gguf(path, tmp_path / "base")
    assert expected in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "base").exists()


def test_other_bytes_are_no_gguf_file(tmp_path):
    path = tmp_path / "page.gguf"
    path.write_text("<html>Not found</html>")
    with pytest.raises(InputError, match="not a GGUF file"):
        unpack_gguf(path, tmp_path / "base")


def test_weights_are_kept_in_the_narrowest_type_that_holds_them(tokenizer, tmp_path):
    for kind, dtype in (("BF16", torch.bfloat16), ("F32", torch.float32)):
        rounded = original("llama", tokenizer)
        if kind == "BF16":
            rounded = rounded.bfloat16()
        path = write_gguf(tmp_path / f"{kind}.gguf", rounded, tokenizer, "llama", GGMLQuantizationType[kind])
        unpack_gguf(path, tmp_path / kind)
        found = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / kind, dtype="auto")
        assert found.dtype == dtype
        assert all(torch.equal(weight, rounded.state_dict()[name]) for name, weight in found.state_dict().items())
