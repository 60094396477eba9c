"""The lines of a model card: they load an alignment and ask it, with nothing of this project."""

import inspect
import re

IMPORTS = """import json
import re
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import {classes}

"""
LOAD = """folder = Path(".")  # where these files are
tokenizer = AutoTokenizer.from_pretrained(folder)
llm = AutoModelForCausalLM.from_pretrained({llm})
llm.generation_config = GenerationConfig()  # without its makers' habits, such as a penalty on repetition
model = PeftModel.from_pretrained(llm, folder).eval()
"""
EMBEDDINGS = """projectors = load_file(folder / "projectors.safetensors")
recommender = load_file(folder / "recommender.safetensors")
"""


def pieces(tokenizer, question: str) -> list[str | list[int]]:
    """Return a question in the chat template: the marks <user> and <item>, and the tokens of what is between them."""
    chat = [{"role": "user", "content": question}]
    options = {"enable_thinking": False, "thinking": False}
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **options)
    parts: list[str | list[int]] = []
    if tokenizer.bos_token and text.startswith(tokenizer.bos_token):
        parts, text = [[tokenizer.bos_token_id]], text.removeprefix(tokenizer.bos_token)
    for part in filter(None, re.split(" *(<user>|<item>) *", text)):
        mark = part in ("<user>", "<item>")
        parts.append(part if mark else tokenizer(part, add_special_tokens=False)["input_ids"])
    return parts


READ_TEXT = '''

def read(question, items=()):
    """Return a question as input vectors (1, length, h)."""
    return llm.get_input_embeddings()(torch.tensor([sum(pieces(tokenizer, question), [])]))
'''
READ = '''

def project(kind, embeddings):
    """Return the recommender's embeddings (rows, d) of users or items as input vectors (rows, h)."""
    vectors = embeddings / recommender[f"{{kind}}_scale"]
    for layer in ("inner", "outer"):
        weight, bias = (projectors[f"{{kind}}_projector.{{layer}}.{{part}}"] for part in ("weight", "bias"))
        vectors = torch.nn.functional.linear(vectors, weight, bias)
        vectors = torch.nn.functional.gelu(vectors) if layer == "inner" else vectors
    return vectors{added}


def read(question, items=()):
    """Return a question as input vectors (1, length, h): embeddings in the places of <user> and <item>."""
    embed, rows, vectors = llm.get_input_embeddings(), iter(items), []
    for part in pieces(tokenizer, question):
        if part == "<user>":
            vectors.append(project("user", recommender["user"]))
        elif part == "<item>":
            vectors.append(project("item", recommender["item"][[next(rows)]]))
        else:
            vectors.append(embed(torch.tensor(part)))
    return torch.cat([one.to(embed.weight.dtype) for one in vectors])[None]
'''
ADDED = ' + projectors["token_rows"][["user", "item"].index(kind)]'
ASK = '''

@torch.no_grad()
def answer(question, items=(), beams=1, max_new_tokens=64, choices=None):
    """Return the answer; of several beams their answers, best first; or which of the choices is the likelier one."""
    vectors = read(question, items)
    seen = torch.ones(vectors.shape[:2], dtype=torch.long)
    if choices:
        logits = model(inputs_embeds=vectors, attention_mask=seen).logits[0, -1]
        return max(choices, key=lambda one: logits[choices[one]].item())
    how = {"num_beams": beams, "num_return_sequences": beams, "max_new_tokens": max_new_tokens, "do_sample": False}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    found = model.generate(inputs_embeds=vectors, attention_mask=seen, **how, **ends)
    texts = [text.strip() for text in tokenizer.batch_decode(found, skip_special_tokens=True)]
    return texts if beams > 1 else texts[0]


examples = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
answers = {one["kind"]: answer(**one["ask"]) for one in examples}
print(json.dumps(answers, indent=2))
'''


def code(llm: str, dtype: str, quantized: bool, embeddings: bool, added: bool) -> str:
    """Return the lines that load an exported alignment and put the questions of ``examples.json`` to it.

    Args:
        llm: where the base LLM is: the first arguments of ``from_pretrained``, as Python.
        dtype: of its weights, as torch calls it.
        quantized: whether they are held in 4 bits.
        embeddings: whether the alignment reads the recommender's embeddings.
        added: whether a projection is added to a trained vector, as in the authors' code, or replaces it.
    """
    llm, classes = f"{llm}, dtype=torch.{dtype}", ["AutoModelForCausalLM", "AutoTokenizer", "GenerationConfig"]
    before, imports = "", IMPORTS if embeddings else IMPORTS.replace("from safetensors.torch import load_file\n", "")
    if quantized:
        how = 'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True'
        before = f"bits = BitsAndBytesConfig({how}, bnb_4bit_compute_dtype=torch.{dtype})\n"
        llm, classes = f"{llm}, quantization_config=bits", [*classes[:2], "BitsAndBytesConfig", classes[2]]
    read = READ.format(added=ADDED if added else "") if embeddings else READ_TEXT
    parts = [imports.format(classes=", ".join(classes)), before, LOAD.format(llm=llm), EMBEDDINGS if embeddings else ""]
    return "".join([*parts, "\n\n", inspect.getsource(pieces), read, ASK])
